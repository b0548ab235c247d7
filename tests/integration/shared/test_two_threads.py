"""Two committing threads: the same event in both, acks in order, and batches that stay whole."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Self

import pika
import pytest
from sqlalchemy import text

from shared.db.session import Sessions, make_engine, make_sessions
from shared.messaging import dead_letters
from shared.messaging.frame import Frame
from shared.messaging.handlers import Handlers, Heard
from shared.messaging.subscriber import Delivery, Subscriber
from shared.messaging.transaction import Transaction, transaction
from shared.schemas import make
from shared.schemas.envelope import Event, encode
from tests import stack
from tests.integration.shared.test_subscriber import until

TYPE = "linli.partner.suspended.v1"
QUEUE = "two-threads"
LIMIT_S = 60


@pytest.fixture
def sessions(databases: dict[str, str]) -> Iterable[Sessions]:
    engine = make_engine(databases["POINTS_DATABASE_URL"])
    found = make_sessions(engine)
    with transaction(found) as tx:
        for table in ("inbox", "outbox", "dead_letters", "cap_usage"):
            tx.session.execute(text(f"DELETE FROM {table}"))
    yield found
    engine.dispose()


class Slow:
    """A hearer that writes one row an event and commits when it is told to."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.has_claimed = threading.Event()
        self.go_on = threading.Event()
        self.fails = False
        handlers = Handlers()
        handlers.on_batch(TYPE)(self._hear)
        self._frame = Frame("points", "points.events", sessions, handlers)

    def _hear(self, tx: Transaction, heard: list[Heard]) -> list[Event]:
        for _, data in heard:
            tx.session.execute(
                text(
                    "INSERT INTO cap_usage (account_id, span, starts_on, used)"
                    " VALUES (:id, 'day', '2026-10-01', 1)"
                ),
                {"id": data["revision"]},
            )
        self.has_claimed.set()
        assert self.go_on.wait(LIMIT_S)
        if self.fails:
            self.fails = False
            raise ConnectionError("the first of two batches does not commit")
        return []

    def take(self, *events: Event) -> threading.Thread:
        """Process a batch in a thread of its own."""
        body = b"[" + b",".join(encode(one) for one in events) + b"]"
        prepared = self._frame.prepare(Delivery(body, None, "", 0, None))  # type: ignore[arg-type]
        thread = threading.Thread(target=self._frame.process, args=([prepared],), daemon=True)
        thread.start()
        return thread

    def wait_for_a_claim_that_waits(self) -> None:
        """Until one batch waits for what the other has claimed and not yet committed."""
        waits = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND query LIKE 'INSERT INTO inbox%'"
        )

        def look() -> bool:
            with self.sessions() as session:
                return int(session.execute(waits).scalar_one()) == 1

        until(look, LIMIT_S)

    def effects(self) -> list[int]:
        with self.sessions() as session:
            return list(
                session.execute(text("SELECT account_id FROM cap_usage ORDER BY 1")).scalars()
            )

    def reasons(self) -> list[str]:
        with self.sessions() as session:
            return [letter["reason"] for letter in dead_letters.listed(session)]


def event(revision: int) -> Event:
    data = {"slug": "p-1", "revision": revision, "reason": "test"}
    return make(TYPE, data, source="/linli/partners", correlationid="c-1")


def test_an_event_in_two_batches_at_once_takes_effect_once(sessions: Sessions) -> None:
    slow, both, first, second = Slow(sessions), event(1), event(2), event(3)
    one = slow.take(first, both)
    assert slow.has_claimed.wait(LIMIT_S)
    other = slow.take(both, second)
    slow.wait_for_a_claim_that_waits()
    slow.go_on.set()
    one.join(LIMIT_S)
    other.join(LIMIT_S)
    assert slow.effects() == [1, 2, 3]
    assert slow.reasons() == []


def test_another_body_in_the_batch_that_waited_is_a_conflict(sessions: Sessions) -> None:
    slow, one = Slow(sessions), event(1)
    forged = one._replace(data={**one.data, "revision": 2})
    holder = slow.take(one)
    assert slow.has_claimed.wait(LIMIT_S)
    other = slow.take(forged)
    slow.wait_for_a_claim_that_waits()
    slow.go_on.set()
    holder.join(LIMIT_S)
    other.join(LIMIT_S)
    assert slow.effects() == [1]
    assert slow.reasons() == ["id_conflict"]


def test_the_batch_that_waited_takes_over_what_the_other_rolled_back(sessions: Sessions) -> None:
    slow, both = Slow(sessions), event(1)
    one = slow.take(both)
    assert slow.has_claimed.wait(LIMIT_S)
    other = slow.take(both)
    slow.wait_for_a_claim_that_waits()
    slow.fails = True
    slow.go_on.set()
    one.join(LIMIT_S)
    other.join(LIMIT_S)
    assert slow.effects() == [1]
    assert slow.reasons() == []


@pytest.fixture
def channel(vhosts: dict[str, str]) -> Iterable[pika.channel.Channel]:
    connection = pika.BlockingConnection(pika.URLParameters(vhosts["LINLI_BROKER_URL"]))
    channel = connection.channel()
    channel.queue_delete(QUEUE)
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    yield channel
    channel.queue_delete(QUEUE)
    connection.close()


class Held:
    """A subscriber of two threads; a body in `held` waits, when it first comes, to be let go."""

    def __init__(self, url: str, held: set[str], *, batch_max: int) -> None:
        self.held = held
        self.let_go = threading.Event()
        self.begun: list[list[str]] = []
        self.done: list[str] = []
        self.subscriber = Subscriber(
            url, QUEUE, _prepare, self._process, batch_max=batch_max, prefetch=50, threads=2
        )

    def _process(self, batch: list[list[str]]) -> None:
        bodies = [one for items in batch for one in items]
        self.begun.append(bodies)
        if met := self.held.intersection(bodies):
            self.held -= met
            assert self.let_go.wait(LIMIT_S)
        self.done += bodies

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self.let_go.set()
        self.subscriber.stop()


def _prepare(delivery: Delivery) -> list[str]:
    return [delivery.body.decode()]


def publish(channel: pika.channel.Channel, *bodies: str) -> None:
    for body in bodies:
        channel.basic_publish("", QUEUE, body.encode(), pika.BasicProperties(delivery_mode=2))


def test_what_was_committed_later_but_taken_before_is_not_acked_with_the_rest(
    vhosts: dict[str, str], channel: pika.channel.Channel
) -> None:
    """The connection ends while the first batch is held: nothing of it may be lost."""
    publish(channel, "first", "second", "third")
    with Held(vhosts["LINLI_BROKER_URL"], {"first"}, batch_max=1) as work:
        work.subscriber.start()
        until(lambda: set(work.done) == {"second", "third"}, LIMIT_S)
        _cut(QUEUE)
        # All come again: no ack has passed the first, though two were committed behind it.
        until(lambda: sorted(work.done) == ["first", *["second"] * 2, *["third"] * 2], LIMIT_S)
        until(lambda: waiting_in(channel) == 0, LIMIT_S)


def test_the_second_thread_takes_whole_batches_only(
    vhosts: dict[str, str], channel: pika.channel.Channel
) -> None:
    publish(channel, "a")
    with Held(vhosts["LINLI_BROKER_URL"], {"a"}, batch_max=3) as work:
        work.subscriber.start()
        until(lambda: work.begun == [["a"]], LIMIT_S)
        publish(channel, "b", "c")
        until(lambda: work.subscriber._items_waiting == 2, LIMIT_S)
        publish(channel, "d")
        until(lambda: "d" in work.done, LIMIT_S)
        assert work.begun == [["a"], ["b", "c", "d"]]


def test_stopping_finishes_both_batches_in_hand(
    vhosts: dict[str, str], channel: pika.channel.Channel
) -> None:
    publish(channel, "a", "b", "c")
    with Held(vhosts["LINLI_BROKER_URL"], {"a", "b"}, batch_max=1) as work:
        work.subscriber.start()
        until(lambda: len(work.begun) == 2, LIMIT_S)
        stopping = threading.Thread(target=work.subscriber.stop)
        stopping.start()
        until(work.subscriber._stopping.is_set, LIMIT_S)
        work.let_go.set()
        stopping.join(LIMIT_S)
    assert sorted(work.done) == ["a", "b"]
    until(lambda: waiting_in(channel) == 1, LIMIT_S)


def waiting_in(channel: pika.channel.Channel) -> int:
    return int(channel.queue_declare(QUEUE, passive=True).method.message_count)


def _cut(name: str) -> None:
    told = stack.settings()

    def cut() -> bool:
        connections = stack.broker(told, "GET", "/api/connections").json()
        mine = [
            each["name"]
            for each in connections
            if each.get("client_properties", {}).get("connection_name") == name
        ]
        for connection in mine:
            stack.broker(told, "DELETE", f"/api/connections/{connection}", ok=(204, 404))
        return bool(mine)

    until(cut)

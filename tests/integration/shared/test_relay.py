"""The relay on a real broker and a real database: nothing skipped, nothing lost, one leader."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import orjson
import pika
import psycopg
import pytest
from sqlalchemy import text

from shared.db.session import Sessions, listen_connection, make_engine, make_sessions
from shared.messaging.publisher import Publisher
from shared.messaging.relay import EVENTS_EXCHANGE, Relay, Row, pack
from shared.messaging.transaction import BYTES_MAX, ITEMS_MAX, packs, transaction
from shared.schemas import make
from shared.schemas.envelope import Event

TYPE = "linli.partner.suspended.v1"


@pytest.fixture(scope="module")
def sessions(settings: dict[str, str]) -> Iterable[Sessions]:
    engine = make_engine(settings["POINTS_DATABASE_URL"])
    yield make_sessions(engine)
    engine.dispose()


@pytest.fixture
def channel(settings: dict[str, str], sessions: Sessions) -> Iterable[pika.channel.Channel]:
    with transaction(sessions) as tx:
        tx.session.execute(text("DELETE FROM outbox"))
    connection = pika.BlockingConnection(pika.URLParameters(settings["LINLI_BROKER_URL"]))
    channel = connection.channel()
    channel.exchange_declare(EVENTS_EXCHANGE, "topic", durable=True)
    channel.queue_delete("heard")
    channel.queue_declare("heard", durable=True, arguments={"x-queue-type": "quorum"})
    channel.queue_bind("heard", EVENTS_EXCHANGE, TYPE)
    yield channel
    connection.close()


@pytest.fixture
def publisher(settings: dict[str, str]) -> Iterable[Publisher]:
    publisher = Publisher(settings["LINLI_BROKER_URL"], name="test")
    yield publisher
    publisher.close()


def event(number: int) -> Event:
    data = {"slug": f"p-{number}", "revision": number, "reason": "test"}
    return make(TYPE, data, source="/linli/partners", correlationid="c-1")


def drained(channel: pika.channel.Channel, count: int) -> list[int]:
    """Revisions of the events in the queue; waits for `count` of them at most a minute."""
    found: list[int] = []
    deadline = time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        method, _, body = channel.basic_get("heard", auto_ack=True)
        if method is None:
            time.sleep(0.02)
            continue
        parsed = orjson.loads(body)
        events = parsed if isinstance(parsed, list) else [parsed]
        found += [each["data"]["revision"] for each in events]
    return found


def left(sessions: Sessions) -> int:
    with sessions() as session:
        return session.execute(text("SELECT count(*) FROM outbox")).scalar_one()


def until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_rows_reach_the_queue_and_are_deleted(
    settings: dict[str, str],
    sessions: Sessions,
    channel: pika.channel.Channel,
    publisher: Publisher,
) -> None:
    with transaction(sessions) as tx:
        tx.emit(event(n) for n in range(250))
    assert left(sessions) == 3  # packed when written: 100 + 100 + 50
    relay = Relay("points", settings["POINTS_DATABASE_URL"], {"events": publisher})
    with listen_connection(settings["POINTS_DATABASE_URL"], application="test") as connection:
        assert relay.relay_once(connection) == 3
    assert sorted(drained(channel, 250)) == list(range(250))
    assert left(sessions) == 0


def test_a_rolled_back_event_is_never_published(
    settings: dict[str, str], sessions: Sessions, channel: pika.channel.Channel
) -> None:
    with pytest.raises(RuntimeError), transaction(sessions) as tx:
        tx.emit([event(1)])
        raise RuntimeError
    assert left(sessions) == 0


def test_a_row_that_commits_late_is_not_passed_by(
    settings: dict[str, str],
    sessions: Sessions,
    channel: pika.channel.Channel,
    publisher: Publisher,
) -> None:
    relay = Relay("points", settings["POINTS_DATABASE_URL"], {"events": publisher})
    with listen_connection(settings["POINTS_DATABASE_URL"], application="test") as connection:
        with sessions() as slow:  # takes its id first, commits last
            slow.execute(
                text(
                    "INSERT INTO outbox (kind, destination, item_count, items)"
                    " VALUES ('event', :type, 1, :items)"
                ),
                {"type": TYPE, "items": '{"data":{"revision":1}}'},
            )
            with transaction(sessions) as tx:
                tx.emit([event(2)])
            assert relay.relay_once(connection) == 1
            assert relay.relay_once(connection) == 0
            slow.commit()
        assert relay.relay_once(connection) == 1
    assert drained(channel, 2) == [2, 1]


def test_what_no_queue_takes_stays_a_row(
    settings: dict[str, str],
    sessions: Sessions,
    channel: pika.channel.Channel,
    publisher: Publisher,
) -> None:
    channel.queue_unbind("heard", EVENTS_EXCHANGE, TYPE)
    with transaction(sessions) as tx:
        tx.emit([event(1)])
    relay = Relay("points", settings["POINTS_DATABASE_URL"], {"events": publisher})
    with listen_connection(settings["POINTS_DATABASE_URL"], application="test") as connection:
        assert relay.relay_once(connection) == 0
        assert left(sessions) == 1
        channel.queue_bind("heard", EVENTS_EXCHANGE, TYPE)
        assert relay.relay_once(connection) == 1
    assert drained(channel, 1) == [1]


def test_one_relay_leads_and_another_takes_over(
    settings: dict[str, str], sessions: Sessions, channel: pika.channel.Channel
) -> None:
    url = settings["POINTS_DATABASE_URL"]
    relays = [
        Relay("points", url, {"events": Publisher(settings["LINLI_BROKER_URL"], name=f"r{n}")})
        for n in range(2)
    ]
    for relay in relays:
        relay.start()
    with transaction(sessions) as tx:
        tx.emit([event(1)])
    assert drained(channel, 1) == [1]
    assert _leaders(url) == 1
    # Cut the leader's connection, as a restart of the database would.
    with psycopg.connect(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    with transaction(sessions) as tx:
        tx.emit([event(2)])
    assert drained(channel, 1) == [2]
    assert until(lambda: left(sessions) == 0)
    for relay in relays:
        relay.stop()
    for relay in relays:
        relay.join(60)
        assert not relay.is_alive()


def _leaders(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_lone_events_of_one_type_share_a_message() -> None:
    rows = [Row(n, "event", TYPE, 1, f'{{"n":{n}}}') for n in range(150)]
    messages = pack(rows)
    assert [len(ids) for _, ids in messages] == [ITEMS_MAX, 50]
    assert orjson.loads(messages[1][0].body)[0] == {"n": 100}


def test_a_lone_event_goes_alone_and_tasks_go_one_by_one() -> None:
    rows = [
        Row(1, "event", TYPE, 1, '{"n":1}'),
        Row(2, "task", "points.tasks", 2, '{"a":1}\n{"a":2}'),
    ]
    messages = pack(rows)
    assert [message.body for message, _ in messages] == [b'{"n":1}', b'{"a":1}', b'{"a":2}']
    assert len({message.key for message, _ in messages}) == 3
    assert [message.exchange for message, _ in messages] == [EVENTS_EXCHANGE, "", ""]


def test_no_message_exceeds_its_limits_unless_one_item_does() -> None:
    big = "x" * (BYTES_MAX // 2)
    assert [len(each) for each in packs([big, big, big, "y"])] == [2, 2]
    assert [len(each) for each in packs(["x" * (BYTES_MAX * 2), "y"])] == [1, 1]
    rows = [Row(n, "event", TYPE, 60, f'"{big[:1000]}"') for n in range(3)]
    assert [len(ids) for _, ids in pack(rows)] == [1, 1, 1]

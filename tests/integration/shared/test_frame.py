"""The frame on a real database: once and only once, whatever comes in whatever way."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import text

from shared.db.session import Sessions, make_engine, make_sessions
from shared.errors import NotYet, Rejected, Unavailable
from shared.messaging import dead_letters
from shared.messaging.frame import Frame
from shared.messaging.handlers import Handlers, Heard
from shared.messaging.subscriber import Delivery, Stopping
from shared.messaging.transaction import Transaction, transaction
from shared.schemas import make
from shared.schemas.envelope import Event, encode

TYPE = "linli.partner.suspended.v1"


@pytest.fixture(scope="module")
def sessions(databases: dict[str, str]) -> Iterable[Sessions]:
    engine = make_engine(databases["POINTS_DATABASE_URL"])
    yield make_sessions(engine)
    engine.dispose()


@pytest.fixture(autouse=True)
def _empty(sessions: Sessions) -> None:
    with transaction(sessions) as tx:
        for table in ("inbox", "outbox", "dead_letters", "cap_usage"):
            tx.session.execute(text(f"DELETE FROM {table}"))


def event(slug: str = "p-1", revision: int = 1) -> Event:
    data = {"slug": slug, "revision": revision, "reason": "test"}
    return make(TYPE, data, source="/linli/partners", correlationid="c-1")


def delivery(*events: Event) -> Delivery:
    body = b"[" + b",".join(encode(one) for one in events) + b"]"
    return Delivery(body, None, "", 0, None)  # type: ignore[arg-type]


class Service:
    """A hearer that writes one row an event and can be told to fail."""

    def __init__(self, sessions: Sessions) -> None:
        self.failures: dict[str, list[Exception]] = {}
        self.batches: list[int] = []
        handlers = Handlers()
        handlers.on_batch(TYPE)(self.hear)
        self.frame = Frame("points", "points.events", sessions, handlers)

    def hear(self, tx: Transaction, heard: list[Heard]) -> list[Event]:
        self.batches.append(len(heard))
        for _, data in heard:
            tx.session.execute(
                text(
                    "INSERT INTO cap_usage (account_id, span, starts_on, used)"
                    " VALUES (:id, 'day', '2026-10-01', 1)"
                ),
                {"id": data["revision"]},
            )
            if waiting := self.failures.get(data["slug"]):
                problem = waiting[0]
                if not isinstance(problem, Rejected):
                    waiting.pop(0)
                raise problem
        return []

    def take(self, *deliveries: Delivery) -> None:
        self.frame.process([self.frame.prepare(one) for one in deliveries])


def effects(sessions: Sessions) -> list[int]:
    with sessions() as session:
        rows = session.execute(text("SELECT account_id FROM cap_usage ORDER BY 1"))
        return list(rows.scalars())


def letters(sessions: Sessions) -> list[dict[str, Any]]:
    with sessions() as session:
        return dead_letters.listed(session)


def test_an_event_delivered_twice_takes_effect_once(sessions: Sessions) -> None:
    service, one = Service(sessions), event(revision=1)
    service.take(delivery(one), delivery(one))
    service.take(delivery(one))
    assert effects(sessions) == [1]
    assert letters(sessions) == []


def test_the_same_id_with_another_body_is_a_conflict_and_not_lost(sessions: Sessions) -> None:
    service, one = Service(sessions), event(revision=1)
    forged = Event(one.id, one.source, one.type, one.time, {**one.data, "revision": 2}, "c-1")
    service.take(delivery(one))
    service.take(delivery(forged))
    assert effects(sessions) == [1]
    assert [each["reason"] for each in letters(sessions)] == ["id_conflict"]


def test_two_bodies_with_one_id_in_one_batch_are_a_conflict(sessions: Sessions) -> None:
    service, one = Service(sessions), event(revision=1)
    forged = Event(one.id, one.source, one.type, one.time, {**one.data, "revision": 2}, "c-1")
    service.take(delivery(one, forged))
    assert effects(sessions) == [1]
    assert [each["reason"] for each in letters(sessions)] == ["id_conflict"]


def test_poison_is_found_and_all_around_it_takes_effect(sessions: Sessions) -> None:
    service = Service(sessions)
    events = [event(revision=n) for n in range(1, 101)]
    events[42] = event(slug="bad", revision=43)
    service.failures["bad"] = [Rejected("bad_luck", "坏", "bad")]
    service.take(delivery(*events))
    assert effects(sessions) == [n for n in range(1, 101) if n != 43]
    assert [(each["reason"], each["event_id"]) for each in letters(sessions)] == [
        ("bad_luck", events[42].id)
    ]


def test_what_is_not_an_event_becomes_a_dead_letter_and_holds_nothing_up(
    sessions: Sessions,
) -> None:
    service = Service(sessions)
    junk = [b"", b"\xff\xfe", b"[1, null, {}]", b'{"id": 7}', b"[[[]]]"]
    deliveries = [Delivery(each, None, "", 0, None) for each in junk]  # type: ignore[arg-type]
    service.take(*deliveries, delivery(event(revision=5)))
    assert effects(sessions) == [5]
    found = letters(sessions)
    assert {each["reason"] for each in found} == {"undecodable"}
    assert len(found) == 7


def test_an_outage_holds_the_batch_and_then_it_takes_effect_once(sessions: Sessions) -> None:
    service = Service(sessions)
    service.failures["p-1"] = [Unavailable("down", "停", "down"), Unavailable("down", "停", "down")]
    service.take(delivery(event(revision=1), event(slug="p-2", revision=2)))
    assert effects(sessions) == [1, 2]
    assert letters(sessions) == []


def test_a_bug_is_tried_a_few_times_and_then_becomes_a_dead_letter(sessions: Sessions) -> None:
    service = Service(sessions)
    service.failures["p-1"] = [KeyError("bug") for _ in range(10)]
    service.take(delivery(event(revision=1)))
    assert effects(sessions) == []
    assert [(e["reason"], e["attempts"]) for e in letters(sessions)] == [("handler_error", 3)]


def test_stopping_leaves_the_batch_to_be_delivered_again(sessions: Sessions) -> None:
    service = Service(sessions)
    service.failures["p-1"] = [Unavailable("down", "停", "down")] * 50
    service.frame.stopping.set()
    with pytest.raises(Stopping):
        service.take(delivery(event(revision=1)))
    assert effects(sessions) == []
    assert letters(sessions) == []


def test_what_comes_too_early_waits_as_a_row_and_is_brought_back(sessions: Sessions) -> None:
    service, early = Service(sessions), event(revision=1)
    service.failures["p-1"] = [NotYet("too_early", "太早", "too early")]
    service.take(delivery(early))
    assert [each["state"] for each in letters(sessions)] == ["waiting"]

    sent = _bring_back_everything(sessions)
    service.take(Delivery(f"[{sent}]".encode(), None, "", 0, None))  # type: ignore[arg-type]
    assert effects(sessions) == [1]
    assert letters(sessions) == []


def test_what_never_comes_in_time_is_opened_for_a_person(sessions: Sessions) -> None:
    service, early = Service(sessions), event(revision=1)
    service.failures["p-1"] = [NotYet("too_early", "太早", "too early")] * 50
    service.take(delivery(early))
    for _ in range(dead_letters.WAITING_ATTEMPTS_MAX - 1):
        sent = _bring_back_everything(sessions)
        service.take(Delivery(f"[{sent}]".encode(), None, "", 0, None))  # type: ignore[arg-type]
    found = letters(sessions)
    assert [(each["state"], each["attempts"]) for each in found] == [
        ("open", dead_letters.WAITING_ATTEMPTS_MAX)
    ]


def _bring_back_everything(sessions: Sessions) -> str:
    with transaction(sessions) as tx:
        tx.session.execute(text("DELETE FROM outbox"))
        tx.session.execute(text("UPDATE dead_letters SET due_at = now() - interval '1 hour'"))
    with transaction(sessions) as tx:
        assert dead_letters.bring_back(tx) == 1
    with sessions() as session:
        return session.execute(text("SELECT items FROM outbox WHERE kind = 'direct'")).scalar_one()


def test_replay_sends_the_event_to_its_own_queue_and_closes_the_letter(sessions: Sessions) -> None:
    service = Service(sessions)
    service.failures["p-1"] = [Rejected("bad_luck", "坏", "bad")]
    service.take(delivery(event(revision=1)))
    [letter] = letters(sessions)
    with transaction(sessions) as tx:
        dead_letters.replay(tx, letter["id"], by="tester")
    service.failures.clear()
    with sessions() as session:
        row = session.execute(text("SELECT kind, destination, items FROM outbox")).one()
    assert (row.kind, row.destination) == ("direct", "points.events")
    service.take(Delivery(row.items.encode(), None, "", 0, None))  # type: ignore[arg-type]
    assert effects(sessions) == [1]
    assert letters(sessions) == []


def test_any_order_and_any_packing_gives_the_same_effects(sessions: Sessions) -> None:
    service, chance = Service(sessions), random.Random(7)
    events = [event(revision=n) for n in range(200)]
    sendings = events + chance.sample(events, 80)
    chance.shuffle(sendings)
    while sendings:
        share, sendings = sendings[: chance.randint(1, 60)], sendings[60:]
        service.take(*(delivery(*share[i : i + 7]) for i in range(0, len(share), 7)))
    heard = set(effects(sessions))
    service.take(delivery(*events))
    assert effects(sessions) == list(range(200))
    assert heard <= set(range(200))

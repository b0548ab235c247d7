"""疑点: what is odd is found and told once, random life is not; no minute counts twice."""

from __future__ import annotations

import itertools
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.points.actions import flags
from services.points.actions import ledger as books
from services.points.actions.documents import write_document
from services.points.rules.lots import NEVER, Lot
from shared import clock
from shared.errors import Conflict, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from shared.schemas import make
from shared.schemas.envelope import Event
from tests.integration.points.correcting import award_ids, register, reverse
from tests.integration.points.database import RULES, Ledger, attended, publish_rules
from tests.integration.points.lots import award

A, B, C = "R000001", "R000002", "R000003"
ONCE = RULES | {"programme": "once", "time_counted_once": True, "caps": {}}
DAY = datetime(2026, 10, 9, 1, 0, tzinfo=UTC)


def served(resident_no: str, start: int, minutes: int, **more: Any) -> Event:
    """An attendance from a minute of the day on."""
    event = attended(resident_no, minutes)
    begun = DAY + timedelta(minutes=start)
    times = {"checked_in_at": begun, "checked_out_at": begun + timedelta(minutes=minutes)}
    return make(
        event.type,
        dict(event.data) | times | more,
        source=event.source,
        correlationid=event.correlationid,
    )


def look(ledger: Ledger) -> list[tuple[Any, ...]]:
    with transaction(ledger.sessions) as tx:
        flags.look(tx)
    return found(ledger)


def found(ledger: Ledger) -> list[tuple[Any, ...]]:
    return ledger.rows("SELECT kind, subject, evidence FROM flags ORDER BY kind, subject")


@pytest.fixture
def once(ledger: Ledger) -> Ledger:
    publish_rules(ledger, ONCE)
    return ledger


def test_what_overlaps_earns_nothing_twice_and_is_flagged(once: Ledger) -> None:
    once.hear(served(A, 0, 60), served(B, 0, 60))
    once.hear(served(A, 30, 60), served(A, 200, 30))
    assert once.balance(A, "service_minutes") == 120
    assert once.balance(A) == 12  # 6, half of 6, and 3
    assert once.balance(B, "service_minutes") == 60
    ((kind, subject, evidence),) = found(once)
    assert (kind, subject, evidence["minutes"], len(evidence["awards"])) == ("overlap", A, 30, 2)
    explained = once.rows(
        "SELECT explanation->>'minutes', explanation->>'minutes_overlapped' FROM awards"
        " WHERE owner = :a ORDER BY award_no",
        a=A,
    )
    assert explained == [("60", None), ("30", "30"), ("30", None)]
    assert set(once.reconcile().values()) == {0}


def test_wholly_covered_it_earns_nothing_at_all(once: Ledger) -> None:
    once.hear(served(A, 0, 120), served(A, 30, 60))
    assert (once.balance(A), once.balance(A, "service_minutes")) == (12, 120)
    assert once.scalar("SELECT count(*) FROM awards") == 2
    assert once.scalar("SELECT count(*) FROM service_spans") == 1


def test_in_whichever_order_and_batches_the_minutes_are_the_same(once: Ledger) -> None:
    plan = [(0, 60), (30, 90), (200, 45), (100, 120), (10, 20)]
    for number, order in enumerate(itertools.islice(itertools.permutations(plan), 0, None, 17)):
        who = f"R1{number:05}"
        events = [served(who, start, minutes) for start, minutes in order]
        if number % 2:
            once.hear(*events)
        else:
            for event in events:
                once.hear(event)
        assert once.balance(who, "service_minutes") == 245, order
    assert set(once.reconcile().values()) == {0}


def test_workers_at_once_count_no_minute_twice(once: Ledger) -> None:
    once.hear(served(A, 600, 10))
    gate = threading.Barrier(4)

    def work(number: int) -> None:
        gate.wait(timeout=60)
        once.hear(*(served(A, start + number, 30) for start in range(0, 300, 20)))

    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(work, number) for number in range(4)]:
            each.result()
    assert once.balance(A, "service_minutes") == 10 + 280 + 30 + 3
    assert set(once.reconcile().values()) == {0}


def test_the_database_itself_keeps_spans_apart(once: Ledger) -> None:
    once.hear(served(A, 0, 60))
    copy = text(
        "INSERT INTO service_spans (award_id, part, account_id, span)"
        " SELECT gen_random_uuid(), 0, account_id,"
        " tstzrange(lower(span) + interval '59 minutes', upper(span) + interval '1 hour')"
        " FROM service_spans"
    )
    with (
        pytest.raises(DBAPIError, match="ex_service_spans_overlap"),
        once.engine.begin() as connection,
    ):
        connection.execute(copy)


def test_a_reversed_attendance_makes_room_for_a_later_one(once: Ledger) -> None:
    once.hear(served(A, 0, 60))
    reverse(once, award_ids(once, A)[0])
    assert once.balance(A, "service_minutes") == 0
    once.hear(served(A, 30, 60))
    assert (once.balance(A), once.balance(A, "service_minutes")) == (6, 60)


def test_without_the_rule_times_are_not_looked_at(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(served(A, 0, 60), served(A, 0, 60))
    assert ledger.balance(A, "service_minutes") == 120
    assert ledger.scalar("SELECT count(*) FROM service_spans") == 0


def give(ledger: Ledger, giver: str, receiver: str, amount: int) -> None:
    with transaction(ledger.sessions) as tx:
        keys = [("points", "resident", who) for who in (giver, receiver)]
        accounts = books.locked(tx.session, keys)
        document_id = uuid7()
        write_document(tx.session, document_id, "gift", made_by=giver, facts={})
        held = books.held_lots(tx.session, [accounts[keys[0]]])[accounts[keys[0]].id]
        posting = books.posting(tx.session)
        lot = Lot(NEVER, held[0].lot.source_id)
        posting.move(accounts[keys[0]], accounts[keys[1]], amount, document_id, "gift", lot)
        posting.post(tx.session, clock.now())


def endow(ledger: Ledger, *owners: str) -> None:
    for owner in owners:
        with transaction(ledger.sessions) as tx:
            award(tx, owner, 1000, NEVER)


def test_planted_rings_are_found_once(ledger: Ledger) -> None:
    people = [f"R2{number:05}" for number in range(9)]
    endow(ledger, *people)
    for ring in (people[:3], people[3:7]):
        for giver, receiver in zip(ring, [*ring[1:], ring[0]], strict=True):
            give(ledger, giver, receiver, 50)
    give(ledger, people[7], people[8], 50)  # two who give each other are no ring
    give(ledger, people[8], people[7], 50)
    first = look(ledger)
    assert [(kind, evidence["members"]) for kind, _, evidence in first] == [
        ("gift_ring", [*people[:3], people[0]]),
        ("gift_ring", [*people[3:7], people[3]]),
    ]
    assert look(ledger) == first


def test_random_gifts_are_no_rings(ledger: Ledger) -> None:
    people = [f"R2{number:05}" for number in range(40)]
    endow(ledger, *people)
    chance = random.Random(7)
    for _ in range(150):
        giver, receiver = chance.sample(people, 2)
        give(ledger, giver, receiver, chance.choice((1, 2, 5, 10, 20, 50, 100)))
    rings = [evidence for kind, _, evidence in look(ledger) if kind == "gift_ring"]
    assert rings == []


def test_an_organiser_of_the_reporting_partner_is_flagged(ledger: Ledger) -> None:
    publish_rules(ledger)
    register(ledger, A, B)
    ledger.hear(attended(A, 60), attended(B, 60))
    assert look(ledger) == []
    with transaction(ledger.sessions) as tx:
        flags.declare_organiser(tx, "volunteers-01", A, by="manager-1")
        flags.declare_organiser(tx, "others-02", B, by="manager-1")
    ((kind, subject, evidence),) = look(ledger)
    assert (kind, subject, evidence["awards_count"]) == ("self_award", A, 1)
    assert ledger.balance(A) == 6  # a flag takes nothing away
    with pytest.raises(Conflict), transaction(ledger.sessions) as tx:
        flags.declare_organiser(tx, "volunteers-01", A, by="manager-1")
    with transaction(ledger.sessions) as tx:
        flags.end_organiser(tx, "volunteers-01", A, by="manager-1")
    with pytest.raises(Missing), transaction(ledger.sessions) as tx:
        flags.end_organiser(tx, "volunteers-01", A, by="manager-1")
    with pytest.raises(Rejected), transaction(ledger.sessions) as tx:
        flags.declare_organiser(tx, "volunteers-01", "R999999", by="manager-1")


def test_many_who_check_themselves_in_to_the_minute(once: Ledger) -> None:
    crowd = [f"R3{number:05}" for number in range(5)]
    once.hear(*(served(who, 0, 60, evidence="self_check") for who in crowd))
    once.hear(*(served(who, 100, 60, evidence="organiser") for who in crowd))
    once.hear(*(served(who, 200 + 2 * n, 60, evidence="self_check") for n, who in enumerate(crowd)))
    ((kind, subject, evidence),) = look(once)
    assert (kind, subject, evidence["residents"]) == ("same_place", "volunteers-01/A1009", 5)


def test_a_day_with_more_than_anybody_does(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(*(attended(A, 120, hour=hour) for hour in range(7)), attended(B, 600))
    ((kind, subject, evidence),) = look(ledger)
    assert (kind, subject, evidence["minutes"]) == ("density", A, 840)


def test_a_flag_is_judged_once_by_somebody_who_says_why(once: Ledger) -> None:
    once.hear(served(A, 0, 60), served(A, 0, 60))
    flag_id = once.scalar("SELECT flag_id FROM flags")
    before = once.snapshot()
    for outcome, why, code in (
        ("maybe", "看过签到表", "bad_outcome"),
        ("confirmed", "x", "bad_text"),
    ):
        with pytest.raises(Rejected) as caught, transaction(once.sessions) as tx:
            flags.judge(tx, flag_id, outcome=outcome, decision=why, by="m")
        assert caught.value.code == code
    with transaction(once.sessions) as tx:
        flags.judge(tx, flag_id, outcome="confirmed", decision="看过签到表", by="manager-1")
    with pytest.raises(Conflict), transaction(once.sessions) as tx:
        flags.judge(tx, flag_id, outcome="dismissed", decision="看过签到表", by="manager-1")
    with pytest.raises(DBAPIError, match="decided once"), once.engine.begin() as connection:
        connection.execute(text("UPDATE flags SET decision = 'other'"))
    assert once.rows("SELECT state, checked_by FROM flags") == [("confirmed", "manager-1")]
    assert once.snapshot() == before

"""Lots end on their day: once, whole, in any order of workers, and nobody is surprised."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from services.points import tasks
from services.points.actions import expiry
from services.points.rules.lots import NEVER
from shared import clock
from shared.db.session import make_engine, make_sessions
from shared.messaging.transaction import transaction
from tests.integration.points.database import RULES, Ledger, attended, publish_rules
from tests.integration.points.lots import award, lots_of, on, put, restore, spend, sweep

A, B = "R000001", "R000002"
LAST = date(2026, 12, 31)
AFTER = date(2027, 1, 1)


def assert_sound(book: Ledger) -> None:
    assert set(book.reconcile().values()) == {0}


def give(book: Ledger, owner: str, amount: int, last: date, programme: str = "p") -> None:
    with transaction(book.sessions) as tx:
        award(tx, owner, amount, last, programme)


def test_a_lot_is_good_to_the_end_of_its_last_day(ledger: Ledger) -> None:
    give(ledger, A, 10, LAST)
    with on(LAST, hour=15):  # 23:00 in the district
        assert sweep(ledger).lots == 0
    with on(LAST, hour=16):  # midnight
        assert sweep(ledger) == expiry.Swept(1, 10)
        assert sweep(ledger) == expiry.Swept()
    assert ledger.balance(A) == 0
    assert_sound(ledger)


def test_points_awarded_by_rules_that_end_with_the_year(ledger: Ledger) -> None:
    publish_rules(ledger, RULES | {"expiry": "year_end"})
    ledger.hear(attended(A, 60), attended(A, 120, day=10))
    assert lots_of(ledger, A) == {LAST: 18}
    with on(AFTER):
        assert sweep(ledger) == expiry.Swept(1, 18)
    assert ledger.balance(A, "service_minutes") == 180  # time never ends
    assert_sound(ledger)


def test_only_what_has_ended_goes_and_each_lot_by_itself(ledger: Ledger) -> None:
    for last, amount in ((LAST - timedelta(days=1), 1), (LAST, 2), (AFTER, 4), (NEVER, 8)):
        give(ledger, A, amount, last)
        give(ledger, B, amount, last, "another")
    with on(AFTER):
        assert sweep(ledger) == expiry.Swept(4, 6)
    assert lots_of(ledger, A) == lots_of(ledger, B) == {AFTER: 4, NEVER: 8}
    entries = ledger.rows(
        "SELECT t.amount, t.expires_on, d.facts->>'programme', d.on_date, d.made_by, d.checked_by"
        " FROM transfers t JOIN documents d USING (document_id) WHERE t.kind = 'expiry'"
        " ORDER BY 3, 2"
    )
    assert entries == [
        (1, LAST - timedelta(days=1), "another", AFTER, "clock", None),
        (2, LAST, "another", AFTER, "clock", None),
        (1, LAST - timedelta(days=1), "p", AFTER, "clock", None),
        (2, LAST, "p", AFTER, "clock", None),
    ]
    assert_sound(ledger)


def test_a_sweep_stopped_anywhere_goes_on_where_it_was(ledger: Ledger) -> None:
    for number in range(20):
        give(ledger, f"R1{number:05}", 1 + number, LAST)
    with on(AFTER):
        today = clock.today()
        with ledger.sessions() as session:
            waiting = expiry.stretches(session, today, most=3)
        assert len(waiting) == 7
        with transaction(ledger.sessions) as tx:
            assert expiry.sweep(tx, waiting[2], today).lots == 3
        before = ledger.snapshot()
        with pytest.raises(KeyboardInterrupt), transaction(ledger.sessions) as tx:
            assert expiry.sweep(tx, waiting[3], today).lots == 3
            raise KeyboardInterrupt
        assert ledger.snapshot() == before
        assert sweep(ledger, most=4).lots == 17
        with transaction(ledger.sessions) as tx:  # a stretch that somebody else has done
            assert expiry.sweep(tx, waiting[0], today).lots == 0
    assert ledger.scalar("SELECT count(*) FROM transfers WHERE kind = 'expiry'") == 20
    assert_sound(ledger)


def test_workers_at_once_never_end_a_lot_twice(ledger: Ledger) -> None:
    for number in range(60):
        give(ledger, f"R1{number:05}", 5, LAST - timedelta(days=number % 3))
        give(ledger, f"R1{number:05}", 7, NEVER)
    engine = make_engine(ledger.url, pool_size=6, application="points-test")
    gate = threading.Barrier(6)
    with on(AFTER):
        today = clock.today()
        with ledger.sessions() as session:
            waiting = expiry.stretches(session, today, most=10)

        def work() -> int:
            sessions, done = make_sessions(engine), 0
            gate.wait(timeout=60)
            for stretch in waiting:
                with transaction(sessions) as tx:
                    done += expiry.sweep(tx, stretch, today).lots
            return done

        with ThreadPoolExecutor(6) as pool:
            ended = sum(each.result() for each in [pool.submit(work) for _ in range(6)])
        engine.dispose()
        assert ended + sweep(ledger).lots == 60
    assert ledger.scalar("SELECT count(*) FROM transfers WHERE kind = 'expiry'") == 60
    assert ledger.scalar("SELECT sum(remaining)::bigint FROM lots") == 60 * 7
    assert_sound(ledger)


def test_an_account_in_use_is_passed_over_and_its_turn_comes(ledger: Ledger) -> None:
    give(ledger, A, 5, LAST)
    give(ledger, B, 6, LAST)
    with on(AFTER):
        with transaction(ledger.sessions) as tx:
            award(tx, A, 1, NEVER)  # holds the lock of A
            assert sweep(ledger).amount == 6
        assert sweep(ledger).amount == 5
    assert (ledger.balance(A), ledger.balance(B)) == (1, 0)
    assert_sound(ledger)


def test_a_frozen_account_is_left_alone_and_told(ledger: Ledger) -> None:
    give(ledger, A, 5, LAST)
    give(ledger, B, 6, LAST)
    with ledger.engine.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET frozen_reason = 'dispute' WHERE owner = :o"), {"o": A}
        )
    with on(AFTER):
        assert tasks.expire(ledger.sessions).amount == 6
        with ledger.sessions() as session:
            assert expiry.left(session, AFTER) == {"due": 0, "frozen": 1, "kept": 0}
        with ledger.engine.begin() as connection:
            connection.execute(text("UPDATE accounts SET frozen_reason = NULL"))
        assert tasks.expire(ledger.sessions).amount == 5
    assert_sound(ledger)


def test_what_was_put_aside_in_time_still_posts(ledger: Ledger) -> None:
    give(ledger, A, 10, LAST)
    with transaction(ledger.sessions) as tx:
        put(tx, A, 8, "resident", "held", "hold")
    with on(AFTER):
        assert sweep(ledger).amount == 2
        with ledger.sessions() as session:
            assert expiry.left(session, AFTER)["kept"] == 1
        with transaction(ledger.sessions) as tx:
            spend(tx, A, 5, of="held")
        with transaction(ledger.sessions) as tx:
            put(tx, A, 3, "held", "resident", "release")
        assert lots_of(ledger, A) == {LAST: 3}  # as it was: nothing is made good for longer
        assert sweep(ledger).amount == 3
    assert_sound(ledger)


def test_what_is_on_its_way_to_another_district_does_not_end_there(ledger: Ledger) -> None:
    give(ledger, A, 10, LAST)
    with transaction(ledger.sessions) as tx:
        put(tx, A, 10, "resident", "escrow", "transfer_out", "another-district")
    with on(AFTER):
        assert sweep(ledger).lots == 0
        with transaction(ledger.sessions) as tx:
            put(tx, "another-district", 10, "escrow", "resident", "transfer_in", A)
        assert sweep(ledger).amount == 10
    assert_sound(ledger)


def test_a_void_restores_the_lot_it_came_from(ledger: Ledger) -> None:
    give(ledger, A, 3, LAST)
    give(ledger, A, 5, NEVER)
    with transaction(ledger.sessions) as tx:
        taken = spend(tx, A, 6)
    assert lots_of(ledger, A) == {NEVER: 2}
    with transaction(ledger.sessions) as tx:
        restore(tx, A, taken)
    assert lots_of(ledger, A) == {LAST: 3, NEVER: 5}
    with on(AFTER):
        assert sweep(ledger).amount == 3
    assert_sound(ledger)


def test_residents_are_told_once_for_a_day_and_a_notice(ledger: Ledger) -> None:
    give(ledger, A, 10, LAST)
    give(ledger, A, 4, LAST, "another")
    give(ledger, B, 6, NEVER)
    seen = []
    for before in (31, 30, 29, 8, 7, 6, 0):
        with on(LAST - timedelta(days=before)):
            seen.append((before, tasks.announce_expiry(ledger.sessions)))
            tasks.announce_expiry(ledger.sessions)
    assert seen == [(31, 0), (30, 1), (29, 0), (8, 0), (7, 1), (6, 0), (0, 0)]
    told = [(d["resident_no"], d["points"], d["ends_on"], d["days_left"]) for d in ledger.said()]
    assert told == [(A, 14, "2026-12-31", 30), (A, 14, "2026-12-31", 7)]
    with on(AFTER):
        assert tasks.announce_expiry(ledger.sessions) == 0


def test_who_earns_late_is_told_at_the_next_notice(ledger: Ledger) -> None:
    give(ledger, A, 10, LAST)
    with on(LAST - timedelta(days=3)):
        assert tasks.announce_expiry(ledger.sessions) == 1
        assert tasks.announce_expiry(ledger.sessions) == 0
    assert [d["days_left"] for d in ledger.said()] == [3]


def test_spent_lots_are_dropped_long_after_their_day_and_no_others(ledger: Ledger) -> None:
    long_ago = ledger.scalar("SELECT current_date - 90")
    give(ledger, A, 5, long_ago)
    give(ledger, A, 5, long_ago - timedelta(days=1))
    with transaction(ledger.sessions) as tx:
        taken = spend(tx, A, 6)
    with transaction(ledger.sessions) as tx:
        assert expiry.tidy(tx, ledger.scalar("SELECT current_date")) == 1
    assert lots_of(ledger, A) == {long_ago: 4}
    assert ledger.scalar("SELECT count(*) FROM lots") == 1
    with transaction(ledger.sessions) as tx:  # a lot that was dropped opens again
        restore(tx, A, taken)
    assert ledger.balance(A) == 10
    assert_sound(ledger)
    with pytest.raises(DBAPIError, match="30 days"), ledger.engine.begin() as connection:
        connection.execute(text("SELECT drop_spent_lots(current_date, 10)"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE lots SET remaining = remaining + 1",
        "UPDATE lots SET expires_on = expires_on + 1",
        "DELETE FROM lots",
        "TRUNCATE lots",
        "INSERT INTO lots SELECT account_id, date '2030-01-01', source_id, 1 FROM lots",
    ],
)
def test_the_application_cannot_forge_lots(ledger: Ledger, change: str) -> None:
    give(ledger, A, 5, LAST)
    before = ledger.snapshot()
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        ledger.engine.begin() as connection,
    ):
        connection.execute(text(change))
    assert ledger.snapshot() == before


@pytest.mark.parametrize(
    ("last", "amount", "why"),
    [
        pytest.param(AFTER, 1, "not there", id="a lot that is not there"),
        pytest.param(LAST, 6, "ck_lots_remaining", id="more than is left in the lot"),
        pytest.param(None, 1, "ck_transfers_lot", id="no lot"),
    ],
)
def test_a_transfer_from_a_lot_that_has_it_not_is_refused(
    ledger: Ledger, last: date | None, amount: int, why: str
) -> None:
    give(ledger, A, 5, LAST)
    give(ledger, A, 5, NEVER)
    before = ledger.snapshot()
    forged = text(
        "INSERT INTO transfers (credit_account_id, debit_account_id, debit_seq, debit_balance,"
        " asset, amount, kind, document_id, expires_on, source_id, posted_at)"
        " SELECT i.id, a.id, a.seq + 1, a.balance - :amount, 'points', :amount, 'redemption',"
        " gen_random_uuid(), CAST(:last AS date),"
        " CASE WHEN CAST(:last AS date) IS NOT NULL THEN (SELECT min(id) FROM lot_sources) END,"
        " now() FROM accounts a, accounts i WHERE a.owner = :owner"
        " AND i.owner_kind = 'issuer' AND i.asset = 'points'"
    )
    with pytest.raises(DBAPIError, match=why), ledger.engine.begin() as connection:
        connection.execute(forged, {"owner": A, "amount": amount, "last": last})
    assert ledger.snapshot() == before

"""公示 on a real database: nothing counts early, an objection stops one line, nobody decides
alone, and each line is posted once whatever happens to the workers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.points.actions import ledger as books
from services.points.actions import public_notices
from services.points.actions.posting_notices import post_ended
from services.points.rules.lots import Lot
from services.points.rules.public_notices import Period
from shared import clock
from shared.errors import Conflict, LinliError, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from tests.integration.points.database import RULES, Ledger, attended, publish_rules
from tests.integration.points.showing import (
    CLERK,
    COMMUNITY,
    JUDGE,
    MAKER,
    OCTOBER,
    PUBLISHED_AT,
    SHOWN_RULES,
    days,
    decide,
    dispute,
    of_kind,
    post,
    post_all,
    publish,
    states,
    time_at,
    unbalanced,
)

A, B, C = "R000001", "R000002", "R000003"


@pytest.fixture
def book(ledger: Ledger) -> Iterator[Ledger]:
    """Rules that are published at one instant under one version must be the same in all tests:
    what was read of a version once is known for good.
    """
    publish_rules(ledger, SHOWN_RULES)
    with time_at(PUBLISHED_AT):
        yield ledger
        clock.freeze(None)


@pytest.fixture
def shown(book: Ledger) -> tuple[Ledger, str]:
    """Three lines of three residents on notice; the first is A's, of the first day."""
    book.hear(attended(A, 60, day=5), attended(B, 120, day=6), attended(C, 60, day=7))
    return book, publish(book)


def said(ledger: Ledger, kind: str) -> int:
    return int(
        ledger.scalar(
            "SELECT coalesce(sum(item_count), 0) FROM outbox WHERE destination = :kind", kind=kind
        )
    )


def test_points_wait_and_minutes_do_not(book: Ledger) -> None:
    book.hear(attended(A, 90))
    assert of_kind(book, A, "resident") == 0
    assert of_kind(book, A, "pending") == 9
    assert book.balance(A, "service_minutes") == 90
    [told] = book.said()
    assert (told["points"], told["points_pending"], told["points_balance"]) == (0, 9, 0)
    assert states(book) == {"waiting": 1}


def test_what_earns_no_points_is_not_shown(book: Ledger) -> None:
    book.hear(attended(A, 90, evidence="backfill"), attended(B, 5))
    assert states(book) == {}
    assert book.balance(A, "service_minutes") == 90


def test_caps_count_what_is_pending(book: Ledger) -> None:
    book.hear(*(attended(A, 120, day=5) for _ in range(4)))
    assert of_kind(book, A, "pending") == RULES["caps"]["person_day_points"]
    assert unbalanced(book) == []


def test_rules_without_notice_credit_at_once(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(attended(A, 60))
    assert of_kind(ledger, A, "resident") == 6
    assert states(ledger) == {}


def test_five_hundred_lines_an_objection_on_day_six_and_the_rest_on_day_seven(
    book: Ledger,
) -> None:
    book.hear(*(attended(f"R{n:06d}", 60, day=1 + n % 28) for n in range(1, 501)))
    notice_no = publish(book)
    clock.advance(days(6))
    dispute(book, notice_no, 250)
    assert post_all(book) == 0
    clock.advance(days(1) - days(1) / 86_400)
    assert post_all(book) == 0, "a second before the end is too early"
    clock.advance(days(1) / 86_400)
    assert post_all(book) == 499
    assert states(book) == {"posted": 499, "disputed": 1}
    assert book.scalar("SELECT sum(balance) FROM accounts WHERE owner_kind = 'pending'") == 6
    assert unbalanced(book) == []
    assert set(book.reconcile().values()) == {0}
    assert said(book, "linli.points.posted.v1") == 499


def test_one_event_for_a_resident_however_many_lines(book: Ledger) -> None:
    book.hear(*(attended(A, 60, day=day) for day in range(1, 12)), attended(B, 60))
    publish(book)
    clock.advance(days(7))
    assert post_all(book, most=1) == 12
    told = [one for one in book.said() if "line_count" in one]
    assert sorted((one["resident_no"], one["line_count"], one["points"]) for one in told) == [
        (A, 11, 66),
        (B, 1, 6),
    ]
    assert {one["points_balance"] for one in told} == {66, 6}


def test_the_lot_goes_with_the_points(book: Ledger) -> None:
    publish_rules(
        book, SHOWN_RULES | {"version": 2, "valid_from": "2026-10-01", "expiry": "year_end"}
    )
    book.hear(attended(A, 60))
    publish(book)
    clock.advance(days(7))
    post_all(book)
    assert book.rows(
        "SELECT l.expires_on, s.partner, l.remaining FROM lots l JOIN accounts a"
        " ON a.id = l.account_id JOIN lot_sources s ON s.id = l.source_id"
        " WHERE a.owner_kind = 'resident'"
    ) == [(date(2026, 12, 31), "volunteers-01", 6)]


def test_dismissed_before_the_end_it_is_posted_with_the_others(
    shown: tuple[Ledger, str],
) -> None:
    book, notice_no = shown
    dispute(book, notice_no, 1)
    clock.advance(days(2))
    decide(book, notice_no, 1, "dismissed")
    assert post_all(book) == 0
    clock.advance(days(5))
    assert post_all(book) == 3
    assert of_kind(book, A, "resident") == 6
    assert said(book, "linli.points.posted.v1") == 3


def test_dismissed_after_the_end_it_is_posted_alone(shown: tuple[Ledger, str]) -> None:
    book, notice_no = shown
    dispute(book, notice_no, 1)
    clock.advance(days(7))
    assert post_all(book) == 2
    assert book.scalar("SELECT closed_at FROM public_notices") is None
    decide(book, notice_no, 1, "dismissed")
    assert of_kind(book, A, "resident") == 0
    assert post_all(book) == 1
    assert of_kind(book, A, "resident") == 6
    assert book.scalar("SELECT closed_at FROM public_notices") == clock.now()


def test_upheld_the_points_go_back_with_both_names(shown: tuple[Ledger, str]) -> None:
    book, notice_no = shown
    dispute(book, notice_no, 2, by=CLERK, role="staff")
    dispute(book, notice_no, 2, by="resident-9")
    decide(book, notice_no, 2, "upheld")
    assert (of_kind(book, B, "pending"), of_kind(book, B, "resident")) == (0, 0)
    assert book.balance(B, "service_minutes") == 120
    [(kind, made_by, checked_by, facts)] = book.rows(
        "SELECT d.kind, d.made_by, d.checked_by, d.facts FROM documents d JOIN transfers t"
        " ON t.document_id = d.document_id AND t.kind = 'reversal' AND t.amount = 12"
    )
    assert (kind, made_by, checked_by) == ("reversal", CLERK, JUDGE)
    assert facts["line_no"] == 2
    assert states(book) == {"shown": 2, "reversed": 1}
    clock.advance(days(7))
    assert post_all(book) == 2
    assert book.scalar("SELECT closed_at FROM public_notices") == clock.now()
    assert set(book.reconcile().values()) == {0}
    events = ("linli.points.disputed.v1", "linli.dispute.decided.v1", "linli.points.posted.v1")
    assert [said(book, kind) for kind in events] == [1, 1, 2]


@pytest.mark.parametrize(
    ("by", "raised_by"), [(MAKER, "someone"), (JUDGE, JUDGE), ("someone", "someone")]
)
def test_nobody_decides_alone(shown: tuple[Ledger, str], by: str, raised_by: str) -> None:
    book, notice_no = shown
    dispute(book, notice_no, 1, by=raised_by)
    for outcome in ("dismissed", "upheld"):
        with pytest.raises(Conflict) as refusal:
            decide(book, notice_no, 1, outcome, by=by)
        assert refusal.value.code == "four_eyes"
    with pytest.raises(DBAPIError, match="ck_objections_four_eyes"), book.engine.begin() as c:
        c.execute(
            text(
                "UPDATE objections SET outcome = 'dismissed', decision = 'x', decided_by = :by,"
                " decided_at = now()"
            ),
            {"by": by},
        )


def test_who_objected_once_does_not_again_but_others_may(shown: tuple[Ledger, str]) -> None:
    book, notice_no = shown
    dispute(book, notice_no, 1)
    with pytest.raises(Conflict, match="objected_before"):
        dispute(book, notice_no, 1)
    decide(book, notice_no, 1, "dismissed")
    with pytest.raises(Conflict, match="objected_before"):
        dispute(book, notice_no, 1)
    dispute(book, notice_no, 1, by=CLERK, role="staff")
    decide(book, notice_no, 1, "dismissed")
    dispute(book, notice_no, 1, by=CLERK, role="staff")
    assert states(book) == {"disputed": 1, "shown": 2}


def test_after_the_end_nobody_objects(shown: tuple[Ledger, str]) -> None:
    book, notice_no = shown
    clock.advance(days(7))
    with pytest.raises(Conflict, match="notice_over"):
        dispute(book, notice_no, 1)
    post_all(book)
    with pytest.raises(Conflict, match="notice_over"):
        dispute(book, notice_no, 1)


def test_longer_rules_make_a_longer_notice(book: Ledger) -> None:
    publish_rules(
        book, SHOWN_RULES | {"version": 3, "valid_from": "2026-10-01", "notice": {"days": 10}}
    )
    book.hear(attended(A, 60), attended(B, 60, month=9))
    both = Period(date(2026, 9, 1), date(2026, 10, 31))
    with pytest.raises(Rejected) as refusal:
        publish(book, period=both, for_days=7)
    assert refusal.value.pointer == "/days"
    publish(book, period=both)
    clock.advance(days(9))
    assert post_all(book) == 0
    clock.advance(days(1))
    assert post_all(book) == 2


def test_what_came_late_is_in_the_next_notice(shown: tuple[Ledger, str]) -> None:
    book, notice_no = shown
    with pytest.raises(Conflict, match="nothing_waits"):
        publish(book)
    book.hear(attended(A, 60, day=8))
    assert (notice_no, publish(book)) == (f"{COMMUNITY}-202610-1", f"{COMMUNITY}-202610-2")


BAD: list[tuple[str, dict[str, object], type[LinliError]]] = [
    ("object", {"reason": "dislike"}, Rejected),
    ("object", {"why": "  x "}, Rejected),
    ("object", {"why": "长" * 501}, Rejected),
    ("object", {"why": "with a NUL \x00 inside"}, Rejected),
    ("object", {"line_no": 0}, Missing),
    ("object", {"line_no": 4}, Missing),
    ("object", {"line_no": 2**70}, Missing),
    ("object", {"notice_no": "none"}, Missing),
    ("decide", {"outcome": "maybe"}, Rejected),
    ("decide", {"decision": ""}, Rejected),
    ("decide", {"line_no": 2}, Conflict),
    ("publish", {"days": 6}, Rejected),
    ("publish", {"days": 10**6}, Rejected),
    ("publish", {"period": Period(date(2026, 10, 31), date(2026, 10, 1))}, Rejected),
    ("publish", {"period": Period(date(2020, 1, 1), date(2026, 10, 1))}, Rejected),
    ("publish", {"community_code": "nowhere"}, Conflict),
]


@pytest.mark.parametrize(("what", "wrong", "error"), BAD, ids=lambda value: str(value)[:24])
def test_bad_input_changes_nothing(
    shown: tuple[Ledger, str], what: str, wrong: dict[str, object], error: type[LinliError]
) -> None:
    book, notice_no = shown
    book.hear(attended(A, 60, day=20))
    dispute(book, notice_no, 1)
    line = {"notice_no": notice_no, "line_no": 1, "by": "other"}
    asked = {
        "object": line | {"reason": "other", "why": "说明情况", "role": "resident"},
        "decide": line | {"outcome": "upheld", "decision": "已向组织者核实", "by": JUDGE},
        "publish": {"community_code": COMMUNITY, "period": OCTOBER, "days": None, "by": MAKER},
    }[what]
    verbs = {
        "object": public_notices.raise_objection,
        "decide": public_notices.decide,
        "publish": public_notices.publish_notice,
    }
    before = everything(book)
    with pytest.raises(error) as refusal, transaction(book.sessions) as tx:
        verbs[what](tx, **(asked | wrong))  # type: ignore[operator]
    assert refusal.value.zh
    if error is Rejected:
        assert str(refusal.value.pointer).startswith("/")
    assert everything(book) == before


def everything(ledger: Ledger) -> object:
    tables = ("public_notices", "public_notice_lines", "objections", "documents", "outbox")
    return ledger.snapshot(), [
        ledger.rows(f"SELECT t::text, xmin::text FROM {table} t ORDER BY 1") for table in tables
    ]


SHORTCUTS = [
    "UPDATE public_notice_lines SET state = 'posted', posted_at = ends_at",
    "UPDATE public_notice_lines SET state = 'posted', posted_at = ends_at - interval '1 second'",
    "UPDATE public_notice_lines SET ends_at = ends_at - interval '1 day'",
    "UPDATE public_notice_lines SET state = 'waiting', notice_id = NULL, line_no = NULL,"
    " published_at = NULL, ends_at = NULL",
    "UPDATE public_notice_lines SET state = 'reversed'",
    "UPDATE public_notice_lines SET points = 1",
    "UPDATE public_notices SET ends_at = published_at",
    "UPDATE public_notices SET closed_at = published_at",
    "UPDATE objections SET text = 'never mind'",
    "DELETE FROM public_notice_lines",
    "INSERT INTO public_notices SELECT gen_random_uuid(), 'x', community_code, first_day,"
    " last_day, 7, published_at, published_at + interval '6 days', made_by, 1, 1, NULL"
    " FROM public_notices",
]


@pytest.mark.parametrize("sql", SHORTCUTS)
def test_the_database_refuses_shortcuts(shown: tuple[Ledger, str], sql: str) -> None:
    book, notice_no = shown
    dispute(book, notice_no, 1)
    before = everything(book)
    with pytest.raises(DBAPIError), book.engine.begin() as connection:
        connection.execute(text(sql))
    assert everything(book) == before


@pytest.mark.parametrize("kind", ["posting", "gift", "expiry"])
def test_pending_points_leave_only_with_their_line(shown: tuple[Ledger, str], kind: str) -> None:
    book, _ = shown
    lot = Lot(*book.rows("SELECT expires_on, source_id FROM public_notice_lines LIMIT 1")[0])
    before = pending_accounts(book)
    with pytest.raises(DBAPIError, match="pending"), transaction(book.sessions) as tx:
        keys = [("points", "pending", A), ("points", "resident", A)]
        accounts = books.locked(tx.session, keys)
        posting = books.posting(tx.session)
        if kind == "expiry":
            posting.retire(accounts[keys[0]], 6, uuid7(), kind, lot)
        else:
            posting.move(accounts[keys[0]], accounts[keys[1]], 6, uuid7(), kind, lot)
        posting.post(tx.session, clock.now() + days(30))
    assert of_kind(book, A, "resident") == 0
    assert pending_accounts(book) == before


@pytest.mark.parametrize(
    ("posted_after", "refused"),
    [(days(7) - timedelta(seconds=1), "ck_public_notice_lines_posted"), (days(7), "")],
)
def test_points_that_leave_with_their_line_do_not_leave_early(
    shown: tuple[Ledger, str], posted_after: timedelta, refused: str
) -> None:
    book, _ = shown
    at = PUBLISHED_AT + posted_after
    [(award_id, *lot)] = book.rows(
        "SELECT award_id, expires_on, source_id FROM public_notice_lines WHERE resident_no = :a",
        a=A,
    )
    problem = ""
    try:
        with transaction(book.sessions) as tx:
            keys = [("points", "pending", A), ("points", "resident", A)]
            accounts = books.locked(tx.session, keys)
            posting = books.posting(tx.session)
            posting.move(accounts[keys[0]], accounts[keys[1]], 6, award_id, "posting", Lot(*lot))
            posting.post(tx.session, at)
            tx.session.execute(
                text(
                    "UPDATE public_notice_lines SET state = 'posted', posted_at = :at"
                    " WHERE award_id = :award_id"
                ),
                {"at": at, "award_id": award_id},
            )
    except DBAPIError as refusal:
        problem = str(refusal)
    assert refused in problem
    assert of_kind(book, A, "resident") == (0 if refused else 6)


def pending_accounts(ledger: Ledger) -> list[tuple[object, ...]]:
    return [row for row in ledger.snapshot()["accounts"] if row[2] == "pending"]


def test_a_frozen_account_keeps_nobody_else_waiting(shown: tuple[Ledger, str]) -> None:
    book, _ = shown
    clock.advance(days(7))
    with book.engine.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET frozen_reason = 'looked at' WHERE owner = :o"), {"o": A}
        )
    assert post_all(book) == 2
    with book.engine.begin() as connection:
        connection.execute(text("UPDATE accounts SET frozen_reason = NULL"))
    assert post_all(book) == 1


def test_two_workers_post_each_line_once(book: Ledger) -> None:
    book.hear(*(attended(f"R{n:06d}", 60, day=1 + n % 28) for n in range(1, 201)))
    book.hear(*(attended(f"R{n:06d}", 60, day=1 + n % 28, month=9) for n in range(1, 101)))
    publish(book)
    publish(book, period=Period(date(2026, 9, 1), date(2026, 9, 30)))
    clock.advance(days(7))
    start = threading.Barrier(4)

    def work() -> int:
        start.wait(timeout=60)
        done = 0
        # One that finds nothing ready looks again: the others may have locked what is left.
        while book.scalar("SELECT count(*) FROM public_notices WHERE closed_at IS NULL"):
            done += post(book, most=7)
        return done

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(work) for _ in range(4)]
        assert sum(one.result(timeout=300) for one in done) == 300
    assert book.scalar("SELECT count(*) FROM transfers WHERE kind = 'posting'") == 300
    assert said(book, "linli.points.posted.v1") == 300
    assert unbalanced(book) == []
    assert set(book.reconcile().values()) == {0}


def test_a_worker_that_dies_leaves_nothing_half_done(shown: tuple[Ledger, str]) -> None:
    book, _ = shown
    clock.advance(days(7))
    before = everything(book)

    class Died(BaseException):
        pass

    with pytest.raises(Died), transaction(book.sessions) as tx:
        assert post_ended(tx) == 3
        raise Died
    assert everything(book) == before
    assert post(book) == 3
    after = everything(book)
    assert post(book) == 0
    assert everything(book) == after


def test_objecting_and_deciding_beside_the_posting(book: Ledger) -> None:
    """At the end an objection is either refused or counts: no line is both."""
    book.hear(*(attended(f"R{n:06d}", 60, day=5) for n in range(1, 41)))
    notice_no = publish(book)
    for line_no in range(1, 21):
        dispute(book, notice_no, line_no)
    clock.advance(days(7))
    start = threading.Barrier(2)

    def judge() -> None:
        start.wait(timeout=60)
        for line_no in range(1, 21):
            decide(book, notice_no, line_no, "upheld" if line_no % 2 else "dismissed")

    def work() -> None:
        start.wait(timeout=60)
        while book.scalar("SELECT count(*) FROM public_notices WHERE closed_at IS NULL"):
            post(book, most=5)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(judge), pool.submit(work)]:
            done.result(timeout=300)
    assert states(book) == {"posted": 30, "reversed": 10}
    assert unbalanced(book) == []
    assert set(book.reconcile().values()) == {0}


def test_an_award_that_is_wrong_leaves_its_notice(shown: tuple[Ledger, str]) -> None:
    book, notice_no = shown
    dispute(book, notice_no, 1)
    award_ids = [row[0] for row in book.rows("SELECT award_id FROM awards WHERE owner = :o", o=A)]
    with transaction(book.sessions) as tx:
        document_id = uuid7()
        tx.session.execute(
            text(
                "INSERT INTO documents VALUES (:id, 'reversal', '2026-11-02', 'a', 'b', '{}', :at)"
            ),
            {"id": document_id, "at": clock.now()},
        )
        [one] = public_notices.withdraw(tx.session, award_ids, document_id)
        key = ("points", "pending", one.resident_no)
        account = books.locked(tx.session, [key])[key]
        posting = books.posting(tx.session)
        posting.retire(account, one.points, document_id, "reversal", one.lot)
        posting.post(tx.session, clock.now())
    assert states(book) == {"reversed": 1, "shown": 2}
    with pytest.raises(Conflict, match="not_disputed"):
        decide(book, notice_no, 1, "dismissed")
    with transaction(book.sessions) as tx:
        assert public_notices.withdraw(tx.session, award_ids, uuid7()) == []

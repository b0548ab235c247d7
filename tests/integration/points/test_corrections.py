"""更正: two people take back an award or adjust an account; spent points follow a declared policy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.points.actions import corrections
from services.points.actions.debts import repay_debts
from shared import clock
from shared.db.session import make_engine, make_sessions
from shared.errors import Conflict, LinliError, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from tests.integration.points.correcting import (
    CHECKER,
    MAKER,
    WHY,
    YES,
    adjust,
    approve,
    award_ids,
    part,
    propose_reversal,
    register,
    reverse,
    reverse_document,
    standing,
)
from tests.integration.points.database import RULES, Ledger, attended, publish_rules
from tests.integration.points.lots import award, lots_of, on, put, spend, sweep
from tests.integration.points.showing import (
    PUBLISHED_AT,
    SHOWN_RULES,
    days,
    decide,
    dispute,
    of_kind,
    post_all,
    publish,
    states,
    time_at,
    unbalanced,
)

A, B = "R000001", "R000002"


def assert_sound(ledger: Ledger) -> None:
    assert set(ledger.reconcile().values()) == {0}
    ((wrong,),) = ledger.rows(
        "SELECT count(*) FROM debts d WHERE amount - remaining <> coalesce((SELECT sum(amount)"
        " FROM debt_payments p WHERE p.debt_id = d.debt_id), 0)"
    )
    assert wrong == 0


def take(ledger: Ledger, owner: str, amount: int) -> None:
    with transaction(ledger.sessions) as tx:
        spend(tx, owner, amount)


def repay(ledger: Ledger) -> int:
    with transaction(ledger.sessions) as tx:
        return repay_debts(tx)


def refused(ledger: Ledger, doing: Callable[[], object], kind: type[LinliError], code: str) -> None:
    """The ledger is byte-identical afterwards."""
    before = ledger.snapshot()
    with pytest.raises(kind) as caught:
        doing()
    assert caught.value.code == code
    assert ledger.snapshot() == before


# Policies: spent, then (due, taken, ended, owed, unrecovered), and what is left.
@pytest.mark.parametrize(
    ("policy", "spent", "expected", "left"),
    [
        ("within_balance", 0, (6, 6, 0, 0, 0), 0),
        ("within_balance", 4, (6, 2, 0, 0, 4), 0),
        ("within_balance", 6, (6, 0, 0, 0, 6), 0),
        ("debt", 0, (6, 6, 0, 0, 0), 0),
        ("debt", 4, (6, 2, 0, 4, 0), 0),
        ("debt", 6, (6, 0, 0, 6, 0), 0),
    ],
)
def test_spent_points_follow_the_policy(
    ledger: Ledger, policy: str, spent: int, expected: tuple[int, ...], left: int
) -> None:
    publish_rules(ledger)
    ledger.hear(attended(A, 60))
    if spent:
        take(ledger, A, spent)
    document_id = reverse(ledger, award_ids(ledger, A)[0], policy=policy)
    assert part(ledger, document_id) == expected
    assert part(ledger, document_id, "service_minutes") == (60, 60, 0, 0, 0)
    assert (ledger.balance(A), ledger.balance(A, "service_minutes")) == (left, 0)
    assert ledger.scalar("SELECT coalesce(sum(remaining), 0)::int FROM debts") == expected[3]
    assert_sound(ledger)


@pytest.mark.parametrize("policy", ["only_pending", "within_balance", "debt"])
def test_points_on_public_notice_are_taken_off_it_under_every_policy(
    ledger: Ledger, policy: str
) -> None:
    publish_rules(ledger, SHOWN_RULES)
    with time_at(PUBLISHED_AT):
        ledger.hear(attended(A, 60), attended(A, 120, day=10), attended(B, 60))
        publish(ledger)
        ids = award_ids(ledger, A)
        document_id = reverse(ledger, ids[1], policy=policy)
        assert part(ledger, document_id) == (12, 12, 0, 0, 0)
        assert states(ledger) == {"reversed": 1, "shown": 2}
        assert unbalanced(ledger) == []
        assert ledger.balance(A, "service_minutes") == 60
        clock.advance(days(8))
        post_all(ledger)
        assert of_kind(ledger, A, "resident") == 6
    assert_sound(ledger)


def test_only_pending_is_refused_once_the_points_were_posted(ledger: Ledger) -> None:
    publish_rules(ledger, SHOWN_RULES)
    with time_at(PUBLISHED_AT):
        ledger.hear(attended(A, 60))
        (award_id,) = award_ids(ledger, A)
        publish(ledger)
        made = propose_reversal(ledger, award_id, policy="only_pending")
        clock.advance(days(8))
        post_all(ledger)
        refused(ledger, lambda: approve(ledger, made), Conflict, "posted_already")
        again = {"policy": "only_pending"}
        refused(
            ledger,
            lambda: propose_reversal(ledger, award_id, **again),
            Conflict,
            "posted_already",
        )
    assert of_kind(ledger, A, "resident") == 6


def test_the_last_line_of_a_notice_that_is_reversed_closes_it(ledger: Ledger) -> None:
    publish_rules(ledger, SHOWN_RULES)
    with time_at(PUBLISHED_AT):
        ledger.hear(attended(A, 60))
        number = publish(ledger)
        dispute(ledger, number, 1)
        clock.advance(days(8))
        reverse(ledger, award_ids(ledger, A)[0])
        assert ledger.scalar("SELECT closed_at IS NOT NULL FROM public_notices")
    assert_sound(ledger)


def test_after_an_upheld_objection_only_the_time_is_left_to_reverse(ledger: Ledger) -> None:
    publish_rules(ledger, SHOWN_RULES)
    with time_at(PUBLISHED_AT):
        ledger.hear(attended(A, 60), attended(A, 120, day=10))
        number = publish(ledger)
        dispute(ledger, number, 1)
        decide(ledger, number, 1, "upheld")
        document_id = reverse(ledger, award_ids(ledger, A)[0])
        assert part(ledger, document_id, "service_minutes") == (60, 60, 0, 0, 0)
        assert of_kind(ledger, A, "pending") == 12
        assert unbalanced(ledger) == []
    assert_sound(ledger)


def test_what_rules_declare_binds_the_proposal(ledger: Ledger) -> None:
    publish_rules(ledger, RULES | {"programme": "bound", "reversal": "debt"})
    ledger.hear(attended(A, 60))
    (award_id,) = award_ids(ledger, A)
    refused(
        ledger,
        lambda: propose_reversal(ledger, award_id, policy="within_balance"),
        Rejected,
        "policy_declared",
    )
    reverse(ledger, award_id)
    assert ledger.scalar("SELECT policy FROM reversals") == "debt"


def test_own_lot_first_then_what_ends_first(ledger: Ledger) -> None:
    publish_rules(ledger, RULES | {"programme": "yearly", "expiry": "year_end"})
    ledger.hear(attended(A, 60))
    with transaction(ledger.sessions) as tx:
        award(tx, A, 5, date(2026, 11, 30), "sooner")
        award(tx, A, 5, date(2028, 1, 31), "later")
        put(tx, A, 4, "resident", "held", "hold")  # 4 of "sooner"
    with on(date(2026, 10, 20)):
        with transaction(ledger.sessions) as tx:
            put(tx, A, 3, "resident", "resident", "gift", B)  # 1 of "sooner", 2 of the award
        document_id = reverse(ledger, award_ids(ledger, A)[0])
    assert part(ledger, document_id) == (6, 6, 0, 0, 0)
    assert lots_of(ledger, A) == {date(2028, 1, 31): 3}
    assert lots_of(ledger, A, "held") == {date(2026, 11, 30): 4}
    assert_sound(ledger)


def test_what_has_ended_unspent_is_not_asked_for_again(ledger: Ledger) -> None:
    publish_rules(ledger, RULES | {"programme": "yearly", "expiry": "year_end"})
    ledger.hear(attended(A, 60), attended(A, 60, day=10))
    take(ledger, A, 4)
    with transaction(ledger.sessions) as tx:
        award(tx, A, 20, date(2028, 1, 31))
    with on(date(2027, 1, 5)):
        sweep(ledger)
        first, second = (
            reverse(ledger, award_id, policy="debt") for award_id in award_ids(ledger, A)
        )
    # 8 of the 12 ended; each of the two answers for its part of them, together no more than 8
    assert part(ledger, first) == (6, 0, 6, 0, 0)
    assert part(ledger, second) == (6, 4, 2, 0, 0)
    assert ledger.balance(A) == 16
    assert_sound(ledger)


def test_a_debt_is_repaid_from_later_awards_and_names_the_same_two(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(attended(A, 60))
    take(ledger, A, 6)
    reverse(ledger, award_ids(ledger, A)[0], policy="debt")
    assert repay(ledger) == 0
    ledger.hear(attended(A, 30, day=11))
    assert repay(ledger) == 1
    assert ledger.balance(A) == 0
    ledger.hear(attended(A, 120, day=12))
    assert (repay(ledger), repay(ledger)) == (1, 0)
    assert ledger.balance(A) == 9
    assert ledger.balance(A, "service_minutes") == 150
    assert ledger.rows(
        "SELECT d.made_by, d.checked_by, t.amount FROM debt_payments p"
        " JOIN documents d USING (document_id) JOIN transfers t USING (document_id)"
        " ORDER BY d.made_at, t.amount"
    ) == [(MAKER, CHECKER, 3), (MAKER, CHECKER, 3)]
    said = [one for one in ledger.said() if one.get("way") == "repayment"]
    assert [(one["points"], one["points_owed"]) for one in said] == [(-3, 3), (-3, 0)]
    assert_sound(ledger)


def test_a_frozen_debtor_keeps_nobody_else_waiting(ledger: Ledger) -> None:
    publish_rules(ledger)
    for who in (A, B):
        ledger.hear(attended(who, 60))
        take(ledger, who, 6)
        reverse(ledger, award_ids(ledger, who)[0], policy="debt")
        ledger.hear(attended(who, 60, day=11))
    with ledger.engine.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET frozen_reason = 'x' WHERE owner = :o"), {"o": A}
        )
    assert repay(ledger) == 1
    assert (ledger.balance(A), ledger.balance(B)) == (6, 0)


def test_an_award_is_reversed_once_by_however_many_at_once(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(attended(A, 60), attended(A, 60, day=10))
    award_id, _ = award_ids(ledger, A)
    made = propose_reversal(ledger, award_id)
    refused(ledger, lambda: propose_reversal(ledger, award_id), Conflict, "proposed_before")
    engine = make_engine(ledger.url, pool_size=6, application="points-test")
    sessions, gate = make_sessions(engine), threading.Barrier(6)

    def work() -> str:
        gate.wait(timeout=60)
        try:
            with transaction(sessions) as tx:
                corrections.approve(tx, made, by=CHECKER, decision=YES)
        except Conflict as refusal:
            return refusal.code
        return "done"

    with ThreadPoolExecutor(6) as pool:
        ended = sorted(each.result() for each in [pool.submit(work) for _ in range(6)])
    engine.dispose()
    assert ended == ["decided_before"] * 5 + ["done"]
    assert ledger.balance(A) == 6
    refused(ledger, lambda: propose_reversal(ledger, award_id), Conflict, "reversed_before")
    assert_sound(ledger)


def test_nobody_decides_alone_neither_in_the_action_nor_in_the_database(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(attended(A, 60))
    made = propose_reversal(ledger, award_ids(ledger, A)[0])
    refused(ledger, lambda: approve(ledger, made, by=MAKER), Conflict, "four_eyes")
    with pytest.raises(DBAPIError, match="four_eyes"), ledger.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE corrections SET state = 'refused', checked_by = made_by,"
                " checked_at = made_at, decision = 'aaaa'"
            )
        )
    approve(ledger, made)
    with pytest.raises(DBAPIError, match="decided once"), ledger.engine.begin() as connection:
        connection.execute(text("UPDATE corrections SET decision = 'something else'"))
    with pytest.raises(DBAPIError, match="permission denied"), ledger.engine.begin() as connection:
        connection.execute(text("DELETE FROM corrections"))


def test_a_proposal_lapses_and_may_be_made_again(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(attended(A, 60))
    (award_id,) = award_ids(ledger, A)
    with time_at(PUBLISHED_AT):
        made = propose_reversal(ledger, award_id)
        clock.advance(timedelta(days=14))
        refused(ledger, lambda: approve(ledger, made), Conflict, "lapsed")
        reverse(ledger, award_id)
    assert ledger.rows("SELECT state FROM corrections ORDER BY made_at") == [
        ("lapsed",),
        ("approved",),
    ]


def test_a_refused_proposal_changes_nothing(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(attended(A, 60))
    made = propose_reversal(ledger, award_ids(ledger, A)[0])
    before = ledger.snapshot()
    with transaction(ledger.sessions) as tx:
        corrections.refuse(tx, made, by=CHECKER, decision="签到表无误")
    assert ledger.snapshot() == before
    refused(ledger, lambda: approve(ledger, made), Conflict, "decided_before")


def test_a_reversal_frees_no_cap(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(attended(A, 120), attended(A, 120, hour=5))  # 12, then 8 under 20 a day
    assert ledger.balance(A) == 20
    reverse(ledger, award_ids(ledger, A)[0])
    ledger.hear(attended(A, 120, hour=9))
    assert ledger.balance(A) == 8


def test_adjustments_add_and_take_and_can_be_reversed(ledger: Ledger) -> None:
    register(ledger, A)
    last = date(2099, 12, 31)
    added = adjust(ledger, A, 10, expires_on=last)
    adjust(ledger, A, 90, asset="service_minutes")
    adjust(ledger, A, 5, asset="honour_points")
    assert lots_of(ledger, A) == {last: 10}
    taken = adjust(ledger, A, -4, reason_code="wrong_amount")
    adjust(ledger, A, -30, asset="service_minutes", reason_code="wrong_amount")
    assert (ledger.balance(A), ledger.balance(A, "service_minutes")) == (6, 60)
    reverse_document(ledger, taken)
    assert lots_of(ledger, A) == {last: 10}
    assert part(ledger, reverse_document(ledger, added)) == (10, 10, 0, 0, 0)
    assert ledger.balance(A) == 0
    assert ledger.balance(A, "honour_points") == 5
    names = ledger.rows("SELECT DISTINCT made_by, checked_by FROM documents")
    assert names == [(MAKER, CHECKER)]
    assert_sound(ledger)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"amount": 0}, "bad_amount"),
        ({"amount": 1_000_001}, "bad_amount"),
        ({"asset": "time_coins"}, "bad_asset"),
        ({"asset": "service_minutes", "expires_on": date(2099, 1, 1)}, "no_expiry"),
        ({"amount": -1, "expires_on": date(2099, 1, 1)}, "no_expiry"),
        ({"expires_on": date(2020, 1, 1)}, "ended_already"),
        ({"reason_code": "because"}, "bad_reason"),
        ({"reason": "x"}, "bad_text"),
    ],
)
def test_what_is_no_adjustment_is_refused(
    ledger: Ledger, more: dict[str, object], code: str
) -> None:
    register(ledger, A)
    amount = int(str(more.pop("amount", 1)))
    refused(ledger, lambda: adjust(ledger, A, amount, **more), Rejected, code)


def test_more_than_there_is_cannot_be_taken_and_strangers_get_nothing(ledger: Ledger) -> None:
    register(ledger, A)
    adjust(ledger, A, 3)
    refused(ledger, lambda: adjust(ledger, A, -4), Conflict, "not_enough")
    refused(ledger, lambda: adjust(ledger, "R999999", 1), Rejected, "unknown_resident")
    for wrong in (uuid7(), UUID(int=0)):
        refused(ledger, lambda: propose_reversal(ledger, wrong), Missing, "no_award")  # noqa: B023
    refused(ledger, lambda: reverse_document(ledger, uuid7()), Missing, "no_document")


def test_only_adjustments_and_imports_are_reversed_as_documents(ledger: Ledger) -> None:
    register(ledger, A)
    publish_rules(ledger)
    ledger.hear(attended(A, 60))
    document_id = reverse(ledger, award_ids(ledger, A)[0])
    refused(ledger, lambda: reverse_document(ledger, document_id), Rejected, "not_reversible")
    added = adjust(ledger, A, 10)
    refused(ledger, lambda: reverse_document(ledger, added, "only_pending"), Rejected, "bad_policy")
    before = standing(ledger)
    reverse_document(ledger, added)
    refused(ledger, lambda: reverse_document(ledger, added), Conflict, "reversed_before")
    assert standing(ledger) != before


def test_the_entry_names_both_and_tells_why(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(attended(A, 60))
    take(ledger, A, 2)
    reverse(ledger, award_ids(ledger, A)[0])
    ((made_by, checked_by, facts),) = ledger.rows(
        "SELECT made_by, checked_by, facts FROM documents WHERE kind = 'reversal'"
    )
    assert (made_by, checked_by) == (MAKER, CHECKER)
    assert "A1009" in facts["zh"]
    assert "2 分不追回" in facts["zh"]
    assert WHY not in str(facts)  # what people write by hand is for the office only
    (said,) = [one for one in ledger.said() if one.get("way") == "reversal"]
    assert (said["points"], said["service_minutes"], said["points_balance"]) == (-4, -60, 0)

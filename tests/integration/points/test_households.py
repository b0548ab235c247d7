"""Households: consented spending from members' own accounts, gifts, and the community's pool."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from services.points.actions import gifts
from services.points.actions import ledger as book
from services.points.actions.documents import write_document
from services.points.actions.households import consent, draw, give_back, withdraw
from services.points.actions.proposals import decide, propose
from services.points.queries import households as queries
from shared import clock
from shared.errors import Conflict, LinliError, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from tests.integration.points.database import RULES, Ledger, attended, publish_rules
from tests.integration.points.declared import (
    CHECKER,
    COMMUNITY,
    MAKER,
    approved,
    days_later,
    declare,
    moved_to,
    registered,
)

A, B, C, STRANGER = "R000001", "R000002", "R000003", "R000009"
HOME, AWAY = "H0001", "H0002"
NOON = datetime(2026, 10, 12, 4, 0, tzinfo=UTC)


@pytest.fixture
def home(ledger: Ledger) -> Iterator[Ledger]:
    """A and B have 60 points each, C none; the stranger lives elsewhere."""
    with moved_to(NOON):
        publish_rules(
            ledger, RULES | {"caps": {"person_day_points": 60, "person_month_points": 60}}
        )
        ledger.hear(*(registered(no, HOME) for no in (A, B, C)), registered(STRANGER, AWAY))
        done = [attended(no, 120, day=day) for no in (A, B, STRANGER) for day in range(1, 6)]
        ledger.hear(*done)
        assert [ledger.balance(no) for no in (A, B, C)] == [60, 60, 0]
        yield ledger


def allow(ledger: Ledger, resident_no: str, month_max: int = 100) -> None:
    with transaction(ledger.sessions) as tx:
        consent(tx, resident_no, "spend", by=resident_no, month_max=month_max)


def spend(ledger: Ledger, resident_no: str, amount: int) -> UUID:
    """As a redemption does: what was drawn goes back to the issuer."""
    document_id = uuid7()
    with transaction(ledger.sessions) as tx:
        write_document(tx.session, document_id, "redemption", made_by=resident_no, facts={})
        drawn = draw(tx, resident_no, amount, document_id=document_id)
        posting = book.posting(tx.session)
        for part in drawn.parts:
            posting.retire(part.account, part.amount, document_id, "redemption", part.lot)
        posting.post(tx.session, clock.now())
    return document_id


def test_without_consent_nobody_spends_what_is_anothers(home: Ledger) -> None:
    before = home.snapshot()
    with pytest.raises(Conflict):
        spend(home, C, 1)
    allow(home, STRANGER)  # of another household
    with pytest.raises(Conflict):
        spend(home, C, 1)
    assert home.snapshot() == before


def test_shared_spending_takes_from_owners_within_their_limits_and_tells_them(
    home: Ledger,
) -> None:
    allow(home, A, 40)
    allow(home, B, 40)
    spend(home, C, 50)
    assert home.balance(A) + home.balance(B) == 70
    assert min(home.balance(A), home.balance(B)) >= 20
    told = [one for one in home.said() if one.get("way") == "spent"]
    assert sum(one["points"] for one in told) == 50
    for one in told:
        assert one["points_balance"] == home.balance(one["resident_no"])
    with pytest.raises(Conflict):
        spend(home, C, 31)  # 30 are left of both limits
    spend(home, C, 30)
    assert home.balance(A) + home.balance(B) == 40
    assert set(home.reconcile().values()) == {0}


def test_a_limit_is_of_a_month_and_what_comes_back_counts_no_more(home: Ledger) -> None:
    allow(home, A, 10)
    document_id = spend(home, C, 10)
    with pytest.raises(Conflict):
        spend(home, C, 1)
    for _ in range(2):  # twice is once
        with transaction(home.sessions) as tx:
            give_back(tx, document_id)
    assert home.scalar("SELECT sum(amount) FROM household_spends") == 0
    spend(home, C, 10)
    with pytest.raises(Conflict):
        spend(home, C, 1)
    days_later(20)  # November
    spend(home, C, 10)
    assert home.balance(A) == 30


def test_what_ends_first_is_spent_first_whoever_it_is_of(home: Ledger) -> None:
    publish_rules(home, RULES | {"version": 2, "valid_from": "2026-11-01", "expiry": {"months": 1}})
    allow(home, A)
    days_later(25)
    home.hear(attended(A, 120, day=5, month=11))  # 12 points that end in December
    spend(home, B, 10)
    assert (home.balance(A), home.balance(B)) == (62, 60)
    spend(home, B, 5)  # 2 of A's that end, then B's own
    assert (home.balance(A), home.balance(B)) == (60, 57)


def test_who_leaves_takes_along_what_is_his_and_the_consent_ends(home: Ledger) -> None:
    allow(home, A)
    spend(home, B, 70)
    before = home.balance(A)
    home.hear(registered(A, AWAY, revision=2))
    assert home.balance(A) == before
    with pytest.raises(Conflict):
        spend(home, C, 1)
    home.hear(registered(STRANGER, AWAY, revision=2))
    with pytest.raises(Conflict):
        spend(home, STRANGER, 61)  # nor does it begin in the new household
    moves = home.scalar("SELECT count(*) FROM transfers WHERE kind NOT IN ('award', 'redemption')")
    assert moves == 0


def test_a_withdrawn_consent_is_none_and_stays_on_the_record(home: Ledger) -> None:
    allow(home, A)
    with transaction(home.sessions) as tx:
        withdraw(tx, A, "spend", by="clerk-1", reason="本人来窗口要求")
    with pytest.raises(Conflict):
        spend(home, C, 1)
    with pytest.raises(Missing), transaction(home.sessions) as tx:
        withdraw(tx, A, "spend", by=A)
    with home.sessions() as session:
        (one,) = queries.consents(session, A)
    assert (one.given_by, one.withdrawn_by) == (A, "clerk-1")
    with pytest.raises(Exception, match="permission denied"), home.engine.begin() as connection:
        connection.execute(text("UPDATE sharing_consents SET month_max = 999"))


def test_a_frozen_member_keeps_nobody_else_from_spending(home: Ledger) -> None:
    allow(home, A)
    with home.engine.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET frozen_reason = 'x' WHERE owner = :a AND asset = 'points'"),
            {"a": A},
        )
    spend(home, B, 60)
    with pytest.raises(Conflict):
        spend(home, B, 1)


def test_many_at_once_never_pass_a_limit(home: Ledger) -> None:
    allow(home, A, 30)

    def once(who: str) -> bool:
        try:
            spend(home, who, 7)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(once, [C] * 12))
    assert sum(done) == 4
    assert home.balance(A) == 60 - 28
    assert set(home.reconcile().values()) == {0}


def take_gifts(ledger: Ledger, resident_no: str) -> None:
    with transaction(ledger.sessions) as tx:
        consent(tx, resident_no, "gift", by=resident_no)


def give(ledger: Ledger, giver: str, receiver: str, amount: int, **more: UUID) -> None:
    with transaction(ledger.sessions) as tx:
        gifts.give(tx, giver, receiver, amount, by=giver, **more)


def test_a_gift_keeps_its_lots_and_is_told(home: Ledger) -> None:
    take_gifts(home, C)
    lots = "SELECT expires_on, source_id FROM lots l JOIN accounts a ON a.id = l.account_id"
    document_id = uuid7()
    for _ in range(2):  # pressed twice
        give(home, A, C, 20, document_id=document_id)
    assert (home.balance(A), home.balance(C)) == (40, 20)
    of = f"{lots} WHERE a.owner = :owner"
    assert set(home.rows(of, owner=C)) <= set(home.rows(of, owner=A))
    (told,) = [one for one in home.said() if one.get("way") == "gift"]
    assert (told["resident_no"], told["points"], told["points_balance"]) == (C, 20, 20)
    assert set(home.reconcile().values()) == {0}


@pytest.mark.parametrize(
    ("receiver", "amount", "code"),
    [
        (B, 10, "no_consent"),
        (STRANGER, 10, "not_of_the_household"),
        (A, 10, "not_of_the_household"),
        ("nobody", 10, "not_of_the_household"),
        (C, 0, "bad_amount"),
        (C, -5, "bad_amount"),
        (C, 2**62, "bad_amount"),
        (C, 51, "gift_limit"),
    ],
)
def test_a_gift_that_cannot_be_changes_nothing(
    home: Ledger, receiver: str, amount: int, code: str
) -> None:
    take_gifts(home, C)
    before = home.snapshot()
    with pytest.raises(LinliError) as caught:
        give(home, A, receiver, amount)
    assert caught.value.code == code
    assert home.snapshot() == before


def test_gifts_have_limits_of_a_day_and_a_month_that_are_declared(home: Ledger) -> None:
    take_gifts(home, C)
    declare(
        home,
        "household",
        {"gift_day_max": 20, "gift_month_max": 30, "spend_month_max": 15},
    )
    give(home, A, C, 20)
    with pytest.raises(Conflict):
        give(home, A, C, 1)
    days_later(1)
    give(home, A, C, 10)
    days_later(1)
    with pytest.raises(Conflict):
        give(home, A, C, 1)
    with pytest.raises(Rejected) as caught:
        allow(home, A, 16)
    assert caught.value.pointer == "/month_max"


def test_a_pool_takes_donations_and_grants_by_two_people(home: Ledger) -> None:
    with transaction(home.sessions) as tx:
        gifts.donate(tx, A, 25, by=A)
    assert (home.balance(A), home.balance(COMMUNITY)) == (35, 25)
    approved(home, "pool_grant", {"amount": 10}, C)
    assert (home.balance(C), home.balance(COMMUNITY)) == (10, 15)
    (told,) = [one for one in home.said() if one.get("way") == "grant"]
    assert told["resident_no"] == C
    with transaction(home.sessions) as tx:
        more = propose(tx, "pool_grant", {"amount": 16}, reason="x", by=MAKER, resident_no=C)
    before = home.snapshot()
    with pytest.raises(Conflict), transaction(home.sessions) as tx:
        decide(tx, more, approve=True, reason="同意", by=CHECKER)
    assert home.snapshot() == before
    assert (
        home.scalar("SELECT count(*) FROM proposal_decisions WHERE proposal_id = :id", id=more) == 0
    )
    assert set(home.reconcile().values()) == {0}

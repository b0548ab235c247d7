"""Assets stay apart: hours are never spent, conversions follow declared rules, honours two eyes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.points.actions import ledger as book
from services.points.actions.conversions import convert, convert_by_right
from services.points.actions.documents import write_document
from services.points.actions.proposals import decide, propose
from services.points.actions.stars import reckon_stars
from services.points.queries import stars
from services.points.rules.declared_examples import HONOURS, TIME_COINS
from services.points.rules.lots import take
from shared import clock
from shared.errors import Conflict, LinliError, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction, transaction
from tests.integration.points.database import Ledger, attended, publish_rules
from tests.integration.points.declared import CHECKER, MAKER, approved, declare

A = "R000001"


@pytest.fixture
def lived(ledger: Ledger) -> Ledger:
    """A has 100 hours and some points of them."""
    publish_rules(ledger)
    ledger.hear(*(attended(A, 600, day=day) for day in range(1, 11)))
    return ledger


def spend_everything(ledger: Ledger, resident_no: str) -> None:
    with transaction(ledger.sessions) as tx:
        key = ("points", "resident", resident_no)
        account = book.locked(tx.session, [key])[key]
        document_id, posting = uuid7(), book.posting(tx.session)
        write_document(tx.session, document_id, "redemption", made_by="x", facts={})
        held = book.held_lots(tx.session, [account])[account.id]
        for lot, amount in take(held, account.balance):
            posting.retire(account, amount, document_id, "redemption", lot)
        posting.post(tx.session, clock.now())


def test_spending_all_points_leaves_hours_and_star_as_they_were(lived: Ledger) -> None:
    with transaction(lived.sessions) as tx:
        assert reckon_stars(tx) == 1
    assert lived.balance(A) > 0
    with lived.sessions() as session:
        before = stars.history(session, A, "default")
    spend_everything(lived, A)
    with transaction(lived.sessions) as tx:
        reckon_stars(tx)
    assert lived.balance(A) == 0
    assert lived.balance(A, "service_minutes") == 6000
    with lived.sessions() as session:
        assert stars.history(session, A, "default") == before
    assert [one.star for one in before] == [1]
    assert set(lived.reconcile().values()) == {0}


@pytest.mark.parametrize("asset", ["service_minutes", "honour_points"])
@pytest.mark.parametrize("kind", ["redemption", "hold", "conversion", "gift", "expiry", "posting"])
def test_the_database_lets_nobody_spend_what_is_only_counted(
    lived: Ledger, asset: str, kind: str
) -> None:
    key = (asset, "resident", A)
    with transaction(lived.sessions) as tx:  # honours to take from
        account = book.locked(tx.session, [key])[key]
        posting = book.posting(tx.session)
        posting.issue(account, 10, uuid7(), "adjustment")
        posting.post(tx.session, clock.now())
    before = lived.snapshot()

    def take_one() -> None:
        with transaction(lived.sessions) as tx:
            account = book.locked(tx.session, [key])[key]
            posting = book.posting(tx.session)
            posting.retire(account, 1, uuid7(), kind)
            posting.post(tx.session, clock.now())

    with pytest.raises(IntegrityError, match="never_spent"):
        take_one()
    assert lived.snapshot() == before


def test_a_mistake_of_hours_can_still_be_taken_back(lived: Ledger) -> None:
    key = ("service_minutes", "resident", A)
    with transaction(lived.sessions) as tx:
        account = book.locked(tx.session, [key])[key]
        posting = book.posting(tx.session)
        posting.retire(account, 60, uuid7(), "reversal")
        posting.post(tx.session, clock.now())
    assert lived.balance(A, "service_minutes") == 5940


def test_each_minute_makes_coins_once_and_the_hours_stay(lived: Ledger) -> None:
    declare(lived, "conversion", TIME_COINS, name="hour-to-coin")
    with transaction(lived.sessions) as tx:
        assert convert_by_right(tx) == 1
    with transaction(lived.sessions) as tx:
        assert convert_by_right(tx) == 0
    assert lived.balance(A, "time_coins") == 100
    assert lived.balance(A, "service_minutes") == 6000
    lived.hear(attended(A, 50, day=16))
    with transaction(lived.sessions) as tx:
        assert convert_by_right(tx) == 0  # the remainder waits
    lived.hear(attended(A, 20, day=17))
    with transaction(lived.sessions) as tx:
        assert convert_by_right(tx) == 1
    assert lived.balance(A, "time_coins") == 101
    assert lived.rows("SELECT counted FROM conversion_counts") == [(6060,)]
    assert set(lived.reconcile().values()) == {0}


def test_a_new_version_converts_no_minute_again(lived: Ledger) -> None:
    declare(lived, "conversion", TIME_COINS, name="hour-to-coin")
    with transaction(lived.sessions) as tx:
        convert_by_right(tx)
    declare(lived, "conversion", TIME_COINS | {"to_amount": 3}, name="hour-to-coin")
    declare(lived, "conversion", TIME_COINS, name="another-name")
    with transaction(lived.sessions) as tx:
        assert convert_by_right(tx) == 0
    assert lived.balance(A, "time_coins") == 100


def test_many_at_once_convert_each_minute_once(lived: Ledger) -> None:
    declare(lived, "conversion", TIME_COINS, name="hour-to-coin")

    def once(_: int) -> bool:
        try:
            with transaction(lived.sessions) as tx:
                convert(tx, A, "hour-to-coin", by=A)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(once, range(8)))
    assert sum(done) == 1
    assert lived.balance(A, "time_coins") == 100


def test_points_become_coins_by_being_taken_and_no_other_way(lived: Ledger) -> None:
    rule = TIME_COINS | {"from_asset": "points", "from_amount": 7, "consumes": True}
    declare(lived, "conversion", rule | {"by_right": False}, name="points-to-coin")
    had = lived.balance(A)
    with transaction(lived.sessions) as tx:
        made = convert(tx, A, "points-to-coin", by=A)
    assert lived.balance(A) == made.result.left == had % 7
    assert lived.balance(A, "time_coins") == had // 7
    before = lived.snapshot()
    with pytest.raises(Conflict), transaction(lived.sessions) as tx:
        convert(tx, A, "points-to-coin", by=A)
    with pytest.raises(Missing), transaction(lived.sessions) as tx:
        convert(tx, A, "no-such-rule", by=A)
    assert lived.snapshot() == before


def honour(level: str = "county", **more: object) -> dict[str, Any]:
    return {"level": level, "title": "最美志愿者", "on_date": "2026-05-04", **more}


def test_an_honour_counts_when_a_second_manager_agrees(lived: Ledger) -> None:
    declare(lived, "honour", HONOURS)
    document_id = approved(lived, "honour", honour(), A)
    assert lived.balance(A, "honour_points") == 15
    assert lived.rows(
        "SELECT kind, made_by, checked_by FROM documents WHERE document_id = :id", id=document_id
    ) == [("adjustment", MAKER, CHECKER)]
    assert set(lived.reconcile().values()) == {0}


Verb = Callable[[Transaction], object]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (honour(level="galaxy"), "/level"),
        (honour(title=""), "/title"),
        (honour(on_date="2026-02-30"), "/on_date"),
        (honour(on_date="2999-01-01"), "/on_date"),
        (honour(points=5000), "/points"),
        ({"level": "county"}, "/title"),
    ],
)
def test_an_honour_that_is_wrong_names_its_field_and_changes_nothing(
    lived: Ledger, body: dict[str, Any], pointer: str
) -> None:
    declare(lived, "honour", HONOURS)
    before = lived.snapshot()
    with pytest.raises(LinliError) as caught, transaction(lived.sessions) as tx:
        propose(tx, "honour", body, reason="会议决定", by=MAKER, resident_no=A)
    assert caught.value.pointer == pointer
    assert caught.value.zh
    assert caught.value.en
    assert lived.snapshot() == before


def test_nobody_decides_on_what_is_his_own_and_nothing_is_decided_twice(lived: Ledger) -> None:
    declare(lived, "honour", HONOURS)
    with transaction(lived.sessions) as tx:
        proposal_id = propose(tx, "honour", honour(), reason="会议", by=MAKER, resident_no=A)
    before = lived.snapshot()
    with pytest.raises(Rejected), transaction(lived.sessions) as tx:
        decide(tx, proposal_id, approve=True, reason="自己同意", by=MAKER)
    assert lived.snapshot() == before
    with transaction(lived.sessions) as tx:
        decide(tx, proposal_id, approve=False, reason="证书不清", by=CHECKER)
    with pytest.raises(Conflict), transaction(lived.sessions) as tx:
        decide(tx, proposal_id, approve=True, reason="再看", by="manager-3")
    assert lived.balance(A, "honour_points") == 0


def test_the_database_itself_refuses_a_maker_who_decides(lived: Ledger) -> None:
    with transaction(lived.sessions) as tx:
        proposal_id = propose(
            tx,
            "pool_grant",
            {"amount": 1},
            reason="困难",
            by=MAKER,
            resident_no=A,
        )
    row = "INSERT INTO proposal_decisions VALUES (:id, :maker, :by, true, 'x', '2026-01-01Z')"
    for maker, by in ((MAKER, MAKER), ("somebody-else", MAKER)):
        with pytest.raises(IntegrityError), lived.engine.begin() as connection:
            connection.execute(text(row), {"id": proposal_id, "maker": maker, "by": by})
    with pytest.raises(Exception, match="permission denied"), lived.engine.begin() as connection:
        connection.execute(text("UPDATE proposals SET made_by = 'x'"))

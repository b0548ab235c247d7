"""What is owed, how old it is, what it costs, and what stops when the budget is gone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.points.actions import budgets
from services.points.actions.liability import close_days
from services.points.queries import budgets as known
from services.points.queries import liability
from services.points.rules.budgets import Budget, in_force
from services.points.rules.liability import MOVED, Place, value_fen
from services.points.rules.lots import NEVER
from shared import clock
from shared.db.session import make_engine, make_sessions
from shared.errors import Conflict, Forbidden, LinliError, Missing, Rejected
from shared.messaging.transaction import transaction
from tests.integration.points import redeeming
from tests.integration.points.database import Ledger
from tests.integration.points.lots import award, on, put, spend, sweep

A, B, C = "R000001", "R000002", "R000003"
HOME, ELSEWHERE = "990101001001", "990101001002"
NOV, DEC, JAN = date(2026, 11, 10), date(2026, 12, 10), date(2027, 1, 10)
YEAR = (date(2026, 1, 1), date(2027, 12, 31))


def live_in(book: Ledger, **homes: str) -> None:
    with book.engine.begin() as connection:
        for resident, home in homes.items():
            connection.execute(
                text(
                    "INSERT INTO residents (resident_no, household_no, grid_code, community_code,"
                    " revision) VALUES (:who, 'H', 'G', :home, 1) ON CONFLICT (resident_no)"
                    " DO UPDATE SET community_code = excluded.community_code"
                ),
                {"who": resident, "home": home},
            )


@pytest.fixture
def book(ledger: Ledger) -> Ledger:
    live_in(ledger, R000001=HOME, R000002=HOME, R000003=ELSEWHERE)
    return ledger


def give(book: Ledger, day: date, owner: str, amount: int, last: date = NEVER) -> None:
    with on(day), transaction(book.sessions) as tx:
        award(tx, owner, amount, last)


def close(book: Ledger, day: date, hour: int = 4) -> bool:
    with on(day, hour), transaction(book.sessions) as tx:
        return close_days(tx)


def test_a_month_is_opening_and_changes_and_closing(book: Ledger) -> None:
    give(book, NOV, A, 30, date(2026, 11, 30))
    give(book, NOV, C, 8)
    with on(NOV), transaction(book.sessions) as tx:
        spend(tx, A, 10)
    assert close(book, date(2026, 12, 1))
    with on(DEC):
        sweep(book)
    live_in(book, R000003=HOME)
    with on(DEC), book.sessions() as session:
        november = liability.roll_forward(session, date(2026, 11, 1), date(2026, 11, 30), DEC)
    with on(DEC), book.sessions() as session:
        december = liability.roll_forward(session, date(2026, 12, 1), date(2026, 12, 31), DEC)
    home, elsewhere = (Place("points", code, "p") for code in (HOME, ELSEWHERE))
    assert november[home].changes == {"award": 30, "redemption": -10}
    assert november[elsewhere].closing == 8
    assert (december[home].opening, december[home].closing) == (20, 8)
    assert december[home].changes == {"expiry": -20, MOVED: 8}
    assert december[elsewhere].changes == {MOVED: -8}
    # The day is closed with the move, and November stays as it was.
    assert close(book, JAN)
    with on(JAN), book.sessions() as session:
        assert liability.roll_forward(session, date(2026, 11, 1), date(2026, 11, 30), JAN) == {
            place: one for place, one in november.items() if place in (home, elsewhere)
        }


def test_a_day_is_closed_once_and_not_before_it_has_settled(book: Ledger) -> None:
    give(book, NOV, A, 5)
    assert not close(book, NOV, hour=16)  # midnight in the district
    assert close(book, date(2026, 11, 11))
    before = book.rows("SELECT * FROM liability_days")
    assert not close(book, date(2026, 11, 11), hour=10)
    assert book.rows("SELECT * FROM liability_days") == before
    with pytest.raises(DBAPIError, match="permission denied"), book.engine.begin() as connection:
        connection.execute(text("UPDATE liability_days SET amount = 1"))


def test_points_that_no_move_explains_are_told(book: Ledger) -> None:
    from shared import metrics  # noqa: PLC0415

    give(book, NOV, A, 5)
    assert close(book, DEC)
    assert metrics.liability_untied._value.get() == 0
    give(book, NOV, A, 7)  # posted for a day that is closed
    assert close(book, JAN)
    assert metrics.liability_untied._value.get() == 7


def test_what_is_left_is_the_youngest(book: Ledger) -> None:
    give(book, NOV, A, 10)
    give(book, DEC, A, 10)
    give(book, DEC, C, 4)
    with on(DEC), transaction(book.sessions) as tx:
        spend(tx, A, 12)
        put(tx, C, 3, "resident", "held", "hold")  # puts it aside: it grows no younger
    close(book, JAN)
    with book.sessions() as session:
        assert liability.ages(session) == [
            (HOME, date(2026, 12, 1), 8),
            (ELSEWHERE, date(2026, 12, 1), 4),
        ] or liability.ages(session) == [
            (ELSEWHERE, date(2026, 12, 1), 4),
            (HOME, date(2026, 12, 1), 8),
        ]


def test_what_will_end_by_month(book: Ledger) -> None:
    give(book, NOV, A, 5, date(2026, 12, 31))
    give(book, NOV, B, 6, date(2026, 12, 5))
    give(book, NOV, C, 7)
    with book.sessions() as session:
        found = {
            (each.month, each.community_code): each.points
            for each in liability.outstanding(session)
        }
    assert found == {(date(2026, 12, 1), HOME): 11, (None, ELSEWHERE): 7}


def test_value_is_rounded_up_once() -> None:
    assert value_fen({"p": 1, "q": 1}, {"p": 50, "q": 50}) == 1
    assert value_fen({"p": 1}, {"": 150}) == 2
    assert value_fen({"p": 200}, {"p": 1000, "": 1}) == 2000
    assert value_fen({}, {}) == 0


def propose(book: Ledger, amount: int, stops: str, scope: str = HOME, unit: str = "points") -> UUID:
    with transaction(book.sessions) as tx:
        return budgets.propose_budget(
            tx, community_code=scope, starts_on=YEAR[0], ends_on=YEAR[1], unit=unit,
            amount=amount, stops=stops, by="first",
        )  # fmt: skip


def approve(book: Ledger, budget_id: UUID, table: str = "budgets", by: str = "second") -> None:
    with transaction(book.sessions) as tx:
        budgets.decide(tx, table, budget_id, approve=True, by=by)


def check(book: Ledger, points: int, scope: str = HOME, *, is_award: bool = False) -> None:
    with on(DEC), transaction(book.sessions) as tx:
        budgets.check(tx.session, community_code=scope, points={"p": points}, is_award=is_award)


def test_a_budget_takes_two_people_and_is_decided_once(book: Ledger) -> None:
    budget_id = propose(book, 10, "all")
    with pytest.raises(Forbidden):
        approve(book, budget_id, by="first")
    check(book, 1000)  # nothing is in force yet
    approve(book, budget_id)
    with pytest.raises(Conflict):
        approve(book, budget_id)
    with pytest.raises(Missing):
        approve(book, UUID(int=7))
    with pytest.raises(DBAPIError, match="decided before"), book.engine.begin() as connection:
        connection.execute(text("UPDATE budgets SET decision = 'refused'"))
    with pytest.raises(DBAPIError, match="four_eyes"), book.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO budgets SELECT gen_random_uuid(), community_code, starts_on, ends_on,"
                " unit, amount, stops, 'x', made_at, 'approved', 'x', checked_at FROM budgets"
            )
        )
    with pytest.raises(DBAPIError, match="permission denied"), book.engine.begin() as connection:
        connection.execute(text("UPDATE budgets SET amount = 10000"))


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"amount": -1}, "/amount"),
        ({"amount": 10**13}, "/amount"),
        ({"unit": "yuan"}, "/unit"),
        ({"stops": "everything"}, "/stops"),
        ({"ends_on": date(2020, 1, 1)}, "/ends_on"),
        ({"community_code": "x" * 65}, "/community_code"),
    ],
)
def test_a_wrong_budget_is_refused_by_its_field(
    book: Ledger, changes: dict[str, object], pointer: str
) -> None:
    asked = {
        "community_code": HOME, "starts_on": NOV, "ends_on": DEC, "unit": "fen", "amount": 1,
        "stops": "nothing", "by": "first",
    } | changes  # fmt: skip
    with pytest.raises(Rejected) as refused, transaction(book.sessions) as tx:
        budgets.propose_budget(tx, **asked)  # type: ignore[arg-type]
    assert refused.value.pointer == pointer
    assert book.scalar("SELECT count(*) FROM budgets") == 0


def test_redemptions_stop_at_what_is_redeemed_and_put_aside(book: Ledger) -> None:
    give(book, NOV, A, 100)
    give(book, NOV, C, 100)
    approve(book, propose(book, 30, "redemptions"))
    with on(NOV), transaction(book.sessions) as tx:
        spend(tx, A, 10)  # redeemed on a day that is closed afterwards
    close(book, date(2026, 12, 1))
    with on(DEC), transaction(book.sessions) as tx:
        spend(tx, A, 5)  # redeemed since
        put(tx, A, 8, "resident", "held", "hold")
    check(book, 7)
    with pytest.raises(Conflict, match="budget_exhausted") as refused:
        check(book, 8)
    assert HOME in refused.value.zh
    check(book, 1000, is_award=True)  # this budget stops redemptions alone
    check(book, 1000, ELSEWHERE)


def test_awards_stop_at_all_that_may_come(book: Ledger) -> None:
    give(book, NOV, A, 20)
    give(book, NOV, C, 9)
    approve(book, propose(book, 30, "all", scope=""))
    check(book, 1, is_award=True)
    with pytest.raises(Conflict, match="budget_exhausted"):
        check(book, 2, is_award=True)
    check(book, 30)


def test_a_later_decision_takes_the_place_of_an_earlier(book: Ledger) -> None:
    give(book, NOV, A, 100)
    approve(book, propose(book, 5, "redemptions"))
    with pytest.raises(Conflict):
        check(book, 6)
    approve(book, propose(book, 5, "nothing"))
    check(book, 6)


def test_a_budget_in_money_counts_at_the_rate_of_the_programme(book: Ledger) -> None:
    give(book, NOV, A, 100)
    for programme, rate in (("p", 1000), ("", 1)):
        with transaction(book.sessions) as tx:
            rate_id = budgets.propose_rate(
                tx, programme=programme, valid_from=NOV, fen_per_hundred=rate, by="first"
            )
        approve(book, rate_id, "point_rates")
    approve(book, propose(book, 500, "redemptions", unit="fen"))
    check(book, 50)
    with pytest.raises(Conflict, match="budget_exhausted"):
        check(book, 51)
    with on(DEC), transaction(book.sessions) as tx:
        assert budgets.gauge(tx) == {HOME: 2.0}  # 100 points at ¥0.10 against ¥5
    with on(date(2026, 11, 1)), book.sessions() as session:
        assert known.rates(session, date(2026, 11, 1)) == {}


def test_people_at_once_stay_within_the_budget_together(book: Ledger) -> None:
    names = [f"R1{number:05}" for number in range(12)]
    live_in(book, **dict.fromkeys(names, HOME))
    for name in names:
        give(book, NOV, name, 10)
    approve(book, propose(book, 50, "redemptions"))
    engine = make_engine(book.url, pool_size=12, application="points-test")
    gate = threading.Barrier(12)

    def redeem(name: str) -> bool:
        gate.wait(timeout=60)
        try:
            with transaction(make_sessions(engine)) as tx:
                put(tx, name, 10, "resident", "held", "hold")
                # As of its own hold, which is not committed yet: nothing more is wanted.
                budgets.check(tx.session, community_code=HOME, points={})
        except Conflict:
            return False
        return True

    with on(DEC), ThreadPoolExecutor(12) as pool:
        done = [each.result() for each in [pool.submit(redeem, name) for name in names]]
    engine.dispose()
    assert sum(done) == 5
    assert set(book.reconcile().values()) == {0}


def test_who_checks_waits_for_whoever_checked_before(book: Ledger) -> None:
    for name in (A, B):
        give(book, NOV, name, 30)
    approve(book, propose(book, 50, "redemptions"))

    def redeem() -> str:
        try:
            with transaction(book.sessions) as tx:
                put(tx, B, 30, "resident", "held", "hold")
                budgets.check(tx.session, community_code=HOME, points={})
        except Conflict as problem:
            return problem.code
        return "held"

    def waits_or_is_done() -> bool:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return second.done() or book.scalar(waiting + " AND datname = current_database()") > 0

    with on(DEC), ThreadPoolExecutor(1) as pool:
        with transaction(book.sessions) as tx:
            put(tx, A, 30, "resident", "held", "hold")
            budgets.check(tx.session, community_code=HOME, points={})
            second = pool.submit(redeem)
            pause = threading.Event()
            while not waits_or_is_done():
                pause.wait(0.02)
        assert second.result() == "budget_exhausted"
    assert book.balance(B) == 30


def test_of_several_the_last_decided_is_in_force(book: Ledger) -> None:
    approve(book, propose(book, 1, "all"))
    approve(book, propose(book, 2, "all"))
    propose(book, 3, "all")
    with book.sessions() as session:
        found: list[Budget] = known.budgets(session)
    assert in_force(found, DEC)[HOME].amount == 2
    assert in_force(found, date(2030, 1, 1)) == {}


def test_a_redemption_beyond_the_budget_is_refused_and_leaves_nothing(book: Ledger) -> None:
    approve(book, propose(book, 25, "redemptions"))
    clock.freeze(redeeming.NOW)
    try:
        redeeming.give(book, A, 100)
        rice = redeeming.offered(book)
        first = redeeming.ask(book, A, rice)
        redeeming.ask(book, A, rice)
        with pytest.raises(LinliError, match="budget_exhausted"):
            redeeming.ask(book, A, rice)
        assert redeeming.held(book, A) == {"held": 20, "resident": 80}
        redeeming.give_up(book, first, A)  # what comes back may be spent again
        redeeming.ask(book, A, rice)
    finally:
        clock.freeze(None)
    assert set(book.reconcile().values()) == {0}

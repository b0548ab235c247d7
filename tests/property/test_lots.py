"""Lots and what is owed under random histories, against a model of a few lines.

Awards, spending, holds, releases, voids, gifts and days that end, of residents who move house:
lots are what the model says, to the day they end on; every month adds up, for each community.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.points.actions.liability import close_days
from services.points.queries import liability
from services.points.rules.liability import HEADINGS, MOVED, RollForward
from services.points.rules.lots import NEVER, Lot
from shared import clock
from shared.messaging.transaction import transaction
from tests.integration.points import lots as real
from tests.integration.points.database import Ledger, opened

EXAMPLES, STEPS = 50, 200  # 10,000 steps in all
FIRST = date(2026, 11, 20)
COMMUNITIES = ("990101001001", "990101001002")
CLOSED = (
    "SELECT community_code, sum(amount)::bigint FROM liability_days WHERE on_date <= :day"
    " GROUP BY 1 HAVING sum(amount) <> 0"
)
AT_HOME = (
    "SELECT r.community_code, sum(a.balance)::bigint FROM accounts a"
    " JOIN residents r ON r.resident_no = a.owner WHERE a.asset = 'points' AND a.balance > 0"
    " GROUP BY 1"
)
_numbers = itertools.count(1)

examples = settings(
    deadline=None,
    max_examples=EXAMPLES,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)

Step = tuple[str, int, int]  # what, who, how much
KINDS = (
    *("award",) * 6, *("spend",) * 4, *("hold",) * 3, "redeem", *("release",) * 2,
    *("void",) * 2, "gift", "move", *("days",) * 3,
)  # fmt: skip
steps = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 2), st.integers(1, 40)),
    min_size=STEPS,
    max_size=STEPS,
)


@dataclass
class Model:
    """All there is to lots."""

    held: Counter[tuple[int, str, date]] = field(default_factory=Counter)

    def take(self, who: int, of: str, amount: int) -> dict[date, int]:
        """What ends first goes first; nothing at all when there is not enough."""
        days = sorted(d for (w, k, d), left in self.held.items() if (w, k) == (who, of) and left)
        taken = {}
        for day in days:
            part = min(self.held[who, of, day], amount - sum(taken.values()))
            if part:
                taken[day] = part
        if sum(taken.values()) < amount:
            return {}
        self.put(who, of, {day: -part for day, part in taken.items()})
        return taken

    def put(self, who: int, of: str, parts: dict[date, int]) -> None:
        for day, part in parts.items():
            self.held[who, of, day] += part

    def end(self, today: date) -> int:
        """What a sweep ends."""
        ended = [k for k, left in self.held.items() if k[1] == "resident" and k[2] < today and left]
        return sum(self.held.pop(key) for key in ended)

    def lots(self, who: int, of: str) -> dict[date, int]:
        return {d: n for (w, k, d), n in self.held.items() if (w, k) == (who, of) and n}


@dataclass
class Life:
    """The same steps in the model and in the ledger."""

    book: Ledger
    names: list[str]
    model: Model = field(default_factory=Model)
    today: date = FIRST
    spent: list[tuple[int, list[tuple[Lot, int]]]] = field(default_factory=list)
    seen: list[tuple[date, dict[str, int]]] = field(default_factory=list)

    def live(self, done: list[Step]) -> None:
        for number in range(len(self.names)):
            self.move(number, number)
        for kind, run in itertools.groupby(done, key=lambda step: step[0] == "days"):
            if kind:
                for _, _, amount in run:
                    self.days(amount)
            else:
                with real.on(self.today):
                    for what, who, amount in run:
                        getattr(self, what)(who, amount)

    def award(self, who: int, amount: int) -> None:
        last = NEVER if amount % 7 == 0 else self.today + timedelta(days=amount * 2)
        self.model.put(who, "resident", {last: amount})
        with transaction(self.book.sessions) as tx:
            real.award(tx, self.names[who], amount, last)

    def spend(self, who: int, amount: int, of: str = "resident") -> None:
        taken = self.model.take(who, of, amount)
        if taken:
            with transaction(self.book.sessions) as tx:
                lots = real.spend(tx, self.names[who], amount, of=of)
            assert {lot.expires_on: part for lot, part in lots} == taken
            self.spent.append((who, lots))

    def redeem(self, who: int, amount: int) -> None:
        self.spend(who, amount, of="held")

    def hold(self, who: int, amount: int) -> None:
        self.between(who, amount, "resident", "held", "hold", who)

    def release(self, who: int, amount: int) -> None:
        self.between(who, amount, "held", "resident", "release", who)

    def gift(self, who: int, amount: int) -> None:
        self.between(who, amount, "resident", "resident", "gift", (who + 1) % 3)

    def between(self, who: int, amount: int, by: str, to: str, kind: str, other: int) -> None:
        taken = self.model.take(who, by, amount)
        if taken:
            self.model.put(other, to, taken)
            with transaction(self.book.sessions) as tx:
                real.put(tx, self.names[who], amount, by, to, kind, self.names[other])

    def void(self, who: int, amount: int) -> None:
        if self.spent:
            whose, lots = self.spent.pop(amount % len(self.spent))
            self.model.put(whose, "resident", {lot.expires_on: part for lot, part in lots})
            with transaction(self.book.sessions) as tx:
                real.restore(tx, self.names[whose], lots)

    def move(self, who: int, amount: int) -> None:
        with self.book.engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO residents (resident_no, household_no, grid_code, community_code,"
                    " revision) VALUES (:who, 'H', 'G', :home, 1) ON CONFLICT (resident_no)"
                    " DO UPDATE SET community_code = excluded.community_code"
                ),
                {"who": self.names[who], "home": COMMUNITIES[amount % 2]},
            )

    def days(self, amount: int) -> None:
        """Some days pass: days are closed, lots end."""
        self.look()
        self.today += timedelta(days=amount % 5 + 1)
        with real.on(self.today):
            with transaction(self.book.sessions) as tx:
                assert close_days(tx)
            closed = dict(self.book.rows(CLOSED, day=self.today - timedelta(days=1)))
            assert closed == dict(self.book.rows(AT_HOME))
            total = sum(closed.values())
            assert total == sum(self.model.held.values())
            self.seen.append((self.today - timedelta(days=1), closed))
            assert real.sweep(self.book, most=2).amount == self.model.end(self.today)

    def look(self) -> None:
        for who, name in enumerate(self.names):
            for of in ("resident", "held"):
                assert real.lots_of(self.book, name, of) == self.model.lots(who, of)


@pytest.fixture(scope="module")
def ledger(databases: dict[str, str]) -> Iterator[Ledger]:
    with opened(databases) as ledger:
        yield ledger


def months(book: Ledger, life: Life) -> dict[str, dict[date, RollForward]]:
    """Each month's roll-forward, by community, from the first to today."""
    found: dict[str, dict[date, RollForward]] = {}
    month = FIRST.replace(day=1)
    while month <= life.today:
        following = (month + timedelta(days=31)).replace(day=1)
        with real.on(life.today), book.sessions() as session:
            rolled = liability.roll_forward(
                session, month, following - timedelta(days=1), clock.today()
            )
        for place, one in rolled.items():
            mine = found.setdefault(place.community_code, {})
            sums = mine.setdefault(month, RollForward())
            sums.opening += one.opening
            sums.changes.update(one.changes)
        month = following
    return found


@pytest.mark.timeout(900)
@given(done=steps)
@examples
def test_lots_and_liability_are_those_of_the_model(ledger: Ledger, done: list[Step]) -> None:
    ledger.clear()
    life = Life(ledger, [f"R{next(_numbers):07}" for _ in range(3)])
    life.live(done)
    life.look()
    assert set(ledger.reconcile().values()) == {0}
    check_months(ledger, life)


def check_months(ledger: Ledger, life: Life) -> None:
    found = months(ledger, life)
    total = Counter[str]()
    for community, by_month in found.items():
        closing = 0
        for month in sorted(by_month):
            assert by_month[month].opening == closing, (community, month)
            closing = by_month[month].closing
            total.update(by_month[month].changes)
        # What the last month closes with is what the residents of the community hold now.
        assert closing == ledger.scalar(
            "SELECT coalesce(sum(a.balance), 0)::bigint FROM accounts a"
            " JOIN residents r ON r.resident_no = a.owner"
            " WHERE r.community_code = :community AND a.asset = 'points'",
            community=community,
        )
    entries = ledger.rows(
        "SELECT t.kind, sum(CASE WHEN debit_seq IS NULL THEN amount ELSE -amount END)::bigint"
        " FROM transfers t WHERE debit_seq IS NULL OR credit_seq IS NULL GROUP BY 1"
    )
    assert {kind: n for kind, n in total.items() if n} == {kind: n for kind, n in entries if n}
    assert total[MOVED] == 0
    assert set(total) <= set(HEADINGS)
    # The ages of what was left at the last closing are all of it.
    if life.seen:
        aged = ledger.scalar("SELECT coalesce(sum(points), 0)::bigint FROM liability_ages")
        assert aged == sum(life.seen[-1][1].values())
    # Days that are closed stay as they were closed.
    for day, then in life.seen:
        assert then == dict(ledger.rows(CLOSED, day=day))

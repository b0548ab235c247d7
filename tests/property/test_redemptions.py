"""Redemptions under random histories, on real PostgreSQL, against a model of a few lines.

Whatever is redeemed, collected, given up, left to run out, restocked or claimed wrongly, in any
order: lots, stock and holds are those of the model, and all is sound after each step.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from services.points.actions import rewards
from services.points.actions.redemptions import Redeemed
from services.points.rules.redemptions import TRANSITIONS, State
from shared import clock
from shared.errors import Conflict, LinliError
from shared.messaging.transaction import transaction
from tests.integration.points.database import Ledger, opened
from tests.integration.points.redeeming import (
    NOW,
    ask,
    assert_sound,
    claimed,
    code_of,
    confirm,
    everything,
    give,
    give_up,
    lots,
    offered,
    run_clock,
    stock,
)

PICKUP_DAYS = 7
ENDS = (date(2026, 10, 20), date(2026, 11, 30), date(2026, 12, 31))
_residents = itertools.count(1)


@dataclass
class Holding:
    """What the model knows of one redemption."""

    who: str
    price: int
    quantity: int
    lots: dict[date, int]
    due_on: int
    state: str = "held"


@dataclass
class Model:
    """Lots by resident and last day, one reward's stock, and every redemption."""

    lots: dict[str, dict[date, int]] = field(default_factory=dict)
    stocked: int = 0
    day: int = 0
    redemptions: dict[str, Holding] = field(default_factory=dict)

    def left(self) -> int:
        return self.stocked - self.units("held") - self.units("collected")

    def units(self, state: str) -> int:
        return sum(one.quantity for one in self.redemptions.values() if one.state == state)

    def redeem(self, who: str, price: int, quantity: int) -> dict[date, int] | None:
        today = NOW.date() + timedelta(days=self.day)
        mine, owed, taken = self.lots[who], price * quantity, {}
        for day in sorted(mine):
            part = min(mine[day], owed) if day >= today else 0
            owed -= part
            if part:
                taken[day] = part
        if owed or quantity > self.left():
            return None
        for day, part in taken.items():
            mine[day] -= part
        return taken

    def end(self, number: str, state: str) -> None:
        one = self.redemptions[number]
        assert State(state) in TRANSITIONS[State(one.state)]
        one.state = state
        if state == "released":
            for day, part in one.lots.items():
                self.lots[one.who][day] = self.lots[one.who].get(day, 0) + part


class Redeeming(RuleBasedStateMachine):
    """Steps on both, compared after each."""

    ledger: Ledger

    @initialize(units=st.integers(0, 6), price=st.integers(1, 12))
    def begin(self, units: int, price: int) -> None:
        clock.freeze(NOW)
        self.model = Model(stocked=units)
        self.price = price
        self.reward = offered(self.ledger, stock=units, price=price)
        self.who = [f"R{next(_residents):07}" for _ in range(2)]
        self.made: list[Redeemed] = []
        for who in self.who:
            self.model.lots[who] = {}

    def teardown(self) -> None:
        clock.freeze(None)
        # What is left over is nobody's in the next example.
        if getattr(self, "made", None):
            clock.freeze(NOW + timedelta(days=400))
            while run_clock(self.ledger):
                pass
            clock.freeze(None)

    @rule(who=st.integers(0, 1), amount=st.integers(1, 30), ends_on=st.sampled_from(ENDS))
    def earn(self, who: int, amount: int, ends_on: date) -> None:
        give(self.ledger, self.who[who], amount, expires_on=ends_on)
        mine = self.model.lots[self.who[who]]
        mine[ends_on] = mine.get(ends_on, 0) + amount

    @rule(who=st.integers(0, 1), quantity=st.integers(1, 3))
    def redeem(self, who: int, quantity: int) -> None:
        taken = self.model.redeem(self.who[who], self.price, quantity)
        before = everything(self.ledger)
        if taken is None:
            with pytest.raises(Conflict, match=r"not_enough|out_of_stock"):
                ask(self.ledger, self.who[who], self.reward, quantity=quantity)
            assert everything(self.ledger) == before
            return
        made = ask(self.ledger, self.who[who], self.reward, quantity=quantity)
        self.made.append(made)
        self.model.redemptions[made.redemption_no] = Holding(
            self.who[who], self.price, quantity, taken, self.model.day + PICKUP_DAYS
        )

    @rule(which=st.integers(0, 9), by_event=st.booleans(), shop=st.sampled_from(["", "another"]))
    def collect(self, which: int, by_event: bool, shop: str) -> None:
        if not self.made:
            return
        made = self.made[which % len(self.made)]
        known = self.model.redemptions[made.redemption_no]
        is_good = known.state == "held" and not shop and self.model.day <= known.due_on
        where: dict[str, Any] = {"partner": shop} if shop else {}
        if by_event:
            self.ledger.hear(claimed(code_of(made), **where))
        else:
            # A till of its own: wrong codes of other examples are not held against it.
            till = {"by": self.who[0], **where}
            self._try(lambda: confirm(self.ledger, code_of(made), **till), is_good)
        if is_good:
            self.model.end(made.redemption_no, "collected")

    @rule(which=st.integers(0, 9), is_own=st.booleans())
    def give_up(self, which: int, is_own: bool) -> None:
        if not self.made:
            return
        made = self.made[which % len(self.made)]
        known = self.model.redemptions[made.redemption_no]
        is_good = known.state == "held"
        self._try(lambda: give_up(self.ledger, made, known.who if is_own else None), is_good)
        if is_good:
            self.model.end(made.redemption_no, "released")

    @rule(days=st.integers(0, 5))
    def wait(self, days: int) -> None:
        self.model.day += days
        clock.freeze(NOW + timedelta(days=self.model.day))
        while run_clock(self.ledger):
            pass
        for number, one in self.model.redemptions.items():
            if one.state == "held" and self.model.day >= one.due_on:
                self.model.end(number, "released")

    @rule(amount=st.integers(-4, 4).filter(bool))
    def restock(self, amount: int) -> None:
        is_good = self.model.left() + amount >= 0

        def fill() -> None:
            with transaction(self.ledger.sessions) as tx:
                rewards.restock(tx, self.reward, amount, note="", by="manager-1")

        self._try(fill, is_good)
        if is_good:
            self.model.stocked += amount

    def _try(self, step: Any, is_good: bool) -> None:
        try:
            step()
        except LinliError:
            assert not is_good
        else:
            assert is_good

    @invariant()
    def is_the_models(self) -> None:
        if not hasattr(self, "model"):
            return
        for who, mine in self.model.lots.items():
            found = {day: left for day, _, left in lots(self.ledger, who)}
            assert found == {day: left for day, left in mine.items() if left}
        held, collected = self.model.units("held"), self.model.units("collected")
        assert stock(self.ledger, self.reward) == (self.model.stocked, held, collected)
        assert_sound(self.ledger)


@pytest.fixture(scope="module")
def ledger(databases: dict[str, str]) -> Iterator[Ledger]:
    with opened(databases) as ledger:
        yield ledger


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_any_history_is_the_models(ledger: Ledger) -> None:
    Redeeming.ledger = ledger
    run_state_machine_as_test(
        Redeeming,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            # Not shrunk: an example costs seconds of a database.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=list(HealthCheck),
        ),
    )

"""What is committed against a budget, and when that stops what would spend more.

committed = redeemed in the budget's period + put aside + what people still hold. Redemptions turn
what is held into what is redeemed, so they are stopped by the first two alone; awards add to the
third and are stopped by all of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from services.points.rules.liability import worth
from shared.errors import Conflict

STOPS = {
    "nothing": ("只提示，不停止", "Warn only"),
    "redemptions": ("停止新的兑换", "Stop new redemptions"),
    "all": ("停止新的兑换和人工发放", "Stop new redemptions and awards by hand"),
}
UNITS = {"fen": ("元", "yuan"), "points": ("积分", "points")}

Rates = Mapping[str, int]  # fen for a hundred points, by programme; '' is any other


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A budget as it was proposed, and what was decided; `amount` is in points or fen."""

    budget_id: UUID
    community_code: str
    starts_on: date
    ends_on: date
    unit: str
    amount: int
    stops: str
    made_by: str
    made_at: datetime
    decision: str | None
    checked_by: str | None
    checked_at: datetime | None


@dataclass(slots=True)
class Spending:
    """Points by programme: redeemed in the period, put aside now, and held by people now."""

    redeemed: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    free: Counter[str] = field(default_factory=Counter)

    def spent(self, unit: str, rates: Rates) -> int:
        """What is redeemed or put aside, in the unit of a budget."""
        return worth(unit, self.redeemed + self.held, rates)

    def committed(self, unit: str, rates: Rates) -> int:
        """That, and what would be if everybody came."""
        return worth(unit, self.redeemed + self.held + self.free, rates)


def in_force(budgets: list[Budget], on: date) -> dict[str, Budget]:
    """By community ('' is the district): of the approved ones for a day, the last decided."""
    found: dict[str, Budget] = {}
    for budget in sorted(
        (b for b in budgets if b.decision == "approved" and b.starts_on <= on <= b.ends_on),
        key=lambda b: (b.checked_at or b.made_at, b.budget_id),
    ):
        found[budget.community_code] = budget
    return found


def refuse_over(
    budget: Budget, spending: Spending, more: Mapping[str, int], rates: Rates, *, is_award: bool
) -> None:
    """Raise Conflict `budget_exhausted` when so many more points would go beyond the budget."""
    if budget.stops == "nothing" or (is_award and budget.stops != "all"):
        return
    wanted = Spending(spending.redeemed, spending.held + Counter(more), spending.free)
    total = wanted.committed if is_award else wanted.spent
    if total(budget.unit, rates) > budget.amount:
        where = budget.community_code or "district"
        raise Conflict(
            "budget_exhausted",
            f"预算已用完（{budget.community_code or '全区'}，至 {budget.ends_on}）："
            "暂停办理，请联系社区或方案管理员",
            f"the budget of {where} until {budget.ends_on} is used up:"
            " ask the community or the programme manager",
            pointer="/points",
        )

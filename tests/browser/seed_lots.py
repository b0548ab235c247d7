"""What the pages of points owed, budgets and expiry show: lots that end, budgets, rates."""

from __future__ import annotations

from datetime import timedelta

from services.points.actions import budgets
from services.points.rules.lots import NEVER
from shared import clock
from shared.messaging.transaction import Transaction
from tests.integration.points.lots import award, put, spend

MAKER, CHECKER = "another-manager", "a-third-manager"
HOME = "990201001002"  # where most of the month's residents live


def owed(tx: Transaction, resident: str, manager: str) -> None:
    """Points that end soon, later and never; budgets in every state, one of them exceeded."""
    today = clock.today()
    for days, amount in ((9, 35), (40, 1200), (100, 640), (200, 2300)):
        award(tx, resident, amount, today + timedelta(days=days), "ideal-bank")
    award(tx, "R900009", 880, NEVER, "mutual-aid")
    spend(tx, resident, 120)
    put(tx, "R900009", 60, "resident", "held", "hold")
    for programme, rate in (("", 1000), ("mutual-aid", 500)):
        rate_id = budgets.propose_rate(
            tx, programme=programme, valid_from=today, fen_per_hundred=rate, by=MAKER
        )
        budgets.decide(tx, "point_rates", rate_id, approve=True, by=CHECKER)
    budgets.propose_rate(tx, programme="", valid_from=today, fen_per_hundred=1200, by=MAKER)
    _budget(tx, "", 1_000_000, "redemptions", decided=True)
    _budget(tx, HOME, 20_000, "nothing", decided=True)  # ¥200: more is committed already
    _budget(tx, HOME, 60_000, "redemptions", decided=False)
    _budget(tx, "", 2_000_000, "nothing", decided=None)
    _budget(tx, HOME, 1_500, "nothing", decided=None, unit="points", by=manager)


def _budget(
    tx: Transaction,
    community: str,
    amount: int,
    stops: str,
    *,
    decided: bool | None,
    unit: str = "fen",
    by: str = MAKER,
) -> None:
    today = clock.today()
    budget_id = budgets.propose_budget(
        tx,
        community_code=community,
        starts_on=today.replace(month=1, day=1),
        ends_on=today.replace(month=12, day=31),
        unit=unit,
        amount=amount,
        stops=stops,
        by=by,
    )
    if decided is not None:
        budgets.decide(tx, "budgets", budget_id, approve=decided, by=CHECKER)

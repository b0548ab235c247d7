"""Proposes and decides budgets and rates (two people), and stops what goes beyond a budget."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.queries import budgets as known
from services.points.rules.budgets import STOPS, UNITS, in_force, refuse_over
from shared import clock, metrics
from shared.errors import Conflict, Forbidden, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

AMOUNT_MAX = 10**12
RATE_MAX = 10**6
NAME_MAX = 64
DISTRICT = "district"

_PROPOSE = text(
    "INSERT INTO budgets (budget_id, community_code, starts_on, ends_on, unit, amount, stops,"
    " made_by, made_at) VALUES (:budget_id, :community_code, :starts_on, :ends_on, :unit,"
    " :amount, :stops, :by, :now)"
)
_PROPOSE_RATE = text(
    "INSERT INTO point_rates (rate_id, programme, valid_from, fen_per_hundred, made_by, made_at)"
    " VALUES (:rate_id, :programme, :valid_from, :fen_per_hundred, :by, :now)"
)
_TABLES = {"budgets": "budget_id", "point_rates": "rate_id"}
_READ = {
    table: text(f"SELECT made_by, decision FROM {table} WHERE {key} = :id FOR UPDATE")
    for table, key in _TABLES.items()
}
_DECIDE = {
    table: text(
        f"UPDATE {table} SET decision = :decision, checked_by = :by, checked_at = :now"
        f" WHERE {key} = :id"
    )
    for table, key in _TABLES.items()
}


def propose_budget(
    tx: Transaction,
    *,
    community_code: str,
    starts_on: date,
    ends_on: date,
    unit: str,
    amount: int,
    stops: str,
    by: str,
) -> UUID:
    """A budget that counts once another person has approved it; raises Rejected."""
    _check_name(community_code, "community_code")
    if ends_on < starts_on:
        raise Rejected(
            "bad_period",
            "截止日不能早于起始日，请改正",
            "the last day must not be before the first: correct it",
            pointer="/ends_on",
        )
    _check_choice(unit, UNITS, "unit")
    _check_choice(stops, STOPS, "stops")
    _check_whole(amount, AMOUNT_MAX, "amount")
    budget_id = uuid7()
    tx.session.execute(
        _PROPOSE,
        {
            "budget_id": budget_id,
            "community_code": community_code,
            "starts_on": starts_on,
            "ends_on": ends_on,
            "unit": unit,
            "amount": amount,
            "stops": stops,
            "by": by,
            "now": clock.now(),
        },
    )
    return budget_id


def propose_rate(
    tx: Transaction, *, programme: str, valid_from: date, fen_per_hundred: int, by: str
) -> UUID:
    """What a hundred points cost, once another person has approved it; raises Rejected."""
    _check_name(programme, "programme")
    _check_whole(fen_per_hundred, RATE_MAX, "fen_per_hundred")
    rate_id = uuid7()
    tx.session.execute(
        _PROPOSE_RATE,
        {
            "rate_id": rate_id,
            "programme": programme,
            "valid_from": valid_from,
            "fen_per_hundred": fen_per_hundred,
            "by": by,
            "now": clock.now(),
        },
    )
    return rate_id


def decide(tx: Transaction, table: str, row_id: UUID, *, approve: bool, by: str) -> None:
    """Approve or refuse, once; `table` is budgets or point_rates.

    Raises Missing, Conflict (it was decided before) and Forbidden (it is one's own proposal).
    """
    row = tx.session.execute(_READ[table], {"id": row_id}).one_or_none()
    if row is None:
        raise Missing("no_proposal", "没有这项提议", "there is no such proposal")
    if row.decision is not None:
        raise Conflict("decided", "已经有了决定，请刷新页面", "it was decided: reload the page")
    if row.made_by == by:
        raise Forbidden(
            "four_eyes",
            "不能审核自己的提议，请另一位管理员审核",
            "you cannot decide on your own proposal: ask another manager",
        )
    decision = "approved" if approve else "refused"
    tx.session.execute(
        _DECIDE[table], {"decision": decision, "by": by, "now": clock.now(), "id": row_id}
    )


def check(
    session: Session, *, community_code: str, points: Mapping[str, int], is_award: bool = False
) -> None:
    """Raise Conflict `budget_exhausted` when so many more points (by programme) go too far.

    Call it after the accounts were locked. Costs one small query where no budget stops anything;
    where one does, it is locked until the transaction ends, so that the sum holds for all.
    """
    today = clock.today()
    stops = in_force(known.locked_stops(session, community_code, today), today)
    if not stops:
        return
    # Another may have been decided after one that stops: it counts, and stops nothing.
    latest = in_force(known.budgets_on(session, today), today)
    rates = known.rates(session, today)
    for scope, budget in stops.items():
        if latest[scope].budget_id == budget.budget_id:
            spent = known.spending(session, scope, budget.starts_on, budget.ends_on)
            refuse_over(budget, spent, points, rates, is_award=is_award)


def gauge(tx: Transaction) -> dict[str, float]:
    """What is committed of each budget in force, as a share of it, by community."""
    today = clock.today()
    rates = known.rates(tx.session, today)
    shares = {}
    for scope, budget in in_force(known.budgets_on(tx.session, today), today).items():
        spent = known.spending(tx.session, scope, budget.starts_on, budget.ends_on)
        committed = spent.committed(budget.unit, rates)
        shares[scope or DISTRICT] = committed / max(budget.amount, 1)
    metrics.budget_committed.clear()
    for name, part in shares.items():
        metrics.budget_committed.labels(name).set(part)
    return shares


def _check_name(value: str, name: str) -> None:
    if len(value) > NAME_MAX or not value.isprintable():
        raise Rejected(
            "bad_name",
            f"{name} 最多 {NAME_MAX} 个可见字符",
            f"{name} has at most {NAME_MAX} visible characters",
            pointer=f"/{name}",
        )


def _check_choice(value: str, known_values: Mapping[str, object], name: str) -> None:
    if value not in known_values:
        listed = ", ".join(known_values)
        raise Rejected(
            "bad_choice",
            f"{name} 须为其中之一：{listed}",
            f"{name} must be one of {listed}",
            pointer=f"/{name}",
        )


def _check_whole(value: int, most: int, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise Rejected(
            "bad_amount",
            f"{name} 须为 0 至 {most} 的整数",
            f"{name} must be a whole number from 0 to {most}",
            pointer=f"/{name}",
        )

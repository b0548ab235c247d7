"""Budgets, rates, and what is spent of them."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.queries.liability import last_closing
from services.points.rules.budgets import Budget, Rates, Spending

LISTED_MAX = 200

_COLUMNS = (
    "budget_id, community_code, starts_on, ends_on, unit, amount, stops, made_by, made_at,"
    " decision, checked_by, checked_at"
)
_BUDGETS = text(f"SELECT {_COLUMNS} FROM budgets ORDER BY made_at DESC, budget_id LIMIT :most")
_ON = text(
    f"SELECT {_COLUMNS} FROM budgets WHERE decision = 'approved'"
    " AND :on BETWEEN starts_on AND ends_on"
)
_LOCKED = text(
    f"SELECT {_COLUMNS} FROM budgets WHERE decision = 'approved' AND stops <> 'nothing'"
    " AND :on BETWEEN starts_on AND ends_on"
    " AND community_code = ANY(CAST(:communities AS text[])) ORDER BY budget_id FOR UPDATE"
)
_RATES = text(
    "SELECT DISTINCT ON (programme) programme, fen_per_hundred FROM point_rates"
    " WHERE decision = 'approved' AND valid_from <= :on"
    " ORDER BY programme, valid_from DESC, checked_at DESC"
)
_ALL_RATES = text(
    "SELECT rate_id, programme, valid_from, fen_per_hundred, made_by, made_at, decision,"
    " checked_by, checked_at FROM point_rates ORDER BY made_at DESC, rate_id LIMIT :most"
)
_HOME = (
    " LEFT JOIN residents r ON a.owner_kind IN ('resident', 'pending', 'held')"
    " AND r.resident_no = a.owner"
)
_MINE = " AND (CAST(:community AS text) = '' OR r.community_code = :community)"
_NOW = text(
    "SELECT a.owner_kind = 'held' AS is_held, s.programme, sum(l.remaining)::bigint AS points"
    f" FROM accounts a{_HOME} JOIN lots l ON l.account_id = a.id"
    " JOIN lot_sources s ON s.id = l.source_id"
    f" WHERE a.asset = 'points' AND l.remaining > 0{_MINE} GROUP BY 1, 2"
)
_REDEEMED = text(
    "SELECT programme, -sum(amount)::bigint AS points FROM liability_days"
    " WHERE asset = 'points' AND kind = 'redemption' AND on_date BETWEEN :first AND :last"
    " AND (CAST(:community AS text) = '' OR community_code = :community) GROUP BY 1"
)
_SINCE = text(
    "SELECT s.programme, sum(t.amount)::bigint AS points FROM transfers t"
    f" JOIN accounts a ON a.id = t.debit_account_id{_HOME}"
    " JOIN lot_sources s ON s.id = t.source_id"
    " WHERE t.kind = 'redemption' AND t.asset = 'points'"
    " AND t.posted_at >= coalesce(CAST(:cut_at AS timestamptz), '-infinity')"
    " AND (t.posted_at AT TIME ZONE 'Asia/Shanghai')::date BETWEEN :first AND :last"
    f"{_MINE} GROUP BY 1"
)


def budgets(session: Session) -> list[Budget]:
    """The newest proposals, decided or not."""
    return [Budget(**row) for row in session.execute(_BUDGETS, {"most": LISTED_MAX}).mappings()]


def budgets_on(session: Session, on: date) -> list[Budget]:
    """All approved budgets of a day."""
    return [Budget(**row) for row in session.execute(_ON, {"on": on}).mappings()]


def locked_stops(session: Session, community: str, on: date) -> list[Budget]:
    """The budgets that can stop something in a community, locked to the transaction's end.

    So that what two people do at once is not within the budget twice.
    """
    asked = {"on": on, "communities": ["", community]}
    return [Budget(**row) for row in session.execute(_LOCKED, asked).mappings()]


def rates(session: Session, on: date) -> Rates:
    """Fen for a hundred points on a day, by programme; '' is any other."""
    return {row.programme: row.fen_per_hundred for row in session.execute(_RATES, {"on": on})}


def all_rates(session: Session) -> list[dict[str, Any]]:
    """The newest proposals of rates, decided or not."""
    found = session.execute(_ALL_RATES, {"most": LISTED_MAX})
    return [dict(row) for row in found.mappings()]


def spending(session: Session, community: str, first: date, last: date) -> Spending:
    """Of a community ('' is the whole district) in a period, as of now."""
    closing = last_closing(session)
    found = Spending()
    asked = {"community": community, "first": first, "last": last}
    for row in session.execute(_REDEEMED, asked):
        found.redeemed[row.programme] += row.points
    since = {**asked, "cut_at": closing.cut_at if closing else None}
    for row in session.execute(_SINCE, since):
        found.redeemed[row.programme] += row.points
    for row in session.execute(_NOW, {"community": community}):
        (found.held if row.is_held else found.free)[row.programme] += row.points
    return found

"""What an account is to a request: its duties in the owning unit and in the area's units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.handling import Standing

# Communities, streets and districts above the grid, and the grid itself.
_DUTIES = text(
    "WITH RECURSIVE above AS (SELECT code, parent_code FROM areas WHERE code = :grid"
    " UNION ALL SELECT a.code, a.parent_code FROM areas a JOIN above b ON a.code = b.parent_code)"
    " SELECT p.duty, p.unit_code = CAST(:unit AS text) AS is_own,"
    " u.area_code IN (SELECT code FROM above) AS is_area"
    " FROM posts p JOIN units u USING (unit_code) WHERE p.account_no = :account AND u.is_active"
)
_HANDLERS = text(
    "SELECT p.account_no, a.display_name FROM posts p JOIN accounts a USING (account_no)"
    " WHERE p.unit_code = :unit AND p.duty IN ('handler', 'head') AND a.is_active"
    " GROUP BY p.account_no, a.display_name ORDER BY p.account_no"
)


def standing_of(session: Session, account_no: str, one: Mapping[str, Any]) -> Standing:
    """Of an account to a request; `one` has grid_code and unit_code."""
    own, area = set(), set()
    for row in session.execute(
        _DUTIES, {"grid": one["grid_code"], "unit": one["unit_code"], "account": account_no}
    ):
        if row.is_own:
            own.add(row.duty)
        if row.is_area:
            area.add(row.duty)
    return Standing(frozenset(own), frozenset(area))


def handlers_of(session: Session, unit_code: str) -> list[tuple[str, str]]:
    """(account number, shown name) of those who may handle a unit's requests."""
    return [(row.account_no, row.display_name) for row in session.execute(
        _HANDLERS, {"unit": unit_code}
    )]  # fmt: skip

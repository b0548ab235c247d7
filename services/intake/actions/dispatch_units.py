"""The units that a file of dispatch rules brings with it. Safe to load again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import text

from services.intake.actions import dispatch_rules
from services.intake.rules.dispatch_form import read_rules
from services.intake.rules.dispatch_units import read_units
from shared.db.arrays import literal
from shared.errors import Rejected
from shared.messaging.transaction import Transaction

_UNKNOWN = text(
    "SELECT n FROM unnest(CAST(:areas AS text[])) AS n"
    " WHERE NOT EXISTS (SELECT 1 FROM areas a WHERE a.code = n) ORDER BY n LIMIT 1"
)
_KEEP = text(
    "INSERT INTO units AS u (unit_code, kind, name, name_en, area_code, is_fallback, is_active)"
    " SELECT n.*, false, true FROM unnest(CAST(:codes AS text[]), CAST(:kinds AS text[]),"
    " CAST(:names AS text[]), CAST(:names_en AS text[]), CAST(:areas AS text[])) AS n"
    " ON CONFLICT (unit_code) DO UPDATE SET kind = excluded.kind, name = excluded.name,"
    " name_en = excluded.name_en, area_code = excluded.area_code"
    " WHERE (u.kind, u.name, u.name_en, u.area_code) IS DISTINCT FROM"
    " (excluded.kind, excluded.name, excluded.name_en, excluded.area_code)"
)


class Loaded(NamedTuple):
    """How many units a file has, and the version it made; None when just that is in force."""

    units: int
    version: int | None


def check_file(document: object) -> tuple[int, int]:
    """How many units and rules a file has; raises Rejected naming the place."""
    units, body = _parts(document)
    return len(read_units(units)), len(read_rules(body).rules)


def load_file(tx: Transaction, document: object, *, by: str) -> Loaded:
    """The units of a file, and its rules as the newest version. Safe to load again."""
    check_file(document)
    units, body = _parts(document)
    return Loaded(keep(tx, units), dispatch_rules.install(tx, body, by=by))


def _parts(document: object) -> tuple[Any, Any]:
    if not isinstance(document, Mapping):
        return [], document
    whole = {**dispatch_rules.EMPTY, **document}
    return whole.pop("units", []), whole


def keep(tx: Transaction, listed: Any) -> int:
    """Write units that are new or changed; how many are listed. Nobody's unit is taken away.

    Raises Rejected naming the place in the list.
    """
    units = read_units(listed)
    areas = literal({unit.area_code for unit in units})
    unknown = tx.session.execute(_UNKNOWN, {"areas": areas}).scalar_one_or_none()
    if unknown is not None:
        place = next(n for n, unit in enumerate(units) if unit.area_code == unknown)
        raise Rejected(
            "unknown_area",
            f"/units/{place}/area_code：没有这个区域 {unknown}",
            f"/units/{place}/area_code: there is no such area {unknown}",
            pointer=f"/units/{place}/area_code",
        )
    values = {
        "codes": literal(unit.unit_code for unit in units),
        "kinds": literal(unit.kind for unit in units),
        "names": literal(unit.name for unit in units),
        "names_en": literal(unit.name_en for unit in units),
        "areas": literal(unit.area_code for unit in units),
    }
    tx.session.execute(_KEEP, values)
    return len(units)

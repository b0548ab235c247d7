"""The working calendar and office hours in force; read anew only after somebody changed them."""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.worktime import Day, Hours, WorkTime

_KEPT_MAX = 8

_NEWEST = text(
    "SELECT load_no, digest, loaded_by, loaded_at, first_day, last_day FROM calendar_loads"
    " ORDER BY load_no DESC LIMIT :limit"
)
_DAYS = text("SELECT day, kind, name_zh, name_en FROM calendar_days ORDER BY day")
_HOURS = text("SELECT valid_from, opens, closes FROM office_hours ORDER BY valid_from, opens")


class LoadRow(NamedTuple):
    """A change of calendar or hours."""

    load_no: int
    digest: str
    loaded_by: str
    loaded_at: datetime
    first_day: date
    last_day: date


def work_time(session: Session) -> WorkTime | None:
    """What deadlines are reckoned with; None before the district has a calendar."""
    newest = calendar_loads(session, 1)
    if not newest:
        return None
    kept = _kept(newest[0].load_no, newest[0].digest)
    if kept[0] is None:
        kept[0] = WorkTime(days(session), hours(session))
    return kept[0]


def calendar_loads(session: Session, limit: int = 20) -> list[LoadRow]:
    """Who changed calendar or hours, the newest first."""
    return [LoadRow(*row) for row in session.execute(_NEWEST, {"limit": limit})]


def days(session: Session) -> list[Day]:
    """All days of the calendar."""
    return [Day(*row) for row in session.execute(_DAYS)]


def hours(session: Session) -> list[Hours]:
    """All office hours, the oldest first."""
    found: dict[date, list[tuple[time, time]]] = {}
    for row in session.execute(_HOURS):
        found.setdefault(row.valid_from, []).append((row.opens, row.closes))
    return [Hours(valid_from, tuple(spans)) for valid_from, spans in found.items()]


@lru_cache(maxsize=_KEPT_MAX)
def _kept(load_no: int, digest: str) -> list[WorkTime | None]:
    # Made empty and filled by the caller, who has the session; two threads may both fill it.
    return [None]

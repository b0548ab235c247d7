"""Times at the hall's windows, and who has booked one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock
from shared.crypto import FieldCipher, mask_name

AHEAD = timedelta(days=14)
SHOWN_MAX = 200

_SLOTS = text(
    "SELECT id, place, starts_at, ends_at, capacity, taken FROM hall_slots"
    " WHERE starts_at > :after AND starts_at < :until AND (NOT :free OR taken < capacity)"
    " ORDER BY starts_at, place LIMIT :limit"
)
_APPOINTMENTS = (
    "SELECT a.appointment_no, a.matter_code, a.resident_no, a.state, a.remind_at, a.reminded_at,"
    " s.place, s.starts_at, s.ends_at, n.name_sealed, m.name_zh, m.name_en"
    " FROM hall_appointments a JOIN hall_slots s ON s.id = a.slot_id"
    " LEFT JOIN residents n ON n.resident_no = a.resident_no"
    " LEFT JOIN LATERAL (SELECT name_zh, name_en FROM hall_matters m WHERE m.code = a.matter_code"
    " ORDER BY version DESC LIMIT 1) m ON true WHERE %s"
)
_OWN = text(_APPOINTMENTS % "a.resident_no = :no ORDER BY s.starts_at DESC LIMIT :limit")
_OF_DAYS = text(
    _APPOINTMENTS
    % "s.starts_at >= :begin AND s.starts_at < :end ORDER BY s.starts_at, a.id LIMIT :limit"
)


def slots(session: Session, *, only_free: bool) -> list[dict[str, Any]]:
    """The slots of the next 14 days that have not begun."""
    now = clock.now()
    values = {"after": now, "until": now + AHEAD, "free": only_free, "limit": SHOWN_MAX}
    return [dict(row) for row in session.execute(_SLOTS, values).mappings()]


def own_appointments(
    session: Session, cipher: FieldCipher, resident_no: str
) -> list[dict[str, Any]]:
    """A resident's appointments, the latest first."""
    found = session.execute(_OWN, {"no": resident_no, "limit": SHOWN_MAX}).mappings()
    return [_masked(dict(row), cipher) for row in found]


def appointments_between(
    session: Session, cipher: FieldCipher, begin: datetime, end: datetime
) -> list[dict[str, Any]]:
    """Everybody's appointments whose slots begin in a span."""
    values = {"begin": begin, "end": end, "limit": SHOWN_MAX}
    return [_masked(dict(row), cipher) for row in session.execute(_OF_DAYS, values).mappings()]


def _masked(row: dict[str, Any], cipher: FieldCipher) -> dict[str, Any]:
    sealed = row.pop("name_sealed")
    name = cipher.decrypt(sealed, bound_to=row["resident_no"]) if sealed else ""
    row["name"] = mask_name(name) if name else None
    return row

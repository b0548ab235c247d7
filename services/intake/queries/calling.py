"""Call-backs that somebody may make: of their area, and not of what they handled themselves."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE
from shared.crypto import FieldCipher, mask_name, mask_phone

# The areas of the units in which somebody has a duty of the desk, with all below them.
_MINE = (
    "WITH RECURSIVE mine AS (SELECT u.area_code AS code FROM posts p JOIN units u USING (unit_code)"
    " WHERE p.account_no = :account AND u.is_active"
    " AND p.duty IN ('clerk', 'dispatcher', 'head', 'secretary', 'checker')"
    " UNION SELECT a.code FROM areas a JOIN mine m ON a.parent_code = m.code)"
)
_OF_MINE = (
    " FROM verdict_waits w JOIN requests r ON r.id = w.request_id"
    " LEFT JOIN residents n USING (resident_no)"
    " LEFT JOIN request_contacts c ON c.request_id = r.id"
    " WHERE w.stage = 'call_back' AND r.grid_code IN (SELECT code FROM mine)"
    " AND r.handler IS DISTINCT FROM :account"
)
_LIST = text(
    f"{_MINE} SELECT w.request_id, w.due_at, w.tries, w.why, r.request_no, r.title, r.nature,"
    " r.public_code, r.resolved_at, r.resident_no, n.name_sealed, n.phone_sealed,"
    f" c.sealed AS contact_sealed {_OF_MINE}"
    " AND (w.due_at, w.request_id) > (CAST(:at AS timestamptz), :id)"
    " ORDER BY w.due_at, w.request_id LIMIT :limit"
)
_CONTACT = text(
    "SELECT c.sealed, r.public_code FROM request_contacts c JOIN requests r ON r.id = c.request_id"
    " WHERE c.request_id = :id"
)
_ONE = text(f"{_MINE} SELECT w.request_id {_OF_MINE} AND r.request_no = :no")


def call_backs_for(
    session: Session,
    cipher: FieldCipher,
    account_no: str,
    *,
    after: tuple[datetime, int] | None = None,
    limit: int = PAGE,
) -> list[dict[str, Any]]:
    """Rounds that this account may call back, the most pressing first; names masked."""
    at, number = after or ("-infinity", 0)
    found = session.execute(
        _LIST, {"account": account_no, "at": at, "id": number, "limit": limit}
    ).mappings()
    return [_masked(dict(row), cipher) for row in found]


def callable_by(session: Session, account_no: str, request_no: str) -> int | None:
    """The id of a request that waits for a call-back which this account may make."""
    found: int | None = session.execute(
        _ONE, {"account": account_no, "no": request_no}
    ).scalar_one_or_none()
    return found


def contact_of(session: Session, cipher: FieldCipher, request_id: int) -> dict[str, str]:
    """Name and phone of an asker whom the register does not know; empty where there are none."""
    row = session.execute(_CONTACT, {"id": request_id}).one_or_none()
    if row is None:
        return {}
    contact: dict[str, str] = json.loads(cipher.decrypt(row.sealed, bound_to=row.public_code))
    return contact


def _masked(row: dict[str, Any], cipher: FieldCipher) -> dict[str, Any]:
    name, phone = row.pop("name_sealed"), row.pop("phone_sealed")
    sealed, no = row.pop("contact_sealed"), row["resident_no"]
    row["name"] = mask_name(cipher.decrypt(name, bound_to=no)) if name else None
    row["phone"] = mask_phone(cipher.decrypt(phone, bound_to=no)) if phone else None
    row["has_contact"] = sealed is not None
    return row

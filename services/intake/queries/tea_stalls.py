"""Sittings as people see them: the list, one with its requests, and who said what, masked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE, Page
from shared.crypto import FieldCipher, mask_name, mask_phone
from shared.db.arrays import literal

REQUESTS_MAX = 500  # of one sitting that are shown

_STALLS = text(
    "SELECT s.id, s.stall_no, s.place, s.held_on, s.grid_code, g.name AS grid_name, s.host,"
    " (SELECT count(*) FROM tea_stall_requests t WHERE t.stall_id = s.id AND NOT t.is_campaign)"
    " AS requests FROM tea_stalls s JOIN areas g ON g.code = s.grid_code"
    " WHERE s.id < :before ORDER BY s.id DESC LIMIT :limit"
)
_STALL = text(
    "SELECT s.id, s.stall_no, s.place, s.held_on, s.grid_code, g.name AS grid_name, s.host,"
    " a.display_name AS host_name FROM tea_stalls s JOIN areas g ON g.code = s.grid_code"
    " LEFT JOIN accounts a ON a.account_no = s.host WHERE s.stall_no = :no"
)
_REQUESTS = text(
    "SELECT r.id, r.request_no, r.public_code, r.title, r.description, r.category, r.state,"
    " r.resident_no, t.is_campaign, r.merged_into, m.request_no AS merged_no, c.sealed,"
    " n.name_sealed, (SELECT count(*) FROM followers f WHERE f.request_id = r.id) AS followers"
    " FROM tea_stall_requests t JOIN requests r ON r.id = t.request_id"
    " LEFT JOIN requests m ON m.id = r.merged_into"
    " LEFT JOIN request_contacts c ON c.request_id = r.id"
    " LEFT JOIN residents n ON n.resident_no = r.resident_no"
    " WHERE t.stall_id = :stall ORDER BY r.id LIMIT :limit"
)
_BY_PHONE = text(
    "SELECT phone_index, min(resident_no) AS resident_no FROM residents"
    " WHERE phone_index = ANY(CAST(:indexes AS bytea[])) GROUP BY 1 HAVING count(*) = 1"
)
_KNOWN_RESIDENTS = text(
    "SELECT resident_no FROM residents WHERE resident_no = ANY(CAST(:numbers AS text[]))"
)
_GRIDS = text(
    "SELECT g.code, c.name || ' ' || g.name AS name FROM areas g"
    " JOIN areas c ON c.code = g.parent_code WHERE g.kind = 'grid' ORDER BY g.code"
)
_LAST = 2**63 - 1


def stalls(session: Session, *, before: int = _LAST, limit: int = PAGE) -> Page:
    """Sittings, the newest first; `next` is the place where the next page begins."""
    found = session.execute(_STALLS, {"before": before, "limit": limit + 1}).mappings()
    rows = [dict(row) for row in found]
    return Page(rows[:limit], str(rows[limit - 1]["id"]) if len(rows) > limit else None)


def stall_of(session: Session, stall_no: str) -> dict[str, Any] | None:
    """One sitting by the number on its sheet."""
    row = session.execute(_STALL, {"no": stall_no}).mappings().one_or_none()
    return None if row is None else dict(row)


def requests_of_stall(session: Session, cipher: FieldCipher, stall_id: int) -> list[dict[str, Any]]:
    """What was said at it, in the order in which it came, with `who` masked."""
    found = session.execute(_REQUESTS, {"stall": stall_id, "limit": REQUESTS_MAX}).mappings()
    return [_with_who(dict(row), cipher) for row in found]


def residents_by_phone(session: Session, indexes: Sequence[bytes]) -> dict[bytes, str]:
    """resident_no by the blind index of a phone that only one resident has."""
    found = session.execute(_BY_PHONE, {"indexes": list(indexes)})
    return {bytes(row.phone_index): row.resident_no for row in found}


def known_residents(session: Session, numbers: Sequence[str]) -> set[str]:
    """Those of the numbers that the register knows."""
    found = session.execute(_KNOWN_RESIDENTS, {"numbers": literal(numbers)})
    return set(found.scalars())


def grids(session: Session) -> list[tuple[str, str]]:
    """(code, name with its community) of each grid."""
    return [(row.code, row.name) for row in session.execute(_GRIDS)]


def _with_who(row: dict[str, Any], cipher: FieldCipher) -> dict[str, Any]:
    sealed, name_sealed = row.pop("sealed"), row.pop("name_sealed")
    who = ""
    if name_sealed:
        name = cipher.decrypt(name_sealed, bound_to=row["resident_no"])
        who = f"{mask_name(name)} {row['resident_no']}"
    elif sealed:
        contact = json.loads(cipher.decrypt(sealed, bound_to=row["public_code"]))
        name, phone = contact.get("name"), contact.get("phone")
        who = f"{mask_name(name) if name else ''} {mask_phone(phone) if phone else ''}".strip()
    row["who"] = who or None
    return row

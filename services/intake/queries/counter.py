"""What the counter looks up: where a resident lives, and what a receipt says."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.crypto import FieldCipher, mask_name

_HOME = text(
    "SELECT r.resident_no, r.grid_code, r.name_sealed, h.building_no,"
    " nullif(concat_ws('-', b.label, nullif(h.unit, ''), h.room), '') AS door, b.address"
    " FROM residents r JOIN households h ON h.household_no = r.household_no"
    " LEFT JOIN buildings b ON b.building_no = h.building_no WHERE r.resident_no = :no"
)
_RECEIPT = text(
    "SELECT r.id, r.request_no, r.public_code, r.title, r.category, r.door, r.resident_no,"
    " r.accepted_at, r.address, g.name AS grid_name, c.name AS community_name FROM requests r"
    " LEFT JOIN areas g ON g.code = r.grid_code LEFT JOIN areas c ON c.code = g.parent_code"
    " WHERE r.request_no = :no"
)


def home_of(session: Session, cipher: FieldCipher, resident_no: str) -> dict[str, Any] | None:
    """A resident's grid, building and door, with `name` masked; None for an unknown number."""
    row = session.execute(_HOME, {"no": resident_no}).mappings().one_or_none()
    if row is None:
        return None
    home = dict(row)
    name = cipher.decrypt(home.pop("name_sealed"), bound_to=home["resident_no"])
    return {**home, "name": mask_name(name)}


def receipt_of(session: Session, request_no: str) -> dict[str, Any] | None:
    """What is printed for the one who asked: nothing in it names a person."""
    row = session.execute(_RECEIPT, {"no": request_no}).mappings().one_or_none()
    return None if row is None else dict(row)

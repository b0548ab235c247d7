"""Requests as people see them: lists and one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE, Page, chosen, conditions, page_of, place_of
from shared.crypto import FieldCipher, mask_name

_REQUESTS = (
    "SELECT r.id, r.request_no, r.state, r.urgency, r.category, r.grid_code, g.name AS grid_name,"
    " c.name AS community_name, r.resident_no, n.name_sealed, r.title, r.description, r.partner,"
    " r.source_event_id, r.opened_at, r.accepted_at FROM requests r"
    " LEFT JOIN areas g ON g.code = r.grid_code LEFT JOIN areas c ON c.code = g.parent_code"
    " LEFT JOIN residents n ON n.resident_no = r.resident_no WHERE %s"
)
# What only the page of one request shows, beside that.
_MORE = (
    ", r.public_code, r.door, r.nature, r.track, r.condition_code, r.catalogue_version,"
    " r.building_no, r.address, r.lat, r.lon, r.is_public, r.unit_code, u.name AS unit_name,"
    " u.name_en AS unit_name_en, r.handler, r.first_handler, r.returned_count, r.reopened_count,"
    " r.outcome, r.due_at, r.resolved_at, r.ended_at, r.step_count, m.request_no AS merged_into_no"
)
_ONE = _REQUESTS.replace(" FROM requests r", _MORE + " FROM requests r").replace(
    " WHERE %s",
    " LEFT JOIN units u ON u.unit_code = r.unit_code"
    " LEFT JOIN requests m ON m.id = r.merged_into WHERE r.request_no = :no",
)
_REQUESTS_BEFORE = (
    "(r.opened_at, r.id) < (CAST(:at AS timestamptz), :id) %s"
    " ORDER BY r.opened_at DESC, r.id DESC LIMIT :limit"
)
# Only these may filter; the text is never made of what was asked.
_REQUEST_FILTERS = {
    "state": "r.state = :state",
    "urgency": "r.urgency = :urgency",
    "category": "r.category = :category",
    "grid": "r.grid_code = :grid",
    "community": "r.grid_code IN (SELECT code FROM areas WHERE parent_code = :community)",
    "resident_no": "r.resident_no = :resident_no",
}


def requests(
    session: Session,
    cipher: FieldCipher,
    *,
    filters: Mapping[str, str | None],
    before: str | None = None,
    limit: int = PAGE,
) -> Page:
    """Requests, the newest first, with `resident_name` masked.

    Filters: state, urgency, category, grid, community, resident_no. Raises Rejected for an odd
    `before`.
    """
    at, number = place_of(before, 2) if before else ("infinity", 0)
    given = chosen(_REQUEST_FILTERS, filters)
    found = session.execute(
        text(_REQUESTS % (_REQUESTS_BEFORE % conditions(_REQUEST_FILTERS, given))),
        {"at": at, "id": number, "limit": limit + 1, **given},
    )
    rows = [_masked(dict(row), cipher) for row in found.mappings()]
    return page_of(rows, limit, lambda row: (row["opened_at"], row["id"]))


def request_of(session: Session, cipher: FieldCipher, request_no: str) -> dict[str, Any] | None:
    """One request by the number on its receipt."""
    found = session.execute(text(_ONE), {"no": request_no})
    row = found.mappings().one_or_none()
    return None if row is None else _masked(dict(row), cipher)


def _masked(row: dict[str, Any], cipher: FieldCipher) -> dict[str, Any]:
    sealed = row.pop("name_sealed")
    name = cipher.decrypt(sealed, bound_to=row["resident_no"]) if sealed else None
    row["resident_name"] = mask_name(name) if name else None
    return row

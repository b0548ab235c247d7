"""诉求列表: the newest first, by what people ask for; bounded work at a million requests.

Each filter has an index that is in the list's own order. Where one is asked by several values at
once (a community is many grids, my units are several), each value gives its newest rows and the
newest of those are the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE, Page, page_of, place_of
from services.intake.rules.requests import read_public_code
from shared import clock
from shared.crypto import FieldCipher, mask_name
from shared.db.arrays import literal

GROUPS: Final = ("open", "overdue", "soon", "ended")
SOON: Final = timedelta(hours=2)
LEDGER_MAX: Final = 20_000
_CHUNK: Final = 1000

_IS_OPEN = "r.ended_at IS NULL AND r.state <> 'rating'"  # as the indexes have it
_GROUP = {
    "open": _IS_OPEN,
    # The clock of what waits for the resident stands still.
    "overdue": f"{_IS_OPEN} AND r.state <> 'waiting' AND r.due_at < :now",
    "soon": f"{_IS_OPEN} AND r.state <> 'waiting' AND r.due_at >= :now AND r.due_at < :soon",
    "ended": "r.ended_at IS NOT NULL",
}
_WHERE = {
    "state": "r.state = :state",
    "urgency": "r.urgency = :urgency",
    "category": "r.category = :category",
    "condition": "r.condition_code = :condition",
    "grid": "r.grid_code = :grid",
    "unit": "r.unit_code = :unit",
    "resident_no": "r.resident_no = :resident_no",
    "since": "r.opened_at >= CAST(:since AS timestamp) AT TIME ZONE 'Asia/Shanghai'",
    "until": (
        "r.opened_at < (CAST(:until AS timestamp) + interval '1 day') AT TIME ZONE 'Asia/Shanghai'"
    ),
}
_COLUMNS = (
    "r.id, r.request_no, r.state, r.urgency, r.category, r.condition_code, r.grid_code, r.title,"
    " r.description, r.resident_no, r.partner, r.source_event_id, r.unit_code, r.handler, r.door,"
    " r.due_at, r.opened_at, r.accepted_at, r.resolved_at, r.ended_at, r.outcome"
)
_NEWEST = (
    "SELECT {columns} FROM requests r WHERE (r.opened_at, r.id) <"
    " (CAST(:at AS timestamptz), :id){conditions} ORDER BY r.opened_at DESC, r.id DESC LIMIT :limit"
)
_BY_VALUE = (
    "SELECT r.* FROM unnest(CAST(:values AS text[])) AS v (value) CROSS JOIN LATERAL"
    " ({newest}) r ORDER BY r.opened_at DESC, r.id DESC LIMIT :limit"
)
_NAMED = (
    "SELECT r.*, g.name AS grid_name, c.name AS community_name, u.name AS unit_name,"
    " n.name_sealed FROM ({rows}) r LEFT JOIN areas g ON g.code = r.grid_code"
    " LEFT JOIN areas c ON c.code = g.parent_code LEFT JOIN units u ON u.unit_code = r.unit_code"
    " LEFT JOIN residents n ON n.resident_no = r.resident_no"
    " ORDER BY r.opened_at DESC, r.id DESC"
)
_GRIDS = text(
    "SELECT g.code FROM areas g JOIN areas c ON c.code = g.parent_code"
    " WHERE (CAST(:community AS text) IS NULL OR c.code = :community)"
    " AND (CAST(:street AS text) IS NULL OR c.parent_code = :street) ORDER BY g.code"
)
_UNITS = text("SELECT unit_code, name, name_en FROM units WHERE is_active ORDER BY unit_code")
_OWN_UNITS = text(
    "SELECT DISTINCT unit_code FROM posts WHERE account_no = :account_no ORDER BY unit_code"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a list shall hold; None asks for nothing. `text` is a number or a public code."""

    group: str | None = None
    state: str | None = None
    urgency: str | None = None
    category: str | None = None
    condition: str | None = None
    grid: str | None = None
    community: str | None = None
    street: str | None = None
    unit: str | None = None
    units: tuple[str, ...] | None = None  # my units
    resident_no: str | None = None
    since: date | None = None
    until: date | None = None
    text: str | None = None


def requests(
    session: Session,
    cipher: FieldCipher,
    wanted: Wanted,
    *,
    before: str | None = None,
    limit: int = PAGE,
    now: datetime | None = None,
) -> Page:
    """A page of requests with `resident_name` masked; raises Rejected for an odd `before`."""
    at, number = place_of(before, 2) if before else ("infinity", 0)
    rows, given = _statement(session, wanted)
    at_now = now or clock.now()
    given |= {"at": at, "id": number, "limit": limit + 1, "now": at_now, "soon": at_now + SOON}
    found = session.execute(text(_NAMED.format(rows=rows)), given)
    masked = [_masked(dict(row), cipher) for row in found.mappings()]
    return page_of(masked, limit, lambda row: (row["opened_at"], row["id"]))


def ledger(session: Session, cipher: FieldCipher, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """台账: the same rows, at most `LEDGER_MAX`, read some at a time."""
    before, left = None, LEDGER_MAX
    while left > 0:
        page = requests(session, cipher, wanted, before=before, limit=min(_CHUNK, left))
        yield from page.rows
        left -= len(page.rows)
        before = page.next
        if before is None:
            return


def units(session: Session) -> list[Any]:
    """(unit_code, name, name_en) of each unit that works."""
    return list(session.execute(_UNITS))


def units_of(session: Session, account_no: str) -> tuple[str, ...]:
    """The units in which an account has a duty."""
    return tuple(session.execute(_OWN_UNITS, {"account_no": account_no}).scalars())


def _statement(session: Session, wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """The rows of the page as SQL, and what it is given beside the place and the time."""
    if wanted.text:
        return _by_number(wanted.text)
    given: dict[str, Any] = {
        name: value for name in _WHERE if (value := getattr(wanted, name)) is not None
    }
    conditions = [_WHERE[name] for name in given]
    if wanted.group in _GROUP:
        conditions.append(_GROUP[wanted.group])
    values, column = None, ""
    if wanted.units is not None and wanted.unit is None:
        values, column = list(wanted.units), "unit_code"
    elif (wanted.community or wanted.street) and not wanted.grid:
        scope = {"community": wanted.community, "street": wanted.street}
        values = list(session.execute(_GRIDS, scope).scalars())
        column = "grid_code"
    if wanted.units is not None and wanted.community:
        conditions.append("r.grid_code IN (SELECT code FROM areas WHERE parent_code = :community)")
        given["community"] = wanted.community
    if values is None:
        return _newest(conditions), given
    given["values"] = literal(values)
    if wanted.group in ("open", "overdue", "soon"):  # few: they are looked through
        conditions.append(f"r.{column} = ANY(CAST(:values AS text[]))")
        return _newest(conditions), given
    conditions.append(f"r.{column} = v.value")
    return _BY_VALUE.format(newest=_newest(conditions)), given


def _newest(conditions: list[str]) -> str:
    more = "".join(f" AND {each}" for each in conditions)
    return _NEWEST.format(columns=_COLUMNS, conditions=more)


def _by_number(typed: str) -> tuple[str, dict[str, Any]]:
    code = read_public_code(typed)
    return (
        _newest(["(r.request_no = :request_no OR r.public_code = :public_code)"]),
        {"request_no": typed.strip().upper(), "public_code": code or ""},
    )


def _masked(row: dict[str, Any], cipher: FieldCipher) -> dict[str, Any]:
    sealed = row.pop("name_sealed")
    name = cipher.decrypt(sealed, bound_to=row["resident_no"]) if sealed else None
    row["resident_name"] = mask_name(name) if name else None
    return row

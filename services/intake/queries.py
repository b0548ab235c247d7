"""intake's named SELECTs; nothing here changes a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.judging import Terms
from shared.crypto import FieldCipher, mask_name, mask_phone
from shared.db.arrays import literal
from shared.errors import Rejected

VERDICTS_PAGE_MAX = 1000
PAGE = 50

_TERMS = text(
    "SELECT slug, status, system, valid_from, valid_to, event_types, per_minute, per_day"
    " FROM partners WHERE slug = ANY(:slugs)"
)
_DOOR = text(
    # One statement for all the door asks: it is asked with each request. 0 is no quota.
    "SELECT k.key_hash, p.slug, p.status, coalesce(nullif(p.per_minute, 0), 2147483647)"
    " - CASE WHEN c.minute_at = date_trunc('minute', :now) THEN c.minute_count ELSE 0 END"
    " AS minute_left, coalesce(nullif(p.per_day, 0), 2147483647)"
    " - CASE WHEN c.day_at = date_trunc('day', :now) THEN c.day_count ELSE 0 END AS day_left"
    " FROM partner_keys k JOIN partners p USING (slug) LEFT JOIN partner_counters c USING (slug)"
    " WHERE k.key_hash = ANY(CAST(:key_hashes AS text[]))"
)
_VERDICT_COLUMNS = (
    "partner, seq, source, event_id AS id, type, verdict, reason, detail, pointer, received_at,"
    " door"
)
_VERDICTS_AFTER = text(
    f"SELECT {_VERDICT_COLUMNS} FROM verdicts WHERE partner = :partner AND seq > :after"
    " ORDER BY seq LIMIT :limit"
)
_VERDICTS_OF_EVENT = text(
    f"SELECT {_VERDICT_COLUMNS} FROM verdicts WHERE partner = :partner AND source = :source"
    " AND event_id = :event_id ORDER BY seq LIMIT 100"
)
_REJECTED = (
    f"SELECT {_VERDICT_COLUMNS} FROM verdicts v WHERE verdict = 'rejected'"
    " AND received_at <= CAST(:at AS timestamptz)"
    " AND (received_at, partner, seq) < (CAST(:at AS timestamptz), :slug, :seq)"
    " AND NOT EXISTS (SELECT 1 FROM rejected_bodies b WHERE b.partner = v.partner"
    " AND b.seq = v.seq AND b.redriven_at IS NOT NULL) %s"
    " ORDER BY received_at DESC, partner DESC, seq DESC LIMIT :limit"
)
_FLOW = text(
    "SELECT date_trunc('minute', received_at) AS minute, verdict, reason, count(*) AS count"
    " FROM verdicts WHERE received_at >= :since GROUP BY 1, 2, 3"
)
_REPORTS = text(
    "SELECT service, process, outbox_pending, outbox_oldest_at, dead_letters, queues, reported_at"
    " FROM service_reports ORDER BY service"
)
_TOTALS = text(
    "SELECT (SELECT coalesce(sum(seq), 0) FROM partner_counters)::bigint AS events,"
    " (SELECT count(*) FROM partners WHERE status = 'active') AS partners"
)
_REQUESTS = (
    "SELECT r.id, r.request_no, r.state, r.urgency, r.category, r.grid_code, g.name AS grid_name,"
    " c.name AS community_name, r.resident_no, n.name_sealed, r.title, r.description, r.partner,"
    " r.source_event_id, r.opened_at, r.accepted_at FROM requests r"
    " LEFT JOIN areas g ON g.code = r.grid_code LEFT JOIN areas c ON c.code = g.parent_code"
    " LEFT JOIN residents n ON n.resident_no = r.resident_no WHERE %s"
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
_REJECTED_FILTERS = {"partner": "v.partner = :partner", "reason": "v.reason = :reason"}
_COMMUNITIES = text("SELECT code, name FROM areas WHERE kind = 'community' ORDER BY code")
_ACCOUNTS = text(
    "SELECT account_no, login, role, subject, display_name, is_active, created_at,"
    " last_signed_in_at FROM accounts WHERE login > :after ORDER BY login LIMIT :limit"
)
_RESIDENTS = (
    "SELECT r.resident_no, r.household_no, r.name_sealed, r.phone_sealed, r.birth_year,"
    " r.grid_code, g.name AS grid_name, r.language, r.revision FROM residents r"
    " JOIN areas g ON g.code = r.grid_code WHERE r.resident_no > :after %s"
    " ORDER BY r.resident_no LIMIT :limit"
)
_RESIDENT_FILTERS = {
    "resident_no": "r.resident_no = :resident_no",
    "household_no": "r.household_no = :household_no",
    "grid": "r.grid_code = :grid",
    "community": "g.parent_code = :community",
    "phone": "r.phone_index = :phone",
}

_ID_MAX = 2**63 - 1


class Page(NamedTuple):
    """Some rows, newest first, and the place to give as `before` for older ones."""

    rows: list[dict[str, Any]]
    next: str | None


class DoorKey(NamedTuple):
    """Whose API key it is, whether that partner may post now, and what is left of its quota."""

    slug: str
    is_active: bool
    minute_left: int
    day_left: int


def terms_of(session: Session, slugs: Iterable[str]) -> dict[str, Terms]:
    """The terms of the partners that are known."""
    rows = session.execute(_TERMS, {"slugs": list(slugs)})
    return {
        row.slug: Terms(
            row.slug,
            row.status == "active",
            row.system,
            row.valid_from,
            row.valid_to,
            frozenset(row.event_types),
            row.per_minute,
            row.per_day,
        )
        for row in rows
    }


def door_keys(session: Session, key_hashes: list[str], now: datetime) -> dict[str, DoorKey]:
    """The partners that keys open the door for, by the hash of the key; unknown ones are left out.

    Quotas are counted by the minute and the day in UTC.
    """
    rows = session.execute(_DOOR, {"key_hashes": literal(key_hashes), "now": now}).all()
    return {
        row.key_hash: DoorKey(row.slug, row.status == "active", row.minute_left, row.day_left)
        for row in rows
    }


def verdicts_after(
    session: Session, partner: str, after: int, limit: int = VERDICTS_PAGE_MAX
) -> list[dict[str, Any]]:
    """A partner's verdict log from a number on; numbers have no gaps and never change."""
    rows = session.execute(
        _VERDICTS_AFTER,
        {"partner": partner, "after": after, "limit": min(limit, VERDICTS_PAGE_MAX)},
    )
    return [dict(row) for row in rows.mappings()]


def verdicts_of_event(
    session: Session, partner: str, source: str, event_id: str
) -> list[dict[str, Any]]:
    """All verdicts on one event, the oldest first."""
    rows = session.execute(
        _VERDICTS_OF_EVENT, {"partner": partner, "source": source, "event_id": event_id}
    )
    return [dict(row) for row in rows.mappings()]


def rejected(
    session: Session,
    *,
    partner: str | None = None,
    reason: str | None = None,
    limit: int = PAGE,
) -> list[dict[str, Any]]:
    """The newest rejected events that were not re-driven."""
    return rejected_page(session, partner=partner, reason=reason, limit=limit).rows


def rejected_page(
    session: Session,
    *,
    partner: str | None = None,
    reason: str | None = None,
    before: str | None = None,
    limit: int = PAGE,
) -> Page:
    """The same with the place of the next page; raises Rejected for an odd `before`."""
    at, slug, seq = _place(before, 3) if before else ("infinity", "", 0)
    filters = _given(_REJECTED_FILTERS, {"partner": partner, "reason": reason})
    found = session.execute(
        text(_REJECTED % _and(_REJECTED_FILTERS, filters)),
        {"at": at, "slug": slug, "seq": seq, "limit": limit + 1, **filters},
    )
    rows = [dict(row) for row in found.mappings()]
    return _page(rows, limit, lambda row: (row["received_at"], row["partner"], row["seq"]))


def flow(session: Session, since: datetime) -> list[dict[str, Any]]:
    """Counts of verdicts by minute, verdict and reason; keep `since` near, it reads every row."""
    return [dict(row) for row in session.execute(_FLOW, {"since": since}).mappings()]


def service_reports(session: Session) -> list[dict[str, Any]]:
    """What each service last said of itself."""
    return [dict(row) for row in session.execute(_REPORTS).mappings()]


def totals(session: Session) -> dict[str, int]:
    """Events received since the beginning, and partners that may post."""
    return dict(session.execute(_TOTALS).mappings().one())


def communities(session: Session) -> list[tuple[str, str]]:
    """(code, name) of each community."""
    return [(row.code, row.name) for row in session.execute(_COMMUNITIES)]


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
    at, number = _place(before, 2) if before else ("infinity", 0)
    given = _given(_REQUEST_FILTERS, filters)
    found = session.execute(
        text(_REQUESTS % (_REQUESTS_BEFORE % _and(_REQUEST_FILTERS, given))),
        {"at": at, "id": number, "limit": limit + 1, **given},
    )
    rows = [_masked(dict(row), cipher) for row in found.mappings()]
    return _page(rows, limit, lambda row: (row["opened_at"], row["id"]))


def request_of(session: Session, cipher: FieldCipher, request_no: str) -> dict[str, Any] | None:
    """One request by the number on its receipt."""
    found = session.execute(text(_REQUESTS % "r.request_no = :no"), {"no": request_no})
    row = found.mappings().one_or_none()
    return None if row is None else _masked(dict(row), cipher)


def accounts(session: Session, *, after: str = "", limit: int = PAGE) -> Page:
    """Accounts by login name, from one on; never their hashes."""
    found = session.execute(_ACCOUNTS, {"after": after, "limit": limit + 1})
    rows = [dict(row) for row in found.mappings()]
    return Page(rows[:limit], rows[limit - 1]["login"] if len(rows) > limit else None)


def residents(
    session: Session,
    cipher: FieldCipher,
    *,
    filters: Mapping[str, object],
    after: str = "",
    limit: int = PAGE,
) -> Page:
    """The register by resident number, from one on, with `name` and `phone` masked.

    Filters: resident_no, household_no, grid, community, phone (its blind index).
    """
    given = _given(_RESIDENT_FILTERS, filters)
    found = session.execute(
        text(_RESIDENTS % _and(_RESIDENT_FILTERS, given)),
        {"after": after, "limit": limit + 1, **given},
    )
    rows = [dict(row) for row in found.mappings()]
    for row in rows[:limit]:
        name, phone, place = row.pop("name_sealed"), row.pop("phone_sealed"), row["resident_no"]
        row["name"] = mask_name(cipher.decrypt(name, bound_to=place))
        row["phone"] = mask_phone(cipher.decrypt(phone, bound_to=place)) if phone else None
    return Page(rows[:limit], rows[limit - 1]["resident_no"] if len(rows) > limit else None)


def _masked(row: dict[str, Any], cipher: FieldCipher) -> dict[str, Any]:
    sealed = row.pop("name_sealed")
    name = cipher.decrypt(sealed, bound_to=row["resident_no"]) if sealed else None
    row["resident_name"] = mask_name(name) if name else None
    return row


def _given(known: Mapping[str, str], filters: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in filters.items() if value and name in known}


def _and(known: Mapping[str, str], filters: Mapping[str, object]) -> str:
    return "".join(f" AND {known[name]}" for name in filters)


def _page(
    rows: list[dict[str, Any]],
    limit: int,
    place: Callable[[dict[str, Any]], tuple[datetime, *tuple[Any, ...]]],
) -> Page:
    if len(rows) <= limit:
        return Page(rows, None)
    at, *others = place(rows[limit - 1])
    return Page(rows[:limit], ",".join([at.isoformat(), *map(str, others)]))


def _place(before: str, parts: int) -> tuple[Any, ...]:
    """What `_page` wrote: an instant, perhaps a slug, a number."""
    given = before.split(",")
    try:
        at, number = datetime.fromisoformat(given[0]), int(given[-1])
    except ValueError as problem:
        raise _odd_place() from problem
    if at.tzinfo is None or len(given) != parts or not 0 <= number <= _ID_MAX:
        raise _odd_place()
    return (at, *given[1:-1], number)


def _odd_place() -> Rejected:
    return Rejected(
        "before", "翻页位置无效，请从第一页开始", "this place is not one of ours: start anew"
    )

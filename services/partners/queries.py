"""partners' named SELECTs; nothing here changes a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

PAGE_MAX = 50
HISTORY_MAX = 50
ENTRIES_MAX = 20

_WANTED = text(
    "SELECT slug, status, activating, amqp_password_hash, cut_wanted, broker_problem"
    " FROM organisations WHERE slug > :after ORDER BY slug LIMIT :limit"
)
_COLUMNS = (
    "o.slug, o.name, o.kind, o.system, o.status, o.reason, o.activating, o.revision,"
    " o.per_minute, o.per_day, o.broker_problem, o.broker_checked_at, o.registered_at,"
    " a.no, a.valid_from, a.valid_to, a.event_types,"
    " coalesce(c.points, 0) AS contribution, coalesce(c.entries, 0) AS contributions"
    " FROM organisations o JOIN agreements a ON a.slug = o.slug AND a.superseded_at IS NULL"
    " LEFT JOIN contributions c ON c.slug = o.slug"
)
_PAGE = text(
    f"SELECT {_COLUMNS} WHERE o.slug > :after"
    " AND (CAST(:status AS text) IS NULL OR o.status = :status)"
    " AND (CAST(:kind AS text) IS NULL OR o.kind = :kind)"
    " AND (CAST(:q AS text) IS NULL OR strpos(lower(o.name || ' ' || o.slug), lower(:q)) > 0)"
    " ORDER BY o.slug LIMIT :limit"
)
_ONE = text(f"SELECT {_COLUMNS} WHERE o.slug = :slug")
_COUNTS = text("SELECT status, count(*) AS count FROM organisations GROUP BY status")
_AGREEMENTS = text(
    "SELECT no, valid_from, valid_to, event_types, agreed_at, superseded_at FROM agreements"
    f" WHERE slug = :slug ORDER BY id DESC LIMIT {HISTORY_MAX}"
)
_KEYS = text(
    "SELECT hint, created_at, expires_at FROM api_keys"
    " WHERE slug = :slug AND revoked_at IS NULL ORDER BY created_at DESC"
)
_CHANGES = text(
    "SELECT at, by, verb, detail FROM changes WHERE slug = :slug"
    f" ORDER BY id DESC LIMIT {HISTORY_MAX}"
)
_ENTRIES = text(
    "SELECT award_id, points, wish_code, colour, credited_at FROM contribution_entries"
    f" WHERE slug = :slug ORDER BY credited_at DESC, award_id DESC LIMIT {ENTRIES_MAX}"
)

_REDEMPTIONS = text(
    "SELECT redemption_no, reward, quantity, state, due_at, told_at FROM redemptions"
    f" WHERE slug = :slug ORDER BY told_at DESC, redemption_no DESC LIMIT {ENTRIES_MAX}"
)
_REFUSED_CLAIMS = text(
    "SELECT source_event_id, reason, redemption_no, refused_at FROM refused_claims"
    f" WHERE slug = :slug ORDER BY refused_at DESC LIMIT {ENTRIES_MAX}"
)


@dataclass(frozen=True, slots=True)
class WantedRow:
    """What the broker should hold for an organisation, and whether it last disagreed."""

    slug: str
    status: str
    activating: bool
    amqp_password_hash: str
    cut_wanted: bool
    broker_problem: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and what to give as `after` for the next ones; None at the end."""

    rows: list[dict[str, Any]]
    next: str | None


def wanted_after(session: Session, after: str, limit: int) -> list[WantedRow]:
    """Every organisation, whatever its status, in order of slug."""
    rows = session.execute(_WANTED, {"after": after, "limit": limit})
    return [WantedRow(**row) for row in rows.mappings()]


def organisations(
    session: Session,
    *,
    filters: Mapping[str, str | None],
    after: str = "",
    limit: int = PAGE_MAX,
) -> Page:
    """In order of slug, with agreement and contribution.

    Filters are status, kind and q (part of name or slug); an empty one filters nothing.
    """
    asked = {name: filters.get(name) or None for name in ("status", "kind", "q")}
    limit = min(limit, PAGE_MAX)
    rows = _rows(session, _PAGE, after=after, limit=limit + 1, **asked)
    following = rows[limit - 1]["slug"] if len(rows) > limit else None
    return Page(rows[:limit], following)


def organisation(session: Session, slug: str) -> dict[str, Any] | None:
    """One organisation, as in the list."""
    found = _rows(session, _ONE, slug=slug)
    return found[0] if found else None


def counts(session: Session) -> dict[str, int]:
    """Organisations by status."""
    return {row.status: row.count for row in session.execute(_COUNTS)}  # type: ignore[misc]


def agreements(session: Session, slug: str) -> list[dict[str, Any]]:
    """The newest first; the one in force has no `superseded_at`."""
    return _rows(session, _AGREEMENTS, slug=slug)


def keys(session: Session, slug: str) -> list[dict[str, Any]]:
    """The last characters of the keys in use, the newest first."""
    return _rows(session, _KEYS, slug=slug)


def changes(session: Session, slug: str) -> list[dict[str, Any]]:
    """Who did what, the newest first."""
    return _rows(session, _CHANGES, slug=slug)


def entries(session: Session, slug: str) -> list[dict[str, Any]]:
    """The newest credits to the contribution account."""
    return _rows(session, _ENTRIES, slug=slug)


def redemptions(session: Session, slug: str) -> list[dict[str, Any]]:
    """The newest redemptions that the partner hands out, or has."""
    return _rows(session, _REDEMPTIONS, slug=slug)


def refused_claims(session: Session, slug: str) -> list[dict[str, Any]]:
    """The newest claims of the partner that were not accepted."""
    return _rows(session, _REFUSED_CLAIMS, slug=slug)


def _rows(session: Session, statement: Any, **bound: object) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(statement, bound).mappings()]

"""intake's named SELECTs; nothing here changes a row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.judging import Terms

VERDICTS_PAGE_MAX = 1000
PAGE = 50

_TERMS = text(
    "SELECT slug, status, system, valid_from, valid_to, event_types, per_minute, per_day"
    " FROM partners WHERE slug = ANY(:slugs)"
)
_DOOR = text(
    "SELECT p.slug, p.status FROM partner_keys k JOIN partners p USING (slug)"
    " WHERE k.key_hash = :key_hash"
)
_QUOTA = text(
    # 0 is no quota, as in the gate
    "SELECT coalesce(nullif(p.per_minute, 0), 2147483647)"
    " - CASE WHEN c.minute_at = date_trunc('minute', :now) THEN c.minute_count ELSE 0 END AS minute_left,"
    " coalesce(nullif(p.per_day, 0), 2147483647)"
    " - CASE WHEN c.day_at = date_trunc('day', :now) THEN c.day_count ELSE 0 END AS day_left"
    " FROM partners p LEFT JOIN partner_counters c USING (slug) WHERE p.slug = :slug"
)
_VERDICT_COLUMNS = "partner, seq, source, event_id AS id, type, verdict, reason, detail, pointer, received_at, door"
_VERDICTS_AFTER = text(
    f"SELECT {_VERDICT_COLUMNS} FROM verdicts WHERE partner = :partner AND seq > :after"
    " ORDER BY seq LIMIT :limit"
)
_VERDICTS_OF_EVENT = text(
    f"SELECT {_VERDICT_COLUMNS} FROM verdicts WHERE partner = :partner AND source = :source"
    " AND event_id = :event_id ORDER BY seq LIMIT 100"
)
_REJECTED = text(
    f"SELECT {_VERDICT_COLUMNS} FROM verdicts v WHERE verdict = 'rejected'"
    " AND (CAST(:partner AS text) IS NULL OR v.partner = :partner)"
    " AND (CAST(:reason AS text) IS NULL OR v.reason = :reason)"
    " AND NOT EXISTS (SELECT 1 FROM rejected_bodies b WHERE b.partner = v.partner"
    " AND b.seq = v.seq AND b.redriven_at IS NOT NULL)"
    " ORDER BY received_at DESC, seq DESC LIMIT :limit"
)


class DoorKey(NamedTuple):
    """Whose API key it is, and whether that partner may post now."""

    slug: str
    is_active: bool


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


def door_key(session: Session, key_hash: str) -> DoorKey | None:
    """The partner that a key opens the door for; None when nobody has this key."""
    row = session.execute(_DOOR, {"key_hash": key_hash}).one_or_none()
    return None if row is None else DoorKey(row.slug, row.status == "active")


def quota_left(session: Session, slug: str, now: Any) -> tuple[int, int]:
    """Events a partner may still send this minute and this day (UTC)."""
    row = session.execute(_QUOTA, {"slug": slug, "now": now}).one()
    return row.minute_left, row.day_left


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
    rows = session.execute(_REJECTED, {"partner": partner, "reason": reason, "limit": limit})
    return [dict(row) for row in rows.mappings()]

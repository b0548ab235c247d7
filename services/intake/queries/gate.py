"""What the gate knows and what it said: terms, keys, verdicts, the flow of events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE, Page, chosen, conditions, page_of, place_of
from services.intake.rules.judging import Terms
from shared.db.arrays import literal

VERDICTS_PAGE_MAX = 1000
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
_REJECTED_FILTERS = {"partner": "v.partner = :partner", "reason": "v.reason = :reason"}
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
    at, slug, seq = place_of(before, 3) if before else ("infinity", "", 0)
    filters = chosen(_REJECTED_FILTERS, {"partner": partner, "reason": reason})
    found = session.execute(
        text(_REJECTED % conditions(_REJECTED_FILTERS, filters)),
        {"at": at, "slug": slug, "seq": seq, "limit": limit + 1, **filters},
    )
    rows = [dict(row) for row in found.mappings()]
    return page_of(rows, limit, lambda row: (row["received_at"], row["partner"], row["seq"]))


def flow(session: Session, since: datetime) -> list[dict[str, Any]]:
    """Counts of verdicts by minute, verdict and reason; keep `since` near, it reads every row."""
    return [dict(row) for row in session.execute(_FLOW, {"since": since}).mappings()]


def service_reports(session: Session) -> list[dict[str, Any]]:
    """What each service last said of itself."""
    return [dict(row) for row in session.execute(_REPORTS).mappings()]


def totals(session: Session) -> dict[str, int]:
    """Events received since the beginning, and partners that may post."""
    return dict(session.execute(_TOTALS).mappings().one())

"""Judges what partners sent and writes a verdict for each event, a batch at a time.

Every statement is set-based, because this is the district's hottest path. The row of a partner's
counter is locked from its numbering to the commit: verdict numbers have no gaps, and two doors
cannot accept the same id at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text

from services.intake.actions import acceptance, rejection
from services.intake.queries import terms_of
from services.intake.rules.items import Item
from services.intake.rules.judging import (
    Home,
    Judged,
    Terms,
    id_conflict,
    judge,
    quota_exceeded,
    unknown_resident,
)
from shared import clock, metrics
from shared.crypto import FieldCipher
from shared.db.arrays import hex_literal, literal
from shared.ids import uuid7
from shared.messaging.transaction import Transaction
from shared.schemas import PARTNER_TYPES, content_hash

_COUNT = text(
    "INSERT INTO partner_counters AS c (slug, seq, minute_at, minute_count, day_at, day_count)"
    " SELECT s.slug, s.n, date_trunc('minute', :now), s.n, date_trunc('day', :now), s.n"
    " FROM unnest(CAST(:slugs AS text[]), CAST(:counts AS bigint[])) AS s (slug, n)"
    " ORDER BY s.slug"
    " ON CONFLICT (slug) DO UPDATE SET seq = c.seq + excluded.seq,"
    " minute_count = excluded.minute_count"
    " + CASE WHEN c.minute_at = excluded.minute_at THEN c.minute_count ELSE 0 END,"
    " minute_at = excluded.minute_at,"
    " day_count = excluded.day_count"
    " + CASE WHEN c.day_at = excluded.day_at THEN c.day_count ELSE 0 END,"
    " day_at = excluded.day_at"
    " RETURNING slug, seq, minute_count, day_count"
)
_RESIDENTS = text(
    "SELECT r.resident_no, r.household_no, g.parent_code FROM residents r"
    " JOIN areas g ON g.code = r.grid_code WHERE r.resident_no = ANY(CAST(:numbers AS text[]))"
)
_ACCEPTED = text(
    "SELECT v.source, v.event_id, v.body_hash FROM verdicts v"
    " JOIN unnest(CAST(:sources AS text[]), CAST(:ids AS text[])) AS k (source, event_id)"
    " USING (source, event_id) WHERE v.verdict = 'accepted'"
)
_WRITE_VERDICTS = text(
    "INSERT INTO verdicts (partner, seq, received_at, door, source, event_id, type, verdict,"
    " reason, detail, pointer, body_hash)"
    " SELECT r.partner, r.seq, :now, :door, r.source, r.event_id, r.type, r.verdict, r.reason,"
    " r.detail, r.pointer, r.body_hash FROM unnest(CAST(:partners AS text[]),"
    " CAST(:seqs AS bigint[]), CAST(:sources AS text[]), CAST(:ids AS text[]),"
    " CAST(:types AS text[]), CAST(:verdicts AS text[]), CAST(:reasons AS text[]),"
    " CAST(:details AS text[]), CAST(:pointers AS text[]), CAST(:hashes AS bytea[]))"
    " AS r (partner, seq, source, event_id, type, verdict, reason, detail, pointer, body_hash)"
)


class Sent(NamedTuple):
    """One item and the partner it certainly came from."""

    partner: str
    item: Item


@dataclass(slots=True)
class _Open:
    """A judged item on its way to a verdict row."""

    judged: Judged
    body_hash: bytes
    seq: int = 0


def receive(
    tx: Transaction, sent: list[Sent], *, door: str, cipher: FieldCipher
) -> list[dict[str, Any]]:
    """Judge, write rows and outbox; the verdicts in the order of `sent`, as partners read them."""
    now = clock.now()
    terms = terms_of(tx.session, {one.partner for one in sent})
    opened = [_open(one, terms, now) for one in sent]
    _number(tx, opened, terms, now)
    _against_register(tx, opened)
    _against_accepted(tx, opened)
    _write(tx, opened, door, now)
    accepted = [o.judged for o in opened if not o.judged.refusal and not o.judged.is_duplicate]
    acceptance.record(tx, accepted, now)
    rejection.keep(tx, [(o.judged, o.seq) for o in opened if o.judged.refusal], cipher)
    _count(opened, door)
    received_at = now.isoformat()
    return [_wire(one, received_at) for one in opened]


def reply(tx: Transaction, sent: list[Sent], verdicts: list[dict[str, Any]]) -> None:
    """Put the verdicts of AMQP events on their partners' reply queues."""
    by_partner: dict[str, list[dict[str, object]]] = {}
    for one, verdict in zip(sent, verdicts, strict=True):
        by_partner.setdefault(one.partner, []).append(verdict)
    for partner, its in by_partner.items():
        tx.reply(f"out.{partner}", its)


def _open(one: Sent, terms: dict[str, Terms], now: datetime) -> _Open:
    item = one.item
    known = terms.get(one.partner) or Terms(one.partner, False, None, None, None, frozenset())
    judged = judge(item, known, now)
    is_event = item.problem is None and not item.is_too_large
    if not is_event:
        # No event to speak of: a made-up id, and the hash of what came.
        judged.event_id = judged.event_id or f"made-{uuid7()}"
        judged.source = judged.source or f"/partners/{one.partner}"
    return _Open(
        judged,
        content_hash(item.attributes, item.data) if is_event else content_hash({}, item.body.hex()),
    )


def _number(tx: Transaction, opened: list[_Open], terms: dict[str, Terms], now: datetime) -> None:
    """Give each its number in its partner's log; what exceeds the quota is refused."""
    counts = Counter(one.judged.partner for one in opened)
    slugs = sorted(counts)
    rows = tx.session.execute(
        _COUNT,
        {
            "slugs": literal(slugs),
            "counts": literal(counts[slug] for slug in slugs),
            "now": now,
        },
    ).all()
    next_seq = {row.slug: row.seq - counts[row.slug] + 1 for row in rows}
    over = {
        row.slug: max(
            row.minute_count - terms[row.slug].per_minute,
            row.day_count - terms[row.slug].per_day,
            0,
        )
        for row in rows
        if row.slug in terms and terms[row.slug].per_minute
    }
    for one in reversed(opened):  # the last to come are the ones over the quota
        slug = one.judged.partner
        if over.get(slug, 0) > 0:
            over[slug] -= 1
            one.judged.refusal = quota_exceeded()
    for one in opened:
        one.seq = next_seq[one.judged.partner]
        next_seq[one.judged.partner] += 1


def _sound(opened: Iterable[_Open]) -> list[_Open]:
    return [one for one in opened if one.judged.refusal is None]


def _against_register(tx: Transaction, opened: list[_Open]) -> None:
    named = [one for one in _sound(opened) if one.judged.data.get("resident_no") is not None]
    numbers = {one.judged.data["resident_no"] for one in named}
    if not numbers:
        return
    rows = tx.session.execute(_RESIDENTS, {"numbers": literal(numbers)}).all()
    homes = {number: Home(household, community) for number, household, community in rows}
    for one in named:
        one.judged.home = homes.get(one.judged.data["resident_no"])
        if one.judged.home is None:
            one.judged.refusal = unknown_resident()


def _against_accepted(tx: Transaction, opened: list[_Open]) -> None:
    sound = _sound(opened)
    if not sound:
        return
    rows = tx.session.execute(
        _ACCEPTED,
        {
            "sources": literal(one.judged.source for one in sound),
            "ids": literal(one.judged.event_id for one in sound),
        },
    ).all()
    seen = {(row.source, row.event_id): bytes(row.body_hash) for row in rows}
    for one in sound:
        key = (one.judged.source, one.judged.event_id)
        earlier = seen.setdefault(key, one.body_hash)
        if earlier is one.body_hash:
            continue
        if earlier == one.body_hash:
            one.judged.is_duplicate = True
        else:
            one.judged.refusal = id_conflict()


def _verdict(judged: Judged) -> str:
    if judged.refusal is not None:
        return "rejected"
    return "duplicate" if judged.is_duplicate else "accepted"


def _write(tx: Transaction, opened: list[_Open], door: str, now: datetime) -> None:
    refusals = [one.judged.refusal for one in opened]
    tx.session.execute(
        _WRITE_VERDICTS,
        {
            "now": now,
            "door": door,
            "partners": literal(one.judged.partner for one in opened),
            "seqs": literal(one.seq for one in opened),
            "sources": literal(one.judged.source for one in opened),
            "ids": literal(one.judged.event_id for one in opened),
            "types": literal(one.judged.type for one in opened),
            "verdicts": literal(_verdict(one.judged) for one in opened),
            "reasons": literal(r.reason.value if r else None for r in refusals),
            "details": literal(r.detail if r else None for r in refusals),
            "pointers": literal(r.pointer if r else None for r in refusals),
            "hashes": hex_literal(one.body_hash for one in opened),
        },
    )


def _wire(one: _Open, received_at: str) -> dict[str, Any]:
    judged, refusal = one.judged, one.judged.refusal
    return {
        "source": judged.source,
        "id": judged.event_id,
        "verdict": _verdict(judged),
        "reason": refusal.reason.value if refusal else None,
        "detail": refusal.detail if refusal else None,
        "pointer": refusal.pointer if refusal else None,
        "received_at": received_at,
    }


def _count(opened: list[_Open], door: str) -> None:
    tallies = Counter(
        (
            one.judged.type if one.judged.type in PARTNER_TYPES else "other",
            _verdict(one.judged),
            one.judged.refusal.reason.value if one.judged.refusal else "",
        )
        for one in opened
    )
    for labels, count in tallies.items():
        metrics.verdicts.labels(door, *labels).inc(count)

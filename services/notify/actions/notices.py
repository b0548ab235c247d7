"""Writing notices, and what a resident does with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.notify import queries
from services.notify.rules import CHANNELS, QUEUED_FOR, Channel, Kind
from shared.db.arrays import literal
from shared.ids import uuid7, uuid7_text

_WRITE_NOTICES = text(
    "INSERT INTO notices (id, resident_no, kind, template_version, params, event_id, accepted_at,"
    " created_at) SELECT d.id, d.resident_no, :kind, :version, CAST(d.params AS jsonb),"
    " d.event_id, d.accepted_at, :at FROM unnest(CAST(:ids AS uuid[]),"
    " CAST(:resident_nos AS text[]), CAST(:params AS text[]), CAST(:event_ids AS uuid[]),"
    " CAST(:accepted AS timestamptz[])) AS d (id, resident_no, params, event_id, accepted_at)"
    " ON CONFLICT (event_id) DO NOTHING RETURNING id"
)
_WRITE_DELIVERIES = text(
    "INSERT INTO deliveries (id, notice_id, channel, state, attempts, waits, next_attempt_at,"
    " queued_until, created_at) SELECT d.id, d.notice_id, :channel, 'pending', 0, 0, :at,"
    " :queued_until, :at FROM unnest(CAST(:ids AS uuid[]), CAST(:notice_ids AS uuid[]))"
    " AS d (id, notice_id)"
)
_READ = text(
    "UPDATE notices SET read_at = :at WHERE resident_no = :resident_no AND id <= :up_to"
    " AND read_at IS NULL RETURNING id"
)


class Draft(NamedTuple):
    """A notice to write; `params` are exactly `rules.PARAMS` of its kind.

    A tuple, because credits come by the thousand.
    """

    event_id: str
    resident_no: str
    params: dict[str, Any]
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """What came of drafts: how many notices were new, and which deliveries now wait."""

    notices: int
    deliveries: list[UUID]


def write_notices(session: Session, kind: Kind, drafts: list[Draft], at: datetime) -> Written:
    """Write a kind's notices, and a delivery for each outside channel of the kind.

    An event that has its notice already gets no second one. Raises NotYet.
    """
    if not drafts:
        return Written(0, [])
    written = session.execute(
        _WRITE_NOTICES,
        {
            "kind": kind.value,
            "version": queries.active_version(session, kind, at),
            "at": at,
            "ids": literal(uuid7_text() for _ in drafts),
            "resident_nos": literal(draft.resident_no for draft in drafts),
            "params": literal(orjson.dumps(draft.params).decode() for draft in drafts),
            "event_ids": literal(draft.event_id for draft in drafts),
            "accepted": literal(draft.accepted_at for draft in drafts),
        },
    ).scalars()
    notice_ids = list(written)
    deliveries: list[UUID] = []
    for channel in CHANNELS[kind]:
        if channel is not Channel.IN_APP and notice_ids:
            deliveries += _write_deliveries(session, channel, notice_ids, at)
    return Written(len(notice_ids), deliveries)


def _write_deliveries(
    session: Session, channel: Channel, notice_ids: list[UUID], at: datetime
) -> list[UUID]:
    ids = [uuid7() for _ in notice_ids]
    session.execute(
        _WRITE_DELIVERIES,
        {
            "ids": ids,
            "notice_ids": notice_ids,
            "channel": channel.value,
            "at": at,
            "queued_until": at + QUEUED_FOR,
        },
    )
    return ids


def mark_read(session: Session, resident_no: str, up_to: UUID, at: datetime) -> int:
    """A resident has read everything up to a notice; how many were unread."""
    read = session.execute(_READ, {"up_to": up_to, "resident_no": resident_no, "at": at})
    return len(read.all())

"""Verbs that change notify's rows. They know no transport; whoever calls them commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.notify import queries
from services.notify.clients import Answer, Sms
from services.notify.models import Contacts
from services.notify.rules import (
    ATTEMPTS_MAX,
    CHANNELS,
    LEASE,
    PARAMS,
    QUEUED_FOR,
    Channel,
    Kind,
    MissingPlaceholder,
    Next,
    State,
    after_answer,
    after_receipt,
    after_waiting,
    check_transition,
    words,
)
from shared.db.arrays import literal
from shared.ids import uuid7

_REGISTER = text(
    "INSERT INTO address_book AS known (resident_no, name, phone, phone_index, language,"
    " revision, changed_at)"
    " SELECT d.*, :at FROM unnest(CAST(:resident_nos AS text[]), CAST(:names AS text[]),"
    " CAST(:phones AS text[]), CAST(:indexes AS bytea[]), CAST(:languages AS text[]),"
    " CAST(:revisions AS bigint[])) AS d"
    " ON CONFLICT (resident_no) DO UPDATE SET name = excluded.name, phone = excluded.phone,"
    " phone_index = excluded.phone_index, language = excluded.language,"
    " revision = excluded.revision, changed_at = excluded.changed_at"
    " WHERE known.revision < excluded.revision"
)
# Rows that a task holds just now are skipped: their own back-off brings them here again.
_WAKE = text(
    "UPDATE deliveries SET next_attempt_at = :at, queued_until = NULL WHERE id IN"
    " (SELECT d.id FROM deliveries d JOIN notices n ON n.id = d.notice_id"
    " WHERE n.resident_no = ANY(:resident_nos) AND d.state = 'pending'"
    " AND d.last_error = 'address_unknown' ORDER BY d.id FOR UPDATE OF d SKIP LOCKED)"
)
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
_TAKE = text(
    "SELECT d.id, d.state, d.attempts, d.waits, d.provider_ref, n.resident_no, n.kind,"
    " n.template_version, n.params FROM deliveries d JOIN notices n ON n.id = d.notice_id"
    " WHERE d.id = :id AND d.state IN ('pending', 'sending') AND d.next_attempt_at <= :at"
    " FOR UPDATE OF d SKIP LOCKED"
)
_HELD = text("SELECT id, state, attempts, provider_ref FROM deliveries WHERE id = :id FOR UPDATE")
_MOVE = text(
    "UPDATE deliveries SET state = :state, next_attempt_at = :next_attempt_at,"
    " last_error = :last_error, queued_until = NULL, attempts = :attempts, waits = :waits"
    " WHERE id = :id"
)
_ANSWERED = text(
    "UPDATE deliveries SET state = :state, next_attempt_at = :next_attempt_at,"
    " last_error = :last_error, provider_ref = coalesce(:provider_ref, provider_ref),"
    " sent_at = CASE WHEN :is_sent THEN coalesce(sent_at, :at) ELSE sent_at END,"
    " queued_until = NULL WHERE id = :id"
)
_DUE = text(
    "UPDATE deliveries SET queued_until = :queued_until WHERE id IN (SELECT id FROM deliveries"
    " WHERE state IN ('pending', 'sending') AND next_attempt_at <= :at"
    " AND (queued_until IS NULL OR queued_until <= :at) ORDER BY next_attempt_at LIMIT :most"
    " FOR UPDATE SKIP LOCKED) RETURNING id"
)
_REPORTED = text(
    "SELECT d.id, d.state, d.provider_ref, n.accepted_at FROM deliveries d"
    " JOIN notices n ON n.id = d.notice_id WHERE d.channel = 'sms'"
    " AND (d.id = ANY(:ids) OR d.provider_ref = ANY(:references))"
    " ORDER BY d.id FOR UPDATE OF d"
)
_SETTLE = text(
    "UPDATE deliveries SET state = :state, next_attempt_at = NULL, queued_until = NULL,"
    " last_error = :last_error, provider_ref = coalesce(provider_ref, :provider_ref),"
    " sent_at = coalesce(sent_at, :at),"
    " delivered_at = CASE WHEN :is_delivered THEN :at ELSE delivered_at END WHERE id = :id"
)
_READ = text(
    "UPDATE notices SET read_at = :at WHERE id = :id AND resident_no = :resident_no"
    " AND read_at IS NULL"
)


@dataclass(frozen=True, slots=True)
class Registration:
    """What intake says of a resident."""

    resident_no: str
    language: str
    contact_sealed: str | None
    revision: int


class Draft(NamedTuple):
    """A notice to write. A tuple, because credits come by the thousand."""

    event_id: str
    resident_no: str
    params: dict[str, Any]
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class Written:
    """What came of drafts: how many notices were new, and which deliveries now wait."""

    notices: int
    deliveries: list[UUID]


@dataclass(frozen=True, slots=True, repr=False)
class Claim:
    """An attempt that this worker may make; `attempt` tells it from any other."""

    delivery_id: UUID
    attempt: int
    sms: Sms


@dataclass(frozen=True, slots=True)
class Receipt:
    """A vendor's word on one message; the phone number was left at the door."""

    out_id: UUID | None
    provider_ref: str | None
    success: bool
    code: str
    at: datetime


def register_residents(
    session: Session, contacts: Contacts, heard: Iterable[Registration], at: datetime
) -> None:
    """Write the newest revision of each resident, and wake what waits for an address.

    Raises BadContact.
    """
    newest: dict[str, Registration] = {}
    for one in heard:
        known = newest.get(one.resident_no)
        if known is None or known.revision < one.revision:
            newest[one.resident_no] = one
    ordered = [newest[resident_no] for resident_no in sorted(newest)]  # one order of locks for all
    sealed = [
        contacts.seal(one.resident_no, contacts.unseal(one.resident_no, one.contact_sealed))
        for one in ordered
    ]
    resident_nos = [one.resident_no for one in ordered]
    session.execute(
        _REGISTER,
        {
            "at": at,
            "resident_nos": resident_nos,
            "names": literal(one.name for one in sealed),
            "phones": literal(one.phone for one in sealed),
            "indexes": [one.phone_index for one in sealed],
            "languages": literal(one.language for one in ordered),
            "revisions": literal(one.revision for one in ordered),
        },
    )
    session.execute(_WAKE, {"at": at, "resident_nos": resident_nos})


def write_notices(session: Session, kind: Kind, drafts: list[Draft], at: datetime) -> Written:
    """Write a kind's notices, and a delivery for each outside channel of the kind.

    An event that has its notice already gets no second one. Raises MissingPlaceholder, NotYet.
    """
    if not drafts:
        return Written(0, [])
    needed = PARAMS[kind]
    for draft in drafts:
        if draft.params.keys() != needed:
            raise MissingPlaceholder(", ".join(sorted(needed - draft.params.keys())))
    written = session.execute(
        _WRITE_NOTICES,
        {
            "kind": kind.value,
            "version": queries.active_version(session, kind, at),
            "at": at,
            "ids": literal(uuid7() for _ in drafts),
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


def claim(session: Session, contacts: Contacts, delivery_id: UUID, at: datetime) -> Claim | None:
    """Take a due delivery for one attempt; None when there is nothing to send.

    It leases the row for LEASE: when this process dies before `record_answer`, the sweep finds
    the row again after that, and the next attempt carries the same out_id.
    """
    row = session.execute(_TAKE, {"id": delivery_id, "at": at}).one_or_none()
    if row is None:
        return None  # done, held by another, or not due: a doubled task message
    if row.attempts >= ATTEMPTS_MAX:
        _move(session, row, Next(State.FAILED, None, "attempts_used_up"))
        return None
    found = queries.addressee(session, contacts, row.resident_no)
    if found is None:
        _move(session, row, after_waiting(row.waits + 1, at), waits=row.waits + 1)
        return None
    if found.contact.phone is None:
        _move(session, row, Next(State.UNDELIVERABLE, None, "no_phone"))
        return None
    code, body = queries.sms_template(session, Kind(row.kind), row.template_version, found.language)
    sms = Sms(
        phone=found.contact.phone,
        template_code=code,
        params=words(body, row.params, found.language),
        out_id=str(row.id),
    )
    _move(session, row, Next(State.SENDING, at + LEASE, None), attempts=row.attempts + 1)
    return Claim(row.id, row.attempts + 1, sms)


def record_answer(
    session: Session, claimed: Claim, answer: Answer, at: datetime, chance: float
) -> State | None:
    """Write what an attempt came to; None when the row has moved on without us."""
    row = session.execute(_HELD, {"id": claimed.delivery_id}).one()
    if row.state != State.SENDING or row.attempts != claimed.attempt:
        return None  # a receipt was faster, or the lease ran out and another attempt was made
    follows = after_answer(answer.code, row.attempts, at, chance)
    check_transition(State(row.state), follows.state)
    session.execute(
        _ANSWERED,
        {
            "id": row.id,
            "state": follows.state.value,
            "next_attempt_at": follows.at,
            "last_error": follows.error,
            "provider_ref": answer.provider_ref,
            "is_sent": follows.state is State.SENT,
            "at": at,
        },
    )
    return follows.state


def take_due(session: Session, at: datetime, most: int) -> list[UUID]:
    """Deliveries whose task message is missing or lost, at most `most`, oldest due first.

    They are taken for queued for QUEUED_FOR, so that the next sweep does not take them again.
    """
    return list(
        session.execute(_DUE, {"at": at, "queued_until": at + QUEUED_FOR, "most": most}).scalars()
    )


def record_receipts(
    session: Session, receipts: Iterable[Receipt], at: datetime
) -> list[tuple[State, float]]:
    """Settle deliveries by what the vendor reports: the new states, each with the seconds that
    went by since the event was accepted. Unknown, late and doubled receipts change nothing."""
    received = list(receipts)
    rows = session.execute(
        _REPORTED,
        {
            "ids": [one.out_id for one in received if one.out_id],
            "references": [one.provider_ref for one in received if one.provider_ref],
        },
    ).all()
    by_id = {row.id: row for row in rows}
    by_reference = {row.provider_ref: row for row in rows if row.provider_ref}
    states = {row.id: State(row.state) for row in rows}
    settled = []
    for one in received:
        row = by_id.get(one.out_id) or by_reference.get(one.provider_ref)
        if row is None:
            continue
        new = after_receipt(states[row.id], success=one.success, code=one.code)
        if new is None:
            continue
        check_transition(states[row.id], new)
        states[row.id] = new
        _settle(session, row, one, new, min(one.at, at))
        settled.append((new, max((min(one.at, at) - row.accepted_at).total_seconds(), 0.0)))
    return settled


def mark_read(session: Session, resident_no: str, notice_id: UUID, at: datetime) -> None:
    """A resident has read a notice; somebody else's or an unknown one is left alone."""
    session.execute(_READ, {"id": notice_id, "resident_no": resident_no, "at": at})


def _settle(session: Session, row: Row[Any], receipt: Receipt, new: State, at: datetime) -> None:
    session.execute(
        _SETTLE,
        {
            "id": row.id,
            "state": new.value,
            "last_error": None if receipt.success else receipt.code,
            "provider_ref": receipt.provider_ref,
            "is_delivered": new is State.DELIVERED,
            "at": at,
        },
    )


def _move(session: Session, row: Row[Any], follows: Next, **changed: int) -> None:
    check_transition(State(row.state), follows.state)
    values: Mapping[str, int] = {"attempts": row.attempts, "waits": row.waits, **changed}
    session.execute(
        _MOVE,
        {
            "id": row.id,
            "state": follows.state.value,
            "next_attempt_at": follows.at,
            "last_error": follows.error,
            **values,
        },
    )

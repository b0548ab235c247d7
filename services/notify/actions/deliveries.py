"""Attempts at deliveries: taken, answered, brought back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.notify import queries
from services.notify.clients import Answer, Sms
from services.notify.models import Contacts
from services.notify.rules import (
    ATTEMPTS_MAX,
    LEASE,
    QUEUED_FOR,
    Kind,
    Next,
    State,
    after_answer,
    after_waiting,
    check_transition,
    words,
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


@dataclass(frozen=True, slots=True, repr=False)
class Claim:
    """An attempt that this worker may make; `attempt` tells it from any other."""

    delivery_id: UUID
    attempt: int
    sms: Sms


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

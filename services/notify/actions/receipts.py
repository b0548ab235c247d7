"""What the vendor reports of messages it took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.notify.rules import State, after_receipt, check_transition

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


@dataclass(frozen=True, slots=True)
class Receipt:
    """A vendor's word on one message; the phone number was left at the door."""

    out_id: UUID | None
    provider_ref: str | None
    success: bool
    code: str
    at: datetime


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

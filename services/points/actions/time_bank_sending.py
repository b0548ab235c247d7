"""Carries proposals and cancels to other districts, and ends transfers by their signed receipts.

Nothing but a receipt ends a transfer: without one it is tried again, later and later, for ever.
An attempt is two transactions with the network between them; a crash anywhere costs a repetition.
Locks: the departure's row, then accounts by id.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.points.actions import ledger
from services.points.actions.documents import write_document
from services.points.actions.ledger import Key
from services.points.actions.time_bank import COLUMNS, QUEUED_FOR, SOURCE
from services.points.clients import PATH, Call, Reply
from services.points.queries import time_bank as queries
from services.points.rules.lots import Lot
from services.points.rules.time_bank import (
    ASSET,
    CANCEL_LIFE,
    DONE,
    PROPOSED,
    REASONS,
    REFUSED,
    PeerTerms,
    wait_s,
)
from services.points.rules.time_bank_messages import (
    ACCEPTED,
    Cancel,
    Receipt,
    parse_envelope,
    read_receipt,
)
from services.points.rules.time_bank_seals import BadSignature, District, digest_of, verify
from shared import clock, metrics
from shared.errors import Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction
from shared.schemas import make
from shared.schemas.time_bank import COINS_DEPARTED, COINS_RETURNED

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)  # longer than an attempt may take

_LOCK = text(f"SELECT {COLUMNS} WHERE transfer_id = :transfer_id FOR UPDATE")
_TAKE = text(
    f"SELECT {COLUMNS} WHERE transfer_id = :transfer_id AND state = 'proposed'"
    " AND next_attempt_at <= :now FOR UPDATE SKIP LOCKED"
)
_LEASE = text(
    "UPDATE time_bank_departures SET attempts = attempts + 1, next_attempt_at = :until,"
    " queued_until = NULL WHERE transfer_id = :transfer_id"
)
_FAILED = text(
    "UPDATE time_bank_departures SET next_attempt_at = :until, last_error = :problem"
    " WHERE transfer_id = :transfer_id AND state = 'proposed' AND attempts = :attempt"
)
_SETTLE = text(
    "UPDATE time_bank_departures SET state = :state, reason = :reason,"
    " receipt = CAST(:receipt AS jsonb), settled_document_id = :document_id, settled_at = :now,"
    " queued_until = NULL, last_error = NULL WHERE transfer_id = :transfer_id"
)
_DUE = text(
    "UPDATE time_bank_departures SET queued_until = :queued_until WHERE transfer_id IN ("
    " SELECT transfer_id FROM time_bank_departures WHERE state = 'proposed'"
    " AND next_attempt_at <= :now AND (queued_until IS NULL OR queued_until <= :now)"
    " ORDER BY next_attempt_at LIMIT :most FOR UPDATE SKIP LOCKED) RETURNING transfer_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One attempt that this worker may make."""

    transfer_id: UUID
    attempt: int
    peer: PeerTerms
    message: Call
    asking: Call | None  # asked before the proposal is sent again


def take_due(tx: Transaction, most: int) -> list[UUID]:
    """Transfers whose next attempt is due and that have no task on its way."""
    now = clock.now()
    asked = {"now": now, "queued_until": now + QUEUED_FOR, "most": most}
    return list(tx.session.execute(_DUE, asked).scalars())


def claim(tx: Transaction, district: District | None, transfer_id: UUID) -> Errand | None:
    """Take a due transfer for one attempt; None when there is nothing to send.

    It leases the row: when this process dies, the sweep finds it again after LEASE.
    """
    now = clock.now()
    row = tx.session.execute(_TAKE, {"transfer_id": transfer_id, "now": now}).one_or_none()
    if row is None or district is None:
        return None
    peer = queries.peer(tx.session, row.to_district)
    if peer is None:
        return None  # peers are never deleted
    tx.session.execute(_LEASE, {"transfer_id": transfer_id, "until": now + LEASE})
    one = f"{PATH}/{transfer_id}"
    is_cancel = row.cancel_asked_at is not None
    if is_cancel:
        ends = {name: row.body[name] for name in ("nonce", "from_district", "to_district")}
        cancel = Cancel(
            transfer_id=transfer_id, issued_at=now, expires_at=now + CANCEL_LIFE, **ends
        )
        call = Call(url=peer.url, path=f"{one}/cancel", envelope=district.seal(cancel.body()))
    else:
        call = Call(url=peer.url, path=PATH, envelope=district.seal(row.body))
    asking = Call(url=peer.url, path=f"{one}?from={district.code}")
    return Errand(
        transfer_id=transfer_id,
        attempt=row.attempts + 1,
        peer=peer,
        message=call,
        asking=None if is_cancel or row.attempts == 0 else asking,
    )


def record_reply(tx: Transaction, errand: Errand, reply: Reply, chance: float) -> str:
    """Settle by a receipt; without one, try again later. The transfer's state after it."""
    problem = reply.problem or f"http_{reply.status}"
    if reply.status == 200:
        try:
            return settle(tx, errand.transfer_id, reply.body, errand.peer)
        except (Rejected, BadSignature) as wrong:
            problem = wrong.code if isinstance(wrong, Rejected) else "bad_signature"
            logger.warning("receipt not taken", extra={"reason": problem})
    until = clock.now() + timedelta(seconds=wait_s(errand.attempt, chance))
    tx.session.execute(
        _FAILED,
        {
            "transfer_id": errand.transfer_id,
            "until": until,
            "problem": problem[:100],
            "attempt": errand.attempt,
        },
    )
    return PROPOSED


def settle(tx: Transaction, transfer_id: UUID, raw: bytes, peer: PeerTerms) -> str:
    """End a transfer by the other district's receipt; one that was ended stays as it is.

    Raises BadSignature, or Rejected for a receipt of anything else than this transfer.
    """
    envelope = parse_envelope(raw)
    receipt = read_receipt(envelope["body"])
    verify(envelope, peer.public_key)
    row = tx.session.execute(_LOCK, {"transfer_id": transfer_id}).one()
    _check_receipt(row, receipt)
    if row.state != PROPOSED:
        return str(row.state)
    home: Key = (ASSET, "resident", row.resident_no)
    away: Key = (ASSET, "escrow", row.to_district)
    accounts = ledger.locked(tx.session, [home, away])
    is_done = receipt.outcome == ACCEPTED
    now = clock.now()
    document_id = _write_settlement(tx.session, row, receipt, peer)
    posting = ledger.posting(tx.session)
    for day, source_id, part in row.lots:
        lot = Lot(date.fromisoformat(day), source_id)
        if is_done:
            posting.retire(accounts[away], part, document_id, "transfer_out", lot)
        else:
            posting.move(accounts[away], accounts[home], part, document_id, "release", lot)
    posting.post(tx.session, now)
    state = DONE if is_done else REFUSED
    tx.session.execute(
        _SETTLE,
        {
            "transfer_id": transfer_id,
            "state": state,
            "reason": receipt.reason,
            "receipt": orjson.dumps(envelope).decode(),
            "document_id": document_id,
            "now": now,
        },
    )
    _tell(tx, row, receipt, peer, accounts[home].balance)
    return state


def _write_settlement(session: Session, row: Row[Any], receipt: Receipt, peer: PeerTerms) -> UUID:
    document_id = uuid7()
    if receipt.reason is None:
        zh = f"{peer.name}已收到 {row.amount} 枚时间币"
        en = f"{row.amount} time coins have arrived in {peer.name}"
    else:
        why_zh, why_en = REASONS[receipt.reason]
        zh = f"转往{peer.name}的 {row.amount} 枚时间币已退回：{why_zh}"
        en = f"{row.amount} time coins came back from {peer.name}: {why_en}"
    write_document(
        session,
        document_id,
        "transfer_out_settled",
        made_by=f"district {peer.code}",
        facts={"transfer_id": str(row.transfer_id), "outcome": receipt.outcome, "zh": zh, "en": en},
    )
    return document_id


def _tell(tx: Transaction, row: Row[Any], receipt: Receipt, peer: PeerTerms, balance: int) -> None:
    data = {
        "transfer_id": row.transfer_id,
        "resident_no": row.resident_no,
        "district": peer.name,
        "coins": row.amount,
        "coins_balance": balance,
        "settled_at": clock.now(),
    }
    kind = COINS_DEPARTED
    if receipt.reason is not None:
        kind, data["reason"] = COINS_RETURNED, receipt.reason
    tx.emit([make(kind, data, source=SOURCE, correlationid=str(row.transfer_id))])


def _check_receipt(row: Row[Any], receipt: Receipt) -> None:
    ends = (str(receipt.transfer_id), receipt.nonce, receipt.from_district, receipt.to_district)
    ours = tuple(
        row.body[name] for name in ("transfer_id", "nonce", "from_district", "to_district")
    )
    digest = digest_of(row.body).hex()
    fits = (
        ends == ours and receipt.digest in (None, digest) and receipt.amount in (None, row.amount)
    )
    is_whole = receipt.digest is not None and receipt.amount is not None
    if not fits or (receipt.outcome == ACCEPTED and not is_whole):
        raise Rejected("foreign_receipt", "回执与本笔不符", "the receipt is of another transfer")


def measure(tx: Transaction) -> None:
    """Say what is in escrow, since when the oldest transfer waits, and whether they agree."""
    found = queries.escrow(tx.session)
    for each in found:
        metrics.time_bank_escrow.labels(each.district).set(each.balance)
    untied = sum(abs(each.balance - each.proposed) for each in found)
    metrics.ledger_imbalance.labels("escrow").set(untied)
    waiting = [each.oldest.timestamp() for each in found if each.oldest is not None]
    metrics.time_bank_oldest.set(min(waiting, default=0))

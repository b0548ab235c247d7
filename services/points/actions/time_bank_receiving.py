"""Decides, once and for ever, on coins that another district sends, and answers signed.

Every authentic proposal that is not credited leaves a refusal: however late it comes again, the
answer is the same. A cancel of what was never seen leaves one, too, before the proposal comes.
What cannot be decided (no such peer, a wrong signature, a clock that is ahead, an id with other
content) leaves nothing. Locks: the transfer's id, then the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.actions import ledger
from services.points.actions.documents import write_document
from services.points.actions.ledger import Key
from services.points.actions.time_bank import SOURCE
from services.points.queries import time_bank as queries
from services.points.rules.lots import Lot
from services.points.rules.time_bank import (
    AHEAD_MAX,
    ASSET,
    PROGRAMME,
    PeerTerms,
    month_start,
    refusal,
)
from services.points.rules.time_bank_messages import (
    ACCEPTED,
    REFUSED,
    Cancel,
    Proposal,
    Receipt,
    read_cancel,
    read_proposal,
)
from services.points.rules.time_bank_seals import BadSignature, District, digest_of, verify
from shared import clock
from shared.errors import Conflict, Missing, Rejected, Unauthenticated
from shared.ids import uuid7
from shared.messaging.transaction import Transaction
from shared.schemas import make
from shared.schemas.time_bank import COINS_ARRIVED

# Two copies of one message come one after the other, whoever handles them.
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 7))")
_KNOWN = text(
    "SELECT transfer_id, nonce, amount, digest, outcome, reason, decided_at"
    " FROM time_bank_arrivals WHERE from_district = :district AND transfer_id = :transfer_id"
)
_NONCE_USED = text(
    "SELECT EXISTS (SELECT FROM time_bank_arrivals"
    " WHERE from_district = :district AND nonce = :nonce)"
)
_INSERT = text(
    "INSERT INTO time_bank_arrivals (from_district, transfer_id, nonce, to_resident, amount,"
    " digest, outcome, reason, document_id, envelope, decided_at)"
    " VALUES (:district, :transfer_id, :nonce, :to_resident, :amount, :digest, :outcome, :reason,"
    " :document_id, CAST(:envelope AS jsonb), :now)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """What is written of a transfer; without a digest its proposal was never seen."""

    nonce: str
    to_resident: str | None
    amount: int | None
    digest: bytes | None
    reason: str | None
    document_id: UUID | None
    decided_at: datetime


def receive(tx: Transaction, here: District, envelope: Mapping[str, Any]) -> dict[str, Any]:
    """The signed receipt of a proposal: credited, or refused with the reason.

    Raises Rejected for a bad shape or another addressee, Unauthenticated for a signature that
    does not fit, Conflict for an id or nonce used for something else, or a clock that is ahead.
    """
    proposal = read_proposal(envelope["body"])
    peer = _sender(tx.session, here, envelope, proposal)
    _one_at_a_time(tx.session, proposal)
    digest = digest_of(envelope["body"])
    known = _known(tx.session, here, proposal)
    if known is not None:
        if known.digest not in (None, digest.hex()) or known.nonce != proposal.nonce:
            raise _id_conflict()
        return here.seal(known.body())
    now = clock.now()
    _check_new(tx.session, proposal, now)
    account_key: Key = (ASSET, "resident", proposal.to_resident)
    # A refusal opens no account; one that is there is locked, so that limits hold.
    since = month_start(now)
    found = queries.receiver(tx.session, proposal.to_resident, peer.code, since)
    document_id = None
    if (reason := refusal(proposal, peer, found, now, clock.today())) is None:
        account = ledger.locked(tx.session, [account_key])[account_key]
        found = queries.receiver(tx.session, proposal.to_resident, peer.code, since)
        reason = refusal(proposal, peer, found, now, clock.today())
        if reason is None:
            document_id = _credit(tx, proposal, peer, account)
    decision = _Decision(
        nonce=proposal.nonce,
        to_resident=proposal.to_resident,
        amount=proposal.amount,
        digest=digest,
        reason=reason,
        document_id=document_id,
        decided_at=now,
    )
    return _decide(tx.session, here, envelope, proposal, decision)


def receive_cancel(
    tx: Transaction, here: District, transfer_id: UUID, envelope: Mapping[str, Any]
) -> dict[str, Any]:
    """The signed receipt of a transfer that is to be undone: what was decided of it before.

    What was never seen is refused now and for ever. Raises as `receive` does.
    """
    cancel = read_cancel(envelope["body"])
    if cancel.transfer_id != transfer_id:
        raise Rejected(
            "malformed_message", "与网址中的编号不符", "is not the id in the address",
            pointer="/body/transfer_id",
        )  # fmt: skip
    _sender(tx.session, here, envelope, cancel)
    _one_at_a_time(tx.session, cancel)
    known = _known(tx.session, here, cancel)
    if known is not None:
        if known.nonce != cancel.nonce:
            raise _id_conflict()
        return here.seal(known.body())
    now = clock.now()
    _check_new(tx.session, cancel, now)
    if now >= cancel.expires_at:
        raise Conflict(
            "expired", "撤销申请已过期，请重新发送", "this cancel has expired: send anew"
        )
    decision = _Decision(
        nonce=cancel.nonce,
        to_resident=None,
        amount=None,
        digest=None,
        reason="cancelled",
        document_id=None,
        decided_at=now,
    )
    return _decide(tx.session, here, envelope, cancel, decision)


def find_receipt(
    session: Session, here: District, from_district: str, transfer_id: UUID
) -> dict[str, Any]:
    """The signed receipt of a transfer; raises Missing when nothing was decided of it yet."""
    asked = {"district": from_district, "transfer_id": transfer_id}
    row = session.execute(_KNOWN, asked).one_or_none()
    if row is None:
        raise Missing("no_transfer", "没有收到这笔转移", "no such transfer was received")
    return here.seal(_receipt(here, from_district, row).body())


def _decide(
    session: Session,
    here: District,
    envelope: Mapping[str, Any],
    message: Proposal | Cancel,
    decision: _Decision,
) -> dict[str, Any]:
    session.execute(
        _INSERT,
        {
            "district": message.from_district,
            "transfer_id": message.transfer_id,
            "nonce": decision.nonce,
            "to_resident": decision.to_resident,
            "amount": decision.amount,
            "digest": decision.digest,
            "outcome": ACCEPTED if decision.reason is None else REFUSED,
            "reason": decision.reason,
            "document_id": decision.document_id,
            "envelope": orjson.dumps(envelope).decode(),
            "now": decision.decided_at,
        },
    )
    return find_receipt(session, here, message.from_district, message.transfer_id)


def _credit(tx: Transaction, proposal: Proposal, peer: PeerTerms, account: ledger.Account) -> UUID:
    """Issue what the sender retires; each lot ends on the day it would have ended there."""
    document_id, now = uuid7(), clock.now()
    source = (PROGRAMME, peer.code)
    source_id = ledger.sources(tx.session, [source])[source]
    write_document(
        tx.session,
        document_id,
        "transfer_in",
        made_by=f"district {peer.code}",
        facts={
            "from_district": peer.code,
            "from_resident": proposal.from_resident,
            "transfer_id": str(proposal.transfer_id),
            "zh": f"从{peer.name}转入 {proposal.amount} 枚时间币，"
            f"对方居民编号 {proposal.from_resident}",
            "en": f"{proposal.amount} time coins from {peer.name},"
            f" resident {proposal.from_resident} there",
        },
    )
    posting = ledger.posting(tx.session)
    for lot in proposal.lots:
        to = Lot(lot.expires_on, source_id)
        posting.issue(account, lot.amount, document_id, "transfer_in", to)
    posting.post(tx.session, now)
    data = {
        "transfer_id": proposal.transfer_id,
        "resident_no": proposal.to_resident,
        "district": peer.name,
        "coins": proposal.amount,
        "coins_balance": account.balance,
        "arrived_at": now,
    }
    said = make(COINS_ARRIVED, data, source=SOURCE, correlationid=str(proposal.transfer_id))
    tx.emit([said])
    return document_id


def _sender(
    session: Session, here: District, envelope: Mapping[str, Any], message: Proposal | Cancel
) -> PeerTerms:
    if message.to_district != here.code:
        raise Rejected(
            "misdirected",
            f"本区代码为 {here.code}，报文寄往别处",
            f"this district is {here.code}: the message is for another",
            pointer="/body/to_district",
        )
    peer = queries.peer(session, message.from_district)
    unknown = Unauthenticated(
        "bad_signature",
        "区代码未登记，或签名不符",
        "the district is not known or its signature wrong",
    )
    if peer is None:
        raise unknown
    try:
        verify(envelope, peer.public_key)
    except BadSignature:
        raise unknown from None
    return peer


def _check_new(session: Session, message: Proposal | Cancel, now: datetime) -> None:
    if message.issued_at > now + AHEAD_MAX:
        raise Conflict(
            "in_future",
            "签发时间在将来，请核对时钟",
            "it was issued in the future: check the clocks",
        )
    asked = {"district": message.from_district, "nonce": message.nonce}
    if session.execute(_NONCE_USED, asked).scalar_one():
        raise _id_conflict()


def _one_at_a_time(session: Session, message: Proposal | Cancel) -> None:
    name = f"{message.from_district} {message.transfer_id}"
    session.execute(_ONE_AT_A_TIME, {"name": name})


def _known(session: Session, here: District, message: Proposal | Cancel) -> Receipt | None:
    asked = {"district": message.from_district, "transfer_id": message.transfer_id}
    row = session.execute(_KNOWN, asked).one_or_none()
    return None if row is None else _receipt(here, message.from_district, row)


def _receipt(here: District, from_district: str, row: Any) -> Receipt:
    return Receipt(
        transfer_id=row.transfer_id,
        nonce=row.nonce,
        from_district=from_district,
        to_district=here.code,
        amount=row.amount,
        digest=None if row.digest is None else bytes(row.digest).hex(),
        outcome=row.outcome,
        reason=row.reason,
        decided_at=row.decided_at,
    )


def _id_conflict() -> Conflict:
    return Conflict(
        "id_conflict",
        "此编号或随机数已用于内容不同的转移",
        "this id or nonce was used for a transfer with other content",
    )

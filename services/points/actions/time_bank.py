"""Sends time coins to another district: into escrow, and out of it by the other's signed word.

    hold: resident -> escrow, `proposed`
      signed `accepted` -> escrow -> issuer, `done`       (the other district issued the same)
      signed `refused`  -> escrow -> resident, `refused`  (each lot with the last day it had)

No clock ends a transfer. A cancel is a message like the proposal: until the other district has
signed that it never accepted and never will, the coins may be there, so they stay in escrow.
Locks: the departure's row, then accounts by id.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.points.actions import ledger
from services.points.actions.documents import write_document
from services.points.actions.ledger import Account, Key
from services.points.queries import time_bank as queries
from services.points.rules.lots import Lot, take
from services.points.rules.time_bank import (
    ASSET,
    PROPOSAL_LIFE,
    PROPOSED,
    PeerTerms,
    check_amount,
    month_start,
)
from services.points.rules.time_bank_messages import (
    LOTS_MAX,
    CoinLot,
    Proposal,
    check_resident,
)
from services.points.rules.time_bank_seals import District
from shared import clock
from shared.errors import Conflict, Missing, Unavailable
from shared.messaging.transaction import Transaction

SOURCE = "/linli/points"
TASK_QUEUE = "points.tasks"
SEND = "send_time_coins"  # the actor that makes one attempt at one transfer
QUEUED_FOR = timedelta(seconds=60)

_INSERT = text(
    "INSERT INTO time_bank_departures (transfer_id, to_district, resident_no, to_resident, amount,"
    " lots, body, made_by, made_at, next_attempt_at, queued_until)"
    " VALUES (:transfer_id, :to_district, :resident_no, :to_resident, :amount,"
    " CAST(:lots AS jsonb), CAST(:body AS jsonb), :by, :now, :now, :queued_until)"
)
COLUMNS = (
    "transfer_id, to_district, resident_no, to_resident, amount, lots, body, state, attempts,"
    " cancel_asked_at FROM time_bank_departures"
)
_KNOWN = text(f"SELECT {COLUMNS} WHERE transfer_id = :transfer_id")
_LOCK = text(f"SELECT {COLUMNS} WHERE transfer_id = :transfer_id FOR UPDATE")
_USED = text("SELECT EXISTS (SELECT FROM documents WHERE document_id = :transfer_id)")
_CANCEL = text(
    "UPDATE time_bank_departures SET cancel_asked_by = :by, cancel_asked_at = :now,"
    " next_attempt_at = :now, queued_until = :queued_until WHERE transfer_id = :transfer_id"
)
_SOON = text(
    "UPDATE time_bank_departures SET next_attempt_at = :now, queued_until = :queued_until"
    " WHERE transfer_id = :transfer_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Coins for somebody elsewhere; `transfer_id` is made by the page, so twice is once."""

    transfer_id: UUID
    resident_no: str
    to_district: str
    to_resident: str
    amount: int
    by: str


def need(district: District | None) -> District:
    """This district; raises Unavailable where no key was given."""
    if district is None:
        raise Unavailable(
            "time_bank_off",
            "本区未开通时间币通兑：请运维设置区代码和密钥",
            "the time bank is off here: the operator must set the district's code and key",
            retry_after_s=3600,
        )
    return district


def depart(tx: Transaction, district: District | None, wish: Wish) -> None:
    """Put coins into escrow and propose them to the other district; the first to end go first.

    The same wish again changes nothing. Raises Rejected for bad input, Missing without such a
    district, Conflict beyond a limit, without enough, or for another wish of this id.
    """
    here = need(district)
    peer = _peer(tx.session, wish.to_district)
    check_amount(wish.amount, "/amount")
    check_resident(wish.to_resident, "/to_resident")
    home: Key = (ASSET, "resident", wish.resident_no)
    away: Key = (ASSET, "escrow", peer.code)
    accounts = ledger.locked(tx.session, [home, away])
    if _is_known(tx.session, wish):
        return
    now = clock.now()
    _check_limits(tx.session, wish, peer, now)
    lots = _lots_for(tx.session, accounts[home], wish.amount)
    days: Counter[date] = Counter()
    for lot, part in lots:
        days[lot.expires_on] += part
    if len(days) > LOTS_MAX:
        raise Conflict(
            "too_many_lots", "批次过多，请分几次转出", "too many lots: move fewer at once"
        )
    proposal = Proposal(
        transfer_id=wish.transfer_id,
        nonce=os.urandom(16).hex(),
        from_district=here.code,
        to_district=peer.code,
        from_resident=wish.resident_no,
        to_resident=wish.to_resident,
        amount=wish.amount,
        lots=tuple(CoinLot(day, days[day]) for day in sorted(days)),
        issued_at=now,
        expires_at=now + PROPOSAL_LIFE,
    )
    _write_hold(tx, wish, peer, proposal, lots)
    posting = ledger.posting(tx.session)
    for lot, part in lots:
        posting.move(accounts[home], accounts[away], part, wish.transfer_id, "transfer_out", lot)
    posting.post(tx.session, now)
    tx.enqueue(TASK_QUEUE, SEND, str(wish.transfer_id))


def _write_hold(
    tx: Transaction, wish: Wish, peer: PeerTerms, proposal: Proposal, lots: list[tuple[Lot, int]]
) -> None:
    now = proposal.issued_at
    write_document(
        tx.session,
        wish.transfer_id,
        "transfer_out",
        made_by=wish.by,
        facts={
            "to_district": peer.code,
            "to_resident": wish.to_resident,
            "zh": f"转往{peer.name} {wish.amount} 枚时间币，对方居民编号 {wish.to_resident}",
            "en": f"{wish.amount} time coins to {peer.name}, resident {wish.to_resident} there",
        },
    )
    kept = [[lot.expires_on.isoformat(), lot.source_id, part] for lot, part in lots]
    tx.session.execute(
        _INSERT,
        {
            "transfer_id": wish.transfer_id,
            "to_district": peer.code,
            "resident_no": wish.resident_no,
            "to_resident": wish.to_resident,
            "amount": wish.amount,
            "lots": orjson.dumps(kept).decode(),
            "body": orjson.dumps(proposal.body()).decode(),
            "by": wish.by,
            "now": now,
            "queued_until": now + QUEUED_FOR,
        },
    )


def ask_cancel(tx: Transaction, transfer_id: UUID, *, by: str) -> None:
    """Ask the other district to refuse; what it answers counts, also when it had accepted.

    Asking again changes nothing. Raises Missing, or Conflict when it is settled.
    """
    row = _open(tx.session, transfer_id)
    if row.cancel_asked_at is not None:
        return
    now = clock.now()
    tx.session.execute(
        _CANCEL,
        {"transfer_id": transfer_id, "by": by, "now": now, "queued_until": now + QUEUED_FOR},
    )
    tx.enqueue(TASK_QUEUE, SEND, str(transfer_id))


def ask_soon(tx: Transaction, transfer_id: UUID) -> None:
    """Make the next attempt now. Raises Missing, or Conflict when it is settled."""
    _open(tx.session, transfer_id)
    now = clock.now()
    tx.session.execute(
        _SOON, {"transfer_id": transfer_id, "now": now, "queued_until": now + QUEUED_FOR}
    )
    tx.enqueue(TASK_QUEUE, SEND, str(transfer_id))


def _check_limits(session: Session, wish: Wish, peer: PeerTerms, now: datetime) -> None:
    """Under the lock of the resident's account, so that two at once cannot both pass."""
    if not peer.is_active:
        raise Conflict(
            "peer_inactive", "与该区的往来已暂停", "moves to that district are suspended"
        )
    if wish.amount > peer.transfer_max:
        raise _over(f"每笔最多 {peer.transfer_max} 枚", f"at most {peer.transfer_max} at a time")
    sent = queries.sent_since(session, wish.resident_no, peer.code, month_start(now))
    if sent + wish.amount > peer.month_max:
        left = max(peer.month_max - sent, 0)
        raise _over(
            f"每月最多 {peer.month_max} 枚，本月还可转 {left} 枚",
            f"at most {peer.month_max} a month; {left} are left",
        )


def _over(zh: str, en: str) -> Conflict:
    return Conflict("time_bank_limit", zh, en, pointer="/amount")


def _lots_for(session: Session, account: Account, amount: int) -> list[tuple[Lot, int]]:
    today = clock.today()
    held = ledger.held_lots(session, [account])[account.id]
    try:
        return take((one for one in held if one.lot.expires_on >= today), amount)
    except ValueError:
        raise Conflict(
            "not_enough_coins",
            f"可用时间币不足 {amount} 枚",
            f"there are not {amount} time coins left",
            pointer="/amount",
        ) from None


def _is_known(session: Session, wish: Wish) -> bool:
    row = session.execute(_KNOWN, {"transfer_id": wish.transfer_id}).one_or_none()
    if row is None:
        if session.execute(_USED, {"transfer_id": wish.transfer_id}).scalar_one():
            raise _other_wish()
        return False
    was = (row.resident_no, row.to_district, row.to_resident, row.amount)
    if was != (wish.resident_no, wish.to_district, wish.to_resident, wish.amount):
        raise _other_wish()
    return True


def _other_wish() -> Conflict:
    return Conflict("id_conflict", "此编号已用于别的单据", "this id was used for something else")


def _peer(session: Session, code: str) -> PeerTerms:
    found = queries.peer(session, code)
    if found is None:
        raise Missing(
            "no_peer", "没有对接这个区，请从列表中选", "that district is not registered: choose one"
        )
    return found


def _open(session: Session, transfer_id: UUID) -> Row[Any]:
    row = session.execute(_LOCK, {"transfer_id": transfer_id}).one_or_none()
    if row is None:
        raise Missing("no_transfer", "没有这笔转出", "there is no such transfer")
    if row.state != PROPOSED:
        raise Conflict("transfer_settled", "这笔转出已有结果", "this transfer is settled already")
    return row

"""Posts what two people decided to add to somebody's account, or to take from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from services.points.actions import ledger
from services.points.actions.documents import write_document
from services.points.actions.ledger import Account, Key, Posting
from services.points.actions.telling_corrections import Change, corrected
from services.points.rules.corrections import ASSETS, REASONS
from services.points.rules.lots import NEVER, Lot, take
from shared import clock
from shared.errors import Conflict
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

PROGRAMME = "adjustment"
POINTS = "points"


def adjust(
    tx: Transaction,
    resident_no: str,
    body: Mapping[str, Any],
    *,
    reason_code: str,
    made_by: str,
    checked_by: str,
) -> UUID:
    """Add or take `amount` of `asset`; the document's id.

    What is taken is taken whole or not at all: raises Conflict when it is not there, or when the
    account is frozen.
    """
    asset, amount = str(body["asset"]), int(body["amount"])
    key: Key = (asset, "resident", resident_no)
    account = ledger.locked(tx.session, [key])[key]
    document_id = uuid7()
    write_document(
        tx.session,
        document_id,
        "adjustment",
        made_by=made_by,
        checked_by=checked_by,
        facts=_facts(asset, amount, reason_code),
    )
    posting = ledger.posting(tx.session)
    if amount > 0:
        lot = _lot(tx, body.get("expires_on")) if asset == POINTS else None
        posting.issue(account, amount, document_id, "adjustment", lot)
    else:
        _take(tx, posting, account, -amount, document_id)
    posting.post(tx.session, clock.now())
    change = Change()
    change.add(asset, amount)
    tx.emit(corrected(tx.session, document_id, "adjustment", {resident_no: change}))
    return document_id


def _lot(tx: Transaction, expires_on: str | None) -> Lot:
    key = (PROGRAMME, "")
    source_id = ledger.sources(tx.session, [key])[key]
    return Lot(NEVER if expires_on is None else date.fromisoformat(expires_on), source_id)


def _take(
    tx: Transaction, posting: Posting, account: Account, amount: int, document_id: UUID
) -> None:
    if account.asset != POINTS:
        if account.balance < amount:
            raise _not_enough(account.balance)
        posting.retire(account, amount, document_id, "adjustment")
        return
    today = clock.today()
    held = ledger.held_lots(tx.session, [account])[account.id]
    usable = [one for one in held if one.lot.expires_on >= today]
    try:
        taken = take(usable, amount)
    except ValueError as problem:
        raise _not_enough(sum(one.remaining for one in usable)) from problem
    for lot, part in taken:
        posting.retire(account, part, document_id, "adjustment", lot)


def _not_enough(left: int) -> Conflict:
    return Conflict(
        "not_enough",
        f"账户中只有 {left}，不够扣减；请改小数量",
        f"there are only {left} in the account: take away less",
        pointer="/amount",
    )


def _facts(asset: str, amount: int, reason_code: str) -> dict[str, Any]:
    what, why = ASSETS[asset], REASONS[reason_code]
    verb_zh, verb_en = ("补记", "added") if amount > 0 else ("扣减", "taken away")
    return {
        "asset": asset,
        "amount": amount,
        "reason_code": reason_code,
        "zh": f"人工{verb_zh}{what.zh} {abs(amount)}，理由：{why.zh}",
        "en": f"{abs(amount)} {what.en} {verb_en} by hand: {why.en}",
    }

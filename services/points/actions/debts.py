"""欠分: repays what is owed for reversed awards from what residents have earned since.

The clock does it, so that an award costs nothing where nobody owes. Its documents name the two
people who approved the reversal: nobody else decided anything.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from services.points.actions import ledger
from services.points.actions.documents import write_document
from services.points.actions.ledger import Account, Key, Posting
from services.points.actions.telling_corrections import Change, corrected
from services.points.rules.corrections import repay
from services.points.rules.lots import HeldLot, take
from shared import clock
from shared.db.arrays import literal
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

ACCOUNTS_AT_ONCE = 500

# Whose account is frozen waits until somebody has judged it.
_DUE = text(
    "SELECT a.asset, a.owner_kind, a.owner FROM accounts a WHERE a.balance > 0"
    " AND a.frozen_reason IS NULL"
    " AND a.id IN (SELECT account_id FROM debts WHERE remaining > 0)"
    " AND EXISTS (SELECT FROM lots l WHERE l.account_id = a.id AND l.remaining > 0"
    " AND l.expires_on >= :today) ORDER BY a.id LIMIT :most"
)
_DEBTS = text(
    "SELECT debt_id, account_id, remaining, document_id, made_by, checked_by FROM debts"
    " WHERE account_id = ANY(CAST(:accounts AS bigint[])) AND remaining > 0"
    " ORDER BY debt_id FOR UPDATE"
)
_PAY = text(
    "INSERT INTO debt_payments (debt_id, document_id, amount)"
    " VALUES (:debt_id, :document_id, :amount)"
)
_LOWER = text("UPDATE debts SET remaining = remaining - :amount WHERE debt_id = :debt_id")


def repay_debts(tx: Transaction, most: int = ACCOUNTS_AT_ONCE) -> int:
    """Take what is owed from at most `most` accounts that hold something; how many debts."""
    asked = {"today": clock.today(), "most": most}
    keys: list[Key] = [tuple(row) for row in tx.session.execute(_DUE, asked)]
    if not keys:
        return 0
    accounts = {one.id: one for one in ledger.locked(tx.session, keys).values()}
    held = ledger.held_lots(tx.session, accounts.values())
    owed: dict[int, list[Row[Any]]] = {}
    for debt in tx.session.execute(_DEBTS, {"accounts": literal(accounts)}).all():
        owed.setdefault(debt.account_id, []).append(debt)
    return sum(
        _repay(tx, accounts[account_id], held[account_id], debts)
        for account_id, debts in owed.items()
    )


def _repay(tx: Transaction, account: Account, held: list[HeldLot], debts: list[Row[Any]]) -> int:
    today = clock.today()
    usable = [one for one in held if one.lot.expires_on >= today]
    by_id = {debt.debt_id: debt for debt in debts}
    paid = repay(
        ((debt.debt_id, debt.remaining) for debt in debts), sum(one.remaining for one in usable)
    )
    for debt_id, amount in paid:
        posting = ledger.posting(tx.session)
        taken = take(usable, amount)
        left = dict(taken)
        usable = [HeldLot(one.lot, one.remaining - left.get(one.lot, 0)) for one in usable]
        document_id = uuid7()
        _write(tx, by_id[debt_id], document_id, amount)
        for lot, part in taken:
            posting.retire(account, part, document_id, "reversal", lot)
        _post(tx, posting, debt_id, document_id, amount)
        change = {account.owner: Change(points=-amount)}
        tx.emit(corrected(tx.session, document_id, "repayment", change))
    return len(paid)


def _write(tx: Transaction, debt: Row[Any], document_id: UUID, amount: int) -> None:
    left = debt.remaining - amount
    write_document(
        tx.session,
        document_id,
        "reversal",
        made_by=debt.made_by,
        checked_by=debt.checked_by,
        facts={
            "repays": str(debt.document_id),
            "left": left,
            "zh": f"以新得积分抵扣欠分 {amount} 分，尚欠 {left} 分",
            "en": f"{amount} owed points repaid from what was earned since, {left} are left",
        },
    )


def _post(tx: Transaction, posting: Posting, debt_id: int, document_id: UUID, amount: int) -> None:
    posting.post(tx.session, clock.now())
    paid = {"debt_id": debt_id, "document_id": document_id, "amount": amount}
    tx.session.execute(_PAY, paid)
    tx.session.execute(_LOWER, paid)

"""Opens and locks accounts, and posts transfers, a batch at a time.

Accounts are locked in one order (by id), so batches that share accounts wait and never deadlock.
The issuer's row is never locked or changed: a hot row would make every award wait for the last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import metrics
from shared.db.arrays import literal
from shared.errors import Conflict

ISSUER = "district"

Key = tuple[str, str, str]  # asset, owner kind, owner

_LOCK = text(
    "SELECT a.id, a.asset, a.owner_kind, a.owner, a.balance, a.seq, a.frozen_reason"
    " FROM accounts a JOIN unnest(CAST(:assets AS text[]), CAST(:kinds AS text[]),"
    " CAST(:owners AS text[])) AS k (asset, owner_kind, owner) USING (asset, owner_kind, owner)"
    " ORDER BY a.id FOR UPDATE OF a"
)
_OPEN = text(
    "INSERT INTO accounts (asset, owner_kind, owner) SELECT * FROM"
    " unnest(CAST(:assets AS text[]), CAST(:kinds AS text[]), CAST(:owners AS text[]))"
    " ON CONFLICT DO NOTHING"
)
_ISSUERS = text("SELECT asset, id FROM accounts WHERE owner_kind = 'issuer' AND owner = :owner")
_POST = text(
    "INSERT INTO transfers (credit_account_id, credit_seq, credit_balance, debit_account_id,"
    " asset, amount, award_id, kind, posted_at) SELECT r.*, 'award', :posted_at"
    " FROM unnest(CAST(:accounts AS bigint[]), CAST(:seqs AS bigint[]),"
    " CAST(:balances AS bigint[]), CAST(:issuers AS bigint[]), CAST(:assets AS text[]),"
    " CAST(:amounts AS bigint[]), CAST(:award_ids AS uuid[])) AS r"
)


@dataclass(slots=True)
class Account:
    """A locked account; `credit` moves it on in memory, `Posting.post` in the database."""

    id: int
    asset: str
    owner: str
    balance: int
    seq: int


@dataclass(slots=True)
class Posting:
    """Transfers that wait to be posted together."""

    issuers: dict[str, int]
    accounts: list[int] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    balances: list[int] = field(default_factory=list)
    debits: list[int] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)
    award_ids: list[UUID] = field(default_factory=list)

    def issue(self, account: Account, amount: int, award_id: UUID) -> None:
        """From the issuer to an account; an amount of 0 is no transfer."""
        if amount == 0:
            return
        account.balance += amount
        account.seq += 1
        self.accounts.append(account.id)
        self.seqs.append(account.seq)
        self.balances.append(account.balance)
        self.debits.append(self.issuers[account.asset])
        self.assets.append(account.asset)
        self.amounts.append(amount)
        self.award_ids.append(award_id)

    def post(self, session: Session, posted_at: datetime) -> None:
        """Write the transfers; the database checks that they continue their accounts."""
        if not self.accounts:
            return
        session.execute(
            _POST,
            {
                "accounts": literal(self.accounts),
                "seqs": literal(self.seqs),
                "balances": literal(self.balances),
                "issuers": literal(self.debits),
                "assets": literal(self.assets),
                "amounts": literal(self.amounts),
                "award_ids": literal(self.award_ids),
                "posted_at": posted_at,
            },
        )
        for asset in set(self.assets):
            metrics.ledger_transfers.labels(asset).inc(self.assets.count(asset))


def posting(session: Session) -> Posting:
    """An empty posting from the district's issuer accounts."""
    rows = session.execute(_ISSUERS, {"owner": ISSUER}).all()
    return Posting(dict(rows))


def locked(session: Session, keys: Iterable[Key]) -> dict[Key, Account]:
    """The accounts, opened where there was none, locked until the end of the transaction.

    Raises Conflict when one of them is frozen.
    """
    wanted = sorted(set(keys))
    found = _lock(session, wanted)
    missing = [key for key in wanted if key not in found]
    if missing:
        session.execute(_OPEN, _columns(missing))
        found = _lock(session, wanted)
    return found


def _lock(session: Session, keys: list[Key]) -> dict[Key, Account]:
    accounts: dict[Key, Account] = {}
    for row in session.execute(_LOCK, _columns(keys)).all():
        account_id, asset, owner_kind, owner, balance, seq, frozen_reason = row
        if frozen_reason is not None:
            raise Conflict(
                "account_frozen",
                f"账户 {asset}/{owner} 已冻结，请先核对",
                f"account {asset}/{owner} is frozen: reconcile it first",
            )
        accounts[asset, owner_kind, owner] = Account(account_id, asset, owner, balance, seq)
    return accounts


def _columns(keys: list[Key]) -> dict[str, Any]:
    return {
        "assets": literal(key[0] for key in keys),
        "kinds": literal(key[1] for key in keys),
        "owners": literal(key[2] for key in keys),
    }

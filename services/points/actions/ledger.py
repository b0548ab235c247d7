"""Opens and locks accounts, and posts transfers, a batch at a time.

Accounts are locked in one order (by id), so batches that share accounts wait and never deadlock.
The issuer's row is never locked or changed: a hot row would make every award wait for the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.lots import HeldLot, Lot
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
    " debit_seq, debit_balance, asset, amount, kind, document_id, expires_on, source_id,"
    " posted_at) SELECT r.*, :posted_at FROM unnest(CAST(:credits AS bigint[]),"
    " CAST(:credit_seqs AS bigint[]), CAST(:credit_balances AS bigint[]),"
    " CAST(:debits AS bigint[]), CAST(:debit_seqs AS bigint[]),"
    " CAST(:debit_balances AS bigint[]), CAST(:assets AS text[]), CAST(:amounts AS bigint[]),"
    " CAST(:kinds AS text[]), CAST(:document_ids AS uuid[]), CAST(:expiries AS date[]),"
    " CAST(:source_ids AS int[])) AS r"
)
_SOURCES = text(
    "SELECT s.programme, s.partner, s.id FROM lot_sources s JOIN unnest("
    "CAST(:programmes AS text[]), CAST(:partners AS text[])) AS k (programme, partner)"
    " USING (programme, partner)"
)
_NAME_SOURCES = text(
    "INSERT INTO lot_sources (programme, partner)"
    " SELECT * FROM unnest(CAST(:programmes AS text[]), CAST(:partners AS text[]))"
    " ON CONFLICT DO NOTHING"
)
_LOTS = text(
    "SELECT account_id, expires_on, source_id, remaining FROM lots"
    " WHERE account_id = ANY(CAST(:accounts AS bigint[])) AND remaining > 0"
)


@dataclass(slots=True)
class Account:
    """A locked account; a posting moves it on in memory, `Posting.post` in the database."""

    id: int
    asset: str
    owner: str
    balance: int
    seq: int


# A side of a transfer: account id, its number and its balance after it.
_Side = tuple[int, int | None, int | None]


@dataclass(slots=True)
class Posting:
    """Transfers that wait to be posted together; accounts are those that `locked` gave."""

    issuers: dict[str, int]
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def issue(
        self, account: Account, amount: int, document_id: UUID, kind: str, lot: Lot | None = None
    ) -> None:
        """From the issuer to an account; an amount of 0 is no transfer."""
        if amount:
            to = _credited(account, amount)
            self._add(
                to, self._issuer(account.asset), account.asset, amount, kind, document_id, lot
            )

    def retire(
        self, account: Account, amount: int, document_id: UUID, kind: str, lot: Lot | None = None
    ) -> None:
        """From an account back to the issuer."""
        if amount:
            by = _debited(account, amount)
            self._add(
                self._issuer(account.asset), by, account.asset, amount, kind, document_id, lot
            )

    def move(
        self,
        debit: Account,
        credit: Account,
        amount: int,
        document_id: UUID,
        kind: str,
        lot: Lot | None = None,
    ) -> None:
        """From one account to another of the same asset."""
        if amount:
            by, to = _debited(debit, amount), _credited(credit, amount)
            self._add(to, by, debit.asset, amount, kind, document_id, lot)

    def _issuer(self, asset: str) -> _Side:
        return self.issuers[asset], None, None

    def _add(
        self,
        to: _Side,
        by: _Side,
        asset: str,
        amount: int,
        kind: str,
        document_id: UUID,
        lot: Lot | None,
    ) -> None:
        expires_on, source_id = (lot.expires_on, lot.source_id) if lot else (None, None)
        self.rows.append((*to, *by, asset, amount, kind, document_id, expires_on, source_id))

    def post(self, session: Session, posted_at: datetime) -> None:
        """Write the transfers; the database checks that they continue their accounts.

        Raises DBAPIError when an account or a lot would fall below zero.
        """
        if not self.rows:
            return
        columns = [literal(column) for column in zip(*self.rows, strict=True)]
        session.execute(
            _POST, {**dict(zip(_COLUMNS, columns, strict=True)), "posted_at": posted_at}
        )
        for asset, count in Counter(row[6] for row in self.rows).items():
            metrics.ledger_transfers.labels(asset).inc(count)


_COLUMNS = (
    "credits",
    "credit_seqs",
    "credit_balances",
    "debits",
    "debit_seqs",
    "debit_balances",
    "assets",
    "amounts",
    "kinds",
    "document_ids",
    "expiries",
    "source_ids",
)


def _credited(account: Account, amount: int) -> _Side:
    account.balance += amount
    account.seq += 1
    return account.id, account.seq, account.balance


def _debited(account: Account, amount: int) -> _Side:
    account.balance -= amount
    account.seq += 1
    return account.id, account.seq, account.balance


def posting(session: Session) -> Posting:
    """An empty posting from the district's issuer accounts."""
    rows = session.execute(_ISSUERS, {"owner": ISSUER}).all()
    return Posting(dict(rows))


def sources(session: Session, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The ids of lot sources (programme, partner); those that are new get one."""
    names = sorted(set(wanted))
    found = _sources(session, names)
    if len(found) < len(names):
        session.execute(_NAME_SOURCES, _source_columns(names))
        found = _sources(session, names)
    return found


def _sources(session: Session, names: list[tuple[str, str]]) -> dict[tuple[str, str], int]:
    rows = session.execute(_SOURCES, _source_columns(names)).all() if names else []
    return {(programme, partner): source_id for programme, partner, source_id in rows}


def _source_columns(names: list[tuple[str, str]]) -> dict[str, str]:
    return {
        "programmes": literal(programme for programme, _ in names),
        "partners": literal(partner for _, partner in names),
    }


def held_lots(session: Session, accounts: Iterable[Account]) -> dict[int, list[HeldLot]]:
    """What is left in the lots of locked accounts, by account id."""
    ids = [account.id for account in accounts]
    held: dict[int, list[HeldLot]] = {account_id: [] for account_id in ids}
    for row in session.execute(_LOTS, {"accounts": literal(ids)}).all():
        account_id, expires_on, source_id, remaining = row
        held[account_id].append(HeldLot(Lot(expires_on, source_id), remaining))
    return held


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

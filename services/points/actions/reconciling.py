"""Proves the ledger against itself: sums to zero, and balances equal to their transfers."""

from __future__ import annotations

from sqlalchemy import text

from shared import clock, metrics
from shared.messaging.transaction import Transaction

_ISSUED = text(
    "SELECT a.asset, coalesce((SELECT sum(t.amount) FROM transfers t"
    " WHERE t.debit_account_id = a.id), 0)"
    " - coalesce((SELECT sum(t.amount) FROM transfers t WHERE t.credit_account_id = a.id), 0)"
    " AS issued, (SELECT coalesce(sum(h.balance), 0) FROM accounts h"
    " WHERE h.asset = a.asset AND h.owner_kind <> 'issuer') AS held"
    " FROM accounts a WHERE a.owner_kind = 'issuer'"
)
# Both sides of an account's transfers, summed, against what the account says.
_BROKEN = text(
    "SELECT count(*) FROM accounts a LEFT JOIN ("
    " SELECT account_id, sum(amount) AS balance, count(*) AS seq FROM ("
    "  SELECT credit_account_id AS account_id, amount FROM transfers"
    "  UNION ALL SELECT debit_account_id, -amount FROM transfers WHERE debit_seq IS NOT NULL"
    " ) legs GROUP BY account_id) s ON s.account_id = a.id"
    " WHERE a.owner_kind <> 'issuer'"
    " AND (a.balance <> coalesce(s.balance, 0) OR a.seq <> coalesce(s.seq, 0))"
)
# What is left in the lots against what the account says, for the assets that are kept in lots.
_LOTS = text(
    "SELECT count(*) FROM accounts a LEFT JOIN ("
    " SELECT account_id, sum(remaining) AS remaining FROM lots GROUP BY account_id"
    ") l ON l.account_id = a.id WHERE a.owner_kind <> 'issuer'"
    " AND coalesce(l.remaining, 0)"
    " <> CASE WHEN a.asset IN ('points', 'time_coins') THEN a.balance ELSE 0 END"
)
_KEEP = text(
    "INSERT INTO issuer_balances (asset, balance, reconciled_at) VALUES (:asset, :balance, :now)"
    " ON CONFLICT (asset) DO UPDATE SET balance = excluded.balance,"
    " reconciled_at = excluded.reconciled_at"
)
_ONE_MOMENT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def reconcile(tx: Transaction) -> dict[str, int]:
    """Imbalance by check (0 is sound): one for each asset, and the numbers of accounts
    that are not their transfers and not their lots.

    Reads the whole ledger as of one moment; the issuers' balances are materialised on the way.
    """
    tx.session.execute(_ONE_MOMENT)
    now = clock.now()
    imbalance: dict[str, int] = {}
    for asset, issued, held in tx.session.execute(_ISSUED).all():
        imbalance[asset] = int(issued - held)
        tx.session.execute(_KEEP, {"asset": asset, "balance": int(-issued), "now": now})
    imbalance["accounts"] = int(tx.session.execute(_BROKEN).scalar_one())
    imbalance["lots"] = int(tx.session.execute(_LOTS).scalar_one())
    for check, value in imbalance.items():
        metrics.ledger_imbalance.labels(check).set(value)
    metrics.ledger_reconciled.set(now.timestamp())
    return imbalance

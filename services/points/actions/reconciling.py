"""Proves the ledger against itself: sums to zero, and balances equal to their transfers."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from services.points.queries.rewards import HOLD_BREAKS, STOCK_BREAKS
from shared import clock, metrics
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction

logger = logging.getLogger(__name__)

_ISSUED = text(
    "SELECT a.asset, coalesce((SELECT sum(t.amount) FROM transfers t"
    " WHERE t.debit_account_id = a.id), 0)"
    " - coalesce((SELECT sum(t.amount) FROM transfers t WHERE t.credit_account_id = a.id), 0)"
    " AS issued, (SELECT coalesce(sum(h.balance), 0) FROM accounts h"
    " WHERE h.asset = a.asset AND h.owner_kind <> 'issuer') AS held"
    " FROM accounts a WHERE a.owner_kind = 'issuer'"
)
# Both sides of an account's transfers, summed, against what the account says.
_BROKEN = (
    "SELECT a.id FROM accounts a LEFT JOIN ("
    " SELECT account_id, sum(amount) AS balance, count(*) AS seq FROM ("
    "  SELECT credit_account_id AS account_id, amount FROM transfers"
    "  UNION ALL SELECT debit_account_id, -amount FROM transfers WHERE debit_seq IS NOT NULL"
    " ) legs GROUP BY account_id) s ON s.account_id = a.id"
    " WHERE a.owner_kind <> 'issuer'"
    " AND (a.balance <> coalesce(s.balance, 0) OR a.seq <> coalesce(s.seq, 0))"
)
# What is left in the lots against what the account says, for the assets that are kept in lots.
_LOTS = (
    "SELECT a.id FROM accounts a LEFT JOIN ("
    " SELECT account_id, sum(remaining) AS remaining FROM lots GROUP BY account_id"
    ") l ON l.account_id = a.id WHERE a.owner_kind <> 'issuer'"
    " AND coalesce(l.remaining, 0)"
    " <> CASE WHEN a.asset IN ('points', 'time_coins') THEN a.balance ELSE 0 END"
)
# Each award has its entries, neither more nor less; those who got or should have got them.
_AWARDS = (
    "WITH told AS (SELECT document_id,"
    " sum(amount) FILTER (WHERE asset IN ('points', 'partner_contribution')) AS points,"
    " sum(amount) FILTER (WHERE asset = 'service_minutes') AS minutes,"
    " min(credit_account_id) AS account_id FROM transfers WHERE kind = 'award' GROUP BY 1)"
    " SELECT coalesce(t.account_id, (SELECT min(a.id) FROM accounts a WHERE a.owner = w.owner"
    " AND a.owner_kind IN ('resident', 'partner'))) FROM awards w"
    " FULL JOIN told t ON t.document_id = w.award_id WHERE w.award_id IS NULL"
    " OR coalesce(t.points, 0) <> w.points OR coalesce(t.minutes, 0) <> w.service_minutes"
)
# Whatever is no award has a document that says why it was made and by whom.
_DOCUMENTS = (
    "SELECT CASE WHEN t.credit_seq IS NULL THEN t.debit_account_id ELSE t.credit_account_id END"
    " FROM transfers t WHERE t.kind <> 'award'"
    " AND NOT EXISTS (SELECT FROM documents d WHERE d.document_id = t.document_id)"
    " AND NOT EXISTS (SELECT FROM awards w WHERE w.award_id = t.document_id)"
)
# Nothing was credited that no event asked for: ids of events are kept for 400 days.
_INBOX = (
    "SELECT CAST(NULL AS bigint) WHERE (SELECT count(*) FROM awards"
    " WHERE credited_at > now() - interval '399 days') > (SELECT count(*) FROM inbox)"
)
# Points that wait are those of lines that a public notice still shows, or will show.
_PENDING = (
    "SELECT a.id FROM accounts a FULL JOIN (SELECT resident_no, sum(points) AS points"
    " FROM public_notice_lines WHERE state IN ('waiting', 'shown', 'disputed') GROUP BY 1) l"
    " ON l.resident_no = a.owner AND a.owner_kind = 'pending' AND a.asset = 'points'"
    " WHERE (a.id IS NULL OR (a.owner_kind = 'pending' AND a.asset = 'points'))"
    " AND coalesce(a.balance, 0) <> coalesce(l.points, 0)"
)
_KEEP = text(
    "INSERT INTO issuer_balances (asset, balance, reconciled_at) VALUES (:asset, :balance, :now)"
    " ON CONFLICT (asset) DO UPDATE SET balance = excluded.balance,"
    " reconciled_at = excluded.reconciled_at"
)
_FREEZE = text(
    "UPDATE accounts SET frozen_reason = :why WHERE id = ANY(CAST(:accounts AS bigint[]))"
    " AND frozen_reason IS NULL"
)
_ONE_MOMENT = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


@dataclass(frozen=True, slots=True)
class Check:
    """A named check: its SQL gives a row for each break, with the account concerned or NULL.

    The name is the label of the metric, and stands in the reason why accounts are frozen.
    """

    name: str
    sql: str


# What the clock proves every few minutes, and what it proves besides, once an hour. A subject
# with rows of its own that must agree with the ledger adds its check to the second list.
ALWAYS = (Check("accounts", _BROKEN), Check("lots", _LOTS))
HOURLY = (
    Check("awards", _AWARDS),
    Check("documents", _DOCUMENTS),
    Check("inbox", _INBOX),
    Check("pending", _PENDING),
    Check("stock", STOCK_BREAKS),
    Check("holds", HOLD_BREAKS),
)


def reconcile(tx: Transaction, checks: tuple[Check, ...] = ALWAYS) -> dict[str, int]:
    """Imbalance by check (0 is sound): one for each asset, and the breaks that `checks` find.

    Reads the whole ledger as of one moment; the issuers' balances are materialised on the way.
    Accounts with a break are frozen: no transfer moves them until somebody has looked.
    """
    tx.session.execute(_ONE_MOMENT)
    now = clock.now()
    imbalance: dict[str, int] = {}
    for asset, issued, held in tx.session.execute(_ISSUED).all():
        imbalance[asset] = int(issued - held)
        tx.session.execute(_KEEP, {"asset": asset, "balance": int(-issued), "now": now})
    found = {check.name: _broken(tx, check) for check in checks}
    imbalance |= {name: len(broken) for name, broken in found.items()}
    for check, value in imbalance.items():
        metrics.ledger_imbalance.labels(check).set(value)
    metrics.ledger_reconciled.set(now.timestamp())
    for name, broken in found.items():
        _freeze(tx, name, [account_id for account_id in broken if account_id is not None])
    return imbalance


def reconcile_all(tx: Transaction) -> dict[str, int]:
    """The same with every check there is."""
    return reconcile(tx, (*ALWAYS, *HOURLY))


def _broken(tx: Transaction, check: Check) -> list[int | None]:
    return list(tx.session.execute(text(check.sql)).scalars())


def _freeze(tx: Transaction, name: str, accounts: list[int]) -> None:
    if not accounts:
        return
    logger.error("accounts do not reconcile", extra={"reason": name, "count": len(accounts)})
    why = f"核账不符：{name} / does not reconcile: {name}"
    try:
        with tx.session.begin_nested():
            tx.session.execute(_FREEZE, {"accounts": literal(accounts), "why": why})
    except OperationalError:  # moved since the moment we read: the next run finds it again
        logger.warning("accounts moved while they were to be frozen", extra={"reason": name})

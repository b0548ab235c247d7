"""What books show: holdings, entries, totals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.statement import Entry

SEQ_MAX = 2**63 - 1

_ACCOUNTS = text(
    "SELECT asset, balance, seq FROM accounts WHERE owner_kind = :owner_kind AND owner = :owner"
)
# Both sides of the account, each by its own index, and no more of either than is asked for.
_ENTRIES = text(
    "WITH account AS (SELECT id FROM accounts"
    " WHERE owner = :owner AND owner_kind = :owner_kind AND asset = :asset)"
    " SELECT l.seq, l.amount, l.balance, l.posted_at, l.document_id, l.expires_on,"
    " coalesce(w.kind, l.kind) AS kind,"
    " coalesce(w.on_date, d.on_date, (l.posted_at AT TIME ZONE 'Asia/Shanghai')::date) AS on_date,"
    " w.programme, w.rule_version, coalesce(w.explanation, CASE"
    " WHEN d.facts ->> 'redeemer' <> :owner THEN d.facts -> 'to_others' ELSE d.facts END,"
    " '{}'::jsonb) AS explanation,"
    " d.made_by, d.checked_by FROM ("
    " (SELECT credit_seq AS seq, amount, credit_balance AS balance, posted_at, document_id,"
    " expires_on, kind"
    " FROM transfers WHERE credit_account_id = (SELECT id FROM account) AND credit_seq < :before"
    " ORDER BY credit_seq DESC LIMIT :most)"
    " UNION ALL"
    " (SELECT debit_seq, -amount, debit_balance, posted_at, document_id, expires_on, kind"
    " FROM transfers WHERE debit_account_id = (SELECT id FROM account) AND debit_seq < :before"
    " ORDER BY debit_seq DESC LIMIT :most)"
    ") l LEFT JOIN awards w ON w.award_id = l.document_id"
    " LEFT JOIN documents d ON d.document_id = l.document_id ORDER BY l.seq DESC LIMIT :most"
)
# One statement, so that all of it is of one moment.
_TOTALS = text(
    "SELECT i.asset, (SELECT count(*) FROM accounts a WHERE a.asset = i.asset"
    " AND a.owner_kind <> 'issuer' AND a.balance > 0) AS holders,"
    " (SELECT coalesce(sum(a.balance), 0)::bigint FROM accounts a WHERE a.asset = i.asset"
    " AND a.owner_kind <> 'issuer') AS held,"
    " (SELECT coalesce(sum(CASE WHEN t.debit_account_id = i.id THEN t.amount ELSE -t.amount END),"
    " 0)::bigint FROM transfers t WHERE i.id IN (t.debit_account_id, t.credit_account_id))"
    " AS issued, b.reconciled_at"
    " FROM accounts i LEFT JOIN issuer_balances b ON b.asset = i.asset"
    " WHERE i.owner_kind = 'issuer'"
)


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account holds, and how many entries it has."""

    balance: int = 0
    entry_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetTotal:
    """An asset of the whole district; `issued - held` must be 0."""

    holders: int
    held: int
    issued: int
    reconciled_at: datetime | None


def holdings(session: Session, owner_kind: str, owner: str) -> dict[str, Holding]:
    """What an owner holds, by asset; an account that was never opened is not there."""
    rows = session.execute(_ACCOUNTS, {"owner_kind": owner_kind, "owner": owner})
    return {row.asset: Holding(row.balance, row.seq) for row in rows}


def entries(
    session: Session, asset: str, owner_kind: str, owner: str, *, before: int, most: int
) -> list[Entry]:
    """Entries of one account numbered below `before`, newest first, at most `most`."""
    asked = {
        "asset": asset,
        "owner_kind": owner_kind,
        "owner": owner,
        "before": before,
        "most": most,
    }
    return [Entry(**row) for row in session.execute(_ENTRIES, asked).mappings()]


def totals(session: Session) -> dict[str, AssetTotal]:
    """Every asset, counted now from all transfers: takes longer as the ledger grows."""
    return {
        row.asset: AssetTotal(
            holders=row.holders, held=row.held, issued=row.issued, reconciled_at=row.reconciled_at
        )
        for row in session.execute(_TOTALS)
    }

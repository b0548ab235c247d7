"""The ledger, or a part of it, in the order it was posted: streamed, and as of one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.queries.liability import one_moment
from services.points.rules.journal import Account, Dialect, Entry, plain
from shared import clock
from shared.clock import DISTRICT_TIMEZONE

AT_ONCE = 2_000  # rows in memory
# Sorting years of entries takes longer than a page may.
_PATIENCE = text("SET LOCAL statement_timeout = '15min'")
_EVER = datetime(1970, 1, 1, tzinfo=UTC)

_SCOPE = (
    "SELECT a.id, a.asset, a.owner_kind, a.owner, a.balance FROM accounts a"
    " LEFT JOIN residents r ON a.owner_kind IN ('resident', 'pending', 'held')"
    " AND r.resident_no = a.owner WHERE (CAST(:owner AS text) IS NULL OR a.owner = :owner)"
    " AND (CAST(:community AS text) IS NULL OR r.community_code = :community)"
)
_ACCOUNTS = text(
    f"WITH scope AS ({_SCOPE}), legs AS ("
    " SELECT credit_account_id AS id, amount, posted_at FROM transfers"
    " WHERE posted_at >= :since AND credit_seq IS NOT NULL UNION ALL"
    " SELECT debit_account_id, -amount, posted_at FROM transfers"
    " WHERE posted_at >= :since AND debit_seq IS NOT NULL"
    "), sums AS (SELECT id, sum(amount)::bigint AS since,"
    " coalesce(sum(amount) FILTER (WHERE posted_at >= :until), 0)::bigint AS later"
    " FROM legs WHERE id IN (SELECT id FROM scope) GROUP BY id)"
    " SELECT s.id, s.asset, s.owner_kind, s.owner,"
    " s.balance - coalesce(m.since, 0) AS opening, s.balance - coalesce(m.later, 0) AS closing"
    " FROM scope s LEFT JOIN sums m USING (id) WHERE s.owner_kind <> 'issuer' ORDER BY s.id"
)
_OTHERS = text(
    "SELECT a.id, a.asset, a.owner_kind, a.owner FROM accounts a WHERE a.owner_kind = 'issuer'"
    f" OR (CAST(:partial AS boolean) AND a.id IN (SELECT CASE WHEN t.credit_account_id = s.id"
    " THEN t.debit_account_id ELSE t.credit_account_id END FROM transfers t"
    f" JOIN ({_SCOPE}) s ON s.id IN (t.credit_account_id, t.debit_account_id)"
    " WHERE t.credit_seq IS NOT NULL AND t.debit_seq IS NOT NULL)) ORDER BY a.id"
)
_ENTRIES = text(
    f"WITH scope AS ({_SCOPE}) SELECT t.posted_at, t.kind, t.document_id, t.asset, t.amount,"
    " t.credit_account_id, t.debit_account_id, t.expires_on, s.programme FROM transfers t"
    " LEFT JOIN lot_sources s ON s.id = t.source_id"
    " WHERE t.posted_at >= :since AND t.posted_at < :until"
    " AND (t.credit_account_id IN (SELECT id FROM scope)"
    " OR t.debit_account_id IN (SELECT id FROM scope))"
    " ORDER BY t.posted_at, coalesce(t.credit_seq, t.debit_seq)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part of the ledger: days are inclusive (Asia/Shanghai), None is no limit."""

    owner: str | None = None
    community: str | None = None
    first: date | None = None
    last: date | None = None

    @property
    def is_whole(self) -> bool:
        """Every account is in it."""
        return self.owner is None and self.community is None

    def asked(self) -> dict[str, object]:
        """As the statements want it."""
        after = None if self.last is None else self.last + timedelta(days=1)
        return {
            "owner": self.owner,
            "community": self.community,
            "since": _EVER if self.first is None else _begin(self.first),
            "until": clock.now() + timedelta(days=1) if after is None else _begin(after),
            "partial": not self.is_whole,
        }


@dataclass(frozen=True, slots=True)
class Journal:
    """The accounts of a part, those on the other side, and its entries, which are read once."""

    accounts: list[Account]
    others: list[Account]
    entries: Iterator[Entry]


def journal(session: Session, part: Part) -> Journal:
    """Begins a moment of its own. Memory grows with the accounts, never with the entries."""
    one_moment(session)
    session.execute(_PATIENCE)
    asked = part.asked()
    accounts = [Account(**row) for row in session.execute(_ACCOUNTS, asked).mappings()]
    known = {account.id for account in accounts}
    others = [
        Account(**row, opening=None, closing=None)
        for row in session.execute(_OTHERS, asked).mappings()
        if row["id"] not in known
    ]
    if part.is_whole:
        others = _issuers(accounts, others)
    names = {account.id: account.name for account in (*accounts, *others)}
    return Journal(accounts, others, _entries(session, asked, names))


def _issuers(accounts: list[Account], issuers: list[Account]) -> list[Account]:
    """An issuer holds what all the others lack; so it can be asserted only of the whole."""
    opening, closing = Counter[str](), Counter[str]()
    for account in accounts:
        opening[account.asset] += account.opening or 0
        closing[account.asset] += account.closing or 0
    return [
        Account(a.id, a.asset, a.owner_kind, a.owner, -opening[a.asset], -closing[a.asset])
        for a in issuers
    ]


def _entries(session: Session, asked: dict[str, object], names: dict[int, str]) -> Iterator[Entry]:
    rows = session.execute(
        _ENTRIES, asked, execution_options={"stream_results": True, "yield_per": AT_ONCE}
    )
    for row in rows:
        lot = f"{row.expires_on}/{plain(row.programme)}" if row.expires_on else ""
        yield Entry(
            row.posted_at,
            row.kind,
            row.document_id,
            row.asset,
            row.amount,
            names[row.credit_account_id],
            names[row.debit_account_id],
            lot,
        )


def lines(session: Session, part: Part, into: Dialect) -> Iterator[str]:
    """The journal as text, piece by piece."""
    found = journal(session, part)
    everybody = [*found.accounts, *found.others]
    yield from into.head(everybody)
    last = part.first or clock.local_date(_EVER)
    if part.first is not None:
        before = part.first - timedelta(days=1)
        yield from (into.opening(a, before) for a in everybody if a.opening)
    for entry in found.entries:
        last = max(last, clock.local_date(entry.posted_at))
        yield into.entry(entry)
    yield from (into.closing(a, last) for a in everybody if a.closing is not None)


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), DISTRICT_TIMEZONE)

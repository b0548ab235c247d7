"""The same journal as sheets of a workbook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy.orm import Session

from services.points.queries.journal import Part, journal
from services.points.rules.journal import Account, Entry
from shared.clock import local_date

Row = tuple[object, ...]

ACCOUNTS: Row = (
    "账户 account",
    "资产 asset",
    "类别 kind",
    "户主 owner",
    "期初 opening",
    "期末 closing",
)
ENTRIES: Row = (
    "日期 date", "种类 kind", "凭证 document", "资产 asset", "数额 amount", "贷方 credit",
    "借方 debit", "批次 lot",
)  # fmt: skip


def sheets(session: Session, part: Part) -> Iterator[tuple[str, Row, Iterable[Row]]]:
    """(title, heading, rows) of each sheet; rows are read while they are written."""
    found = journal(session, part)
    accounts = (_account(account) for account in (*found.accounts, *found.others))
    yield "账户 Accounts", ACCOUNTS, accounts
    yield "流水 Entries", ENTRIES, (_entry(entry) for entry in found.entries)


def _account(of: Account) -> Row:
    return of.name, of.asset, of.owner_kind, of.owner, of.opening, of.closing


def _entry(of: Entry) -> Row:
    return (
        local_date(of.posted_at), of.kind, str(of.document_id), of.asset, of.amount, of.credit,
        of.debit, of.lot,
    )  # fmt: skip

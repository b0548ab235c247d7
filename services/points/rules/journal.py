"""The ledger as a plain-text journal that hledger or beancount reads and proves by itself.

Accounts are named by their numbers alone; assets are commodities. The journal ends with what each
account must hold, so that a program which has never seen our database can find us wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from shared.clock import local_date

FORMATS = ("hledger", "beancount")
COMMODITIES = {
    "points": "POINTS",
    "service_minutes": "MINUTES",
    "partner_contribution": "CONTRIBUTION",
    "honour_points": "HONOUR",
    "time_coins": "TIMECOINS",
}
OPENING = "Equity:Opening"

_BEGINNING = date(2000, 1, 1)
_odd = re.compile(r"[^A-Za-z0-9._:/-]")


@dataclass(frozen=True, slots=True)
class Account:
    """An account with what it held before the first entry and after the last; None where the
    journal does not have all of its entries."""

    id: int
    asset: str
    owner_kind: str
    owner: str
    opening: int | None
    closing: int | None

    @property
    def name(self) -> str:
        """`Assets:Resident:12`: the number is the account's, not the holder's."""
        root = "Equity" if self.owner_kind == "issuer" else "Assets"
        return f"{root}:{self.owner_kind.capitalize()}:{self.id}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A transfer between two accounts, by their names."""

    posted_at: datetime
    kind: str
    document_id: UUID
    asset: str
    amount: int
    credit: str
    debit: str
    lot: str


class Hledger:
    """https://hledger.org/hledger.html#journal"""

    suffix = "journal"

    def head(self, accounts: list[Account]) -> Iterator[str]:
        """The accounts, each with its holder as a remark."""
        yield "; Linli 邻里\n\n"
        for account in accounts:
            yield f"account {account.name}  ; {account.owner_kind} {plain(account.owner)}\n"
        yield f"account {OPENING}\n\n"

    def opening(self, account: Account, on: date) -> str:
        """What the account held before the first entry."""
        unit = COMMODITIES[account.asset]
        return (
            f"{on} opening\n    {account.name}  {account.opening} {unit}\n"
            f"    {OPENING}  {-(account.opening or 0)} {unit}\n\n"
        )

    def entry(self, entry: Entry) -> str:
        """One transfer; its document is the code of the transaction."""
        unit = COMMODITIES[entry.asset]
        return (
            f"{local_date(entry.posted_at)} ({entry.document_id}) {entry.kind}{_lot(entry)}\n"
            f"    {entry.credit}  {entry.amount} {unit}\n"
            f"    {entry.debit}  -{entry.amount} {unit}\n\n"
        )

    def closing(self, account: Account, on: date) -> str:
        """What the account must hold now."""
        unit = COMMODITIES[account.asset]
        return f"{on} balance\n    {account.name}  0 {unit} = {account.closing} {unit}\n\n"


class Beancount:
    """https://beancount.github.io/docs/beancount_language_syntax.html"""

    suffix = "beancount"

    def head(self, accounts: list[Account]) -> Iterator[str]:
        """The accounts, each opened for its own commodity, with its holder as metadata."""
        yield 'option "title" "Linli"\n\n'
        for account in accounts:
            yield f"{_BEGINNING} open {account.name} {COMMODITIES[account.asset]}\n"
            yield f'  holder: "{account.owner_kind} {plain(account.owner)}"\n'
        yield f"{_BEGINNING} open {OPENING}\n\n"

    def opening(self, account: Account, on: date) -> str:
        """What the account held before the first entry."""
        unit = COMMODITIES[account.asset]
        return (
            f'{on} * "opening"\n  {account.name}  {account.opening} {unit}\n'
            f"  {OPENING}  {-(account.opening or 0)} {unit}\n\n"
        )

    def entry(self, entry: Entry) -> str:
        """One transfer; its document is metadata."""
        unit = COMMODITIES[entry.asset]
        return (
            f'{local_date(entry.posted_at)} * "{entry.kind}"\n  document: "{entry.document_id}"\n'
            + (f'  lot: "{entry.lot}"\n' if entry.lot else "")
            + f"  {entry.credit}  {entry.amount} {unit}\n"
            + f"  {entry.debit}  -{entry.amount} {unit}\n\n"
        )

    def closing(self, account: Account, on: date) -> str:
        """What the account must hold; beancount looks before the first entry of a day."""
        unit = COMMODITIES[account.asset]
        return f"{on + timedelta(days=1)} balance {account.name}  {account.closing} {unit}\n"


Dialect = Hledger | Beancount


def dialect(name: str) -> Dialect:
    """By the name of its format; raises KeyError."""
    known: dict[str, Dialect] = {"hledger": Hledger(), "beancount": Beancount()}
    return known[name]


def plain(text: str) -> str:
    """Text that means nothing to either program."""
    return _odd.sub("?", text)


def _lot(entry: Entry) -> str:
    return f"  ; lot: {entry.lot}" if entry.lot else ""

"""Moves points between lots and accounts in a test, as the actions of the service do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from uuid import UUID

from services.points.actions import expiry, ledger
from services.points.rules.lots import Lot, take
from shared import clock
from shared.ids import uuid7
from shared.messaging.transaction import Transaction, transaction
from tests.integration.points.database import Ledger

POINTS = "points"


@contextmanager
def on(day: date, hour: int = 4) -> Iterator[None]:
    """The clock stands still on a day of the district (`hour` is UTC: 4 is noon)."""
    clock.freeze(datetime(day.year, day.month, day.day, hour, tzinfo=UTC))
    try:
        yield
    finally:
        clock.freeze(None)


def award(tx: Transaction, owner: str, amount: int, expires_on: date, programme: str = "p") -> UUID:
    """Points from the issuer into one lot."""
    document_id = uuid7()
    ((_, source_id),) = ledger.sources(tx.session, [(programme, "partner")]).items()
    account = ledger.locked(tx.session, [(POINTS, "resident", owner)])[POINTS, "resident", owner]
    posting = ledger.posting(tx.session)
    posting.issue(account, amount, document_id, "award", Lot(expires_on, source_id))
    posting.post(tx.session, clock.now())
    return document_id


def spend(
    tx: Transaction, owner: str, amount: int, kind: str = "redemption", of: str = "resident"
) -> list[tuple[Lot, int]]:
    """Back to the issuer, the first to end first; what was taken from which lot.

    Raises ValueError when there is not enough.
    """
    account = ledger.locked(tx.session, [(POINTS, of, owner)])[POINTS, of, owner]
    taken = take(ledger.held_lots(tx.session, [account])[account.id], amount)
    posting, document_id = ledger.posting(tx.session), uuid7()
    for lot, part in taken:
        posting.retire(account, part, document_id, kind, lot)
    posting.post(tx.session, clock.now())
    return taken


def put(
    tx: Transaction, owner: str, amount: int, by: str, to: str, kind: str, other: str = ""
) -> list[tuple[Lot, int]]:
    """From one of an owner's accounts to another of theirs (or of `other`'s)."""
    keys = [(POINTS, by, owner), (POINTS, to, other or owner)]
    accounts = ledger.locked(tx.session, keys)
    debit, credit = (accounts[key] for key in keys)
    taken = take(ledger.held_lots(tx.session, [debit])[debit.id], amount)
    posting, document_id = ledger.posting(tx.session), uuid7()
    for lot, part in taken:
        posting.move(debit, credit, part, document_id, kind, lot)
    posting.post(tx.session, clock.now())
    return taken


def restore(tx: Transaction, owner: str, taken: list[tuple[Lot, int]]) -> None:
    """What was spent comes back to the lots it came from."""
    key = (POINTS, "resident", owner)
    account = ledger.locked(tx.session, [key])[key]
    posting, document_id = ledger.posting(tx.session), uuid7()
    for lot, part in taken:
        posting.issue(account, part, document_id, "reversal", lot)
    posting.post(tx.session, clock.now())


def sweep(book: Ledger, most: int = expiry.LOTS_AT_ONCE) -> expiry.Swept:
    """All that has ended by the clock's day."""
    today, swept = clock.today(), expiry.Swept()
    with book.sessions() as session:
        waiting = expiry.stretches(session, today, most)
    for stretch in waiting:
        with transaction(book.sessions) as tx:
            done = expiry.sweep(tx, stretch, today)
        swept.lots += done.lots
        swept.amount += done.amount
    return swept


def lots_of(book: Ledger, owner: str, of: str = "resident") -> dict[date, int]:
    """What is left, by last day."""
    return dict(
        book.rows(
            "SELECT l.expires_on, sum(l.remaining)::bigint FROM lots l"
            " JOIN accounts a ON a.id = l.account_id WHERE a.owner = :owner"
            " AND a.owner_kind = :of AND l.remaining > 0 GROUP BY 1",
            owner=owner,
            of=of,
        )
    )

"""A ledger whose entries are sealed, and ways to do harm to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from sqlalchemy import text
from sqlalchemy.engine import make_url

from services.points.actions.sealing import Sealed, seal
from services.points.actions.verifying import verify_part, walk
from services.points.rules.proof_breaks import Break
from shared import clock
from shared.messaging.transaction import transaction
from tests import stack
from tests.integration.points.database import Ledger

NOON = datetime(2026, 10, 20, 4, 0, tzinfo=UTC)
NEXT_DAY = datetime(2026, 10, 21, 4, 0, tzinfo=UTC)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """The clock stands at this moment."""
    clock.freeze(moment)
    try:
        yield
    finally:
        clock.freeze(None)


def seal_all(ledger: Ledger, most: int = 10_000) -> int:
    """Run the sealer until it is done; how many entries it sealed."""
    count = 0
    while True:
        with transaction(ledger.sessions) as tx:
            done: Sealed = seal(tx, most)
        count += done.entry_count
        if done.is_done and not done.entry_count:
            return count


def place(ledger: Ledger, resident_no: str, community: str) -> None:
    """Where a resident belongs, as intake would tell."""
    with ledger.owner_engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO residents (resident_no, household_no, grid_code, community_code,"
                " revision) VALUES (:no, 'H1', :community || '01', :community, 1)"
                " ON CONFLICT (resident_no) DO UPDATE SET community_code = :community"
            ),
            {"no": resident_no, "community": community},
        )


def verify(ledger: Ledger) -> list[Break]:
    """What a whole verification finds."""
    with ledger.sessions() as session:
        return [each for part in walk(session) for each in part.breaks]


def nightly(ledger: Ledger) -> None:
    """One pass of the clock's job, from its start to its end."""
    while True:
        with transaction(ledger.sessions) as tx:
            kept = verify_part(tx)
        if kept is None or kept.finished_at is not None:
            return


def as_superuser(ledger: Ledger, sql: str, **values: Any) -> int:
    """Past every right, every trigger and every foreign key; how many rows it touched."""
    url = stack.settings()[stack.SUPERUSER]
    name = make_url(ledger.url).database
    with psycopg.connect(url, dbname=name, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        return connection.execute(sql, values or None).rowcount  # type: ignore[arg-type]

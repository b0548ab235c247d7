"""Reads from the databases how far an event came, when exactly, and whether once.

Commit instants are PostgreSQL's own (`track_commit_timestamp`), so nothing has to poll fast and
no service measures itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from deploy.local.processes import StackError
from deploy.local.stack import LocalStack

Connection = psycopg.Connection[tuple[Any, ...]]


class CountWrong(StackError):
    """Something was lost, or was counted twice."""


@dataclass(frozen=True, slots=True)
class Place:
    """A table in which each event leaves one row: how to count it fast, and its own name there."""

    service: str
    table: str
    progress: LiteralString  # a cheap count of rows since a mark (or in all, if it has none)
    code: LiteralString  # names the event: <tag>-<number>


_VERDICT_CODE: LiteralString = "substr(event_id, length(partner) + 2)"

VERDICTS = Place(
    "intake", "verdicts", "SELECT coalesce(sum(seq), 0) FROM partner_counters", _VERDICT_CODE
)
CONTRIBUTIONS = Place(
    "intake",
    "contributions",
    "SELECT count(*) FROM contributions WHERE contribution_id > %s",
    "code",
)
AWARDS = Place(
    "points",
    "awards",
    "SELECT count(*) FROM awards WHERE award_id > %s",
    "explanation->>'activity_code'",
)
NOTICES = Place(
    "notify",
    "notices",
    "SELECT count(*) FROM notices WHERE id > %s",
    "params->>'activity_code'",
)


@dataclass(frozen=True, slots=True)
class Commits:
    """The transactions in which a tag's rows were committed, in order: (Unix seconds, rows)."""

    batches: list[tuple[float, int]]

    @property
    def rows(self) -> int:
        """How many rows in all."""
        return sum(count for _, count in self.batches)

    @property
    def last_at(self) -> float:
        """When the last of them was committed."""
        return self.batches[-1][0]

    @property
    def rate(self) -> float:
        """Rows a second, from the first commit to the last.

        The first batch is the starting line: its own work lies before it and is not counted.
        Raises CountWrong when everything came in one transaction.
        """
        if len(self.batches) < 2:
            raise CountWrong("too few transactions to make a rate: measure more events")
        return self.rate_until(self.last_at)

    def rate_until(self, at: float) -> float:
        """The same, up to another instant (Unix seconds) after the first commit."""
        first_at, first_rows = self.batches[0]
        return (self.rows - first_rows) / (at - first_at)


class Ledgers:
    """Connections of the superuser to the services' databases; kept open for a whole run."""

    def __init__(self, stack: LocalStack) -> None:
        self._url = stack.postgres.superuser_url
        self._open: dict[str, Connection] = {}

    def close(self) -> None:
        """Let go of all of them."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def on(self, database: str) -> Connection:
        """An autocommit connection."""
        if database not in self._open:
            self._open[database] = psycopg.connect(
                self._url, dbname=database, autocommit=True, application_name="bench"
            )
        return self._open[database]

    def progress(self, place: Place, mark: UUID) -> int:
        """How many rows there are since the mark."""
        values = (mark,) if "%s" in place.progress else ()
        row = self.on(place.service).execute(place.progress, values).fetchone()
        return int(row[0]) if row else 0

    def outbox(self, service: str) -> int:
        """Rows that the relay has not carried away."""
        row = self.on(service).execute("SELECT count(*) FROM outbox").fetchone()
        return int(row[0]) if row else 0

    def commits(self, place: Place, tag: str) -> Commits:
        """When the rows of a tag were committed."""
        query = sql.SQL(
            "SELECT extract(epoch FROM pg_xact_commit_timestamp(xid))::float8 AS at, count(*)"
            " FROM (SELECT xmin AS xid FROM {} WHERE {} LIKE %s) AS mine GROUP BY xid, 1 ORDER BY 1"
        ).format(sql.Identifier(place.table), sql.SQL(place.code))
        return Commits(self.on(place.service).execute(query, (f"{tag}-%",)).fetchall())

    def commit_of_each(self, place: Place, tag: str) -> dict[str, float]:
        """Unix seconds of the commit by code."""
        query = sql.SQL(
            "SELECT {}, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8"
            " FROM {} WHERE {} LIKE %s"
        ).format(
            sql.SQL(place.code),
            sql.Identifier(place.table),
            sql.SQL(place.code),
        )
        return dict(self.on(place.service).execute(query, (f"{tag}-%",)).fetchall())

    def check(self, place: Place, tag: str, expected: int) -> None:
        """Each event of a tag is there exactly once; raises CountWrong."""
        query = sql.SQL("SELECT count(*), count(DISTINCT {}) FROM {} WHERE {} LIKE %s").format(
            sql.SQL(place.code),
            sql.Identifier(place.table),
            sql.SQL(place.code),
        )
        row = self.on(place.service).execute(query, (f"{tag}-%",)).fetchone()
        rows, distinct = row or (0, 0)
        if rows != expected or distinct != expected:
            raise CountWrong(
                f"{place.table}: {expected} events {tag}-… should have a row each; there are"
                f" {rows} rows of {distinct} events"
            )

    def check_accepted(self, tag: str, expected: int) -> None:
        """The gate accepted all of a tag; raises CountWrong."""
        row = (
            self.on("intake")
            .execute(
                "SELECT count(*) FROM verdicts WHERE verdict = 'accepted'"
                f" AND {_VERDICT_CODE} LIKE %s",
                (f"{tag}-%",),
            )
            .fetchone()
        )
        if row is None or row[0] != expected:
            raise CountWrong(f"verdicts: {row and row[0]} of {expected} events {tag}-… accepted")

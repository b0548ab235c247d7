"""Takes the rows out of a test's database between its tests, quickly.

TRUNCATE makes new files for every table and index that it names, and for all that refer to them:
half a second for a hundred tables. A test leaves a few rows in a few of them; those are deleted.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from tests import stack

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_RESTART = """
    SELECT setval(format('%%I', s.sequencename)::regclass, s.start_value, false)
    FROM pg_sequences s
    JOIN pg_depend d ON d.objid = format('%%I', s.sequencename)::regclass
    AND d.deptype IN ('a', 'i')
    WHERE s.schemaname = 'public' AND s.last_value IS NOT NULL
    AND d.refobjid::regclass::text <> ALL (%s)
"""


class Emptier:
    """Brings a database back to what it holds now: what its migrations wrote."""

    def __init__(self, database_url: str) -> None:
        name = stack.database_of(database_url)
        self._url = stack.with_path(stack.settings()[stack.SUPERUSER], name)
        with psycopg.connect(self._url) as connection:
            self._tables = [row[0] for row in connection.execute(_TABLES)]
            self._kept = _filled(connection, self._tables)

    def empty(self) -> None:
        """Delete all rows but those of tables that were filled at first; numbers begin anew.

        The superuser does it, with triggers and foreign keys off: nobody else may delete
        history, and no order of tables need be known.
        """
        ours = [name for name in self._tables if name not in self._kept]
        with psycopg.connect(self._url) as connection:
            _delete(connection, ours)
            connection.execute(_RESTART, (self._kept,))


def delete_rows(database_url: str, tables: list[str]) -> None:
    """Delete all rows of these tables, as `Emptier` does; numbers go on."""
    name = stack.database_of(database_url)
    with psycopg.connect(stack.with_path(stack.settings()[stack.SUPERUSER], name)) as connection:
        _delete(connection, tables)


def _delete(connection: psycopg.Connection, tables: list[str]) -> None:
    connection.execute("SET LOCAL session_replication_role = replica")
    for name in _filled(connection, tables):
        connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))


def _filled(connection: psycopg.Connection, tables: list[str]) -> list[str]:
    asked = [
        sql.SQL("(SELECT {} FROM {} LIMIT 1)").format(sql.Literal(name), sql.Identifier(name))
        for name in tables
    ]
    return [row[0] for row in connection.execute(sql.SQL(" UNION ALL ").join(asked))]

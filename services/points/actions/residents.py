"""Keeps what points needs to know of residents: where they belong."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from shared.db.arrays import literal
from shared.messaging.handlers import Heard
from shared.messaging.transaction import Transaction
from shared.schemas.envelope import Event

_KEEP = text(
    "INSERT INTO residents AS known (resident_no, household_no, grid_code, community_code,"
    " revision) SELECT * FROM unnest(CAST(:resident_nos AS text[]),"
    " CAST(:household_nos AS text[]), CAST(:grids AS text[]), CAST(:communities AS text[]),"
    " CAST(:revisions AS bigint[]))"
    " ON CONFLICT (resident_no) DO UPDATE SET household_no = excluded.household_no,"
    " grid_code = excluded.grid_code, community_code = excluded.community_code,"
    " revision = excluded.revision WHERE known.revision < excluded.revision"
)


def register_residents(tx: Transaction, heard: list[Heard]) -> list[Event]:
    """Keep the newest revision of each resident."""
    newest: dict[str, dict[str, Any]] = {}
    for _, data in heard:
        known = newest.get(data["resident_no"])
        if known is None or known["revision"] < data["revision"]:
            newest[data["resident_no"]] = data
    rows = [newest[resident_no] for resident_no in sorted(newest)]  # one order of locks for all
    tx.session.execute(
        _KEEP,
        {
            "resident_nos": literal(row["resident_no"] for row in rows),
            "household_nos": literal(row["household_no"] for row in rows),
            "grids": literal(row["grid_code"] for row in rows),
            "communities": literal(row["community_code"] for row in rows),
            "revisions": literal(row["revision"] for row in rows),
        },
    )
    return []

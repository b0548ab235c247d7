"""Keeps the board's facts at what the histories say: read anew after each step, set by set."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict
from typing import Final

from sqlalchemy import text

from services.intake.queries.facts import lives, places
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction

BATCH_MAX = 4000

# Each column of the table with its type; the order of the statement below.
_COLUMNS: Final = {
    "request_id": "bigint",
    "step_count": "int",
    "received_at": "timestamptz",
    "received_on": "date",
    "street_code": "text",
    "community_code": "text",
    "unit_code": "text",
    "category": "text",
    "case_id": "bigint",
    "has_place": "boolean",
    "state": "text",
    "dispatched_at": "timestamptz",
    "accepted_at": "timestamptz",
    "contacted_at": "timestamptz",
    "resolved_at": "timestamptz",
    "ended_at": "timestamptz",
    "accept_due_at": "timestamptz",
    "contact_due_at": "timestamptz",
    "due_at": "timestamptz",
    "resolve_count": "smallint",
    "returned_count": "smallint",
    "rework_count": "smallint",
    "solved": "text",
    "satisfied": "text",
    "is_excluded": "boolean",
}
_NOTED_ONCE: Final = frozenset({"request_id", "case_id", "has_place"})
_TAKE = text(
    "DELETE FROM facts_due WHERE id IN (SELECT id FROM facts_due ORDER BY id LIMIT :most)"
    " RETURNING request_id"
)
_WRITE = text(
    f"INSERT INTO request_facts ({', '.join(_COLUMNS)}) SELECT * FROM unnest("
    + ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS.items())
    + ") ON CONFLICT (request_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in _NOTED_ONCE)
)


def read_due(tx: Transaction, *, most: int = BATCH_MAX) -> int:
    """Read the histories that have grown; how many notes of it were worked off (0: none left)."""
    noted = list(tx.session.execute(_TAKE, {"most": most}).scalars())
    if noted:
        refresh(tx, set(noted))
    return len(noted)


def refresh(tx: Transaction, ids: Collection[int]) -> None:
    """Write what the histories of these requests say, whatever the facts said before."""
    found = lives(tx.session, ids)
    where = places(tx.session, found)
    columns: dict[str, list[object]] = {name: [] for name in _COLUMNS}
    for request_id in sorted(found):
        row = {
            "request_id": request_id,
            **asdict(found[request_id]),
            **asdict(where[request_id]),
        }
        for name, values in columns.items():
            values.append(row[name])
    if columns["request_id"]:
        tx.session.execute(_WRITE, {name: literal(values) for name, values in columns.items()})

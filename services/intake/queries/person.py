"""All that intake holds of one resident: read off the tables themselves, so none is forgotten.

A table belongs to it when it names the resident, hangs on a request of theirs, or on an
application or a wish of theirs. What in such a table names another resident is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Column, Table, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import LargeBinary

from services.intake.models import metadata
from shared.crypto import FieldCipher

# Digests, keys and look-up values say nothing to a person, and open doors.
_SECRET: Final = frozenset(
    {"token", "token_hash", "form_token", "token_version", "likeness", "bands", "explanation"}
)
# About two requests or none, or a list of work: not of the person.
_LEFT_OUT: Final = frozenset(
    {"facts_due", "likenesses", "request_facts", "person_exports", "resident_tokens"}
)
_FIRST: Final = ("residents", "requests", "request_steps", "step_notes", "resident_verdicts")
_PARENTS: Final = {"hall_applications": "application_id", "wishes": "wish_id"}
ROWS_MAX: Final = 5000
_SEALED_BY: Final = {
    "name_sealed": "resident_no",
    "phone_sealed": "resident_no",
    "facts_sealed": "public_code",
}


def tables_of_person() -> list[str]:
    """The tables that are asked, in the order of the answer."""
    named = [
        table.name
        for table in sorted(metadata.tables.values(), key=lambda each: each.name)
        if table.name not in _LEFT_OUT
        and (
            "resident_no" in table.c
            or "request_id" in table.c
            or any(column in table.c for column in _PARENTS.values())
        )
    ]
    return [*_FIRST, *(name for name in named if name not in _FIRST)]


def held(session: Session, cipher: FieldCipher, resident_no: str) -> dict[str, Any]:
    """Plain values by table, empty ones left out; names and phones are the person's own: open."""
    found: dict[str, Any] = {}
    ids = list(
        session.execute(
            text("SELECT id FROM requests WHERE resident_no = :no ORDER BY id"),
            {"no": resident_no},
        ).scalars()
    )
    for name in tables_of_person():
        table = metadata.tables[name]
        statement = select(*_columns(table)).limit(ROWS_MAX)
        if "resident_no" in table.c:
            statement = statement.where(table.c.resident_no == resident_no)
        elif "request_id" in table.c:
            statement = statement.where(table.c.request_id.in_(ids))
        else:
            statement = statement.where(_hangs_on(table, resident_no))
        key = list(table.primary_key.columns)
        rows = session.execute(statement.order_by(*key)).mappings()
        listed = [_opened(dict(row), cipher, resident_no) for row in rows]
        if listed:
            found[name] = listed
    return found


def _columns(table: Table) -> Iterable[Column[Any]]:
    return [
        column
        for column in table.columns
        if column.name not in _SECRET and not isinstance(column.type, LargeBinary)
    ]


def _hangs_on(table: Table, resident_no: str) -> Any:
    for parent, column in _PARENTS.items():
        if column in table.c:
            of = metadata.tables[parent]
            return table.c[column].in_(select(of.c.id).where(of.c.resident_no == resident_no))
    raise AssertionError(table.name)


def _opened(row: dict[str, Any], cipher: FieldCipher, resident_no: str) -> dict[str, Any]:
    for name in [each for each in row if each.endswith("sealed")]:
        sealed, binder = row.pop(name), _SEALED_BY.get(name)
        if sealed and binder and row.get(binder):
            row[name.removesuffix("_sealed")] = cipher.decrypt(sealed, bound_to=str(row[binder]))
    # Another resident's number in a row of one's own is theirs.
    for name, value in row.items():
        if name == "actor" and row.get("actor_kind") == "resident" and value != resident_no:
            row[name] = None
    return row

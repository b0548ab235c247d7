"""All that intake holds of one resident: read off the tables themselves, so none is forgotten.

A table belongs to it when it names the resident, hangs on a request of theirs, or on an
application, a wish or the household of theirs. What in such a table names another resident is
left out. A table that may name a resident and is not given out is in EXCUSED, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, Table, and_, false, or_, select, text
from sqlalchemy.orm import Session
from sqlalchemy.types import LargeBinary

from services.intake.models import metadata
from shared.crypto import FieldCipher

# Digests, keys and look-up values say nothing to a person, and open doors.
_SECRET: Final = frozenset(
    {"token", "token_hash", "form_token", "token_version", "password_hash", "likeness", "bands",
     "explanation"}
)  # fmt: skip
# About two requests or none, or a list of work: not of the person.
_WORK: Final = frozenset({"facts_due", "likenesses", "request_facts"})
EXCUSED: Final = {
    "person_exports": "the log of exports: read on its own page, by staff and auditors",
    "resident_tokens": "a keyed digest that finds the resident: it says nothing to a person",
    "inbox": "ids of events that came; what they said is in the tables they wrote",
    "outbox": "events on their way to the other services, gone when they are delivered",
    "dead_letters": "events that could not be handled, opened by an operator and closed",
    "rejected_bodies": "what a partner sent and was refused: sealed, assigned to nobody",
    "register_imports": "a whole workbook, sealed, of many residents; gone after a day",
    "board_groups": "the subject is a grid, a community or a unit, never a resident",
    "keeping_rules": "the subject is a kind of record that is kept so long, never a resident",
    "board_members": "the subject is a grid, a community or a unit, never a resident",
}
_FIRST: Final = ("residents", "requests", "request_steps", "step_notes", "resident_verdicts")
_PARENTS: Final = {"hall_applications": "application_id", "wishes": "wish_id"}
# A sheet itself may hold the lines of several people: it is looked at in the office.
_THROUGH: Final = {"scans": ("scan_requests", "scan_no"), "photo_origins": ("photos", "photo_id")}
ROWS_MAX: Final = 5000
_SEALED_BY: Final = {
    "name_sealed": "resident_no",
    "phone_sealed": "resident_no",
    "facts_sealed": "public_code",
}
_OWN = text("SELECT id, public_code FROM requests WHERE resident_no = :no ORDER BY id")


def tables_of_person() -> list[str]:
    """The tables that are asked, in the order of the answer."""
    named = [
        table.name
        for table in sorted(metadata.tables.values(), key=lambda each: each.name)
        if table.name not in _WORK
        and table.name not in EXCUSED
        and (
            {"resident_no", "request_id", "household_no", *_PARENTS.values()} & set(table.c.keys())
            or table.name == "accounts"
            or table.name in _THROUGH
            or _actors(table)
        )
    ]
    return [*_FIRST, *(name for name in named if name not in _FIRST)]


def held(session: Session, cipher: FieldCipher, resident_no: str) -> dict[str, Any]:
    """Plain values by table, empty ones left out; names and phones are the person's own: open."""
    found: dict[str, Any] = {}
    codes = {row.id: row.public_code for row in session.execute(_OWN, {"no": resident_no})}
    for name in tables_of_person():
        table = metadata.tables[name]
        statement = select(*_columns(table)).where(_is_of(table, resident_no, list(codes)))
        key = list(table.primary_key.columns)
        rows = session.execute(statement.order_by(*key).limit(ROWS_MAX)).mappings()
        listed = [_opened(dict(row), cipher, resident_no, codes) for row in rows]
        if listed:
            found[name] = listed
    return found


def _columns(table: Table) -> Iterable[Column[Any]]:
    return [
        column
        for column in table.columns
        if column.name not in _SECRET and not isinstance(column.type, LargeBinary)
    ]


def _actors(table: Table) -> list[str]:
    """The columns that hold a resident's number where the one beside them says so."""
    return [name for name in table.c.keys() if f"{name}_kind" in table.c]  # noqa: SIM118


def _is_of(table: Table, resident_no: str, ids: list[int]) -> ColumnElement[bool]:
    """Whether a row is of the resident."""
    if "resident_no" in table.c:
        return table.c.resident_no == resident_no
    if table.name == "accounts":
        return and_(table.c.role == "resident", table.c.subject == resident_no)
    if table.name in _THROUGH:
        other, key = _THROUGH[table.name]
        through = metadata.tables[other]
        is_of = _is_of(through, resident_no, ids)
        return table.c[key].in_(select(through.c[key]).where(is_of))
    ways = [
        and_(table.c[f"{name}_kind"] == "resident", table.c[name] == resident_no)
        for name in _actors(table)
    ]
    if "request_id" in table.c:
        ways.append(table.c.request_id.in_(ids))
    if "household_no" in table.c:
        ways.append(_in_own("residents", table.c.household_no, "household_no", resident_no))
    for parent, column in _PARENTS.items():
        if column in table.c:
            ways.append(_in_own(parent, table.c[column], "id", resident_no))
    return or_(false(), *ways)


def _in_own(parent: str, column: Column[Any], key: str, resident_no: str) -> ColumnElement[bool]:
    of = metadata.tables[parent]
    return column.in_(select(of.c[key]).where(of.c.resident_no == resident_no))


def _opened(
    row: dict[str, Any], cipher: FieldCipher, resident_no: str, codes: Mapping[int, str]
) -> dict[str, Any]:
    for name in [each for each in row if each.endswith("sealed")]:
        sealed, binder = row.pop(name), _SEALED_BY.get(name)
        if sealed and binder and row.get(binder):
            row[name.removesuffix("_sealed")] = cipher.decrypt(sealed, bound_to=str(row[binder]))
        elif sealed and name == "sealed":
            row["contact"] = cipher.decrypt(sealed, bound_to=codes[row["request_id"]])
    _leave_out(row, resident_no)
    return row


def _leave_out(row: dict[str, Any], resident_no: str) -> None:
    """Another resident's number in a row of one's own, or in the facts of a step, is theirs."""
    for name, value in row.items():
        if isinstance(value, dict):
            _leave_out(value, resident_no)
        elif row.get(f"{name}_kind") == "resident" and value != resident_no:
            row[name] = None

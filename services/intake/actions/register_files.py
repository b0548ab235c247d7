"""The register as a workbook: checked first, then written whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from services.intake.actions import buildings, units
from services.intake.actions.census import Keys
from services.intake.actions.register import load_residents
from services.intake.queries.register_files import check_references, opened_residents
from services.intake.rules.homes import BuildingRow, HomeRow, RoomRow
from services.intake.rules.register_sheets import SHEETS as KINDS
from services.intake.rules.register_sheets import Book, columns_of, read_book
from services.intake.rules.workbooks import read_workbook
from shared import clock
from shared.db.arrays import literal
from shared.db.session import Sessions
from shared.errors import Conflict, LinliError, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

KEPT = timedelta(days=1)
_KEEP = text(
    "INSERT INTO register_imports (import_id, made_at, made_by, row_count, counts, faults,"
    " content_sealed) VALUES (:import_id, :now, :by, :row_count, CAST(:counts AS jsonb),"
    " CAST(:faults AS jsonb), :content)"
)
_KEPT = text("SELECT * FROM register_imports WHERE import_id = :import_id FOR UPDATE")
_WRITTEN = text(
    "UPDATE register_imports SET written_at = :now, written_by = :by, content_sealed = NULL,"
    " counts = CAST(:counts AS jsonb) WHERE import_id = :import_id"
)
_FORGET = text(
    "UPDATE register_imports SET content_sealed = NULL"
    " WHERE made_at < :before AND content_sealed IS NOT NULL"
)
_MICRO_GRIDS = text(
    "INSERT INTO areas AS a (code, kind, name, parent_code) SELECT code, 'micro_grid', name, parent"
    " FROM unnest(CAST(:codes AS text[]), CAST(:names AS text[]), CAST(:parents AS text[]))"
    " AS n (code, name, parent) ON CONFLICT (code) DO UPDATE SET name = excluded.name,"
    " parent_code = excluded.parent_code WHERE a.kind = 'micro_grid' AND (a.name, a.parent_code)"
    " IS DISTINCT FROM (excluded.name, excluded.parent_code)"
)
_DETAILS = text(
    "UPDATE residents r SET whereabouts = n.whereabouts, micro_grid_code = n.micro_grid FROM"
    " unnest(CAST(:numbers AS text[]), CAST(:whereabouts AS text[]), CAST(:micro_grids AS text[]))"
    " AS n (resident_no, whereabouts, micro_grid) WHERE r.resident_no = n.resident_no"
    " AND (r.whereabouts, r.micro_grid_code) IS DISTINCT FROM (n.whereabouts, n.micro_grid)"
)
_ROLES = text(
    "INSERT INTO resident_roles AS r (resident_no, role, area_code, since, until) SELECT * FROM"
    " unnest(CAST(:numbers AS text[]), CAST(:roles AS text[]), CAST(:areas AS text[]),"
    " CAST(:since AS date[]), CAST(:until AS date[])) ON CONFLICT (resident_no, role) DO UPDATE"
    " SET area_code = excluded.area_code, since = excluded.since, until = excluded.until"
    " WHERE (r.area_code, r.since, r.until)"
    " IS DISTINCT FROM (excluded.area_code, excluded.since, excluded.until)"
)


def check_file(sessions: Sessions, tx: Transaction, keys: Keys, content: bytes, by: str) -> UUID:
    """Read it, try it out without leaving a trace, and keep it sealed for a day; its number.

    Raises Rejected when it is no workbook of the register at all.
    """
    sheets = read_workbook(content, {name: columns_of(name) for name in KINDS})
    book, counts = rehearse(sessions, keys, sheets)
    if not book.row_count and not book.faults:
        raise Rejected(
            "empty",
            "文件：没有可导入的行；工作表名须以 buildings、residents 等开头",
            "file: no row to import; titles of sheets begin with buildings, residents and so on",
            pointer="/file",
        )
    import_id = uuid7()
    tx.session.execute(
        _KEEP,
        {
            "import_id": import_id,
            "now": clock.now(),
            "by": by,
            "row_count": book.row_count,
            "counts": orjson.dumps(counts).decode(),
            "faults": orjson.dumps([fault.told() for fault in book.faults]).decode(),
            "content": None
            if book.faults
            else keys.cipher.encrypt_bytes(content, bound_to=str(import_id)),
        },
    )
    return import_id


def write_file(tx: Transaction, keys: Keys, import_id: UUID, by: str) -> dict[str, int]:
    """Write all of a checked file; what changed, by sheet. Raises Missing, Conflict, Rejected."""
    kept = tx.session.execute(_KEPT, {"import_id": import_id}).one_or_none()
    if kept is None:
        raise Missing("no_import", "没有这份文件，请重新上传", "There is no such file")
    if kept.written_at is not None:
        return dict.fromkeys(kept.counts, 0)
    if kept.content_sealed is None:
        raise Conflict(
            "not_kept",
            "这份文件有问题或已过期，请改正后重新上传",
            "this file had faults or is too old: upload it again",
        )
    content = keys.cipher.decrypt_bytes(kept.content_sealed, bound_to=str(import_id))
    counts = write_sheets(
        tx, keys, read_workbook(content, {name: columns_of(name) for name in KINDS})
    )
    told = {"counts": orjson.dumps(counts).decode(), "import_id": import_id}
    tx.session.execute(_WRITTEN, {**told, "now": clock.now(), "by": by})
    return counts


def rehearse(
    sessions: Sessions, keys: Keys, sheets: Mapping[str, Any]
) -> tuple[Book, dict[str, int]]:
    """What writing them would change, by sheet; everything is undone."""
    counts: dict[str, int] = {}
    with sessions() as session:
        tx = Transaction(session)
        book = _checked(tx, keys, sheets)
        if not book.faults:
            try:
                counts = _write(tx, keys, book)
            except LinliError as problem:
                book.blame("residents", 0, problem.pointer or "", problem.zh, problem.en)
        session.rollback()
    return book, counts


def write_sheets(
    tx: Transaction, keys: Keys, sheets: Mapping[str, Iterable[tuple[int, Mapping[str, str]]]]
) -> dict[str, int]:
    """Write rows by sheet, all or none; raises Rejected naming the first fault."""
    book = _checked(tx, keys, sheets)
    if book.faults:
        fault = book.faults[0]
        raise Rejected(
            "row",
            f"{fault.sheet} 第 {fault.row} 行 {fault.field}：{fault.zh}",
            f"{fault.sheet}, row {fault.row}, {fault.field}: {fault.en}",
            pointer=f"/{fault.sheet}/{fault.row}/{fault.field}",
        )
    return _write(tx, keys, book)


def forget(tx: Transaction) -> None:
    """Files that nobody wrote within a day are not kept."""
    tx.session.execute(_FORGET, {"before": clock.now() - KEPT})


def _checked(tx: Transaction, keys: Keys, sheets: Mapping[str, Any]) -> Book:
    book = read_book(sheets)
    check_references(tx.session, book)
    opened_residents(tx.session, keys.cipher, book)
    return book


def _write(tx: Transaction, keys: Keys, book: Book) -> dict[str, int]:
    """In the order in which one needs the other."""
    done = {
        "micro_grids": _micro_grids(tx, book.of("micro_grids")),
        "buildings": buildings.put_buildings(
            tx, [BuildingRow(**row) for row in book.of("buildings")]
        ),
        "rooms": buildings.put_rooms(tx, [RoomRow(**row) for row in book.of("rooms")]),
        "households": buildings.put_homes(tx, [HomeRow(**row) for row in book.of("households")]),
        "residents": _residents(tx, keys, book.of("residents")),
        "roles": _roles(tx, book.of("roles")),
        "units": units.put_units(tx, book.of("units")),
        "posts": units.put_posts(tx, book.of("posts")),
    }
    return {name: done[name] for name in KINDS if name in book.rows}


def _micro_grids(tx: Transaction, rows: list[dict[str, Any]]) -> int:
    if not rows:
        return 0
    values = {
        "codes": literal(row["code"] for row in rows),
        "names": literal(row["name"] for row in rows),
        "parents": literal(row["grid_code"] for row in rows),
    }
    return int(tx.session.execute(_MICRO_GRIDS, values).rowcount)  # type: ignore[attr-defined]


def _residents(tx: Transaction, keys: Keys, rows: list[dict[str, Any]]) -> int:
    if not rows:
        return 0
    changed = load_residents(
        tx, rows, cipher=keys.cipher, index=keys.index, contact_cipher=keys.contact
    )
    values = {
        "numbers": literal(row["resident_no"] for row in rows),
        "whereabouts": literal(row["whereabouts"] for row in rows),
        "micro_grids": literal(row["micro_grid_code"] for row in rows),
    }
    details = int(tx.session.execute(_DETAILS, values).rowcount)  # type: ignore[attr-defined]
    return max(changed, details)


def _roles(tx: Transaction, rows: list[dict[str, Any]]) -> int:
    if not rows:
        return 0
    values = {
        "numbers": literal(row["resident_no"] for row in rows),
        "roles": literal(row["role"] for row in rows),
        "areas": literal(row["area_code"] for row in rows),
        "since": literal(row["since"] for row in rows),
        "until": literal(row["until"] for row in rows),
    }
    return int(tx.session.execute(_ROLES, values).rowcount)  # type: ignore[attr-defined]

"""Brings in the lines of paper books: checked first, approved by a second person, posted as one.

A line stands in the ledger once: read again it changes nothing, in whichever file it comes. One
document holds a whole import, so that it can be reversed as a whole.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.actions import ledger
from services.points.actions.documents import write_document
from services.points.actions.ledger import Key
from services.points.actions.telling_corrections import Change, corrected
from services.points.queries import imports as queries
from services.points.queries.corrections import known_residents
from services.points.rules.lots import NEVER, Lot
from services.points.rules.paper_books import (
    COLUMNS,
    PROBLEMS_MAX,
    PaperRow,
    Problem,
    from_json,
    heading,
    read_rows,
)
from services.points.rules.paper_files import read_sheet
from shared import clock
from shared.db.arrays import hex_literal, literal
from shared.errors import Conflict, Missing
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

PROGRAMME = "paper-book"
KEPT = timedelta(days=30)  # a checked file that nobody submitted
ASSETS = ("points", "service_minutes", "honour_points")
_LINE, _RESIDENT = COLUMNS[1], COLUMNS[2]

_KEEP = text(
    "INSERT INTO paper_imports (import_id, file_hash, format, rows, row_count, problems,"
    " problem_count, made_by, made_at) VALUES (:import_id, :file_hash, :format,"
    " CAST(:rows AS jsonb), :row_count, CAST(:problems AS jsonb), :problem_count, :by, :now)"
)
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('paper books', 77))")
_ROWS = text(
    "INSERT INTO import_rows (import_id, row_no, row_hash, book_no, line_no, resident_no,"
    " on_date, points, service_minutes, honour_points, expires_on, document_id)"
    " SELECT :import_id, r.*, :document_id FROM unnest(CAST(:row_nos AS int[]),"
    " CAST(:hashes AS bytea[]), CAST(:books AS text[]), CAST(:lines AS int[]),"
    " CAST(:residents AS text[]), CAST(:days AS date[]), CAST(:points AS bigint[]),"
    " CAST(:minutes AS bigint[]), CAST(:honours AS bigint[]), CAST(:ends AS date[])) AS r"
)
_FORGET = text(
    "DELETE FROM paper_imports i WHERE i.made_at < :before AND NOT EXISTS"
    " (SELECT FROM corrections c WHERE c.subject_id = i.import_id"
    " AND c.state IN ('open', 'approved'))"
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a dry run found; nothing of the ledger has changed."""

    import_id: UUID
    new: int
    known: int
    problem_count: int


def check_file(tx: Transaction, content: bytes, *, by: str) -> Report:
    """Read a file and report on it row by row, without touching the ledger.

    Raises Rejected for a file that cannot be read at all.
    """
    kind, sheet = read_sheet(content)
    rows, problems = read_rows(sheet, clock.today())
    standing = queries.standing(tx.session, rows)
    problems += _against_ledger(tx.session, rows)
    known = sum(row.digest() in standing for row in rows)
    import_id = uuid7()
    told = sorted(problems, key=lambda one: one.row)[:PROBLEMS_MAX]
    kept = [] if problems else rows
    seen = {row.row_no for row in rows} | {one.row for one in problems if one.row > 1}
    tx.session.execute(
        _KEEP,
        {
            "import_id": import_id,
            "file_hash": hashlib.sha256(content).digest(),
            "format": kind,
            "rows": orjson.dumps([row.as_json() for row in kept]).decode(),
            "row_count": len(seen),
            "problems": orjson.dumps([asdict(one) for one in told]).decode(),
            "problem_count": len(problems),
            "by": by,
            "now": clock.now(),
        },
    )
    return Report(import_id, len(rows) - known, known, len(problems))


def check_submitted(session: Session, import_id: UUID) -> dict[str, Any]:
    """What a file would bring in; raises Missing, and Conflict when it has problems or no news."""
    rows = _rows_of(session, import_id)
    new = _new(session, rows)
    return _sums(new) | {"known": len(rows) - len(new)}


def post_import(tx: Transaction, import_id: UUID, *, made_by: str, checked_by: str) -> UUID:
    """Post what of a file is not in the ledger yet; the document's id. Raises as above."""
    tx.session.execute(_ONE_AT_A_TIME)
    rows = _new(tx.session, _rows_of(tx.session, import_id))
    if problems := _against_ledger(tx.session, rows):
        raise Conflict(
            "rows_changed",
            f"第 {problems[0].row} 行：{problems[0].zh}；请重新检查文件",
            f"row {problems[0].row}: {problems[0].en}; check the file again",
        )
    keys: list[Key] = [
        (asset, "resident", row.resident_no)
        for row in rows
        for asset in ASSETS
        if getattr(row, asset)
    ]
    accounts = ledger.locked(tx.session, keys)
    source_id = ledger.sources(tx.session, [(PROGRAMME, "")])[PROGRAMME, ""]
    document_id = uuid7()
    write_document(
        tx.session,
        document_id,
        "import",
        made_by=made_by,
        checked_by=checked_by,
        facts=_facts(import_id, rows),
    )
    posting = ledger.posting(tx.session)
    changes: defaultdict[str, Change] = defaultdict(Change)
    for (asset, resident_no, expires_on), amount in _by_account(rows).items():
        lot = Lot(expires_on, source_id) if asset == "points" and expires_on else None
        account = accounts[asset, "resident", resident_no]
        posting.issue(account, amount, document_id, "import", lot)
        changes[resident_no].add(asset, amount)
    posting.post(tx.session, clock.now())
    _keep_rows(tx.session, import_id, rows, document_id)
    tx.emit(corrected(tx.session, document_id, "import", changes))
    return document_id


def forget_checked(tx: Transaction) -> None:
    """Forget checked files that were never brought in, after a month."""
    tx.session.execute(_FORGET, {"before": clock.now() - KEPT})


def _rows_of(session: Session, import_id: UUID) -> list[PaperRow]:
    found = queries.checked(session, import_id)
    if found is None:
        raise Missing("no_import", "没有这份文件，请重新上传", "there is no such file: upload it")
    if found.problem_count:
        raise Conflict(
            "has_problems",
            "文件还有问题，请改正后重新上传",
            "the file has problems: correct it and upload it again",
        )
    return [from_json(stored) for stored in found.rows]


def _new(session: Session, rows: list[PaperRow]) -> list[PaperRow]:
    standing = queries.standing(session, rows)
    new = [row for row in rows if row.digest() not in standing]
    if not new:
        raise Conflict(
            "nothing_new",
            "文件中的每一行都已转入过，不必再转",
            "every row of this file was brought in before",
        )
    return new


def _against_ledger(session: Session, rows: list[PaperRow]) -> list[Problem]:
    """What only the ledger and the register can tell is wrong."""
    known = known_residents(session, {row.resident_no for row in rows})
    taken = queries.lines_taken(session, rows)
    problems = []
    for row in rows:
        if row.resident_no not in known:
            problems.append(
                Problem(
                    row.row_no,
                    heading(_RESIDENT),
                    "没有这个居民编号，请核对或先登记",
                    "no resident has this number: check it, or register the resident",
                )
            )
        if taken.get((row.book_no, row.line_no), row.digest()) != row.digest():
            problems.append(
                Problem(
                    row.row_no,
                    heading(_LINE),
                    "这一行已按其他内容转入过，请核对存折",
                    "this line was brought in before with other content: check the book",
                )
            )
    return problems


def _by_account(rows: list[PaperRow]) -> Mapping[tuple[str, str, date | None], int]:
    """One transfer for all lines of a resident that end on one day."""
    sums: defaultdict[tuple[str, str, date | None], int] = defaultdict(int)
    for row in rows:
        for asset in ASSETS:
            if amount := getattr(row, asset):
                ends = (row.expires_on or NEVER) if asset == "points" else None
                sums[asset, row.resident_no, ends] += amount
    return sums


def _sums(rows: list[PaperRow]) -> dict[str, Any]:
    return {
        "rows": len(rows),
        "residents": len({row.resident_no for row in rows}),
        **{asset: sum(getattr(row, asset) for row in rows) for asset in ASSETS},
    }


def _facts(import_id: UUID, rows: list[PaperRow]) -> dict[str, Any]:
    return {
        "import_id": str(import_id),
        **_sums(rows),
        "zh": "纸质存折余额转入",
        "en": "brought forward from a paper book",
    }


def _keep_rows(session: Session, import_id: UUID, rows: list[PaperRow], document_id: UUID) -> None:
    session.execute(
        _ROWS,
        {
            "import_id": import_id,
            "document_id": document_id,
            "row_nos": literal(row.row_no for row in rows),
            "hashes": hex_literal(row.digest() for row in rows),
            "books": literal(row.book_no for row in rows),
            "lines": literal(row.line_no for row in rows),
            "residents": literal(row.resident_no for row in rows),
            "days": literal(row.on_date for row in rows),
            "points": literal(row.points for row in rows),
            "minutes": literal(row.service_minutes for row in rows),
            "honours": literal(row.honour_points for row in rows),
            "ends": literal(row.expires_on for row in rows),
        },
    )

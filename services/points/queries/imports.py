"""What an import looks at: files that were checked, and lines that stand in the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.paper_books import PaperRow
from shared.db.arrays import hex_literal, literal

LISTED_MAX = 50

_CHECKED = text(
    "SELECT i.import_id, i.format, i.rows, i.row_count, i.problems, i.problem_count, i.made_by,"
    " i.made_at, c.correction_id, c.state, c.document_id, v.document_id AS reverted_by"
    " FROM paper_imports i LEFT JOIN LATERAL (SELECT * FROM corrections c"
    " WHERE c.subject_id = i.import_id AND c.kind = 'import'"
    " ORDER BY c.made_at DESC LIMIT 1) c ON true"
    " LEFT JOIN reversals v ON v.subject_id = c.document_id"
    " WHERE i.import_id = :import_id"
)
_LISTED = text(
    "SELECT i.import_id, i.format, i.row_count, i.problem_count, i.made_by, i.made_at, c.state,"
    " v.document_id AS reverted_by"
    " FROM paper_imports i LEFT JOIN LATERAL (SELECT * FROM corrections c"
    " WHERE c.subject_id = i.import_id AND c.kind = 'import'"
    " ORDER BY c.made_at DESC LIMIT 1) c ON true"
    " LEFT JOIN reversals v ON v.subject_id = c.document_id"
    " ORDER BY i.made_at DESC, i.import_id LIMIT :most"
)
_STANDING = text(
    "SELECT row_hash FROM import_rows WHERE reverted_by IS NULL"
    " AND row_hash = ANY(CAST(:hashes AS bytea[]))"
)
_LINES = text(
    "SELECT r.book_no, r.line_no, r.row_hash FROM import_rows r JOIN unnest("
    "CAST(:books AS text[]), CAST(:lines AS int[])) AS k (book_no, line_no)"
    " USING (book_no, line_no) WHERE r.reverted_by IS NULL"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A file that was read, and what has become of it; `state` is its proposal's."""

    import_id: UUID
    format: str
    rows: list[dict[str, Any]]
    row_count: int
    problems: list[dict[str, Any]]
    problem_count: int
    made_by: str
    made_at: datetime
    correction_id: UUID | None
    state: str | None
    document_id: UUID | None
    reverted_by: UUID | None


def checked(session: Session, import_id: UUID) -> Checked | None:
    """A file that was checked; None when there is none."""
    row = session.execute(_CHECKED, {"import_id": import_id}).mappings().one_or_none()
    return Checked(**row) if row else None


def listed(session: Session, most: int = LISTED_MAX) -> list[Any]:
    """The newest files, without their rows."""
    return list(session.execute(_LISTED, {"most": most}))


def standing(session: Session, rows: Iterable[PaperRow]) -> set[bytes]:
    """The hashes of those rows that stand in the ledger already."""
    hashes = hex_literal(row.digest() for row in rows)
    return {bytes(found) for found in session.execute(_STANDING, {"hashes": hashes}).scalars()}


def lines_taken(session: Session, rows: list[PaperRow]) -> dict[tuple[str, int], bytes]:
    """Of the rows' places in their books, those that stand in the ledger, with their hashes."""
    asked = {
        "books": literal(row.book_no for row in rows),
        "lines": literal(row.line_no for row in rows),
    }
    found = session.execute(_LINES, asked).all()
    return {(book_no, line_no): bytes(row_hash) for book_no, line_no, row_hash in found}

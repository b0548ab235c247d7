"""纸质存折: files that were checked, and the lines of paper books that were brought in."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base

_STANDING = text("reverted_by IS NULL")


class PaperImport(Base):
    """A file as it was read: its rows, and what is wrong with them. Its name is not kept."""

    __tablename__ = "paper_imports"
    __table_args__ = (
        CheckConstraint("format IN ('xlsx', 'csv')", name="format"),
        CheckConstraint("length(file_hash) = 32", name="file_hash"),
    )

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    file_hash: Mapped[bytes]
    format: Mapped[str]
    rows: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    row_count: Mapped[int]
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    problem_count: Mapped[int]
    made_by: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(index=True)


class ImportRow(Base):
    """A line of a paper book in the ledger: once, until it is reverted."""

    __tablename__ = "import_rows"
    __table_args__ = (
        CheckConstraint(
            "least(points, service_minutes, honour_points) >= 0"
            " AND points + service_minutes + honour_points > 0",
            name="amounts",
        ),
        CheckConstraint("length(row_hash) = 32", name="row_hash"),
        Index("uq_import_rows_row_hash", "row_hash", unique=True, postgresql_where=_STANDING),
        Index("uq_import_rows_line", "book_no", "line_no", unique=True, postgresql_where=_STANDING),
        Index("ix_import_rows_document_id", "document_id"),
    )

    import_id: Mapped[UUID] = mapped_column(ForeignKey("paper_imports.import_id"), primary_key=True)
    row_no: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    row_hash: Mapped[bytes]
    book_no: Mapped[str]
    line_no: Mapped[int]
    resident_no: Mapped[str]
    on_date: Mapped[date]
    points: Mapped[int] = mapped_column(BigInteger)
    service_minutes: Mapped[int] = mapped_column(BigInteger)
    honour_points: Mapped[int] = mapped_column(BigInteger)
    expires_on: Mapped[date | None]
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.document_id"))
    reverted_by: Mapped[UUID | None] = mapped_column(ForeignKey("documents.document_id"))

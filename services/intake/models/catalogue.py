"""The versions of the catalogue of conditions; a version's document never changes."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Identity, Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base

SETUP = "setup"  # who drafts and publishes a district's first version


class CatalogueVersion(Base):
    """A draft until somebody else publishes it; in force from `valid_from` until a later one is.

    `digest` is of the document: who keeps a version in memory knows by it that it is the same.
    """

    __tablename__ = "catalogue_versions"
    __table_args__ = (
        CheckConstraint("(published_by IS NULL) = (published_at IS NULL)", name="published"),
        CheckConstraint("(withdrawn_by IS NULL) = (withdrawn_at IS NULL)", name="withdrawn"),
        CheckConstraint("published_at IS NULL OR withdrawn_at IS NULL", name="one_end"),
        CheckConstraint(
            f"published_by <> drafted_by OR drafted_by = '{SETUP}'", name="second_person"
        ),
        # Two who set up at once do not both publish a first version.
        Index(
            "uq_catalogue_versions_first",
            "drafted_by",
            unique=True,
            postgresql_where=text(f"drafted_by = '{SETUP}'"),
        ),
    )

    version: Mapped[int] = mapped_column(Identity(), primary_key=True)
    valid_from: Mapped[date]
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[str]
    drafted_by: Mapped[str]  # an account's number, "setup" or "command"
    drafted_at: Mapped[datetime]
    published_by: Mapped[str | None]
    published_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]

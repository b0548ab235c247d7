"""What one person proposes and another decides, and the rules that were declared that way.

Proposals and decisions are only ever added; a decision names its proposal's maker again, so that
the database itself can refuse somebody who decides on what is his own.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base

# Of people nothing may ever be rated but what they did for others: the database refuses the rest.
RATED_ATTRIBUTES = (
    "service_minutes",
    "service_days",
    "active_months",
    "self_checked_days",
    "honour_points",
    "donated_points",
)
RATED_ONLY = "kind <> 'rating' OR NOT jsonb_path_exists(body, '$.parts[*] ? (!({allowed}))')"


def rated_only() -> str:
    """The check that a rating's parts name nothing but the attributes that may be rated."""
    named = " || ".join(f'@.attribute == "{name}"' for name in RATED_ATTRIBUTES)
    return RATED_ONLY.format(allowed=named)


class Proposal(Base):
    """提议: what somebody asks another to approve, or a resident appeals against."""

    __tablename__ = "proposals"
    __table_args__ = (
        UniqueConstraint("proposal_id", "made_by"),
        CheckConstraint(
            "kind IN ('declaration', 'honour', 'pool_grant', 'deduction', 'appeal')", name="kind"
        ),
        CheckConstraint("(kind = 'declaration') = (resident_no IS NULL)", name="about"),
        Index("ix_proposals_resident_no", "resident_no"),
    )

    proposal_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    resident_no: Mapped[str | None]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    reason: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]


class ProposalDecision(Base):
    """复核: approved or refused, once, by somebody else."""

    __tablename__ = "proposal_decisions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["proposal_id", "made_by"],
            ["proposals.proposal_id", "proposals.made_by"],
            name="fk_proposal_decisions_proposal",
        ),
        CheckConstraint("decided_by <> made_by", name="four_eyes"),
    )

    proposal_id: Mapped[UUID] = mapped_column(primary_key=True)
    made_by: Mapped[str]
    decided_by: Mapped[str]
    is_approved: Mapped[bool]
    reason: Mapped[str]
    decided_at: Mapped[datetime]


class DeclaredRule(Base):
    """A published version of rules other than a programme's rates: only followed by another."""

    __tablename__ = "declared_rules"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('star', 'rating', 'honour', 'conversion', 'household')", name="kind"
        ),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint(text(rated_only()), name="rated_only"),
        UniqueConstraint("proposal_id"),
    )

    kind: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    valid_from: Mapped[date]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    proposal_id: Mapped[UUID] = mapped_column(ForeignKey("proposal_decisions.proposal_id"))
    published_at: Mapped[datetime]

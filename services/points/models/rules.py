"""What was awarded and by which rules. Rows of `awards` and `rule_sets` are only ever added."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base

_SPANS = "span IN ('day', 'week', 'month', 'year', 'lifetime')"


class Award(Base):
    """Why a contribution was credited as it was; it has the id of its contribution.

    Of two awards that share a cap, the one credited first has the lower `award_no`.
    """

    __tablename__ = "awards"
    __table_args__ = (CheckConstraint("kind IN ('activity', 'wish')", name="kind"),)

    award_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    owner: Mapped[str]
    community_code: Mapped[str | None]
    household_no: Mapped[str | None]
    on_date: Mapped[date]
    programme: Mapped[str | None]
    rule_version: Mapped[int | None]
    points: Mapped[int]
    service_minutes: Mapped[int]
    explanation: Mapped[dict[str, Any]] = mapped_column(JSONB)
    accepted_at: Mapped[datetime]
    credited_at: Mapped[datetime]
    award_no: Mapped[int] = mapped_column(BigInteger, Identity(always=True))


class CapUsage(Base):
    """How much of a person's cap is used in a window; written under the account's lock."""

    __tablename__ = "cap_usage"
    __table_args__ = (
        CheckConstraint(_SPANS, name="span"),
        CheckConstraint("used >= 0", name="used"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    account_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    span: Mapped[str] = mapped_column(primary_key=True)
    starts_on: Mapped[date] = mapped_column(primary_key=True)
    used: Mapped[int]


class ScopeUsage(Base):
    """The same of a cap that several persons share; written under the row's own lock."""

    __tablename__ = "scope_usage"
    __table_args__ = (
        CheckConstraint("level IN ('household', 'activity', 'community')", name="level"),
        CheckConstraint(_SPANS, name="span"),
        CheckConstraint("used >= 0", name="used"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    level: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    span: Mapped[str] = mapped_column(primary_key=True)
    starts_on: Mapped[date] = mapped_column(primary_key=True)
    used: Mapped[int] = mapped_column(BigInteger)


class RuleSet(Base):
    """A published version of a programme's rules; never changed, only followed by another.

    `made_by` is 'installation' for what the district was installed with; all else was checked by
    a second person.
    """

    __tablename__ = "rule_sets"
    __table_args__ = (
        CheckConstraint("checked_by <> made_by", name="four_eyes"),
        CheckConstraint("made_by = 'installation' OR checked_by IS NOT NULL", name="checked"),
    )

    programme: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    valid_from: Mapped[date] = mapped_column(index=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    published_at: Mapped[datetime]
    made_by: Mapped[str]
    checked_by: Mapped[str | None]


class RuleDraft(Base):
    """积分规则草案. Only its maker edits it; `revision` counts the changes of its body."""

    __tablename__ = "rule_drafts"
    __table_args__ = (
        CheckConstraint("state IN ('draft', 'submitted', 'published', 'rejected')", name="state"),
        CheckConstraint("checked_by <> made_by", name="four_eyes"),
        CheckConstraint(
            "(state IN ('published', 'rejected')) = (checked_by IS NOT NULL)"
            " AND (checked_by IS NULL) = (checked_at IS NULL)",
            name="checked",
        ),
        CheckConstraint("(state = 'draft') = (submitted_at IS NULL)", name="submitted"),
        CheckConstraint("(state = 'rejected') = (reason IS NOT NULL)", name="reason"),
    )

    draft_id: Mapped[UUID] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    revision: Mapped[int]
    state: Mapped[str]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    checked_by: Mapped[str | None]
    checked_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class RuleSimulation(Base):
    """What the last simulation of a draft found, and of which revision."""

    __tablename__ = "rule_simulations"

    draft_id: Mapped[UUID] = mapped_column(ForeignKey("rule_drafts.draft_id"), primary_key=True)
    revision: Mapped[int]
    result: Mapped[dict[str, Any]] = mapped_column(JSONB)
    made_by: Mapped[str]
    made_at: Mapped[datetime]

"""奖品 and 兑换: what can be redeemed, how much of it there is, and who has redeemed it.

That nothing is promised twice is held here: what is left of a stock is never below zero, a slot
has one live redemption, slots of one venue never overlap, and a redemption that has left `held`
says when, how and by which document.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.points.models.base import Base


class Reward(Base):
    """奖品, and on which terms. Each partner offers at its own price, so as a reward of its own."""

    __tablename__ = "rewards"
    __table_args__ = (
        CheckConstraint("kind IN ('goods', 'honour', 'venue', 'service')", name="kind"),
        CheckConstraint("length(title) BETWEEN 1 AND 80", name="title"),
        CheckConstraint("price > 0", name="price"),
        CheckConstraint(
            "asset = 'points' OR (asset = 'time_coins' AND kind = 'service')", name="asset"
        ),
        CheckConstraint("(kind = 'service') = (minutes IS NOT NULL)", name="minutes"),
        CheckConstraint("kind <> 'service' OR partner IS NOT NULL", name="provider"),
        CheckConstraint("(kind = 'venue') = (venue_code IS NOT NULL)", name="venue"),
        CheckConstraint(
            "(limit_count IS NULL) = (limit_span IS NULL) AND limit_count > 0"
            " AND limit_span IN ('month', 'quarter', 'year')",
            name="limit",
        ),
        CheckConstraint("1 <= ALL (month_days) AND 31 >= ALL (month_days)", name="month_days"),
        CheckConstraint("1 <= ALL (weekdays) AND 7 >= ALL (weekdays)", name="weekdays"),
        CheckConstraint(
            "exchange_from <= exchange_to AND active_from <= active_to", name="windows"
        ),
        CheckConstraint("pickup_hours > 0", name="pickup_hours"),
        CheckConstraint("min_service_minutes >= 0", name="min_service_minutes"),
        CheckConstraint("status IN ('open', 'closed')", name="status"),
        Index("ix_rewards_open", "kind", "price", postgresql_where=text("status = 'open'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str]
    title: Mapped[str]
    about: Mapped[str]
    place: Mapped[str]
    community_code: Mapped[str | None]
    partner: Mapped[str | None]
    asset: Mapped[str]
    price: Mapped[int] = mapped_column(BigInteger)
    value_fen: Mapped[int | None] = mapped_column(BigInteger)
    minutes: Mapped[int | None]
    venue_code: Mapped[str | None]
    min_service_minutes: Mapped[int]
    limit_count: Mapped[int | None]
    limit_span: Mapped[str | None]
    month_days: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    weekdays: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    exchange_from: Mapped[date | None]
    exchange_to: Mapped[date | None]
    active_from: Mapped[date]
    active_to: Mapped[date | None]
    pickup_hours: Mapped[int]
    status: Mapped[str]
    revision: Mapped[int]
    created_at: Mapped[datetime]


class RewardChange(Base):
    """Who made or changed a reward, and to what; only ever added to."""

    __tablename__ = "reward_changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    reward_id: Mapped[int] = mapped_column(ForeignKey("rewards.id"), index=True)
    verb: Mapped[str]
    terms: Mapped[dict[str, Any]] = mapped_column(JSONB)
    by: Mapped[str]
    at: Mapped[datetime]


class RewardStock(Base):
    """库存: what was put in, is held and was collected. `stocked` is NULL where nothing runs out.

    Its row is the lock of everything that is redeemed of the reward.
    """

    __tablename__ = "reward_stocks"
    __table_args__ = (
        CheckConstraint("held >= 0 AND collected >= 0", name="counts"),
        CheckConstraint("stocked - held - collected >= 0", name="left"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    reward_id: Mapped[int] = mapped_column(
        ForeignKey("rewards.id"), primary_key=True, autoincrement=False
    )
    stocked: Mapped[int | None] = mapped_column(BigInteger)
    held: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    collected: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class StockMovement(Base):
    """What was put in or taken out by hand; their sum is what is stocked. Only ever added to."""

    __tablename__ = "stock_movements"
    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount"),
        CheckConstraint("kind IN ('initial', 'restock', 'withdraw')", name="kind"),
        CheckConstraint("(kind = 'withdraw') = (amount < 0)", name="direction"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    reward_id: Mapped[int] = mapped_column(ForeignKey("rewards.id"), index=True)
    kind: Mapped[str]
    amount: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str]
    by: Mapped[str]
    at: Mapped[datetime]


class VenueSlot(Base):
    """时段: a time in which a venue may be had, once. Slots of one venue never overlap."""

    __tablename__ = "venue_slots"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="times"),
        ExcludeConstraint(
            ("venue_code", "="),
            (text("tstzrange(starts_at, ends_at)"), "&&"),
            name="ex_venue_slots_overlap",
            using="gist",
        ),
        Index("ix_venue_slots_reward_id", "reward_id", "starts_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    reward_id: Mapped[int] = mapped_column(ForeignKey("rewards.id"))
    venue_code: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]


class Redemption(Base):
    """兑换: points held for a reward until it is collected or given back.

    What it was of is kept as it was then. Only the columns from `state` on ever change, once.
    """

    __tablename__ = "redemptions"
    __table_args__ = (
        UniqueConstraint("id"),
        UniqueConstraint("code_hash"),
        CheckConstraint("quantity > 0 AND price > 0", name="amounts"),
        CheckConstraint("state IN ('held', 'collected', 'released')", name="state"),
        CheckConstraint(
            "num_nulls(settled_at, settled_how, settled_by, settle_document_id)"
            " = CASE state WHEN 'held' THEN 4 ELSE 0 END",
            name="settled",
        ),
        CheckConstraint(
            "state = 'held' OR settled_how IN ('partner_event', 'counter') AND state = 'collected'"
            " OR settled_how IN ('timeout', 'cancelled', 'cancelled_by_staff')"
            " AND state = 'released'",
            name="settled_how",
        ),
        # A time that was released may be had by somebody else.
        Index(
            "uq_redemptions_slot",
            "slot_id",
            unique=True,
            postgresql_where=text("state <> 'released' AND slot_id IS NOT NULL"),
        ),
        Index("ix_redemptions_due", "due_at", postgresql_where=text("state = 'held'")),
        Index("ix_redemptions_resident_no", "resident_no", "id"),
        Index("ix_redemptions_partner", "partner", "id"),
        Index("ix_redemptions_reward_id", "reward_id", "state"),
        {"postgresql_with": {"fillfactor": "80"}},
    )

    redemption_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    resident_no: Mapped[str]
    community_code: Mapped[str | None]
    reward_id: Mapped[int] = mapped_column(ForeignKey("rewards.id"))
    reward_revision: Mapped[int]
    slot_id: Mapped[int | None] = mapped_column(ForeignKey("venue_slots.id"))
    title: Mapped[str]
    kind: Mapped[str]
    place: Mapped[str]
    partner: Mapped[str | None]
    quantity: Mapped[int]
    asset: Mapped[str]
    price: Mapped[int] = mapped_column(BigInteger)
    value_fen: Mapped[int | None] = mapped_column(BigInteger)
    code_hash: Mapped[bytes]
    held_on: Mapped[date]
    held_at: Mapped[datetime]
    held_by: Mapped[str]
    due_at: Mapped[datetime]
    state: Mapped[str]
    settled_at: Mapped[datetime | None]
    settled_how: Mapped[str | None]
    settled_by: Mapped[str | None]
    settle_document_id: Mapped[UUID | None]


class RedeemRequest(Base):
    """What became of a request, by the key its asker made: the same answer for ever."""

    __tablename__ = "redeem_requests"
    __table_args__ = (
        CheckConstraint(
            "num_nonnulls(redemption_id, refusal) <= 1",
            name="outcome",
        ),
        Index("ix_redeem_requests_at", "at"),
    )

    resident_no: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    redemption_id: Mapped[UUID | None] = mapped_column(ForeignKey("redemptions.redemption_id"))
    refusal: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    at: Mapped[datetime]


class RefusedClaim(Base):
    """A code that was not accepted, and why; only ever added to."""

    __tablename__ = "refused_claims"
    __table_args__ = (Index("ix_refused_claims_by", "by", "refused_at"),)

    claim_id: Mapped[UUID] = mapped_column(primary_key=True)
    partner: Mapped[str | None]
    redemption_id: Mapped[UUID | None]
    reason: Mapped[str]
    by: Mapped[str]
    refused_at: Mapped[datetime]

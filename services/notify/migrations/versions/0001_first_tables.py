"""Address book, templates, notices, deliveries and the messaging tables; the first texts."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.notify.migrations.kinds import Text, write_texts
from services.notify.models import messaging

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KINDS = "kind IN ('request_receipt', 'wish', 'points_credited')"
_CHANNELS = "channel IN ('in_app', 'sms')"
_LANGUAGES = "language IN ('zh', 'en')"
_STATES = "state IN ('pending', 'sending', 'sent', 'delivered', 'failed', 'undeliverable')"

TEXTS: tuple[Text, ...] = (
    (
        "request_receipt",
        "in_app",
        "zh",
        None,
        "{name}，您好！您的诉求（编号 {request_no}）已于 {accepted_at} 受理，"
        "我们会请负责的单位办理。",
    ),
    (
        "request_receipt",
        "in_app",
        "en",
        None,
        "Dear {name}, your request {request_no} was received on {accepted_at}."
        " The unit that must answer for it will be told.",
    ),
    (
        "request_receipt",
        "sms",
        "zh",
        "SMS_LINLI_RECEIPT_ZH",
        "您的诉求（编号 {request_no}）已受理，可登录邻里查看进展。",
    ),
    (
        "request_receipt",
        "sms",
        "en",
        "SMS_LINLI_RECEIPT_EN",
        "Your request {request_no} was received. Sign in to Linli to follow it.",
    ),
    (
        "wish",
        "in_app",
        "zh",
        None,
        "{name}，您好！您的微心愿 {wish_code}（{colour}）已于 {delivered_at} 实现。"
        "如与事实不符，请告诉网格员。",
    ),
    (
        "wish",
        "in_app",
        "en",
        None,
        "Dear {name}, your wish {wish_code} ({colour}) was fulfilled on {delivered_at}."
        " If that is not so, please tell your grid worker.",
    ),
    (
        "wish",
        "sms",
        "zh",
        "SMS_LINLI_WISH_ZH",
        "您的微心愿 {wish_code} 已实现。如与事实不符，请告诉网格员。",
    ),
    (
        "wish",
        "sms",
        "en",
        "SMS_LINLI_WISH_EN",
        "Your wish {wish_code} was fulfilled. If that is not so, please tell your grid worker.",
    ),
    (
        "points_credited",
        "in_app",
        "zh",
        None,
        "{name}，您好！您 {on_date} 参加{activity_kind}活动，记入积分 {points} 分、"
        "服务时长 {service_minutes} 分钟{cap_note}，现有积分 {points_balance} 分。",
    ),
    (
        "points_credited",
        "in_app",
        "en",
        None,
        "Dear {name}, for {activity_kind} on {on_date} you were credited {points} points and"
        " {service_minutes} minutes of service{cap_note}."
        " You now have {points_balance} points.",
    ),
)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Create everything and write version 1 of the texts."""
    for table in messaging:
        table.create(op.get_bind())
    _address_book()
    _templates()
    _notices()
    _deliveries()
    write_texts(TEXTS)
    # What a resident was told stays provable: the app adds versions, and never changes one.
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON templates FROM notify")


def _address_book() -> None:
    op.create_table(
        "address_book",
        sa.Column("resident_no", sa.Text, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("phone", sa.Text),
        sa.Column("phone_index", sa.LargeBinary),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        _moment("updated_at"),
        sa.CheckConstraint("(phone IS NULL) = (phone_index IS NULL)", name="phone_index"),
        sa.CheckConstraint(_LANGUAGES, name="language"),
    )
    op.create_index("ix_address_book_phone_index", "address_book", ["phone_index"])


def _templates() -> None:
    op.create_table(
        "templates",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("provider_code", sa.Text),
        _moment("active_from"),
        sa.UniqueConstraint("kind", "version", "channel", "language"),
        sa.CheckConstraint("version > 0", name="version"),
        sa.CheckConstraint(_LANGUAGES, name="language"),
        sa.CheckConstraint("(channel = 'sms') = (provider_code IS NOT NULL)", name="provider_code"),
        sa.CheckConstraint(_KINDS, name="kind"),
        sa.CheckConstraint(_CHANNELS, name="channel"),
    )


def _notices() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("resident_no", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("template_version", sa.Integer, nullable=False),
        sa.Column("params", postgresql.JSONB, nullable=False),
        sa.Column("event_id", sa.Uuid, nullable=False),
        _moment("accepted_at"),
        _moment("created_at"),
        _moment("read_at", nullable=True),
        sa.UniqueConstraint("event_id"),
        sa.CheckConstraint(_KINDS, name="kind"),
    )
    op.create_index("ix_notices_resident_no_id", "notices", ["resident_no", "id"])


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("notice_id", sa.Uuid, sa.ForeignKey("notices.id"), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("waits", sa.Integer, nullable=False),
        _moment("next_attempt_at", nullable=True),
        _moment("queued_until", nullable=True),
        sa.Column("provider_ref", sa.Text),
        sa.Column("last_error", sa.Text),
        _moment("created_at"),
        _moment("sent_at", nullable=True),
        _moment("delivered_at", nullable=True),
        sa.UniqueConstraint("notice_id", "channel"),
        sa.CheckConstraint(_CHANNELS, name="channel"),
        sa.CheckConstraint(_STATES, name="state"),
        sa.CheckConstraint(
            "(state IN ('pending', 'sending')) = (next_attempt_at IS NOT NULL)",
            name="next_attempt_at",
        ),
        sa.CheckConstraint("state <> 'delivered' OR delivered_at IS NOT NULL", name="delivered_at"),
    )
    op.create_index(
        "ix_deliveries_due",
        "deliveries",
        ["next_attempt_at"],
        postgresql_where=sa.text("state IN ('pending', 'sending')"),
    )
    op.create_index(
        "ix_deliveries_provider_ref",
        "deliveries",
        ["provider_ref"],
        postgresql_where=sa.text("provider_ref IS NOT NULL"),
    )
    op.create_index("ix_deliveries_state_id", "deliveries", ["state", "id"])


def downgrade() -> None:
    """Drop everything; for development, never with real residents inside."""
    for name in ("deliveries", "notices", "templates", "address_book"):
        op.drop_table(name)
    for table in messaging:
        table.drop(op.get_bind())

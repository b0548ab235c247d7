"""The register, the gate's tables, requests, accounts, and the three messaging tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APP_ROLE = "intake"

# In the order in which they may be dropped: who points at another goes first.
TABLES = (
    "residents",
    "households",
    "areas",
    "partner_keys",
    "partners",
    "partner_counters",
    "rejected_bodies",
    "verdicts",
    "contributions",
    "requests",
    "service_reports",
    "sign_in_failures",
    "accounts",
    "dead_letters",
    "outbox",
    "inbox",
)


def upgrade() -> None:
    _create_messaging()
    _create_dead_letters()
    _create_areas_and_households()
    _create_residents()
    _create_partners()
    _create_verdicts()
    _create_rejected_bodies()
    _create_contributions()
    _create_requests()
    _create_service_reports()
    _create_accounts()
    _grant()


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)


def _grant() -> None:
    # Law: a verdict, once given, is never changed; not even by a fault in our own code.
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON verdicts FROM {APP_ROLE}")
    # The gate takes the ids of requests before it writes them, to say their numbers at once.
    op.execute(f"GRANT USAGE ON SEQUENCE requests_id_seq TO {APP_ROLE}")


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _create_messaging() -> None:
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("body_hash", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_inbox")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("items", sa.Text(), nullable=False),
        sa.Column(
            "written_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind IN ('event', 'direct', 'task', 'reply')", name=op.f("ck_outbox_kind")
        ),
        sa.CheckConstraint("item_count BETWEEN 1 AND 100", name=op.f("ck_outbox_item_count")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )


def _create_dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        _instant("first_failed_at"),
        _instant("last_failed_at"),
        _instant("due_at", nullable=True),
        _instant("closed_at", nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'open', 'replayed', 'discarded')",
            name=op.f("ck_dead_letters_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
    )
    op.create_index("ix_dead_letters_open", "dead_letters", ["state", "last_failed_at"])
    op.create_index(
        "uq_dead_letters_event",
        "dead_letters",
        ["event_id", "source", sa.literal_column("md5(body)")],
        unique=True,
    )


def _create_areas_and_households() -> None:
    op.create_table(
        "areas",
        _text("code"),
        _text("kind"),
        _text("name"),
        _text("parent_code", nullable=True),
        sa.CheckConstraint(
            "kind IN ('district', 'street', 'community', 'grid')", name=op.f("ck_areas_kind")
        ),
        sa.ForeignKeyConstraint(
            ["parent_code"], ["areas.code"], name=op.f("fk_areas_parent_code_areas")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_areas")),
    )
    op.create_index(op.f("ix_areas_parent_code"), "areas", ["parent_code"])
    op.create_table(
        "households",
        _text("household_no"),
        _text("grid_code"),
        sa.ForeignKeyConstraint(
            ["grid_code"], ["areas.code"], name=op.f("fk_households_grid_code_areas")
        ),
        sa.PrimaryKeyConstraint("household_no", name=op.f("pk_households")),
    )
    op.create_index(op.f("ix_households_grid_code"), "households", ["grid_code"])


def _create_residents() -> None:
    op.create_table(
        "residents",
        _text("resident_no"),
        _text("household_no"),
        _text("name_sealed"),
        _text("phone_sealed", nullable=True),
        sa.Column("phone_index", sa.LargeBinary(), nullable=True),
        sa.Column("birth_year", sa.SmallInteger(), nullable=True),
        _text("grid_code"),
        _text("language"),
        sa.Column("revision", sa.Integer(), nullable=False),
        _instant("registered_at"),
        sa.CheckConstraint("language IN ('zh', 'en')", name=op.f("ck_residents_language")),
        sa.ForeignKeyConstraint(
            ["grid_code"], ["areas.code"], name=op.f("fk_residents_grid_code_areas")
        ),
        sa.ForeignKeyConstraint(
            ["household_no"],
            ["households.household_no"],
            name=op.f("fk_residents_household_no_households"),
        ),
        sa.PrimaryKeyConstraint("resident_no", name=op.f("pk_residents")),
    )
    op.create_index(op.f("ix_residents_grid_code"), "residents", ["grid_code"])
    op.create_index(op.f("ix_residents_household_no"), "residents", ["household_no"])
    op.create_index(op.f("ix_residents_phone_index"), "residents", ["phone_index"])


def _create_partners() -> None:
    op.create_table(
        "partners",
        _text("slug"),
        _text("status"),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("terms_revision", sa.BigInteger(), nullable=False),
        _text("name", nullable=True),
        _text("system", nullable=True),
        _text("agreement_no", nullable=True),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("event_types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("per_day", sa.Integer(), nullable=False),
        sa.CheckConstraint("status IN ('active', 'suspended')", name=op.f("ck_partners_status")),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_partners")),
    )
    op.create_table(
        "partner_keys",
        _text("key_hash"),
        _text("slug"),
        sa.ForeignKeyConstraint(
            ["slug"], ["partners.slug"], name=op.f("fk_partner_keys_slug_partners")
        ),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_partner_keys")),
    )
    op.create_index(op.f("ix_partner_keys_slug"), "partner_keys", ["slug"])
    op.create_table(
        "partner_counters",
        _text("slug"),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _instant("minute_at"),
        sa.Column("minute_count", sa.Integer(), nullable=False),
        _instant("day_at"),
        sa.Column("day_count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_partner_counters")),
    )


def _create_verdicts() -> None:
    op.create_table(
        "verdicts",
        _text("partner"),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _instant("received_at"),
        _text("door"),
        _text("source"),
        _text("event_id"),
        _text("type"),
        _text("verdict"),
        _text("reason", nullable=True),
        _text("detail", nullable=True),
        _text("pointer", nullable=True),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(verdict = 'rejected') = (reason IS NOT NULL)", name=op.f("ck_verdicts_reason")
        ),
        sa.CheckConstraint("door IN ('amqp', 'http', 'redrive')", name=op.f("ck_verdicts_door")),
        sa.CheckConstraint(
            "verdict IN ('accepted', 'duplicate', 'rejected')", name=op.f("ck_verdicts_verdict")
        ),
        sa.PrimaryKeyConstraint("partner", "seq", name=op.f("pk_verdicts")),
    )
    op.create_index("ix_verdicts_partner_event_id", "verdicts", ["partner", "event_id"])
    op.create_index(
        "ix_verdicts_received_at",
        "verdicts",
        ["received_at"],
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_index(
        "ix_verdicts_rejected",
        "verdicts",
        ["received_at"],
        postgresql_where=sa.text("verdict = 'rejected'"),
    )
    op.create_index(
        "uq_verdicts_accepted",
        "verdicts",
        ["source", "event_id"],
        unique=True,
        postgresql_where=sa.text("verdict = 'accepted'"),
    )


def _create_rejected_bodies() -> None:
    op.create_table(
        "rejected_bodies",
        _text("partner"),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        _text("sealed"),
        _instant("redriven_at", nullable=True),
        sa.Column("redriven_as", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("partner", "seq", name=op.f("pk_rejected_bodies")),
    )


def _create_contributions() -> None:
    op.create_table(
        "contributions",
        sa.Column("contribution_id", sa.Uuid(), nullable=False),
        _text("kind"),
        _text("partner"),
        _text("source_event_id"),
        _text("code"),
        _text("category"),
        _text("resident_no"),
        _instant("started_at"),
        _instant("ended_at"),
        _text("evidence", nullable=True),
        sa.Column("cost_fen", sa.Integer(), nullable=True),
        _instant("accepted_at"),
        sa.CheckConstraint("kind IN ('activity', 'wish')", name=op.f("ck_contributions_kind")),
        sa.PrimaryKeyConstraint("contribution_id", name=op.f("pk_contributions")),
    )


def _create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        _text("request_no"),
        _text("state"),
        _text("partner", nullable=True),
        _text("source_event_id", nullable=True),
        _text("resident_no", nullable=True),
        _text("title"),
        _text("description"),
        _text("category"),
        _text("grid_code"),
        _text("urgency"),
        _instant("opened_at"),
        _instant("accepted_at"),
        sa.CheckConstraint("state IN ('submitted')", name=op.f("ck_requests_state")),
        sa.CheckConstraint(
            "urgency IN ('normal', 'urgent', 'critical')", name=op.f("ck_requests_urgency")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sa.UniqueConstraint("request_no", name=op.f("uq_requests_request_no")),
    )
    op.create_index("ix_requests_opened", "requests", ["opened_at", "id"])
    op.create_index(op.f("ix_requests_resident_no"), "requests", ["resident_no"])


def _create_service_reports() -> None:
    op.create_table(
        "service_reports",
        _text("service"),
        _text("process"),
        sa.Column("outbox_pending", sa.BigInteger(), nullable=False),
        _instant("outbox_oldest_at", nullable=True),
        sa.Column("dead_letters", sa.BigInteger(), nullable=False),
        sa.Column("queues", postgresql.JSONB(), nullable=False),
        _instant("reported_at"),
        sa.PrimaryKeyConstraint("service", name=op.f("pk_service_reports")),
    )


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        _text("account_no"),
        _text("login"),
        _text("role"),
        _text("subject", nullable=True),
        _text("display_name"),
        _text("password_hash"),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        _instant("created_at"),
        _instant("last_signed_in_at", nullable=True),
        sa.CheckConstraint(
            "role IN ('resident', 'staff', 'manager', 'partner', 'operator', 'auditor')",
            name=op.f("ck_accounts_role"),
        ),
        sa.CheckConstraint(
            "(role IN ('resident', 'partner')) = (subject IS NOT NULL)",
            name=op.f("ck_accounts_subject"),
        ),
        sa.PrimaryKeyConstraint("account_no", name=op.f("pk_accounts")),
        sa.UniqueConstraint("login", name=op.f("uq_accounts_login")),
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _text("key"),
        _instant("at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_failures")),
    )
    op.create_index("ix_sign_in_failures_key_at", "sign_in_failures", ["key", "at"])

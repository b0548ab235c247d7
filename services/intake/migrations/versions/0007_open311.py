"""Open311: keys, what services ask, reports, updates, the sandbox."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

APP_ROLE = "intake"
_DATATYPES = (
    "datatype IN ('string', 'number', 'datetime', 'text', 'singlevaluelist', 'multivaluelist')"
)
# In the order in which they may be dropped.
_TABLES = (
    "open311_trials", "open311_updates", "open311_reports", "open311_attributes",
    "open311_services", "open311_keys",
)  # fmt: skip


def upgrade() -> None:
    """See models/open311.py for what each table is."""
    _create_keys()
    _create_services()
    _create_reports()
    _create_trials()
    op.create_index(
        "ix_requests_public",
        "requests",
        ["opened_at", "id"],
        postgresql_where=sa.text("is_public"),
    )
    op.create_index(
        "ix_buildings_point",
        "buildings",
        [sa.text("point(lon, lat)")],
        postgresql_using="gist",
        postgresql_where=sa.text("lat IS NOT NULL"),
    )
    # So that a client that tries again is known: FixMyStreet sends its own number by itself.
    op.execute(
        "INSERT INTO open311_attributes (service_code, code, position, datatype, is_required,"
        " is_variable, automated, description_zh, description_en, options, changed_at) VALUES ('*',"
        " 'fixmystreet_id', 1000, 'string', false, false, 'server_set', '来源系统的编号',"
        " 'The number in the sending system', '[]', now())"
    )
    # A key is revoked, never forgotten: what it brought points at it.
    op.execute(f"REVOKE DELETE, TRUNCATE ON open311_keys FROM {APP_ROLE}")
    op.execute(f"REVOKE UPDATE, TRUNCATE ON open311_updates FROM {APP_ROLE}")


def downgrade() -> None:
    op.drop_index("ix_buildings_point", "buildings")
    op.drop_index("ix_requests_public", "requests")
    for table in _TABLES:
        op.drop_table(table)


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _key(table: str) -> tuple[sa.Column[Any], sa.ForeignKeyConstraint]:
    return (
        sa.Column("key_no", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["key_no"],
            ["open311_keys.key_no"],
            name=op.f(f"fk_{table}_key_no_open311_keys"),
        ),
    )


def _create_keys() -> None:
    op.create_table(
        "open311_keys",
        sa.Column("key_no", sa.BigInteger(), sa.Identity(), nullable=False),
        _text("name"),
        _text("key_hash"),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        _instant("minute_at", nullable=True),
        sa.Column("minute_count", sa.Integer(), nullable=False),
        sa.Column("posted_count", sa.BigInteger(), nullable=False),
        _instant("created_at"),
        _text("created_by"),
        _instant("revoked_at", nullable=True),
        sa.CheckConstraint("per_minute > 0", name=op.f("ck_open311_keys_per_minute")),
        sa.PrimaryKeyConstraint("key_no", name=op.f("pk_open311_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_open311_keys_key_hash")),
    )


def _create_services() -> None:
    op.create_table(
        "open311_services",
        _text("service_code"),
        _text("kind"),
        sa.Column("is_listed", sa.Boolean(), nullable=False),
        _instant("changed_at"),
        sa.CheckConstraint(
            "kind IN ('realtime', 'batch', 'blackbox')", name=op.f("ck_open311_services_kind")
        ),
        sa.PrimaryKeyConstraint("service_code", name=op.f("pk_open311_services")),
    )
    op.create_table(
        "open311_attributes",
        _text("service_code"),
        _text("code"),
        sa.Column("position", sa.Integer(), nullable=False),
        _text("datatype"),
        sa.Column("is_required", sa.Boolean(), nullable=False),
        sa.Column("is_variable", sa.Boolean(), nullable=False),
        _text("automated", nullable=True),
        _text("description_zh"),
        _text("description_en"),
        _text("datatype_description", nullable=True),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        _instant("changed_at"),
        sa.CheckConstraint(_DATATYPES, name=op.f("ck_open311_attributes_datatype")),
        sa.CheckConstraint(
            "automated IN ('server_set', 'hidden_field')",
            name=op.f("ck_open311_attributes_automated"),
        ),
        sa.PrimaryKeyConstraint("service_code", "code", name=op.f("pk_open311_attributes")),
    )


def _create_reports() -> None:
    op.create_table(
        "open311_reports",
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        *_key("open311_reports"),
        _text("service_code"),
        sa.Column("media_urls", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("answers", postgresql.JSONB(), nullable=False),
        _text("token", nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_open311_reports_request_id_requests")
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_open311_reports")),
        sa.UniqueConstraint("token", name=op.f("uq_open311_reports_token")),
    )
    op.create_index("ix_open311_reports_key", "open311_reports", ["key_no", "request_id"])
    op.create_table(
        "open311_updates",
        *_key("open311_updates"),
        _text("update_id"),
        _text("public_code"),
        _text("status"),
        _instant("received_at"),
        sa.PrimaryKeyConstraint("key_no", "update_id", name=op.f("pk_open311_updates")),
    )


def _create_trials() -> None:
    op.create_table(
        "open311_trials",
        _text("public_code"),
        *_key("open311_trials"),
        _text("client_id", nullable=True),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        _text("service_code"),
        _text("status"),
        _text("extended_status"),
        _text("description"),
        _text("address", nullable=True),
        _text("grid_code"),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("media_urls", postgresql.ARRAY(sa.String()), nullable=False),
        _text("token", nullable=True),
        _instant("opened_at"),
        _instant("updated_at"),
        sa.CheckConstraint("(lat IS NULL) = (lon IS NULL)", name=op.f("ck_open311_trials_place")),
        sa.CheckConstraint("status IN ('open', 'closed')", name=op.f("ck_open311_trials_status")),
        sa.PrimaryKeyConstraint("public_code", name=op.f("pk_open311_trials")),
        sa.UniqueConstraint("client_id", name=op.f("uq_open311_trials_client_id")),
        sa.UniqueConstraint("token", name=op.f("uq_open311_trials_token")),
    )
    op.create_index("ix_open311_trials_opened", "open311_trials", ["opened_at", "public_code"])

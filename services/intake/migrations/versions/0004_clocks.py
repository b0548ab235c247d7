"""The catalogue of conditions, the working calendar, the clocks of requests."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

APP_ROLE = "intake"

_RUNNING = "stopped_at IS NULL AND frozen_at IS NULL"
_KINDS = "kind IN ('accept', 'contact', 'resolve', 'call_back', 'rectify')"
_UNITS = "unit IN ('minutes', 'urgent_hours', 'work_hours', 'work_days', 'hours', 'days')"
_DAYS = "kind IN ('workday', 'rest', 'holiday')"


def upgrade() -> None:
    """See models/catalogue.py and models/clocks.py for what each table is."""
    _create_catalogue()
    _create_calendar()
    _create_clocks()
    _create_extensions()
    _grant()


def downgrade() -> None:
    for table in (
        "extensions",
        "request_clocks",
        "calendar_loads",
        "office_hours",
        "calendar_days",
        "catalogue_versions",
    ):
        op.drop_table(table)


def _column(name: str, kind: sa.types.TypeEngine[Any], *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return _column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return _column(name, sa.String(), nullable=nullable)


def _check(table: str, name: str, law: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(law, name=op.f(f"ck_{table}_{name}"))


def _create_catalogue() -> None:
    table = "catalogue_versions"
    op.create_table(
        table,
        sa.Column("version", sa.Integer(), sa.Identity(), nullable=False),
        _column("valid_from", sa.Date()),
        _column("document", postgresql.JSONB()),
        _text("digest"),
        _text("drafted_by"),
        _instant("drafted_at"),
        _text("published_by", nullable=True),
        _instant("published_at", nullable=True),
        _text("withdrawn_by", nullable=True),
        _instant("withdrawn_at", nullable=True),
        _check(table, "published", "(published_by IS NULL) = (published_at IS NULL)"),
        _check(table, "withdrawn", "(withdrawn_by IS NULL) = (withdrawn_at IS NULL)"),
        _check(table, "one_end", "published_at IS NULL OR withdrawn_at IS NULL"),
        _check(table, "second_person", "published_by <> drafted_by OR drafted_by = 'setup'"),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_catalogue_versions")),
    )
    op.create_index(
        "uq_catalogue_versions_first",
        table,
        ["drafted_by"],
        unique=True,
        postgresql_where=sa.text("drafted_by = 'setup'"),
    )


def _create_calendar() -> None:
    op.create_table(
        "calendar_days",
        _column("day", sa.Date()),
        _text("kind"),
        _text("name_zh"),
        _text("name_en"),
        _check("calendar_days", "kind", _DAYS),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_calendar_days")),
    )
    op.create_table(
        "office_hours",
        _column("valid_from", sa.Date()),
        _column("opens", sa.Time()),
        _column("closes", sa.Time()),
        _check("office_hours", "span", "opens < closes"),
        sa.PrimaryKeyConstraint("valid_from", "opens", name=op.f("pk_office_hours")),
    )
    op.create_table(
        "calendar_loads",
        sa.Column("load_no", sa.BigInteger(), sa.Identity(), nullable=False),
        _text("loaded_by"),
        _instant("loaded_at"),
        _column("first_day", sa.Date()),
        _column("last_day", sa.Date()),
        _text("digest"),
        sa.PrimaryKeyConstraint("load_no", name=op.f("pk_calendar_loads")),
    )


def _create_clocks() -> None:
    table = "request_clocks"
    op.create_table(
        table,
        _column("request_id", sa.BigInteger()),
        _text("kind"),
        _column("run", sa.Integer()),
        _text("unit_code", nullable=True),
        _column("amount", sa.Integer()),
        _text("unit"),
        _column("total_s", sa.Integer()),
        _column("used_s", sa.Integer()),
        _instant("started_at"),
        _instant("counts_from"),
        _instant("due_at"),
        _instant("frozen_at", nullable=True),
        _instant("stopped_at", nullable=True),
        _column("met", sa.Boolean(), nullable=True),
        _column("steps_done", sa.Integer()),
        _instant("next_step_at", nullable=True),
        _column("explanation", postgresql.JSONB()),
        _text("rule_version"),
        _check(table, "kind", _KINDS),
        _check(table, "unit", _UNITS),
        _check(table, "amounts", "amount > 0 AND total_s >= 0 AND used_s >= 0"),
        _check(table, "met", "met IS NULL OR stopped_at IS NOT NULL"),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_request_clocks_request_id_requests")
        ),
        sa.PrimaryKeyConstraint("request_id", "kind", "run", name=op.f("pk_request_clocks")),
    )
    op.create_index(
        "uq_request_clocks_open",
        table,
        ["request_id", "kind"],
        unique=True,
        postgresql_where=sa.text("stopped_at IS NULL"),
    )
    for name, columns in (
        ("step", ["next_step_at"]),
        ("due", ["unit_code", "due_at"]),
        ("late", ["kind", "due_at"]),
    ):
        op.create_index(
            f"ix_request_clocks_{name}", table, columns, postgresql_where=sa.text(_RUNNING)
        )


def _create_extensions() -> None:
    table = "extensions"
    op.create_table(
        table,
        sa.Column("extension_no", sa.BigInteger(), sa.Identity(), nullable=False),
        _column("request_id", sa.BigInteger()),
        _text("kind"),
        _column("run", sa.Integer()),
        _column("amount", sa.Integer()),
        _text("asked_by"),
        _instant("asked_at"),
        _text("decided_by", nullable=True),
        _instant("decided_at", nullable=True),
        _column("is_granted", sa.Boolean(), nullable=True),
        _check(table, "second_person", "decided_by <> asked_by"),
        _check(table, "decided", "(decided_by IS NULL) = (decided_at IS NULL)"),
        _check(table, "granted", "(is_granted IS NULL) = (decided_at IS NULL)"),
        _check(table, "amount", "amount > 0"),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_extensions_request_id_requests")
        ),
        sa.PrimaryKeyConstraint("extension_no", name=op.f("pk_extensions")),
    )
    op.create_index(op.f("ix_extensions_request_id"), table, ["request_id"])
    op.create_index(
        "uq_extensions_request",
        table,
        ["request_id"],
        unique=True,
        postgresql_where=sa.text("is_granted IS NOT FALSE"),
    )
    op.create_index(
        "ix_extensions_waiting",
        table,
        ["extension_no"],
        postgresql_where=sa.text("is_granted IS NULL"),
    )


def _grant() -> None:
    # Law: what a version says never changes; old requests are judged by it.
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON catalogue_versions FROM {APP_ROLE}")
    op.execute(
        "GRANT UPDATE (published_by, published_at, withdrawn_by, withdrawn_at)"
        f" ON catalogue_versions TO {APP_ROLE}"
    )
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON calendar_loads FROM {APP_ROLE}")
    op.execute(f"REVOKE DELETE, TRUNCATE ON request_clocks, extensions FROM {APP_ROLE}")

"""Counter, tea stall, paper, hall matters."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

APP_ROLE = "intake"

_HALL_STATES = (
    "state IN ('received', 'missing', 'accepted', 'in_review', 'done', 'refused', 'withdrawn')"
)
_TABLES = (
    "hall_documents",
    "hall_notes",
    "hall_steps",
    "hall_applications",
    "hall_appointments",
    "hall_slots",
    "hall_matters",
    "scan_requests",
    "scans",
    "paper_forms",
    "tea_stall_requests",
    "tea_stalls",
)


def upgrade() -> None:
    """See models/tea_stalls.py and models/hall.py for what each table is."""
    _create_tea_stalls()
    _create_paper()
    _create_matters()
    _create_appointments()
    _create_applications()
    _create_history()
    # A version that was published, and a step that was taken, stay as they are.
    for table in ("hall_matters", "hall_steps"):
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}")


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False)


def _big(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _int(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, postgresql.JSONB(), nullable=False)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _unique(table: str, column: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(column, name=op.f(f"uq_{table}_{column}"))


def _leads(table: str, column: str, to: str, of: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.{of}"], name=op.f(f"fk_{table}_{column}_{to}"))


def _check(table: str, name: str, law: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(law, name=op.f(f"ck_{table}_{name}"))


def _create_tea_stalls() -> None:
    op.create_table(
        "tea_stalls",
        _id(),
        _text("stall_no"),
        _text("form_token"),
        _text("place"),
        sa.Column("held_on", sa.Date(), nullable=False),
        _text("grid_code"),
        _text("host"),
        _at("opened_at"),
        _leads("tea_stalls", "grid_code", "areas", "code"),
        _key("tea_stalls", "id"),
        _unique("tea_stalls", "stall_no"),
        _unique("tea_stalls", "form_token"),
    )
    op.create_table(
        "tea_stall_requests",
        _big("request_id"),
        _big("stall_id"),
        sa.Column("is_campaign", sa.Boolean(), nullable=False),
        _leads("tea_stall_requests", "request_id", "requests", "id"),
        _leads("tea_stall_requests", "stall_id", "tea_stalls", "id"),
        _key("tea_stall_requests", "request_id"),
    )
    op.create_index(op.f("ix_tea_stall_requests_stall_id"), "tea_stall_requests", ["stall_id"])


def _create_paper() -> None:
    op.create_table(
        "paper_forms",
        _text("form_no"),
        _text("kind"),
        _text("grid_code", nullable=True),
        _big("stall_id", nullable=True),
        _text("printed_by"),
        _at("printed_at"),
        _check("paper_forms", "kind", "kind IN ('request', 'tea_stall')"),
        _leads("paper_forms", "grid_code", "areas", "code"),
        _leads("paper_forms", "stall_id", "tea_stalls", "id"),
        _key("paper_forms", "form_no"),
    )
    op.create_table(
        "scans",
        _text("scan_no"),
        _text("image_sealed"),
        _json("codes"),
        _text("scanned_by"),
        _at("scanned_at"),
        _key("scans", "scan_no"),
    )
    op.create_table(
        "scan_requests",
        _text("scan_no"),
        _big("request_id"),
        _leads("scan_requests", "scan_no", "scans", "scan_no"),
        _leads("scan_requests", "request_id", "requests", "id"),
        _key("scan_requests", "scan_no", "request_id"),
    )
    op.create_index(op.f("ix_scan_requests_request_id"), "scan_requests", ["request_id"])


def _create_matters() -> None:
    op.create_table(
        "hall_matters",
        _text("code"),
        _int("version"),
        *(_text(name) for name in ("group_code", "name_zh", "name_en", "who_zh", "who_en",
                                   "place_zh", "place_en")),
        _int("promised_days"),
        _int("fee_fen"),
        _json("documents"),
        _json("facts"),
        sa.Column("is_offered", sa.Boolean(), nullable=False),
        _at("published_at"),
        _check("hall_matters", "promised_days", "promised_days BETWEEN 0 AND 250"),
        _check("hall_matters", "fee", "fee_fen >= 0"),
        _key("hall_matters", "code", "version"),
    )  # fmt: skip


def _create_appointments() -> None:
    op.create_table(
        "hall_slots",
        _id(),
        _text("place"),
        _at("starts_at"),
        _at("ends_at"),
        _int("capacity"),
        _int("taken"),
        _check("hall_slots", "taken", "taken BETWEEN 0 AND capacity"),
        _check("hall_slots", "span", "ends_at > starts_at"),
        _key("hall_slots", "id"),
    )
    op.create_index(
        "uq_hall_slots_place_starts_at", "hall_slots", ["place", "starts_at"], unique=True
    )
    op.create_index("ix_hall_slots_starts_at", "hall_slots", ["starts_at"])
    op.create_table(
        "hall_appointments",
        _id(),
        _text("appointment_no"),
        _text("form_token"),
        _big("slot_id"),
        _text("matter_code"),
        _text("resident_no"),
        _text("state"),
        _text("made_by"),
        _at("made_at"),
        _at("remind_at"),
        _at("reminded_at", nullable=True),
        _at("ended_at", nullable=True),
        _check(
            "hall_appointments", "state", "state IN ('booked', 'cancelled', 'attended', 'missed')"
        ),
        _leads("hall_appointments", "slot_id", "hall_slots", "id"),
        _key("hall_appointments", "id"),
        _unique("hall_appointments", "appointment_no"),
        _unique("hall_appointments", "form_token"),
    )
    for column in ("slot_id", "resident_no"):
        op.create_index(op.f(f"ix_hall_appointments_{column}"), "hall_appointments", [column])
    op.create_index(
        "uq_hall_appointments_booked",
        "hall_appointments",
        ["slot_id", "resident_no"],
        unique=True,
        postgresql_where=sa.text("state = 'booked'"),
    )
    op.create_index(
        "ix_hall_appointments_remind_at",
        "hall_appointments",
        ["remind_at"],
        postgresql_where=sa.text("state = 'booked' AND reminded_at IS NULL"),
    )


def _create_applications() -> None:
    table = "hall_applications"
    op.create_table(
        table,
        _id(),
        *(_text(name) for name in ("application_no", "public_code", "form_token", "matter_code")),
        _int("matter_version"),
        _text("resident_no"),
        _text("state"),
        _text("agent", nullable=True),
        _text("consent_how", nullable=True),
        _at("consent_at", nullable=True),
        _text("facts_sealed"),
        _at("applied_at"),
        sa.Column("due_on", sa.Date(), nullable=True),
        _at("updated_at"),
        _int("step_count"),
        _check(table, "state", _HALL_STATES),
        _check(table, "consent_how", "consent_how IN ('in_person', 'paper', 'phone')"),
        _check(
            table,
            "agent",
            "(agent IS NULL) = (consent_how IS NULL) AND (agent IS NULL) = (consent_at IS NULL)",
        ),
        sa.ForeignKeyConstraint(
            ["matter_code", "matter_version"],
            ["hall_matters.code", "hall_matters.version"],
            name=op.f("fk_hall_applications_matter_code_matter_version_hall_matters"),
        ),
        _key(table, "id"),
        *(_unique(table, name) for name in ("application_no", "public_code", "form_token")),
    )
    op.create_index(op.f(f"ix_{table}_resident_no"), table, ["resident_no"])
    op.create_index(f"ix_{table}_state", table, ["state", "id"])


def _create_history() -> None:
    op.create_table(
        "hall_steps",
        _big("application_id"),
        _int("step_no"),
        _at("at"),
        _text("action"),
        _text("from_state", nullable=True),
        _text("to_state"),
        _text("actor_kind"),
        _text("actor"),
        _check("hall_steps", "actor_kind", "actor_kind IN ('account', 'resident', 'system')"),
        _leads("hall_steps", "application_id", "hall_applications", "id"),
        _key("hall_steps", "application_id", "step_no"),
    )
    op.create_table(
        "hall_notes",
        _big("application_id"),
        _int("step_no"),
        _text("note"),
        _key("hall_notes", "application_id", "step_no"),
    )
    op.create_table(
        "hall_documents",
        _big("application_id"),
        _text("document_code"),
        _int("copies"),
        _text("seen_by"),
        _at("seen_at"),
        _check("hall_documents", "copies", "copies BETWEEN 0 AND 99"),
        _leads("hall_documents", "application_id", "hall_applications", "id"),
        _key("hall_documents", "application_id", "document_code"),
    )

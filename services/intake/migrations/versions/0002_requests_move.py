"""Requests live: their states, their history, their followers; units and posts that own them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APP_ROLE = "intake"

# As rules/ said when this was written; a later migration widens them.
_STATES = (
    "state IN ('submitted', 'verifying', 'pending', 'dispatched', 'in_progress', 'waiting',"
    " 'checking', 'rating', 'closed', 'declined', 'referred', 'shelved', 'merged', 'void')"
)
_DOORS = "door IN ('partner', 'counter', 'tea_stall', 'patrol', 'phone', 'page', 'open311')"
_NATURES = "nature IN ('consult', 'help', 'complaint', 'report', 'suggestion', 'thanks', 'other')"
_ACTORS = "actor_kind IN ('account', 'resident', 'partner', 'visitor', 'system')"
_DUTIES = "duty IN ('clerk', 'dispatcher', 'handler', 'checker', 'head', 'secretary')"
_KINDS = "kind IN ('desk', 'department', 'village', 'team', 'outside')"
_COLUMNS = (
    "public_code", "door", "client_id", "body_hash", "condition_code", "catalogue_version",
    "nature", "track", "scene", "building_no", "address", "lat", "lon", "is_public", "unit_code",
    "handler", "first_handler", "returned_count", "reopened_count", "outcome", "merged_into",
    "due_at", "resolved_at", "ended_at", "updated_at", "step_count",
)  # fmt: skip


def upgrade() -> None:
    """See models/requests.py and models/staff.py for what each table is."""
    _create_units()
    _widen_requests()
    _create_history()
    _write_history_of_what_is_there()
    _create_followers()
    _grant()


def downgrade() -> None:
    for table in ("followers", "request_contacts", "step_notes", "request_steps"):
        op.drop_table(table)
    # What moved on is as if it had just come: the older tables know no other state.
    op.drop_constraint(op.f("ck_requests_merged"), "requests", type_="check")
    op.drop_constraint(op.f("ck_requests_state"), "requests", type_="check")
    op.execute("UPDATE requests SET state = 'submitted'")
    op.create_check_constraint(op.f("ck_requests_state"), "requests", "state IN ('submitted')")
    for column in _COLUMNS:
        op.drop_column("requests", column)
    op.drop_index("ix_requests_accepted", "requests")
    op.drop_index("ix_requests_untriaged", "requests")
    for table in ("posts", "units"):
        op.drop_table(table)


def _instant(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _create_units() -> None:
    op.create_table(
        "units",
        _text("unit_code", nullable=False),
        _text("kind", nullable=False),
        _text("name", nullable=False),
        _text("name_en", nullable=False),
        _text("area_code", nullable=False),
        _text("parent_code"),
        sa.Column("is_fallback", sa.Boolean(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.CheckConstraint(_KINDS, name=op.f("ck_units_kind")),
        sa.ForeignKeyConstraint(
            ["area_code"], ["areas.code"], name=op.f("fk_units_area_code_areas")
        ),
        sa.ForeignKeyConstraint(
            ["parent_code"], ["units.unit_code"], name=op.f("fk_units_parent_code_units")
        ),
        sa.PrimaryKeyConstraint("unit_code", name=op.f("pk_units")),
    )
    op.create_index(
        "uq_units_fallback",
        "units",
        ["area_code"],
        unique=True,
        postgresql_where=sa.text("is_fallback AND is_active"),
    )
    op.create_table(
        "posts",
        _text("account_no", nullable=False),
        _text("unit_code", nullable=False),
        _text("duty", nullable=False),
        _instant("since", nullable=False),
        sa.CheckConstraint(_DUTIES, name=op.f("ck_posts_duty")),
        sa.ForeignKeyConstraint(
            ["account_no"], ["accounts.account_no"], name=op.f("fk_posts_account_no_accounts")
        ),
        sa.ForeignKeyConstraint(
            ["unit_code"], ["units.unit_code"], name=op.f("fk_posts_unit_code_units")
        ),
        sa.PrimaryKeyConstraint("account_no", "unit_code", "duty", name=op.f("pk_posts")),
    )
    op.create_index(op.f("ix_posts_unit_code"), "posts", ["unit_code"])


def _widen_requests() -> None:
    whole = sa.Integer()
    columns: list[sa.Column[Any]] = [
        # The rows that are there get codes of the same form; new ones bring theirs.
        sa.Column(
            "public_code", sa.String(), nullable=False,
            server_default=sa.text("'X' || upper(substr(md5(random()::text), 1, 11))"),
        ),
        sa.Column("door", sa.String(), nullable=False, server_default=sa.text("'partner'")),
        _text("client_id"),
        sa.Column("body_hash", sa.LargeBinary()),
        _text("condition_code"),
        sa.Column("catalogue_version", whole),
        sa.Column("nature", sa.String(), nullable=False, server_default=sa.text("'help'")),
        _text("track"),
        _text("scene"),
        _text("building_no"),
        _text("address"),
        sa.Column("lat", sa.Float()),
        sa.Column("lon", sa.Float()),
        sa.Column("is_public", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("unit_code", sa.String(), sa.ForeignKey(
            "units.unit_code", name=op.f("fk_requests_unit_code_units"))),
        _text("handler"),
        _text("first_handler"),
        sa.Column("returned_count", whole, nullable=False, server_default=sa.text("0")),
        sa.Column("reopened_count", whole, nullable=False, server_default=sa.text("0")),
        _text("outcome"),
        sa.Column("merged_into", sa.BigInteger(), sa.ForeignKey(
            "requests.id", name=op.f("fk_requests_merged_into_requests"))),
        _instant("due_at"),
        _instant("resolved_at"),
        _instant("ended_at"),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False,
                  server_default=sa.text("now()")),
        sa.Column("step_count", whole, nullable=False, server_default=sa.text("1")),
    ]  # fmt: skip
    for column in columns:
        op.add_column("requests", column)
    for name in (
        "public_code",
        "door",
        "nature",
        "is_public",
        "returned_count",
        "reopened_count",
        "updated_at",
        "step_count",
    ):
        op.alter_column("requests", name, server_default=None)
    op.create_unique_constraint(op.f("uq_requests_public_code"), "requests", ["public_code"])
    op.drop_constraint(op.f("ck_requests_state"), "requests", type_="check")
    for name, law in (
        ("state", _STATES),
        ("door", _DOORS),
        ("nature", _NATURES),
        ("track", "track IN ('community', 'village')"),
        ("place", "(lat IS NULL) = (lon IS NULL)"),
        ("merged", "(state = 'merged') = (merged_into IS NOT NULL)"),
    ):
        op.create_check_constraint(op.f(f"ck_requests_{name}"), "requests", law)
    op.create_index("ix_requests_accepted", "requests", ["accepted_at", "id"])
    op.create_index("uq_requests_door_client", "requests", ["door", "client_id"], unique=True)
    op.create_index(
        "ix_requests_untriaged",
        "requests",
        ["id"],
        postgresql_where=sa.text("state = 'submitted'"),
    )
    op.create_index("ix_requests_unit_due", "requests", ["unit_code", "due_at"])


def _create_history() -> None:
    op.create_table(
        "request_steps",
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("step_no", sa.Integer(), nullable=False),
        _instant("at", nullable=False),
        _text("action", nullable=False),
        _text("from_state"),
        _text("to_state", nullable=False),
        _text("actor_kind", nullable=False),
        _text("actor", nullable=False),
        sa.Column("facts", postgresql.JSONB(), nullable=False),
        _text("rule_version"),
        sa.CheckConstraint(_ACTORS, name=op.f("ck_request_steps_actor_kind")),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_request_steps_request_id_requests")
        ),
        sa.PrimaryKeyConstraint("request_id", "step_no", name=op.f("pk_request_steps")),
    )
    op.create_index("ix_request_steps_at", "request_steps", ["at"], postgresql_using="brin")
    op.create_table(
        "step_notes",
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        sa.Column("step_no", sa.Integer(), nullable=False),
        _text("note", nullable=False),
        sa.PrimaryKeyConstraint("request_id", "step_no", name=op.f("pk_step_notes")),
    )
    op.create_table(
        "request_contacts",
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        _text("sealed", nullable=False),
        sa.Column("phone_index", sa.LargeBinary()),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_request_contacts_request_id_requests")
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_request_contacts")),
    )
    op.create_index(op.f("ix_request_contacts_phone_index"), "request_contacts", ["phone_index"])


def _write_history_of_what_is_there() -> None:
    op.execute(
        "INSERT INTO request_steps (request_id, step_no, at, action, to_state, actor_kind, actor,"
        " facts) SELECT id, 1, accepted_at, 'submit', state, 'partner', coalesce(partner, ''), '{}'"
        " FROM requests"
    )


def _create_followers() -> None:
    op.create_table(
        "followers",
        sa.Column("request_id", sa.BigInteger(), nullable=False),
        _text("resident_no", nullable=False),
        sa.Column("because_of", sa.BigInteger()),
        _instant("since", nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name=op.f("fk_followers_request_id_requests")
        ),
        sa.PrimaryKeyConstraint("request_id", "resident_no", name=op.f("pk_followers")),
    )
    op.create_index(op.f("ix_followers_resident_no"), "followers", ["resident_no"])


def _grant() -> None:
    # Law: history only grows; not even a fault in our own code rewrites it.
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON request_steps FROM {APP_ROLE}")

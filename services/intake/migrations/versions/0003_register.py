"""The whole register: buildings, rooms, staff, census, consent, unmasking."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APP_ROLE = "intake"
_KINDS_BEFORE = "kind IN ('district', 'street', 'community', 'grid')"
_KINDS = "kind IN ('district', 'street', 'community', 'grid', 'micro_grid')"
_BUILDINGS = "kind IN ('dwelling', 'mixed', 'commercial', 'public', 'dormitory', 'other')"
_DOOR = "(building_no IS NULL) = (unit IS NULL) AND (building_no IS NULL) = (room IS NULL)"
_HOWS = "('paper', 'spoken', 'online')"
_WITHDRAWN = (
    "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)"
    " AND (withdrawn_at IS NULL) = (withdrawn_how IS NULL)"
)
# In the order in which they may be dropped.
_TABLES = (
    "register_imports", "census_entries", "unmaskings", "resident_roles", "consents",
    "resident_tokens",
)  # fmt: skip


def upgrade() -> None:
    """See models/register.py and models/people.py for what each table is."""
    op.drop_constraint(op.f("ck_areas_kind"), "areas", type_="check")
    op.create_check_constraint(op.f("ck_areas_kind"), "areas", _KINDS)
    _create_buildings()
    _widen_households()
    _widen_residents()
    _create_people()
    _create_files()
    op.execute("CREATE SEQUENCE register_numbers START 10000001")
    _grant()


def downgrade() -> None:
    op.execute("DROP SEQUENCE register_numbers")
    for table in _TABLES:
        op.drop_table(table)
    for column in ("micro_grid_code", "whereabouts", "token_version"):
        op.drop_column("residents", column)
    for column in (
        "building_no", "unit", "room", "residence", "origin", "revision", "visited_at",
        "visited_by",
    ):  # fmt: skip
        op.drop_column("households", column)
    op.drop_table("rooms")
    op.drop_table("buildings")
    op.execute("DELETE FROM areas WHERE kind = 'micro_grid'")
    op.drop_constraint(op.f("ck_areas_kind"), "areas", type_="check")
    op.create_check_constraint(op.f("ck_areas_kind"), "areas", _KINDS_BEFORE)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.String(), nullable=nullable)


def _points_at(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{target.split('.', maxsplit=1)[0]}")
    return sa.ForeignKeyConstraint([column], [target], name=name)


def _create_buildings() -> None:
    op.create_table(
        "buildings",
        _text("building_no"),
        _text("grid_code"),
        _text("number"),
        _text("label"),
        _text("kind"),
        _text("address"),
        sa.Column("lat", sa.Float()),
        sa.Column("lon", sa.Float()),
        _text("micro_grid_code", nullable=True),
        sa.CheckConstraint("number ~ '^[0-9]{5}$'", name=op.f("ck_buildings_number")),
        sa.CheckConstraint(_BUILDINGS, name=op.f("ck_buildings_kind")),
        sa.CheckConstraint("(lat IS NULL) = (lon IS NULL)", name=op.f("ck_buildings_place")),
        _points_at("buildings", "grid_code", "areas.code"),
        _points_at("buildings", "micro_grid_code", "areas.code"),
        sa.PrimaryKeyConstraint("building_no", name=op.f("pk_buildings")),
    )
    op.create_index("uq_buildings_grid_number", "buildings", ["grid_code", "number"], unique=True)
    for name in ("label", "micro_grid_code"):
        op.create_index(op.f(f"ix_buildings_{name}"), "buildings", [name])
    op.create_table(
        "rooms",
        _text("building_no"),
        _text("unit"),
        _text("room"),
        _text("usage"),
        sa.CheckConstraint(
            "usage IN ('lived_in', 'let', 'empty', 'business', 'other')",
            name=op.f("ck_rooms_usage"),
        ),
        _points_at("rooms", "building_no", "buildings.building_no"),
        sa.PrimaryKeyConstraint("building_no", "unit", "room", name=op.f("pk_rooms")),
    )


def _widen_households() -> None:
    columns: list[sa.Column[Any]] = [
        *(_text(name, nullable=True) for name in ("building_no", "unit", "room")),
        *(_text(name, nullable=True) for name in ("residence", "origin")),
        sa.Column("revision", sa.Integer(), nullable=False, server_default=sa.text("1")),
        _instant("visited_at", nullable=True),
        _text("visited_by", nullable=True),
    ]
    for column in columns:
        op.add_column("households", column)
    for name, law in (
        ("residence", "residence IN ('together', 'apart', 'on_paper')"),
        ("origin", "origin IN ('registered', 'floating', 'overseas')"),
        ("door", _DOOR),
    ):
        op.create_check_constraint(op.f(f"ck_households_{name}"), "households", law)
    door = ["building_no", "unit", "room"]
    op.create_foreign_key("fk_households_room", "households", "rooms", door, door)
    op.create_index("ix_households_room", "households", door)


def _widen_residents() -> None:
    op.add_column("residents", _text("micro_grid_code", nullable=True))
    op.create_foreign_key(
        op.f("fk_residents_micro_grid_code_areas"),
        "residents",
        "areas",
        ["micro_grid_code"],
        ["code"],
    )
    op.add_column(
        "residents",
        sa.Column("whereabouts", sa.String(), nullable=False, server_default=sa.text("'here'")),
    )
    op.create_check_constraint(
        op.f("ck_residents_whereabouts"),
        "residents",
        "whereabouts IN ('here', 'away', 'moved', 'died')",
    )
    op.add_column(
        "residents",
        sa.Column("token_version", sa.SmallInteger(), nullable=False, server_default=sa.text("0")),
    )
    op.create_index(op.f("ix_residents_micro_grid_code"), "residents", ["micro_grid_code"])
    op.create_index(
        "ix_residents_unfindable",
        "residents",
        ["resident_no"],
        postgresql_where=sa.text("token_version = 0"),
    )
    op.create_table(
        "resident_tokens",
        sa.Column("token", sa.LargeBinary(), nullable=False),
        _text("resident_no"),
        _points_at("resident_tokens", "resident_no", "residents.resident_no"),
        sa.PrimaryKeyConstraint("token", "resident_no", name=op.f("pk_resident_tokens")),
    )
    op.create_index(op.f("ix_resident_tokens_resident_no"), "resident_tokens", ["resident_no"])


def _create_people() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *(_text(name) for name in ("resident_no", "purpose", "how")),
        _instant("given_at"),
        _text("given_by"),
        _instant("withdrawn_at", nullable=True),
        _text("withdrawn_by", nullable=True),
        _text("withdrawn_how", nullable=True),
        sa.CheckConstraint(
            "purpose IN ('register', 'contact', 'share', 'photo')", name=op.f("ck_consents_purpose")
        ),
        sa.CheckConstraint(
            f"how IN {_HOWS} AND withdrawn_how IN {_HOWS}", name=op.f("ck_consents_how")
        ),
        sa.CheckConstraint(_WITHDRAWN, name=op.f("ck_consents_withdrawn")),
        _points_at("consents", "resident_no", "residents.resident_no"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
    )
    op.create_index(op.f("ix_consents_resident_no"), "consents", ["resident_no"])
    op.create_index(
        "uq_consents_open",
        "consents",
        ["resident_no", "purpose"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_table(
        "resident_roles",
        *(_text(name) for name in ("resident_no", "role", "area_code")),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date()),
        sa.CheckConstraint(
            "role IN ('delegate', 'grid_worker', 'party_member', 'volunteer')",
            name=op.f("ck_resident_roles_role"),
        ),
        sa.CheckConstraint("until >= since", name=op.f("ck_resident_roles_days")),
        _points_at("resident_roles", "resident_no", "residents.resident_no"),
        _points_at("resident_roles", "area_code", "areas.code"),
        sa.PrimaryKeyConstraint("resident_no", "role", name=op.f("pk_resident_roles")),
    )
    op.create_index("ix_resident_roles_role_area", "resident_roles", ["role", "area_code"])
    op.create_table(
        "unmaskings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        _instant("at"),
        *(_text(name) for name in ("account_no", "resident_no", "field", "reason")),
        sa.CheckConstraint("field IN ('name', 'phone')", name=op.f("ck_unmaskings_field")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unmaskings")),
    )
    for name in ("account_no", "resident_no"):
        op.create_index(op.f(f"ix_unmaskings_{name}"), "unmaskings", [name])


def _create_files() -> None:
    op.create_table(
        "census_entries",
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(), nullable=False),
        _text("household_no"),
        _text("account_no"),
        _instant("at"),
        _points_at("census_entries", "household_no", "households.household_no"),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_census_entries")),
    )
    op.create_index(op.f("ix_census_entries_household_no"), "census_entries", ["household_no"])
    op.create_table(
        "register_imports",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        _instant("made_at"),
        _text("made_by"),
        sa.Column("row_count", sa.Integer(), nullable=False),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("faults", postgresql.JSONB(), nullable=False),
        _text("content_sealed", nullable=True),
        _instant("written_at", nullable=True),
        _text("written_by", nullable=True),
        sa.PrimaryKeyConstraint("import_id", name=op.f("pk_register_imports")),
    )


def _grant() -> None:
    # Law: who looked at a name stays written; not even a fault in our own code takes it back.
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON unmaskings FROM {APP_ROLE}")
    op.execute(f"REVOKE DELETE, TRUNCATE ON consents FROM {APP_ROLE}")
    op.execute(f"GRANT USAGE ON SEQUENCE register_numbers TO {APP_ROLE}")

"""The district's register. Names and phones are encrypted by field; look-up is by blind index."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from services.intake.models.base import Base


class Area(Base):
    """district, street, community, grid or micro-grid; codes are the district's own."""

    __tablename__ = "areas"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('district', 'street', 'community', 'grid', 'micro_grid')", name="kind"
        ),
    )

    code: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"), index=True)


class Building(Base):
    """楼栋. `building_no` is its grid's code and its five digits; `label` begins its doors."""

    __tablename__ = "buildings"
    __table_args__ = (
        CheckConstraint("number ~ '^[0-9]{5}$'", name="number"),
        CheckConstraint(
            "kind IN ('dwelling', 'mixed', 'commercial', 'public', 'dormitory', 'other')",
            name="kind",
        ),
        CheckConstraint("(lat IS NULL) = (lon IS NULL)", name="place"),
        Index("uq_buildings_grid_number", "grid_code", "number", unique=True),
    )

    building_no: Mapped[str] = mapped_column(primary_key=True)
    grid_code: Mapped[str] = mapped_column(ForeignKey("areas.code"))
    number: Mapped[str]
    label: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    address: Mapped[str]
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    micro_grid_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"), index=True)


class Room(Base):
    """户室: a unit (单元, "" where there is none) and a number in a building."""

    __tablename__ = "rooms"
    __table_args__ = (
        CheckConstraint("usage IN ('lived_in', 'let', 'empty', 'business', 'other')", name="usage"),
    )

    building_no: Mapped[str] = mapped_column(ForeignKey("buildings.building_no"), primary_key=True)
    unit: Mapped[str] = mapped_column(primary_key=True)
    room: Mapped[str] = mapped_column(primary_key=True)
    usage: Mapped[str]


class Household(Base):
    """户: the people of one home. `revision` grows with each change of it or of its people."""

    __tablename__ = "households"
    __table_args__ = (
        CheckConstraint("residence IN ('together', 'apart', 'on_paper')", name="residence"),
        CheckConstraint("origin IN ('registered', 'floating', 'overseas')", name="origin"),
        CheckConstraint(
            "(building_no IS NULL) = (unit IS NULL) AND (building_no IS NULL) = (room IS NULL)",
            name="door",
        ),
        ForeignKeyConstraint(
            ["building_no", "unit", "room"],
            ["rooms.building_no", "rooms.unit", "rooms.room"],
            name="fk_households_room",
        ),
        Index("ix_households_room", "building_no", "unit", "room"),
    )

    household_no: Mapped[str] = mapped_column(primary_key=True)
    grid_code: Mapped[str] = mapped_column(ForeignKey("areas.code"), index=True)
    building_no: Mapped[str | None]
    unit: Mapped[str | None]
    room: Mapped[str | None]
    residence: Mapped[str | None]
    origin: Mapped[str | None]
    revision: Mapped[int] = mapped_column(server_default=text("1"))
    visited_at: Mapped[datetime | None]
    visited_by: Mapped[str | None]


class Resident(Base):
    """居民. `revision` grows with each change, so that hearers can tell newer from older."""

    __tablename__ = "residents"
    __table_args__ = (
        CheckConstraint("language IN ('zh', 'en')", name="language"),
        CheckConstraint("whereabouts IN ('here', 'away', 'moved', 'died')", name="whereabouts"),
        # Those whose search tokens are yet to be made: a queue that is empty but for an upgrade.
        Index("ix_residents_unfindable", "resident_no", postgresql_where=text("token_version = 0")),
    )

    resident_no: Mapped[str] = mapped_column(primary_key=True)
    household_no: Mapped[str] = mapped_column(ForeignKey("households.household_no"), index=True)
    name_sealed: Mapped[str]
    phone_sealed: Mapped[str | None]
    phone_index: Mapped[bytes | None] = mapped_column(LargeBinary, index=True)
    birth_year: Mapped[int | None] = mapped_column(SmallInteger)
    grid_code: Mapped[str] = mapped_column(ForeignKey("areas.code"), index=True)
    language: Mapped[str]
    revision: Mapped[int]
    registered_at: Mapped[datetime]
    micro_grid_code: Mapped[str | None] = mapped_column(ForeignKey("areas.code"), index=True)
    whereabouts: Mapped[str] = mapped_column(server_default=text("'here'"))
    token_version: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))


class ResidentToken(Base):
    """A keyed digest that finds a resident: initials, the whole name, a phone's last four."""

    __tablename__ = "resident_tokens"

    token: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    resident_no: Mapped[str] = mapped_column(
        ForeignKey("residents.resident_no"), primary_key=True, index=True
    )

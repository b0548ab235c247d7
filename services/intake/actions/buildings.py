"""Writes buildings, rooms and households at their doors; whole lists in one statement each."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from services.intake.rules.homes import BuildingRow, HomeRow, RoomRow
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction

_BUILDINGS = text(
    "INSERT INTO buildings AS b (building_no, grid_code, number, label, kind, address, lat, lon,"
    " micro_grid_code) SELECT * FROM unnest(CAST(:numbers AS text[]), CAST(:grids AS text[]),"
    " CAST(:digits AS text[]), CAST(:labels AS text[]), CAST(:kinds AS text[]),"
    " CAST(:addresses AS text[]), CAST(:lats AS float8[]), CAST(:lons AS float8[]),"
    " CAST(:micro_grids AS text[])) ON CONFLICT (building_no) DO UPDATE SET"
    " label = excluded.label, kind = excluded.kind, address = excluded.address,"
    " lat = excluded.lat, lon = excluded.lon, micro_grid_code = excluded.micro_grid_code"
    " WHERE (b.label, b.kind, b.address, b.lat, b.lon, b.micro_grid_code) IS DISTINCT FROM"
    " (excluded.label, excluded.kind, excluded.address, excluded.lat, excluded.lon,"
    " excluded.micro_grid_code)"
)
_ROOMS = text(
    "INSERT INTO rooms AS r (building_no, unit, room, usage) SELECT * FROM"
    " unnest(CAST(:buildings AS text[]), CAST(:units AS text[]), CAST(:rooms AS text[]),"
    " CAST(:usages AS text[])) ON CONFLICT (building_no, unit, room) DO UPDATE SET"
    " usage = excluded.usage WHERE r.usage <> excluded.usage"
)
_HOMES = text(
    "INSERT INTO households AS h (household_no, grid_code, building_no, unit, room, residence,"
    " origin) SELECT n.household_no, b.grid_code, n.building_no, n.unit, n.room, n.residence,"
    " n.origin FROM unnest(CAST(:numbers AS text[]), CAST(:buildings AS text[]),"
    " CAST(:units AS text[]), CAST(:rooms AS text[]), CAST(:residences AS text[]),"
    " CAST(:origins AS text[])) AS n (household_no, building_no, unit, room, residence, origin)"
    " JOIN buildings b USING (building_no)"
    " ON CONFLICT (household_no) DO UPDATE SET grid_code = excluded.grid_code,"
    " building_no = excluded.building_no, unit = excluded.unit, room = excluded.room,"
    " residence = excluded.residence, origin = excluded.origin, revision = h.revision + 1"
    " WHERE (h.grid_code, h.building_no, h.unit, h.room, h.residence, h.origin)"
    " IS DISTINCT FROM (excluded.grid_code, excluded.building_no, excluded.unit, excluded.room,"
    " excluded.residence, excluded.origin)"
)
_NUMBERS = text(
    "SELECT 'H' || nextval('register_numbers') AS household_no FROM generate_series(1, :homes)"
)
_PEOPLE = text("SELECT 'R' || nextval('register_numbers') FROM generate_series(1, :people)")


def put_buildings(tx: Transaction, rows: Sequence[BuildingRow]) -> int:
    """Write new ones and changes; how many."""
    if not rows:
        return 0
    return _count(
        tx,
        _BUILDINGS,
        numbers=[row.building_no for row in rows],
        grids=[row.grid_code for row in rows],
        digits=[row.number for row in rows],
        labels=[row.label for row in rows],
        kinds=[row.kind for row in rows],
        addresses=[row.address for row in rows],
        lats=[row.lat for row in rows],
        lons=[row.lon for row in rows],
        micro_grids=[row.micro_grid_code for row in rows],
    )


def put_rooms(tx: Transaction, rows: Sequence[RoomRow]) -> int:
    """Write new ones and changes; how many."""
    if not rows:
        return 0
    return _count(
        tx,
        _ROOMS,
        buildings=[row.building_no for row in rows],
        units=[row.unit for row in rows],
        rooms=[row.room for row in rows],
        usages=[row.usage for row in rows],
    )


def put_homes(tx: Transaction, rows: Sequence[HomeRow]) -> int:
    """Put households behind their doors, in their buildings' grids; how many changed."""
    if not rows:
        return 0
    return _count(
        tx,
        _HOMES,
        numbers=[row.household_no for row in rows],
        buildings=[row.building_no for row in rows],
        units=[row.unit for row in rows],
        rooms=[row.room for row in rows],
        residences=[row.residence for row in rows],
        origins=[row.origin for row in rows],
    )


def new_household_no(tx: Transaction) -> str:
    """A number that no household has: the district's own lists use shorter ones."""
    return str(tx.session.execute(_NUMBERS, {"homes": 1}).scalar_one())


def new_resident_nos(tx: Transaction, count: int) -> list[str]:
    """As many numbers that no resident has."""
    return list(tx.session.execute(_PEOPLE, {"people": count}).scalars())


def _count(tx: Transaction, statement: object, **columns: Sequence[object]) -> int:
    values = {name: literal(column) for name, column in columns.items()}
    return int(tx.session.execute(statement, values).rowcount)  # type: ignore[call-overload]

"""Routes and their spots come in, one by one by a form or many by a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson
from sqlalchemy import text

from services.intake.actions import patrol_dues
from services.intake.rules.patrols import (
    CATEGORIES,
    CATEGORY_ELSE,
    DEFAULTS,
    KINDS,
    Check,
    Reading,
    check_spot_code,
    read_checks,
    read_readings,
)
from shared import clock
from shared.db.arrays import literal
from shared.errors import Rejected
from shared.messaging.transaction import Transaction

SPOTS_MAX = 2000  # of one file
NAME_CHARACTERS_MAX = 60
ADDRESS_CHARACTERS_MAX = 120

_ROUTE = text(
    "INSERT INTO patrol_routes (route_code, name, area_code, is_active)"
    " VALUES (:code, :name, :area, true) ON CONFLICT (route_code) DO UPDATE"
    " SET name = excluded.name, area_code = excluded.area_code, is_active = true"
)
_AREAS = text("SELECT code, kind FROM areas WHERE code = ANY(CAST(:codes AS text[]))")
_KNOWN_ROUTE = text("SELECT 1 FROM patrol_routes WHERE route_code = :code")
_SPOTS = text(
    "INSERT INTO patrol_spots (spot_code, route_code, position, name, kind, grid_code, address,"
    " lat, lon, checks, readings, category, is_active) SELECT r.*, true FROM ROWS FROM"
    " (jsonb_to_recordset(CAST(:rows AS jsonb)) AS (spot_code text, route_code text,"
    " position int, name text, kind text, grid_code text, address text, lat float8, lon float8,"
    " checks jsonb, readings jsonb, category text)) AS r ON CONFLICT (spot_code) DO UPDATE SET"
    " route_code = excluded.route_code, position = excluded.position, name = excluded.name,"
    " kind = excluded.kind, grid_code = excluded.grid_code, address = excluded.address,"
    " lat = excluded.lat, lon = excluded.lon, checks = excluded.checks,"
    " readings = excluded.readings, category = excluded.category, is_active = true"
)
_RETIRE = text("UPDATE patrol_spots SET is_active = false WHERE spot_code = :code")
_SETTLE = text(
    "UPDATE patrol_alarms SET settled_at = :now WHERE spot_code = :code AND settled_at IS NULL"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSpot:
    """A place to be seen; without checks and readings it begins with those of its kind."""

    spot_code: str
    name: str
    kind: str
    grid_code: str
    address: str = ""
    lat: float | None = None
    lon: float | None = None
    position: int = 0
    category: str = ""  # that of its kind without it
    checks: Sequence[Check] | None = None
    readings: Sequence[Reading] | None = None


def put_route(tx: Transaction, code: str, name: str, area_code: str) -> None:
    """Add a route or change what it is called. Raises Rejected naming the field."""
    check_spot_code(code)
    _check_words("name", name, NAME_CHARACTERS_MAX)
    if area_code not in _areas(tx, [area_code]):
        raise _wrong("area_code", "没有这个地区", "there is no such area")
    tx.session.execute(_ROUTE, {"code": code, "name": name.strip(), "area": area_code})


def put_spots(tx: Transaction, route_code: str, spots: Sequence[NewSpot]) -> None:
    """Add spots to a route, or change them; the due list has them at once.

    Raises Rejected naming the field.
    """
    if tx.session.execute(_KNOWN_ROUTE, {"code": route_code}).scalar() is None:
        raise _wrong("route_code", "没有这条路线", "there is no such route")
    areas = _areas(tx, [each.grid_code for each in spots])
    for each in spots:
        _check_spot(each, areas)
    rows = [_row(route_code, each, place) for place, each in enumerate(spots)]
    tx.session.execute(_SPOTS, {"rows": orjson.dumps(rows).decode()})
    patrol_dues.add_missing(tx)
    patrol_dues.follow(tx)


def retire(tx: Transaction, spot_code: str) -> None:
    """A spot is no longer seen; its history stays."""
    tx.session.execute(_RETIRE, {"code": spot_code})
    patrol_dues.add_missing(tx)
    tx.session.execute(_SETTLE, {"code": spot_code, "now": clock.now()})


def load(tx: Transaction, data: Mapping[str, Any]) -> int:
    """Routes and spots of a file `{"routes": [{route_code, name, area_code, spots: […]}]}`.

    How many spots there are. Safe to repeat. Raises Rejected naming the place.
    """
    count = 0
    for route in data.get("routes", []):
        try:
            put_route(tx, route["route_code"], route["name"], route["area_code"])
            spots = [_read_spot(one, place) for place, one in enumerate(route["spots"])]
        except (KeyError, TypeError) as problem:
            raise _wrong("routes", f"缺少 {problem}", f"{problem} is missing") from problem
        count += len(spots)
        if count > SPOTS_MAX:
            raise _wrong("routes", f"最多 {SPOTS_MAX} 个点位", f"at most {SPOTS_MAX} spots")
        put_spots(tx, route["route_code"], spots)
    return count


def _read_spot(one: Mapping[str, Any], place: int) -> NewSpot:
    given = dict(one)
    checks, readings = given.pop("checks", None), given.pop("readings", None)
    return NewSpot(
        **{"position": place + 1, **given},
        checks=None if checks is None else read_checks(checks),
        readings=None if readings is None else read_readings(readings),
    )


def _row(route_code: str, spot: NewSpot, place: int) -> dict[str, Any]:
    checks, readings = DEFAULTS[spot.kind]
    return {
        "spot_code": spot.spot_code,
        "route_code": route_code,
        "position": spot.position or place + 1,
        "name": spot.name.strip(),
        "kind": spot.kind,
        "grid_code": spot.grid_code,
        "address": spot.address.strip(),
        "lat": spot.lat,
        "lon": spot.lon,
        "checks": [asdict(each) for each in (checks if spot.checks is None else spot.checks)],
        "readings": [
            asdict(each) for each in (readings if spot.readings is None else spot.readings)
        ],
        "category": spot.category or CATEGORIES.get(spot.kind, CATEGORY_ELSE),
    }


def _check_spot(spot: NewSpot, areas: Mapping[str, str]) -> None:
    check_spot_code(spot.spot_code)
    _check_words("name", spot.name, NAME_CHARACTERS_MAX)
    _check_words("address", spot.address, ADDRESS_CHARACTERS_MAX, least=0)
    if spot.kind not in KINDS:
        listed = "、".join(KINDS)
        raise _wrong("kind", f"须为其中之一：{listed}", f"must be one of {', '.join(KINDS)}")
    if areas.get(spot.grid_code) != "grid":
        raise _wrong(
            "grid_code", f"没有这个网格 {spot.grid_code}", f"there is no grid {spot.grid_code}"
        )
    if (spot.lat is None) != (spot.lon is None):
        raise _wrong("lat", "经纬度须同时给出", "give lat and lon together")


def _areas(tx: Transaction, codes: Sequence[str]) -> dict[str, str]:
    rows = tx.session.execute(_AREAS, {"codes": literal(set(codes))})
    return {row.code: row.kind for row in rows}


def _check_words(name: str, words: str, most: int, *, least: int = 1) -> None:
    if not least <= len(words.strip()) or len(words) > most or "\x00" in words:
        raise _wrong(
            name, f"须为 {least} 至 {most} 个字符", f"must have {least} to {most} characters"
        )


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("patrol", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")

"""Coordinates: everything is kept in WGS84; what Chinese maps give is turned at the edge. Pure.

GCJ-02 (Amap, Tencent) shifts WGS84 inside of China by a polynomial that everybody uses; BD-09
(Baidu) turns GCJ-02 once more. The formulas are those of the projects eviltransform and
coordtransform (both MIT), which map libraries repeat; the way back has no closed form and is
found by iteration.
"""

from __future__ import annotations

import math
from typing import Final

from shared.errors import Rejected

SYSTEMS: Final = ("wgs84", "gcj02", "bd09")

_KRASOVSKY_M: Final = 6_378_245.0
_ECCENTRICITY_2: Final = 0.00669342162296594323
_BD_TURN: Final = math.pi * 3000.0 / 180.0
_BD_LAT: Final = 0.006
_BD_LON: Final = 0.0065
_CLOSE_DEG: Final = 1e-9  # a tenth of a millimetre
_ROUNDS_MAX: Final = 30
_EARTH_M: Final = 6_371_008.8

Place = tuple[float, float]
"""(latitude, longitude) in degrees."""


def to_wgs84(lat: float, lon: float, system: str) -> Place:
    """What a map or a phone gave, in WGS84; raises Rejected for a system that is not known."""
    if system == "wgs84":
        return lat, lon
    if system == "gcj02":
        return gcj02_to_wgs84(lat, lon)
    if system == "bd09":
        return gcj02_to_wgs84(*bd09_to_gcj02(lat, lon))
    listed = "、".join(SYSTEMS)
    raise Rejected(
        "coordinates",
        f"system：须为其中之一：{listed}",
        f"system: must be one of {', '.join(SYSTEMS)}",
        pointer="/system",
    )


def is_outside(lat: float, lon: float) -> bool:
    """Outside of the rectangle in which maps shift; there the systems are the same."""
    return not (0.8293 <= lat <= 55.8271 and 72.004 <= lon <= 137.8347)


def wgs84_to_gcj02(lat: float, lon: float) -> Place:
    """The place as Amap and Tencent draw it."""
    if is_outside(lat, lon):
        return lat, lon
    shift_lat, shift_lon = _shift(lat, lon)
    return lat + shift_lat, lon + shift_lon


def gcj02_to_wgs84(lat: float, lon: float) -> Place:
    """The place itself, from what Amap and Tencent give."""
    if is_outside(lat, lon):
        return lat, lon
    found_lat, found_lon = lat, lon
    for _ in range(_ROUNDS_MAX):
        shift_lat, shift_lon = _shift(found_lat, found_lon)
        off_lat, off_lon = found_lat + shift_lat - lat, found_lon + shift_lon - lon
        found_lat, found_lon = found_lat - off_lat, found_lon - off_lon
        if abs(off_lat) < _CLOSE_DEG and abs(off_lon) < _CLOSE_DEG:
            break
    return found_lat, found_lon


def gcj02_to_bd09(lat: float, lon: float) -> Place:
    """The place as Baidu draws it."""
    if is_outside(lat, lon):
        return lat, lon
    radius = math.hypot(lon, lat) + 0.00002 * math.sin(lat * _BD_TURN)
    angle = math.atan2(lat, lon) + 0.000003 * math.cos(lon * _BD_TURN)
    return radius * math.sin(angle) + _BD_LAT, radius * math.cos(angle) + _BD_LON


def bd09_to_gcj02(lat: float, lon: float) -> Place:
    """Baidu's place as the others draw it."""
    if is_outside(lat, lon):
        return lat, lon
    found_lat, found_lon = lat - _BD_LAT, lon - _BD_LON
    for _ in range(_ROUNDS_MAX):
        drawn_lat, drawn_lon = gcj02_to_bd09(found_lat, found_lon)
        off_lat, off_lon = drawn_lat - lat, drawn_lon - lon
        found_lat, found_lon = found_lat - off_lat, found_lon - off_lon
        if abs(off_lat) < _CLOSE_DEG and abs(off_lon) < _CLOSE_DEG:
            break
    return found_lat, found_lon


def metres_between(one: Place, other: Place) -> float:
    """The distance on the sphere, in metres (good to 0.5 %, which a photo's place is not)."""
    lat_1, lat_2 = math.radians(one[0]), math.radians(other[0])
    turn = math.radians(other[1] - one[1])
    part = (
        math.sin((lat_2 - lat_1) / 2) ** 2
        + math.cos(lat_1) * math.cos(lat_2) * math.sin(turn / 2) ** 2
    )
    return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(part)))


def _shift(lat: float, lon: float) -> Place:
    """How far GCJ-02 lies from WGS84 there, in degrees."""
    x, y = lon - 105.0, lat - 35.0
    waves = (20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x))
    north += waves
    north += (20.0 * math.sin(y * math.pi) + 40.0 * math.sin(y / 3.0 * math.pi)) * 2.0 / 3.0
    north += 160.0 * math.sin(y / 12.0 * math.pi) * 2.0 / 3.0
    north += 320.0 * math.sin(y * math.pi / 30.0) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x))
    east += waves
    east += (20.0 * math.sin(x * math.pi) + 40.0 * math.sin(x / 3.0 * math.pi)) * 2.0 / 3.0
    east += (150.0 * math.sin(x / 12.0 * math.pi) + 300.0 * math.sin(x / 30.0 * math.pi)) * 2.0 / 3
    angle = math.radians(lat)
    curve = 1 - _ECCENTRICITY_2 * math.sin(angle) ** 2
    along = _KRASOVSKY_M * (1 - _ECCENTRICITY_2) / (curve * math.sqrt(curve))
    across = _KRASOVSKY_M / math.sqrt(curve) * math.cos(angle)
    return math.degrees(north / along), math.degrees(east / across)

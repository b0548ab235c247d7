"""Maps' coordinates and WGS84 are turned into each other and back without moving anybody."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.intake.rules import coordinates
from services.intake.rules.coordinates import metres_between
from shared.errors import Rejected

# Half a degree inside of the rectangle, so that what is shifted still lies in it.
INSIDE = st.tuples(st.floats(1.4, 55.3), st.floats(72.6, 137.3))
OUTSIDE = st.one_of(
    st.tuples(st.floats(-90, 0.8), st.floats(-180, 180)),
    st.tuples(st.floats(-90, 90), st.floats(-180, 72)),
    st.tuples(st.floats(56, 90), st.floats(-180, 180)),
)


@given(INSIDE)
@example((31.2304, 105.0))
def test_gcj02_comes_back_to_where_it_was(place: tuple[float, float]) -> None:
    drawn = coordinates.wgs84_to_gcj02(*place)
    assert 10 < metres_between(place, drawn) < 2_000
    assert metres_between(place, coordinates.to_wgs84(*drawn, "gcj02")) < 0.01


@given(INSIDE)
@example((31.2304, 105.0))
def test_bd09_comes_back_to_where_it_was(place: tuple[float, float]) -> None:
    drawn = coordinates.gcj02_to_bd09(*coordinates.wgs84_to_gcj02(*place))
    assert metres_between(place, coordinates.to_wgs84(*drawn, "bd09")) < 0.01


@given(OUTSIDE)
def test_outside_of_china_nothing_is_shifted(place: tuple[float, float]) -> None:
    for turn in (
        coordinates.wgs84_to_gcj02,
        coordinates.gcj02_to_wgs84,
        coordinates.gcj02_to_bd09,
        coordinates.bd09_to_gcj02,
    ):
        assert turn(*place) == place


# Pairs that the tests of the eviltransform project hold: (WGS84, GCJ-02).
KNOWN = [
    ((31.1774276, 121.5272106), (31.17530398364597, 121.531541859215)),
    ((22.543847, 113.912316), (22.540796131694766, 113.9171764808363)),
    ((39.911954, 116.377817), (39.91334545536069, 116.38404722455657)),
]
# A pair that the coordtransform project shows: (GCJ-02, BD-09).
FORBIDDEN_CITY = ((39.915, 116.404), (39.92133699351021, 116.41036949371029))


@pytest.mark.parametrize(("wgs84", "gcj02"), KNOWN, ids=["shanghai", "shenzhen", "beijing"])
def test_known_places_are_drawn_where_others_draw_them(
    wgs84: tuple[float, float], gcj02: tuple[float, float]
) -> None:
    assert metres_between(coordinates.wgs84_to_gcj02(*wgs84), gcj02) < 0.05
    assert metres_between(coordinates.to_wgs84(*gcj02, "gcj02"), wgs84) < 0.05


def test_a_known_place_of_baidu_is_drawn_where_others_draw_it() -> None:
    gcj02, bd09 = FORBIDDEN_CITY
    assert metres_between(coordinates.gcj02_to_bd09(*gcj02), bd09) < 0.001
    assert metres_between(coordinates.bd09_to_gcj02(*bd09), gcj02) < 0.001


def test_an_unknown_system_is_refused() -> None:
    with pytest.raises(Rejected) as caught:
        coordinates.to_wgs84(31.0, 121.0, "mars")
    assert caught.value.pointer == "/system"


def test_a_distance_is_in_metres() -> None:
    assert metres_between((31.0, 121.0), (31.001, 121.0)) == pytest.approx(111.2, abs=0.5)

"""Labelled pairs: what people would call one matter is proposed, and little else."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.intake.rules.likeness import (
    NEAR_M,
    SCORE_MIN,
    WINDOW,
    Matter,
    compare,
    distance_m,
    near_m,
)

AT = datetime(2026, 10, 1, 8, tzinfo=UTC)
METRE = 1 / 111_195  # of a degree of latitude
ONE = Matter("下水道堵了", "G1", None, 31.0, 121.0, "R1", AT)


def read(place: str, person: str, days: str, one: str, other: str) -> tuple[Matter, Matter]:
    """`place`: metres apart, `b` the same building, `g` only the same grid."""
    first = Matter(one, "G1", None, None, None, "R1", AT)
    second = Matter(
        other, "G1", None, None, None, "R1" if person else "R2", AT + timedelta(days=int(days))
    )
    if place == "b":
        return replace(first, building_no="B1"), replace(second, building_no="B1")
    if place == "g":
        return first, second
    return (
        replace(first, lat=31.0, lon=121.0),
        replace(second, lat=31.0 + int(place) * METRE, lon=121.0),
    )


def labelled() -> list[tuple[bool, Matter, Matter]]:
    path = Path(__file__).parent / "alike.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [
        (
            row["same"] == "1",
            *read(row["place"], row["person"], row["days"], row["one"], row["other"]),
        )
        for row in rows
    ]


def test_what_people_call_one_matter_is_found_and_little_else() -> None:
    found, missed, wrong = 0, [], []
    for same, one, other in labelled():
        score = compare(one, other, NEAR_M)
        assert score is not None
        proposed = score.total >= SCORE_MIN
        found += same and proposed
        if same and not proposed:
            missed.append((score.total, one.text, other.text))
        if proposed and not same:
            wrong.append((score.total, one.text, other.text))
    print(*missed, "-", *wrong, sep="\n")
    assert len(labelled()) >= 60
    assert found / (found + len(wrong)) >= 0.8, wrong  # precision
    assert found / (found + len(missed)) >= 0.8, missed  # recall


def test_the_order_of_two_does_not_matter() -> None:
    for _, one, other in labelled():
        assert compare(one, other, NEAR_M) == compare(other, one, NEAR_M)


@pytest.mark.parametrize(("metres", "is_near"), [(0, True), (249, True), (251, False)])
def test_what_is_too_far_is_not_compared(metres: int, is_near: bool) -> None:
    other = replace(ONE, lat=31.0 + metres * METRE, resident_no="R2")
    assert (compare(ONE, other, NEAR_M) is not None) == is_near


def test_what_is_too_long_ago_is_not_compared() -> None:
    assert compare(ONE, replace(ONE, opened_at=AT + WINDOW), NEAR_M) is not None
    late = replace(ONE, opened_at=AT + WINDOW + timedelta(seconds=1))
    assert compare(ONE, late, NEAR_M) is None


def test_without_coordinates_the_grid_and_the_building_decide() -> None:
    bare = replace(ONE, lat=None, lon=None, resident_no=None)
    assert compare(bare, replace(bare, grid_code="G2"), NEAR_M) is None
    housed = replace(bare, building_no="B1")
    assert compare(housed, replace(bare, building_no="B2"), NEAR_M) is None
    assert compare(housed, housed, NEAR_M) is not None
    assert compare(housed, bare, NEAR_M) is not None


def test_one_person_in_one_grid_may_tell_one_fact_twice() -> None:
    here = replace(ONE, lat=None, lon=None, building_no="B1")
    score = compare(here, replace(here, building_no="B2"), NEAR_M)
    assert score is not None
    assert (score.place, score.same_person) == (0, True)


def test_distance_is_that_of_the_ground() -> None:
    other = replace(ONE, lon=121.0 + METRE * 1000)  # at 31° a degree of longitude is shorter
    found = distance_m(ONE, other)
    assert found is not None
    assert found == pytest.approx(857, abs=2)


def test_the_longest_beginning_of_a_category_gives_its_radius() -> None:
    radii = {"04": 100, "0404": 30}
    assert [near_m(radii, each) for each in ("0404-1", "0401", "05")] == [30, 100, NEAR_M]

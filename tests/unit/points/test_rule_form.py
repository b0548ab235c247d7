"""Rules as they are written: every wrong part is named by its place, all at once."""

from __future__ import annotations

import copy
import json
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.points.rules.caps import CODES, Cap, crossing, split, window_start
from services.points.rules.rule_form import BadRules, read_rule_set
from services.points.rules.rule_set import RuleSet, in_force, timeline

FULL: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "examples" / "programmes" / "all-parts.json").read_text(
        encoding="utf-8"
    )
)


def put(body: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """A copy with the value at a pointer."""
    copied = copy.deepcopy(body)
    *way, last = pointer.strip("/").split("/")
    place: Any = copied
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if isinstance(place, list):
        place[int(last)] = value
    else:
        place[last.replace("~1", "/").replace("~0", "~")] = value
    return copied


def problems(body: Any) -> set[str]:
    try:
        read_rule_set(body)
    except BadRules as wrong:
        told = wrong
    else:
        return set()
    assert all(one.zh and one.en for one in told.problems)
    assert told.pointer == told.problems[0].pointer
    return {one.pointer for one in told.problems}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/colour", "red"),
        ("/version", "1"),
        ("/version", True),
        ("/valid_from", "2027-02-30"),
        ("/communities", []),
        ("/communities", ["A", "A"]),
        ("/communities/1", 7),
        ("/title/fr", "titre"),
        ("/activity/points_per_hours", {}),
        ("/activity/points_per_hour/a~1b", "x"),
        ("/activity/points_per_hour/patrol", -1),
        ("/activity/points_per_hour/patrol", "1/0"),
        ("/activity/points_per_hour/patrol", "1e3"),
        ("/activity/points_per_hour/patrol", True),
        ("/activity/points_each/patrol", 10**7),
        ("/activity/coefficients/patrol", 2000),
        ("/activity/evidence/backfill", True),
        ("/activity/evidence/backfill/weight", 1),
        ("/activity/evidence/backfill/hours", 2),
        ("/activity/rounding", "ceiling"),
        ("/caps/person_day", 20),
        ("/caps/person_fortnight_points", 20),
        ("/caps/person_day_points", 1.5),
        ("/caps/person_year_points/counts_from", "2027-06-01"),
        ("/caps/over_cap", "refuse"),
        ("/caps/first_come", "yes"),
        ("/campaigns/0/to", "2027-02-28"),
        ("/campaigns/1/name", "春风行动"),
        ("/campaigns/0/multiplier", "much"),
        ("/campaigns/0/factor", 2),
        ("/vetoes/0/reason", ""),
        ("/vetoes/1/to", "2026-12-31"),
        ("/vetoes/1/name", "somebody"),
        ("/expiry", "tomorrow"),
        ("/notice", {"days": 0}),
        ("/fen_per_point", "1"),
        ("/timezone", "Europe/Rome"),
        ("/wish/partner_contribution_points/goods_blue", -8),
    ],
)
def test_what_is_wrong_is_named_by_its_place(pointer: str, value: Any) -> None:
    assert problems(FULL) == set()
    assert problems(put(FULL, pointer, value)) == {pointer}


def test_everything_that_is_wrong_is_told_at_once() -> None:
    body = put(put(put(FULL, "/version", 0), "/campaigns/0/to", "never"), "/caps/x", 1)
    assert problems(body) >= {"/version", "/campaigns/0/to", "/caps/x"}
    assert problems([]) == {""}
    assert problems({}) == {
        f"/{part}" for part in ("programme", "version", "valid_from", "activity", "caps", "wish")
    }


@pytest.mark.parametrize(
    "veto", [{"reason": "x"}, {"reason": "x", "resident_no": "R1", "kind": "patrol"}]
)
def test_a_veto_is_of_a_resident_or_of_a_kind(veto: dict[str, str]) -> None:
    assert problems(put(FULL, "/vetoes/0", veto)) == {"/vetoes/0"}


def test_what_one_activity_may_earn_has_a_bound() -> None:
    body = put(FULL, "/activity/points_per_hour/patrol", 1_000_000)
    assert problems(body) == set()
    assert problems(put(body, "/activity/coefficients/patrol", 500)) == {"/activity"}


@pytest.mark.parametrize(
    ("codes", "crossed"),
    [
        (("person_day_points", "person_month_points"), False),
        (("person_day_points", "household_month_points", "community_year_points"), False),
        (("person_week_points", "community_lifetime_points"), False),
        (("activity_day_points", "activity_lifetime_points"), False),
        (("person_week_points", "person_month_points"), True),
        (("person_day_points", "activity_lifetime_points"), True),
        (("person_month_points", "household_day_points"), True),
        (("activity_lifetime_points", "community_lifetime_points"), True),
    ],
)
def test_caps_that_cross_must_say_first_come(codes: tuple[str, ...], *, crossed: bool) -> None:
    body = put(FULL, "/caps", dict.fromkeys(codes, 10))
    assert bool(problems(body)) is crossed
    assert problems(put(body, "/caps/first_come", True)) == set()
    assert (crossing(Cap(*split(code), 10) for code in codes) is not None) is crossed


def test_every_cap_there_may_be_is_read() -> None:
    for code in CODES:
        rules = read_rule_set(put(FULL, "/caps", {code: 7}))
        assert [(cap.code, cap.points) for cap in rules.caps] == [(code, 7)]


@pytest.mark.parametrize(
    ("window", "start"),
    [
        ("day", date(2027, 1, 1)),
        ("week", date(2026, 12, 28)),
        ("month", date(2027, 1, 1)),
        ("year", date(2027, 1, 1)),
        ("lifetime", date.min),
    ],
)
def test_where_windows_begin(window: str, start: date) -> None:
    assert window_start(window, date(2027, 1, 1)) == start
    assert Cap("person", window, 5, date(2026, 12, 30)).begins(date(2027, 1, 1)) == max(
        start, date(2026, 12, 30)
    )
    assert Cap("person", window, 5, date(2027, 3, 1)).begins(date(2027, 1, 1)) == start


def version(number: int, start: str, codes: list[str] | None = None) -> RuleSet:
    body = {**FULL, "version": number, "valid_from": start}
    body["caps"] = {}
    if codes is None:
        del body["communities"]
    else:
        body["communities"] = codes
    return read_rule_set(body)


def test_the_most_specific_rules_are_in_force() -> None:
    known = [
        version(1, "2027-01-01"),
        version(2, "2027-03-01", ["A", "B"]),
        version(3, "2027-02-01", ["A"]),
        version(4, "2027-04-01"),
        version(5, "2027-04-01", ["B"]),
        version(6, "2027-05-01", ["B"]),
    ]

    def found(community: str | None, on: date) -> int | None:
        rules = in_force(known, on, community)
        return None if rules is None else rules.version

    assert found("A", date(2026, 12, 31)) is None
    assert found("A", date(2027, 3, 5)) == 3  # one community before two, though older
    assert found("B", date(2027, 3, 5)) == 2
    assert found("C", date(2027, 3, 5)) == found(None, date(2027, 3, 5)) == 1
    assert found("C", date(2027, 4, 5)) == 4
    assert found("B", date(2027, 6, 1)) == 6
    assert [rules.version for rules in timeline(known, "B")] == [1, 2, 5, 6]
    assert [rules.version for rules in timeline(known, None)] == [1, 4]


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
_places = [
    "/caps", "/campaigns", "/vetoes", "/activity", "/campaigns/0", "/vetoes/0", "/title",
    "/communities", "/caps/person_year_points", "/activity/evidence", "/activity/points_each",
    "/expiry", "/notice", "/wish", "/caps/first_come", "/activity/coefficients",
]  # fmt: skip


@given(place=st.sampled_from(_places), value=_json)
def test_any_value_anywhere_is_read_or_refused_by_its_place(place: str, value: Any) -> None:
    found = problems(put(FULL, place, value))
    assert all(one.startswith((place, "/caps", "/activity")) for one in found)


@given(st.integers(0, 10**6), st.integers(1, 999))
def test_fractions_are_exact(numerator: int, denominator: int) -> None:
    if numerator > 1000 * denominator:
        return
    body = put(FULL, "/activity/coefficients/patrol", f"{numerator}/{denominator}")
    assert read_rule_set(body).coefficients["patrol"] == Fraction(numerator, denominator)

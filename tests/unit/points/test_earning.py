"""The earning rules, by table."""

from __future__ import annotations

import contextlib
import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.points.rules.caps import (
    new_meter,
    openings,
    places,
)
from services.points.rules.earning import earned, earned_again, wish_points
from services.points.rules.rule_form import read_rule_set
from services.points.rules.rule_set import RuleSet, in_force
from shared.errors import Rejected

EXAMPLE = Path(__file__).parents[3] / "examples" / "demo-district" / "rules.json"
BODY: dict[str, Any] = json.loads(EXAMPLE.read_text(encoding="utf-8"))


ON = date(2026, 10, 9)


def gain(table: RuleSet | None, kind: str, minutes: int, evidence: str = "organiser") -> Any:
    """What A earns on a Friday."""
    return earned(table, kind=kind, minutes=minutes, evidence=evidence, on=ON, resident_no="A")


def rules(**changes: Any) -> RuleSet:
    """The example's rules with some rates, caps or other parts changed."""
    body = copy.deepcopy(BODY)
    body["activity"]["points_per_hour"] |= changes.pop("rates", {})
    body["caps"] |= changes.pop("caps", {})
    body["activity"] |= changes.pop("activity", {})
    return read_rule_set(body | changes)


@pytest.mark.parametrize(
    ("kind", "minutes", "evidence", "points", "hours"),
    [
        ("elder_care", 60, "organiser", 6, 60),
        ("elder_care", 10, "organiser", 1, 10),
        ("elder_care", 19, "organiser", 1, 19),
        ("elder_care", 20, "self_check", 2, 20),
        ("elder_care", 119, "organiser", 11, 119),
        ("elder_care", 120, "organiser", 12, 120),
        ("elder_care", 121, "organiser", 12, 121),
        ("elder_care", 720, "organiser", 12, 720),
        ("elder_care", 0, "organiser", 0, 0),
        ("culture", 19, "organiser", 0, 19),
        ("culture", 20, "organiser", 1, 20),
        ("flood_duty", 59, "organiser", 7, 59),
        ("elder_care", 60, "backfill", 0, 60),
        ("elder_care", 60, "hearsay", 0, 60),
        ("juggling", 60, "organiser", 0, 60),
        ("half", 60, "organiser", 4, 60),
        ("half", 40, "organiser", 3, 40),
        ("half", 39, "organiser", 2, 39),
        ("third", 60, "organiser", 0, 60),
        ("third", 119, "organiser", 0, 119),
        ("third", 120, "organiser", 0, 120),
        ("decimal", 10, "organiser", 0, 10),
        ("decimal", 100, "organiser", 7, 100),
        ("nothing", 120, "organiser", 0, 120),
    ],
)
def test_what_an_activity_earns(
    kind: str, minutes: int, evidence: str, points: int, hours: int
) -> None:
    table = rules(rates={"half": "4.5", "third": "1/3", "decimal": 4.2, "nothing": 0})
    gained = gain(table, kind, minutes, evidence)
    assert (gained.points, gained.minutes) == (points, hours)
    assert gained.explanation["points_before_caps"] == points
    assert gained.explanation["minutes"] == minutes


@given(minutes=st.integers(0, 10_000), numerator=st.integers(0, 10**6), per=st.integers(1, 999))
def test_points_are_the_floor_of_the_exact_product(minutes: int, numerator: int, per: int) -> None:
    table = rules(rates={"any": f"{numerator}/{per}"})
    points = gain(table, "any", minutes).points
    exact, counted = points * 60 * per, min(minutes, 120) * numerator
    assert exact <= counted < exact + 60 * per


def test_evidence_that_is_worth_no_hours() -> None:
    worth = {"evidence": {"photo": {"points": True, "hours": False}}}
    gained = gain(rules(activity=worth), "patrol", 60, "photo")
    assert (gained.points, gained.minutes) == (4, 0)


def test_without_rules_only_minutes_count() -> None:
    gained = gain(None, "elder_care", 60)
    assert (gained.points, gained.minutes) == (0, 60)
    assert gained.explanation["rule"] == "none"
    assert wish_points(None, "goods_blue") == 0


DAY, MONTH = "person_day_points", "person_month_points"


@pytest.mark.parametrize(
    ("points", "day_used", "month_used", "credited", "hit"),
    [
        (6, 0, 0, 6, []),
        (20, 0, 0, 20, []),
        (21, 0, 0, 20, [DAY]),
        (6, 14, 14, 6, []),
        (6, 15, 15, 5, [DAY]),
        (6, 20, 20, 0, [DAY]),
        (6, 0, 194, 6, []),
        (6, 0, 195, 5, [MONTH]),
        (6, 0, 200, 0, [MONTH]),
        (6, 16, 197, 3, [DAY, MONTH]),
        (6, 20, 200, 0, [DAY, MONTH]),
        (6, 25, 250, 0, [DAY, MONTH]),  # a later version of the rules lowered the caps
        (0, 20, 200, 0, []),
    ],
)
def test_what_the_caps_leave(
    points: int, day_used: int, month_used: int, credited: int, hit: list[str]
) -> None:
    caps = rules().caps
    day, month = counted = places(openings(caps, ON), {"person": "A"})
    meter = new_meter()
    meter.used.update({day: day_used, month: month_used})
    assert meter.credit(points, caps, counted) == (credited, hit)
    assert (meter.used[day], meter.used[month]) == (day_used + credited, month_used + credited)


@given(st.lists(st.integers(0, 30), max_size=40), st.randoms(use_true_random=False))
def test_caps_credit_the_same_total_in_any_order(amounts: list[int], random: Any) -> None:
    def total(order: list[int]) -> int:
        meter, caps = new_meter(), rules().caps
        counted = places(openings(caps, ON), {"person": "A"})
        return sum(meter.credit(amount, caps, counted)[0] for amount in order)

    shuffled = list(amounts)
    random.shuffle(shuffled)
    assert total(amounts) == total(shuffled) == min(20, sum(amounts))


@pytest.mark.parametrize(
    ("colour", "points"),
    [("goods_blue", 8), ("convenience_yellow", 5), ("urgent_red", 12), ("pink", 0)],
)
def test_what_a_wish_brings(colour: str, points: int) -> None:
    assert wish_points(rules(), colour) == points


@pytest.mark.parametrize(
    ("on", "version"),
    [
        (date(2025, 12, 31), None),
        (date(2026, 1, 1), 1),
        (date(2026, 5, 31), 1),
        (date(2026, 6, 1), 3),
        (date(2030, 1, 1), 3),
    ],
)
def test_which_rules_are_in_force(on: date, version: int | None) -> None:
    published = [
        rules(version=2, valid_from="2026-06-01"),
        rules(version=1),
        rules(version=3, valid_from="2026-06-01"),
    ]
    found = in_force(published, on)
    assert (found.version if found else None) == version


@pytest.mark.parametrize("part", ["programme", "version", "valid_from", "activity", "caps", "wish"])
def test_a_missing_part_is_named(part: str) -> None:
    with pytest.raises(Rejected) as caught:
        read_rule_set({name: value for name, value in BODY.items() if name != part})
    assert caught.value.pointer == f"/{part}"


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 0},
        {"version": "two"},
        {"valid_from": "soon"},
        {"timezone": "Europe/Rome"},
        {"rates": {"patrol": -1}},
        {"rates": {"patrol": "1/0"}},
        {"rates": {"patrol": "many"}},
        {"rates": {"patrol": None}},
        {"caps": {"person_day_points": -1}},
        {"caps": None},
        {"activity": {"rounding": "ceiling"}},
        {"activity": {"evidence": {"organiser": True}}},
        {"wish": {"partner_contribution_points": {"goods_blue": -8}}},
    ],
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    body = copy.deepcopy(BODY)
    body["activity"]["points_per_hour"] |= wrong.get("rates", {})
    for part, value in wrong.items():
        body[part] = {**body[part], **value} if isinstance(value, dict) and part in body else value
    with pytest.raises(Rejected, match="bad_rules"):
        read_rule_set(body)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(part=st.sampled_from(sorted(BODY)), value=_json)
def test_any_value_in_any_part_is_read_or_refused(part: str, value: Any) -> None:
    with contextlib.suppress(Rejected):
        assert read_rule_set(BODY | {part: value}).version >= 1


FACTORS: dict[str, Any] = {
    "activity": {
        "points_each": {"culture": "5/2"},
        "coefficients": {"culture": "3/2", "patrol": "1/3"},
        "evidence": {
            "organiser": {"points": True, "hours": True},
            "self_check": {"points": "4/5", "hours": "1/2"},
            "backfill": {"points": False, "hours": True},
        },
    },
    "campaigns": [
        {"name": "autumn", "from": "2026-10-09", "to": "2026-10-09", "multiplier": 2},
        {
            "name": "culture week",
            "from": "2026-10-05",
            "to": "2026-10-11",
            "multiplier": "7/3",
            "kinds": ["culture"],
        },
    ],
    "vetoes": [
        {"resident_no": "B", "reason": "false_report", "from": "2026-10-09", "to": "2026-10-09"},
        {"kind": "flood_duty", "reason": "duty"},
    ],
}


@pytest.mark.parametrize(
    ("kind", "evidence", "on", "who", "points", "minutes"),
    [
        # (60 x 3 / 60 + 5/2) x 3/2 = 8.25; rounded down once, at the end
        ("culture", "organiser", 12, "A", 8, 60),
        ("culture", "organiser", 4, "A", 8, 60),
        ("culture", "organiser", 5, "A", 19, 60),  # 8.25 x 7/3 = 19.25
        ("culture", "organiser", 11, "A", 19, 60),
        ("culture", "organiser", 9, "A", 19, 60),  # the greater of two, alone
        ("culture", "self_check", 12, "A", 6, 30),  # 8.25 x 4/5 = 6.6
        ("patrol", "organiser", 12, "A", 1, 60),  # 4 / 3
        ("patrol", "organiser", 9, "A", 2, 60),
        ("patrol", "organiser", 9, "B", 0, 60),
        ("patrol", "organiser", 10, "B", 1, 60),
        ("patrol", "backfill", 9, "A", 0, 60),
        ("flood_duty", "organiser", 9, "A", 0, 60),
        ("elder_care", "organiser", 9, "A", 12, 60),
    ],
)
def test_coefficients_weights_campaigns_and_vetoes(
    kind: str, evidence: str, on: int, who: str, points: int, minutes: int
) -> None:
    gained = earned(
        rules(**copy.deepcopy(FACTORS)),
        kind=kind,
        minutes=60,
        evidence=evidence,
        on=date(2026, 10, on),
        resident_no=who,
    )
    assert (gained.points, gained.minutes) == (points, minutes)
    assert earned_again(gained.explanation) == points
    assert ("veto" in gained.explanation) == (kind == "flood_duty" or (who, on) == ("B", 9))


@given(
    kind=st.sampled_from(["culture", "patrol", "elder_care", "flood_duty", "nothing"]),
    minutes=st.integers(10, 720),
    evidence=st.sampled_from(["organiser", "self_check", "backfill", "hearsay"]),
    on=st.dates(date(2026, 10, 1), date(2026, 10, 14)),
)
def test_what_is_stored_gives_the_points_again(
    kind: str, minutes: int, evidence: str, on: date
) -> None:
    table = rules(**copy.deepcopy(FACTORS))
    gained = earned(table, kind=kind, minutes=minutes, evidence=evidence, on=on, resident_no="A")
    assert earned_again(gained.explanation) == gained.points

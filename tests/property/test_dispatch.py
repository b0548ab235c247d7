"""Whatever rules there are, a request gets exactly one owner, and one that is there."""

from __future__ import annotations

from datetime import datetime, time
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.rules.alerts import Level
from services.intake.rules.dispatch import (
    Asked,
    DispatchRule,
    RuleList,
    UnitPlace,
    Units,
    When,
    decide,
    fits,
    track_of,
)
from services.intake.rules.dispatch_form import UNIT_KINDS, read_rules, written
from services.intake.rules.requests import TRACKS, URGENCIES
from shared.clock import DISTRICT_TIMEZONE

T = TypeVar("T")
AREAS = ("G1", "G2", "C1", "C2", "S1", "D")
LEVELS = [str(level) for level in Level]
CODES = [f"u{n}" for n in range(6)]
CATEGORIES = ("01", "0102", "0102-1", "04", "0404-2", "07")


def few(values: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(values, max_size=3).map(lambda listed: tuple(listed))  # noqa: PLW0108 - typed


minutes = st.times().map(lambda at: time(at.hour, at.minute))
spans = st.none() | st.tuples(minutes, minutes).filter(lambda span: span[0] != span[1])


@st.composite
def rules(draw: st.DrawFn) -> RuleList:
    listed = []
    for place in range(draw(st.integers(0, 8))):
        span = draw(spans)
        when = When(
            categories=draw(few(st.sampled_from(CATEGORIES))),
            areas=draw(few(st.sampled_from(AREAS))),
            track=draw(st.none() | st.sampled_from(TRACKS)),
            urgencies=draw(few(st.sampled_from(URGENCIES))),
            levels=draw(few(st.sampled_from(LEVELS))),
            weekdays=draw(few(st.integers(1, 7))),
            begins=span[0] if span else None,
            ends=span[1] if span else None,
        )
        named = st.sampled_from([*CODES, "desk", *(f"@{kind}" for kind in UNIT_KINDS)])
        listed.append(
            DispatchRule(
                code=f"r{place}",
                priority=draw(st.integers(1, 9)),
                when=when,
                unit=draw(named),
                assist=tuple(draw(st.lists(named, max_size=3))),
                reason_zh="因为",
                reason_en="because",
            )
        )
    ordered = tuple(sorted(listed, key=lambda rule: rule.priority))
    villages = frozenset(draw(st.sets(st.sampled_from(AREAS))))
    return RuleList(version=1, rules=ordered, villages=villages, near_m={})


places = st.builds(
    UnitPlace,
    st.sampled_from(CODES),
    st.sampled_from(UNIT_KINDS),
    st.sampled_from([*AREAS, "elsewhere"]),
    st.booleans(),
)
units = st.lists(places, max_size=6, unique_by=lambda unit: unit.unit_code)
asked = st.builds(
    Asked,
    condition=st.none() | st.sampled_from(["0102-1", "0404-2", "0701-1", "9999-1"]),
    areas=st.sampled_from([("G1", "C1", "S1", "D"), ("G2", "C2", "S1", "D"), ("G9",)]),
    track=st.sampled_from(TRACKS),
    urgency=st.sampled_from(URGENCIES),
    level=st.sampled_from(LEVELS),
    at=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(
        lambda at: at.replace(tzinfo=DISTRICT_TIMEZONE)
    ),
)


@settings(max_examples=60)
@given(st.none() | rules(), asked, units)
def test_exactly_one_owner_that_is_there(
    listed: RuleList | None, one: Asked, active: list[UnitPlace]
) -> None:
    decision = decide(listed, one, Units(active))
    if not any(unit.is_fallback for unit in active):
        assert decision is None
        return
    assert decision is not None
    codes = {unit.unit_code for unit in active}
    assert decision.unit_code in codes
    assert set(decision.assist) <= codes - {decision.unit_code}
    assert len(set(decision.assist)) == len(decision.assist)


@settings(max_examples=60)
@given(rules(), asked, units)
def test_the_first_rule_that_fits_and_has_a_unit_decides(
    listed: RuleList, one: Asked, active: list[UnitPlace]
) -> None:
    there = Units(active)
    decision = decide(listed, one, there)
    if decision is None or one.condition is None:
        return
    able = [
        rule.code
        for rule in listed.rules
        if fits(rule.when, one) and there.find(rule.unit, one.areas) is not None
    ]
    assert decision.rule == (able[0] if able else None)
    assert set(able[1:]) <= set(decision.also)


@settings(max_examples=60)
@given(rules(), asked)
def test_a_track_is_one_of_two(listed: RuleList, one: Asked) -> None:
    assert track_of(listed, one.areas) in TRACKS


@settings(max_examples=60)
@given(rules())
def test_what_is_written_is_read_back(listed: RuleList) -> None:
    body = {
        "rules": [written(rule) for rule in listed.rules],
        "villages": sorted(listed.villages),
        "near_m": {},
    }
    assert read_rules(body, version=1) == listed

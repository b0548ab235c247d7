"""The golden table of dispatch: who gets what, at which hour, under which alert, and why."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services.intake.rules.dispatch import Asked, UnitPlace, Units, decide, track_of
from services.intake.rules.dispatch_form import BadDispatchRules, read_rules, written
from shared.clock import DISTRICT_TIMEZONE

FILE = json.loads((Path(__file__).parent / "dispatch_rules.json").read_text(encoding="utf-8"))
RULES = read_rules(FILE["rules"], version=3)
UNITS = Units([UnitPlace(*row) for row in FILE["units"]])
STREET, DISTRICT = "S1", "D"
PLACES = {
    "G11": ("G11", "C1", STREET, DISTRICT),
    "G21": ("G21", "C2", STREET, DISTRICT),  # C2 is a village
    "G31": ("G31", "C3", "S2", DISTRICT),  # C3 has no desk: that of its street
    "G91": ("G91", "C9", "S9", "E"),  # nothing of it has a desk
}
# Monday 9 November 2026; 14 November is a Saturday.
NOON, NIGHT, DAWN, SATURDAY = (
    "2026-11-09T12:00", "2026-11-09T22:30", "2026-11-10T07:59", "2026-11-14T12:00",
)  # fmt: skip
GOLDEN: list[tuple[str | None, str, str, str, str, str, str | None]] = [
    # condition, grid, urgency, level, at, unit, rule (None: why is said below)
    ("0102-1", "G11", "normal", "normal", NOON, "sanitation", "litter"),
    ("0102-1", "G21", "normal", "normal", NOON, "village-2", "litter-village"),
    ("0102-1", "G31", "normal", "normal", NOON, "sanitation", "litter"),
    ("0103-1", "G11", "normal", "normal", NOON, "sanitation", "litter"),
    ("0119-1", "G11", "normal", "normal", NOON, "desk-C1", None),
    ("0406-1", "G11", "normal", "normal", NOON, "water", "water"),
    ("0406-1", "G11", "normal", "blue", NOON, "water", "water"),
    ("0406-1", "G11", "normal", "yellow", NOON, "water", "water"),
    ("0406-1", "G11", "normal", "orange", NOON, "rescue", "flood"),
    ("0406-1", "G11", "normal", "red", NIGHT, "rescue", "flood"),
    ("0406-2", "G21", "urgent", "red", NOON, "rescue", "flood"),
    ("0404-1", "G11", "normal", "normal", NOON, "water", "water"),
    ("0404-1", "G11", "normal", "normal", NIGHT, "duty", "water-night"),
    ("0404-1", "G11", "normal", "normal", DAWN, "duty", "water-night"),
    ("0404-1", "G11", "normal", "normal", "2026-11-10T08:00", "water", "water"),
    ("0404-1", "G11", "normal", "normal", "2026-11-09T17:59", "water", "water"),
    ("0404-1", "G11", "normal", "normal", "2026-11-09T18:00", "duty", "water-night"),
    ("0401-1", "G11", "critical", "normal", NIGHT, "rescue", "critical"),
    ("0207-1", "G31", "critical", "normal", NOON, "rescue", "critical"),
    ("0401-1", "G11", "urgent", "normal", NOON, "desk-C1", None),
    ("0513-1", "G11", "normal", "normal", NOON, "enforcement", "stalls"),
    ("0513-1", "G11", "normal", "normal", SATURDAY, "weekend-team", "stalls-weekend"),
    ("0513-1", "G21", "normal", "normal", SATURDAY, "desk-C2", None),
    ("0513-1", "G21", "normal", "normal", NOON, "desk-C2", None),
    ("0506-1", "G11", "normal", "normal", NOON, "desk-C1", None),  # its unit is not there
    ("0301-1", "G11", "normal", "normal", NOON, "team-1", "noise"),
    ("0301-1", "G31", "normal", "normal", NOON, "desk-S2", None),  # no team of that kind near
    ("0301-9", "G21", "normal", "normal", NOON, "village-2", "noise-village"),
    ("0701-1", "G31", "normal", "normal", NOON, "desk-S2", "quarrel"),
    ("0701-1", "G11", "normal", "normal", NIGHT, "desk-C1", "quarrel"),
    (None, "G11", "normal", "normal", NOON, "desk-C1", None),
    (None, "G31", "critical", "red", NIGHT, "desk-S2", None),
    ("0102-1", "G91", "normal", "normal", NOON, "sanitation", "litter"),
    ("0119-1", "G91", "normal", "normal", NOON, "desk-C1", None),  # far is better than nobody
]


def asked(condition: str | None, grid: str, urgency: str, level: str, at: str) -> Asked:
    return Asked(
        condition=condition,
        areas=PLACES[grid],
        track=track_of(RULES, PLACES[grid]),
        urgency=urgency,
        level=level,
        at=datetime.fromisoformat(at).replace(tzinfo=DISTRICT_TIMEZONE),
    )


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: "-".join(map(str, row[:5])))
def test_the_golden_table(row: tuple[Any, ...]) -> None:
    decision = decide(RULES, asked(*row[:5]), UNITS)
    assert decision is not None
    assert (decision.unit_code, decision.rule) == row[5:]
    if decision.rule is None:
        assert decision.why == ("unclassified" if row[0] is None else "no_rule")


def test_who_assists_and_what_else_would_have_fitted_is_told() -> None:
    decision = decide(RULES, asked("0406-1", "G11", "normal", "red", NIGHT), UNITS)
    assert decision is not None
    assert decision.facts() == {
        "why": "rule",
        "unit": "rescue",
        "rule": "flood",
        "assist": ["water", "desk-C1"],
        "also": ["water-night", "water"],
    }


def test_a_rule_whose_unit_is_not_there_is_told_and_passed_over() -> None:
    decision = decide(RULES, asked("0506-1", "G11", "normal", "normal", NOON), UNITS)
    assert decision is not None
    assert decision.skipped == ("parking",)


def test_where_nobody_is_nobody_gets_it() -> None:
    lone = asked("0102-1", "G11", "normal", "normal", NOON)
    assert decide(RULES, lone, Units([])) is None


def test_a_list_is_read_back_as_it_was_written() -> None:
    again = {**FILE["rules"], "rules": [written(rule) for rule in RULES.rules]}
    assert read_rules(again, version=3) == RULES


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"code": "No Good"}, "/rules/0/code"),
        ({"priority": 0}, "/rules/0/priority"),
        ({"priority": True}, "/rules/0/priority"),
        ({"unit": "@nobody"}, "/rules/0/unit"),
        ({"assist": ["a b"]}, "/rules/0/assist/0"),
        ({"reason_zh": " "}, "/rules/0/reason_zh"),
        ({"when": {"begins": "25:00", "ends": "08:00"}}, "/rules/0/when/begins"),
        ({"when": {"begins": "08:00"}}, "/rules/0/when/ends"),
        ({"when": {"levels": ["purple"]}}, "/rules/0/when/levels/0"),
        ({"when": {"weekdays": [8]}}, "/rules/0/when/weekdays/0"),
        ({"when": {"track": "town"}}, "/rules/0/when/track"),
        ({"when": {"categorys": []}}, "/rules/0/when/categorys"),
        ({"when": []}, "/rules/0/when"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_by_its_place(change: dict[str, Any], pointer: str) -> None:
    rule = {**FILE["rules"]["rules"][0], **change}
    with pytest.raises(BadDispatchRules) as caught:
        read_rules({"rules": [rule]})
    assert pointer in [problem.pointer for problem in caught.value.problems]


def test_a_code_twice_is_refused() -> None:
    rule = FILE["rules"]["rules"][0]
    with pytest.raises(BadDispatchRules) as caught:
        read_rules({"rules": [rule, rule]})
    assert caught.value.pointer == "/rules/1/code"

"""The rule sets that ship as examples: each can be published, and says what its README tells."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.points.rules.earning import earned
from services.points.rules.rule_form import read_rule_set
from services.points.rules.telling import for_everybody, told

HERE = Path(__file__).parents[3] / "examples" / "programmes"
FILES = sorted(HERE.glob("*.json"))


def body(name: str) -> Any:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_can_be_read_and_told(path: Path) -> None:
    rules = read_rule_set(body(path.stem))
    assert rules.programme == path.stem
    said = told(rules)
    assert all(one.zh and one.en for one in said.sentences)
    assert all(name.zh and value.en for name, value in said.rates)
    assert said.name.zh == rules.title["zh"]
    assert f"`{path.stem}" in (HERE / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "kind", "minutes", "evidence", "points"),
    [
        ("jingyuan-xinqi", "environment", 30, "organiser", 3),
        ("jingyuan-xinqi", "graduate_business", 30, "organiser", 30),
        ("xiaoshan-xiangshu", "elder_care", 150, "organiser", 2),
        ("huangshi", "culture", 120, "self_check", 2),
        ("huangshi", "culture", 120, "organiser", 0),
        ("huangshi", "culture", 120, "backfill", 0),
        ("hailin", "patrol", 500, "organiser", 2),
        ("hailin", "referral", 10, "organiser", 2),
        ("longquanyi", "patrol", 60, "organiser", 10),
        ("longquanyi", "patrol", 120, "organiser", 21),
        ("lianjiang-xinyang", "culture", 600, "organiser", 1),
        ("yiyang-shuanggang", "policy_advice", 15, "organiser", 10),
        ("yiyang-shuanggang", "environment", 90, "organiser", 3),
        ("yongchun-dongxing", "library_loan", 10, "organiser", 2),
        # (120 x 8 / 60) x 3/2 x 4/5 x 2, in the month of the campaign
        ("all-parts", "flood_duty", 120, "organiser", 38),
        # (60 x 4 / 60 + 2) x 4/5 = 4.8
        ("all-parts", "policy_advice", 60, "organiser", 4),
    ],
)
def test_what_each_gives(name: str, kind: str, minutes: int, evidence: str, points: int) -> None:
    gained = earned(
        read_rule_set(body(name)),
        kind=kind,
        minutes=minutes,
        evidence=evidence,
        on=date(2027, 7, 15),
        resident_no="R000001",
    )
    assert gained.points == points
    assert gained.minutes == minutes


def test_the_full_one_shows_every_level_and_hides_the_resident() -> None:
    full = body("all-parts")
    rules = read_rule_set(full)
    assert {cap.level for cap in rules.caps} == {"person", "household", "activity", "community"}
    assert "R999999" not in json.dumps(for_everybody(full))
    assert "R999999" not in str([one.zh for one in told(rules).vetoes])

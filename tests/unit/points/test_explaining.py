"""What an entry says of itself."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.points.rules.caps import new_meter, openings, places
from services.points.rules.earning import earned, read_rule_set
from services.points.rules.explaining import COLOURS, EVIDENCE, KINDS, brief, cap_of, explain
from shared.schemas.wire import ACTIVITY_KINDS, WISH_COLOURS
from shared.schemas.wire import EVIDENCE as EVIDENCE_CODES

EXAMPLE = Path(__file__).parents[3] / "examples" / "demo-district" / "rules.json"
RULES = read_rule_set(json.loads(EXAMPLE.read_text(encoding="utf-8")))


def facts(minutes: int, evidence: str = "organiser", used: int = 0) -> dict[str, Any]:
    """What crediting stores, by the rules themselves."""
    on = date(2026, 10, 9)
    gained = earned(
        RULES, kind="elder_care", minutes=minutes, evidence=evidence, on=on, resident_no="A"
    )
    meter, counted = new_meter(), places(openings(RULES.caps, on), {"person": "A"})
    meter.count(used, counted)
    points, hit = meter.credit(gained.points, RULES.caps, counted)
    return {**gained.explanation, "caps_hit": hit, "points": points}


@pytest.mark.parametrize(
    ("said", "zh"),
    [
        (facts(60), "组织者确认服务 60 分钟；每小时 6 分，不足 1 分舍去，应得 6 分；"),
        (facts(200), "每次最多按 120 分钟计分"),
        (facts(60, "backfill"), "事后补录服务 60 分钟；此类凭据只计服务时长，不计积分；"),
        (facts(60, used=16), "已到每人每日上限 20 分；故入账 4 分；"),
        (facts(60, used=200), "已到每人每日上限 20 分；已到每人每月上限 200 分；故入账 0 分；"),
    ],
)
def test_the_sentence_says_what_was_done(said: dict[str, Any], zh: str) -> None:
    told = explain("activity", said, RULES)
    assert zh in told.zh
    assert told.zh.endswith("依据规则 ideal-bank 第 1 版。")
    assert told.en[0].isupper() or told.en[0].isdigit()
    assert told.en.endswith("by version 1 of the rules ideal-bank.")


def test_without_rules_or_award() -> None:
    none = {"minutes": 60, "evidence": "organiser", "rule": "none", "caps_hit": [], "points": 0}
    assert explain("activity", none, None).zh == (
        "组织者确认服务 60 分钟；当日没有已发布的积分规则，只计服务时长。"
    )
    assert explain("", {}, None).zh == "没有对应的活动记录。"
    assert brief("activity", none).zh == "当日无积分规则"


def test_a_wish() -> None:
    wish = {"colour": "goods_blue", "wish_code": "W-1", "points": 8, "caps_hit": []}
    assert explain("wish", wish, RULES).zh == (
        "实现实物心愿 W-1，记贡献 8 分；依据规则 ideal-bank 第 1 版。"
    )


def test_every_code_of_the_wire_has_words() -> None:
    assert set(KINDS) == set(ACTIVITY_KINDS)
    assert set(EVIDENCE) == set(EVIDENCE_CODES)
    assert set(COLOURS) == set(WISH_COLOURS)


def test_caps_by_the_rules_that_were_applied() -> None:
    assert cap_of(RULES, "person_day_points") == 20
    assert cap_of(RULES, "person_month_points") == 200
    assert cap_of(RULES, "person_year_points") is None
    assert cap_of(None, "person_day_points") is None


@given(
    st.integers(0, 720), st.sampled_from(["organiser", "backfill", "other"]), st.integers(0, 220)
)
def test_whatever_was_stored_is_explained(minutes: int, evidence: str, used: int) -> None:
    said = facts(minutes, evidence, used)
    for rules in (RULES, None):
        told = explain("activity", said, rules)
        assert str(minutes) in told.zh
        assert str(minutes) in told.en
    short = brief("activity", said)
    assert len(short.zh) <= 30

"""What an entry says of itself."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.points.rules.caps import CODES, new_meter, openings, places
from services.points.rules.earning import earned, read_rule_set
from services.points.rules.explaining import (
    BRIEF_CAPS,
    CAPS,
    COLOURS,
    EVIDENCE,
    KINDS,
    brief,
    cap_of,
    explain,
)
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


@pytest.mark.parametrize(
    ("more", "zh", "en"),
    [
        ({"coefficient": "3/2"}, "类别系数 3/2", "times 3/2 for its kind"),
        ({"weight": "1/2"}, "凭据权重 1/2", "times 1/2 for its evidence"),
        ({"points_each": 5}, "每小时 6 分，每次另计 5 分", "5 points each time"),
        ({"points_each": 5, "points_per_hour": 0}, "每次计 5 分，不足", "5 points each time"),
        (
            {"campaign": {"name": "春风行动", "multiplier": 2}},
            "“春风行动”期间 2 倍",
            "times 2 in the campaign 春风行动",
        ),
        (
            {"veto": {"of": "resident", "reason": "false_report"}},
            "当日暂停计分（虚报时长），只计服务时长",
            "points were suspended that day (a false report): time only",
        ),
        (
            {"veto": {"of": "kind", "reason": "whatever"}},
            "此类活动当日不计积分（whatever）",
            "this kind earned no points that day (whatever)",
        ),
        ({"caps_hit": ["household_week_points"]}, "已到每户每周上限", "the household's limit"),
        ({"caps_hit": ["community_lifetime_points"]}, "已到每个社区累计上限", "of the lifetime"),
        ({"caps_hit": ["activity_year_points"]}, "已到每个活动每年上限", "the activity's limit"),
    ],
)
def test_every_part_of_the_arithmetic_is_told(more: dict[str, Any], zh: str, en: str) -> None:
    told = explain("activity", {**facts(60), **more}, RULES)
    assert zh in told.zh
    assert en in told.en
    assert len(brief("activity", {**facts(60), **more}).zh) <= 30


def test_every_cap_has_words_for_itself() -> None:
    for table in (CAPS, BRIEF_CAPS):
        assert set(table) == set(CODES)
        assert len({one.zh for one in table.values()}) == len({one.en for one in table.values()})
        assert len({one.zh for one in table.values()}) == len(CODES)

"""Why an entry is what it is, in one plain sentence of Chinese and one of English.

Worded from what was stored with the award and the rules of its version, which never change; so
the same entry is explained by the same words for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.points.rules.earning import RuleSet


@dataclass(frozen=True, slots=True)
class Words:
    """One text in both languages."""

    zh: str
    en: str


KINDS = {
    "elder_care": Words("扶老帮困", "care for the elderly"),
    "child_care": Words("托幼护苗", "care for children"),
    "civilised_practice": Words("文明实践", "civic practice"),
    "environment": Words("环境整治", "clean-up"),
    "patrol": Words("巡逻巡查", "patrol"),
    "policy_advice": Words("政策宣讲", "policy advice"),
    "culture": Words("文化活动", "culture"),
    "flood_duty": Words("防汛值守", "flood duty"),
}
EVIDENCE = {
    "self_check": Words("本人签到签退", "signed in and out in person"),
    "organiser": Words("组织者确认", "confirmed by the organiser"),
    "backfill": Words("事后补录", "entered afterwards"),
}
COLOURS = {
    "goods_blue": Words("实物心愿", "a wish for goods"),
    "convenience_yellow": Words("便民心愿", "a wish for a service"),
    "urgent_red": Words("急难心愿", "an urgent wish"),
}
CAPS = {
    "person_day_points": Words("每人每日上限", "the day's limit"),
    "person_month_points": Words("每人每月上限", "the month's limit"),
}

BRIEF_CAPS = {
    "person_day_points": Words("满日限", "day full"),
    "person_month_points": Words("满月限", "month full"),
}


def words(table: Mapping[str, Words], code: object) -> Words:
    """The words of a code; a code that is not known stands for itself."""
    return table.get(str(code), Words(str(code), str(code)))


def cap_of(rules: RuleSet | None, cap: str) -> int | None:
    """How many points a cap allows, by the rules that were applied."""
    if rules is None:
        return None
    return {"person_day_points": rules.day_max, "person_month_points": rules.month_max}.get(cap)


def explain(kind: str, facts: Mapping[str, Any], rules: RuleSet | None) -> Words:
    """The sentence of an award of this kind (activity or wish); `facts` as they were stored."""
    if not facts:
        return Words("没有对应的活动记录。", "No activity is recorded for this entry.")
    parts = _wish(facts) if kind == "wish" else _activity(facts, rules)
    if rules is not None:
        parts.append(
            Words(
                f"依据规则 {rules.programme} 第 {rules.version} 版",
                f"by version {rules.version} of the rules {rules.programme}",
            )
        )
    return Words("；".join(part.zh for part in parts) + "。", _sentence(part.en for part in parts))


def brief(kind: str, facts: Mapping[str, Any]) -> Words:
    """The same in as few words as fit a line of a printed passbook."""
    if kind == "wish":
        return words(COLOURS, facts.get("colour"))
    counted, rate = facts.get("minutes_counted", 0), facts.get("points_per_hour", 0)
    if facts.get("rule") == "none":
        return Words("当日无积分规则", "no rules that day")
    if not counted:
        evidence = words(EVIDENCE, facts.get("evidence"))
        return Words(f"{evidence.zh}，不计分", f"{evidence.en}, no points")
    caps = [BRIEF_CAPS[cap] for cap in facts.get("caps_hit", ()) if cap in BRIEF_CAPS]
    return Words(
        "，".join([f"{counted} 分钟，每小时 {rate} 分", *(cap.zh for cap in caps)]),
        ", ".join([f"{counted} min at {rate} an hour", *(cap.en for cap in caps)]),
    )


def _sentence(parts: Any) -> str:
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "."


def _wish(facts: Mapping[str, Any]) -> list[Words]:
    colour, points = words(COLOURS, facts.get("colour")), facts.get("points", 0)
    code = facts.get("wish_code", "")
    return [
        Words(
            f"实现{colour.zh} {code}，记贡献 {points} 分",
            f"fulfilled {colour.en}, {code}, worth {points} contribution points",
        )
    ]


def _activity(facts: Mapping[str, Any], rules: RuleSet | None) -> list[Words]:
    minutes, evidence = facts.get("minutes", 0), words(EVIDENCE, facts.get("evidence"))
    parts = [Words(f"{evidence.zh}服务 {minutes} 分钟", f"{minutes} minutes, {evidence.en}")]
    if facts.get("rule") == "none":
        parts.append(
            Words("当日没有已发布的积分规则，只计服务时长", "no rules for that day: time only")
        )
        return parts
    counted, rate = facts.get("minutes_counted", 0), facts.get("points_per_hour", 0)
    earned, points = facts.get("points_before_caps", 0), facts.get("points", 0)
    if not counted:
        parts.append(
            Words("此类凭据只计服务时长，不计积分", "such evidence counts for time, not points")
        )
        return parts
    if counted < minutes:
        parts.append(
            Words(f"每次最多按 {counted} 分钟计分", f"at most {counted} minutes count for points")
        )
    parts.append(
        Words(
            f"每小时 {rate} 分，不足 1 分舍去，应得 {earned} 分",
            f"at {rate} points an hour, rounded down, {earned} earned",
        )
    )
    parts.extend(_cap(cap, rules) for cap in facts.get("caps_hit", ()))
    if points < earned:
        parts.append(Words(f"故入账 {points} 分", f"so {points} credited"))
    return parts


def _cap(cap: str, rules: RuleSet | None) -> Words:
    name, most = words(CAPS, cap), cap_of(rules, cap)
    if most is None:
        return Words(f"已到{name.zh}", f"{name.en} was reached")
    return Words(f"已到{name.zh} {most} 分", f"{name.en} of {most} was reached")

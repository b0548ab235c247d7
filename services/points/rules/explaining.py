"""Why an entry is what it is, in one plain sentence of Chinese and one of English.

Worded from what was stored with the award and the rules of its version, which never change; so
the same entry is explained by the same words for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.points.rules.caps import CODES, split
from services.points.rules.rule_set import RuleSet


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
_WHOSE = {
    "person": "每人",
    "household": "每户",
    "activity": "每个活动",
    "community": "每个社区",
}
_WINDOWS = {"day": "每日", "week": "每周", "month": "每月", "year": "每年", "lifetime": "累计"}


def _cap_words(level: str, window: str) -> Words:
    whose = "the" if level == "person" else f"the {level}'s"
    end = f"{window}'s limit" if level == "person" else f"limit of the {window}"
    return Words(f"{_WHOSE[level]}{_WINDOWS[window]}上限", f"{whose} {end}")


CAPS = {code: _cap_words(*split(code)) for code in CODES}
_BRIEF_WHOSE = {"person": "", "household": "户", "activity": "活动", "community": "社区"}
_BRIEF_WINDOW = {"day": "日", "week": "周", "month": "月", "year": "年", "lifetime": "总"}
BRIEF_CAPS = {
    code: Words(
        f"满{_BRIEF_WHOSE[level]}{_BRIEF_WINDOW[window]}限",
        f"{window} full" if level == "person" else f"{level} {window} full",
    )
    for level, window, code in ((*split(code), code) for code in CODES)
}
# Why points are withheld. A code that is not here stands for itself.
REASONS = {
    "false_report": Words("虚报时长", "a false report"),
    "misconduct": Words("服务中违规", "misconduct"),
    "no_show": Words("多次无故缺席", "absent without notice"),
    "paid_service": Words("有偿服务", "paid service"),
    "duty": Words("职务行为", "part of one's office"),
    "under_review": Words("核查中", "under review"),
}


def words(table: Mapping[str, Words], code: object) -> Words:
    """The words of a code; a code that is not known stands for itself."""
    return table.get(str(code), Words(str(code), str(code)))


def cap_of(rules: RuleSet | None, cap: str) -> int | None:
    """How many points a cap allows, by the rules that were applied."""
    found = None if rules is None else rules.cap(cap)
    return None if found is None else found.points


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
    if "veto" in facts:
        return Words("暂停计分", "no points for now")
    if not counted and not facts.get("points_each"):
        evidence = words(EVIDENCE, facts.get("evidence"))
        return Words(f"{evidence.zh}，不计分", f"{evidence.en}, no points")
    # A line has room for two: the first that is met, and the next.
    notes = [BRIEF_CAPS[cap] for cap in facts.get("caps_hit", ()) if cap in BRIEF_CAPS][:2]
    if any(name in facts for name in ("coefficient", "weight", "campaign")):
        notes.insert(0, Words("有系数", "weighted"))
    if facts.get("points_each"):
        earned = Words(f"每次 {facts['points_each']} 分", f"{facts['points_each']} each time")
    else:
        earned = Words(f"{counted} 分钟，每小时 {rate} 分", f"{counted} min at {rate} an hour")
    return Words(
        "，".join([earned.zh, *(note.zh for note in notes)]),
        ", ".join([earned.en, *(note.en for note in notes)]),
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
    if facts.get("minutes_overlapped"):
        parts.append(_overlap(facts["minutes_overlapped"]))
    if facts.get("rule") == "none":
        parts.append(
            Words("当日没有已发布的积分规则，只计服务时长", "no rules for that day: time only")
        )
        return parts
    if "veto" in facts:
        parts.append(_veto(facts["veto"]))
        return parts
    if facts.get("minutes_overlapped") and not minutes:
        return parts
    counted = facts.get("minutes_counted", 0)
    earned, points = facts.get("points_before_caps", 0), facts.get("points", 0)
    if not counted and not facts.get("points_each"):
        parts.append(
            Words("此类凭据只计服务时长，不计积分", "such evidence counts for time, not points")
        )
        return parts
    if counted < minutes:
        parts.append(
            Words(f"每次最多按 {counted} 分钟计分", f"at most {counted} minutes count for points")
        )
    factors = _factors(facts)
    parts.append(
        Words(
            "，".join([*(one.zh for one in factors), f"不足 1 分舍去，应得 {earned} 分"]),
            ", ".join([*(one.en for one in factors), f"rounded down, {earned} earned"]),
        )
    )
    parts.extend(_cap(cap, rules) for cap in facts.get("caps_hit", ()))
    if points < earned:
        parts.append(Words(f"故入账 {points} 分", f"so {points} credited"))
    return parts


def _overlap(minutes: int) -> Words:
    return Words(
        f"另有 {minutes} 分钟与其他活动时间重叠，不重复计",
        f"{minutes} more overlapped with other activities and do not count twice",
    )


def _factors(facts: Mapping[str, Any]) -> list[Words]:
    """All that was multiplied and added, in the order of the arithmetic."""
    rate, each = facts.get("points_per_hour", 0), facts.get("points_each")
    told = []
    if rate != 0 or not each:
        told.append(Words(f"每小时 {rate} 分", f"at {rate} points an hour"))
    if each:
        more = "另计" if told else "计"
        told.append(Words(f"每次{more} {each} 分", f"{each} points each time"))
    if "coefficient" in facts:
        value = facts["coefficient"]
        told.append(Words(f"类别系数 {value}", f"times {value} for its kind"))
    if "weight" in facts:
        value = facts["weight"]
        told.append(Words(f"凭据权重 {value}", f"times {value} for its evidence"))
    if "campaign" in facts:
        name, times = facts["campaign"]["name"], facts["campaign"]["multiplier"]
        told.append(Words(f"“{name}”期间 {times} 倍", f"times {times} in the campaign {name}"))
    return told


def _veto(veto: Mapping[str, Any]) -> Words:
    why = words(REASONS, veto.get("reason"))
    if veto.get("of") == "kind":
        return Words(
            f"此类活动当日不计积分（{why.zh}），只计服务时长",
            f"this kind earned no points that day ({why.en}): time only",
        )
    return Words(
        f"当日暂停计分（{why.zh}），只计服务时长",
        f"points were suspended that day ({why.en}): time only",
    )


def _cap(cap: str, rules: RuleSet | None) -> Words:
    name, most = words(CAPS, cap), cap_of(rules, cap)
    if most is None:
        return Words(f"已到{name.zh}", f"{name.en} was reached")
    return Words(f"已到{name.zh} {most} 分", f"{name.en} of {most} was reached")

"""A version of the rules in plain words, in both languages: for residents, and before publishing.

Vetoes of single residents are told by their number only; whom they concern is nobody else's
business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from services.points.rules.caps import Cap
from services.points.rules.corrections import POLICIES
from services.points.rules.explaining import (
    CAPS,
    COLOURS,
    EVIDENCE,
    KINDS,
    REASONS,
    Words,
    words,
)
from services.points.rules.rule_set import Campaign, Evidence, RuleSet, Veto

Pair = tuple[Words, Words]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """What a page says of a version, part by part."""

    name: Words
    where: Words
    sentences: list[Words]
    rates: list[Pair]
    evidence: list[Pair]
    caps: list[Pair]
    campaigns: list[Pair]
    vetoes: list[Words]
    wishes: list[Pair]


def told(rules: RuleSet) -> Telling:
    """The rules in plain words."""
    title = rules.title
    name = Words(title.get("zh", rules.programme), title.get("en", rules.programme))
    return Telling(
        name=name,
        where=_where(rules),
        sentences=[
            *_arithmetic(rules),
            *_end(rules),
        ],
        rates=_rates(rules),
        evidence=[(words(EVIDENCE, kind), _worth(one)) for kind, one in rules.evidence.items()],
        caps=[(_cap_name(cap), _cap_amount(cap)) for cap in rules.caps],
        campaigns=[(Words(one.name, one.name), _campaign(one)) for one in rules.campaigns],
        vetoes=_vetoes(rules.vetoes),
        wishes=[
            (words(COLOURS, colour), Words(f"{points} 分", f"{points} points"))
            for colour, points in rules.wish_points.items()
        ],
    )


def for_everybody(body: Mapping[str, Any]) -> dict[str, Any]:
    """The rules as they were published, without the residents whom a veto concerns."""
    vetoes = body.get("vetoes")
    if not isinstance(vetoes, list):
        return dict(body)
    return {**body, "vetoes": [one for one in vetoes if "resident_no" not in one]}


def _where(rules: RuleSet) -> Words:
    if rules.communities is None:
        return Words("适用于没有另订规则的所有社区", "for every community without rules of its own")
    listed = sorted(rules.communities)
    return Words(f"只适用于社区 {'、'.join(listed)}", f"for {', '.join(listed)} only")


def _arithmetic(rules: RuleSet) -> list[Words]:
    most = rules.minutes_counted_max
    said = [
        Words(
            "参加活动，按签到到签退的分钟数计分：积分 ＝ 分钟数 × 每小时分值 ÷ 60，不足 1 分舍去。",
            "An activity earns points for the minutes between signing in and out:"
            " minutes × points an hour ÷ 60, rounded down.",
        )
    ]
    if any(rules.rates.values()):
        said.append(
            Words(
                f"每次活动最多按 {most} 分钟计分；超出的时间仍计入服务时长。",
                f"At most {most} minutes of one activity earn points;"
                " the rest still counts as service time.",
            )
        )
    if any(rules.points_each.values()):
        said.append(
            Words(
                "部分活动每参加一次另计固定分值，见下表。",
                "Some activities earn a fixed number of points each time; see below.",
            )
        )
    if rules.coefficients or any(0 < one.points < 1 for one in rules.evidence.values()):
        said.append(
            Words(
                "再乘以类别系数和凭据权重，最后一次舍去小数。",
                "Coefficients of the kind and weights of the evidence are multiplied in,"
                " then fractions are dropped once.",
            )
        )
    return said


def _end(rules: RuleSet) -> list[Words]:
    said = []
    if rules.caps:
        said.append(
            Words(
                "将满上限时，入账剩余的部分。",
                "Near a limit, what is left under it is credited.",
            )
        )
    if rules.first_come:
        said.append(
            Words(
                "几种上限同时适用时，先入账者先得。",
                "Where several limits meet, who comes first is served first.",
            )
        )
    said.append(
        Words(
            "服务时长不受上限，也不因兑换而减少。",
            "Service time has no limit and is never spent.",
        )
    )
    said.append(_expiry(rules))
    if rules.notice_days is not None:
        days = rules.notice_days
        said.append(
            Words(f"公示 {days} 天后入账。", f"Points count after {days} days of public notice.")
        )
    said += _corrected(rules)
    if rules.fen_per_point:
        yuan = _plain(Fraction(rules.fen_per_point, 100))
        said.append(
            Words(f"编制预算时每分按 {yuan} 元计。", f"Budgets reckon a point at {yuan} yuan.")
        )
    return said


def _corrected(rules: RuleSet) -> list[Words]:
    said = []
    if rules.time_counted_once:
        said.append(
            Words(
                "同一时间只计一次：时段重叠的部分不重复计时、计分，并请人核对。",
                "No minute counts twice: where times overlap, only the rest counts,"
                " and a person looks at it.",
            )
        )
    if rules.reversal is not None:
        how = POLICIES[rules.reversal]
        said.append(
            Words(
                f"误记的积分经两人核准后冲正：{how.zh}。", f"A wrong award is reversed: {how.en}."
            )
        )
    return said


def _expiry(rules: RuleSet) -> Words:
    if rules.expiry == "never":
        return Words("积分长期有效。", "Points never expire.")
    if rules.expiry == "year_end":
        return Words(
            "积分当年有效，12 月 31 日到期。", "Points are good until 31 December of their year."
        )
    months = rules.expiry["months"]
    return Words(
        f"积分自取得之日起 {months} 个月内有效，至末月月底。",
        f"Points are good for {months} months, to the end of the last.",
    )


def _rates(rules: RuleSet) -> list[Pair]:
    none = Fraction(0)
    kinds = sorted(
        {*rules.rates, *rules.points_each},
        key=lambda kind: (-rules.rates.get(kind, none), -rules.points_each.get(kind, none), kind),
    )
    return [(words(KINDS, kind), _rate(rules, kind)) for kind in kinds]


def _rate(rules: RuleSet, kind: str) -> Words:
    rate, each = rules.rates.get(kind), rules.points_each.get(kind)
    zh, en = [], []
    if rate is not None:
        zh.append(f"每小时 {_plain(rate)} 分")
        en.append(f"{_plain(rate)} an hour")
    if each:
        zh.append(f"每次 {_plain(each)} 分")
        en.append(f"{_plain(each)} each time")
    coefficient = rules.coefficients.get(kind, Fraction(1))
    if coefficient != 1:
        zh.append(f"系数 {_plain(coefficient)}")
        en.append(f"times {_plain(coefficient)}")
    return Words("，".join(zh), ", ".join(en))


def _worth(worth: Evidence) -> Words:
    if not worth.points and not worth.hours:
        return Words("都不计", "neither")
    zh, en = [], []
    if worth.points:
        part = "" if worth.points == 1 else f"（权重 {_plain(worth.points)}）"
        zh.append(f"计积分{part}")
        en.append("points" if worth.points == 1 else f"points, times {_plain(worth.points)}")
    if worth.hours:
        zh.append("计服务时长" if worth.hours == 1 else f"计服务时长（折 {_plain(worth.hours)}）")
        en.append(
            "service time" if worth.hours == 1 else f"service time, times {_plain(worth.hours)}"
        )
    if len(zh) == 1:
        return Words(f"只{zh[0]}", f"{en[0]} only")
    return Words("，也".join(zh), " and ".join(en))


def _cap_name(cap: Cap) -> Words:
    return words(CAPS, cap.code)


def _cap_amount(cap: Cap) -> Words:
    if cap.counts_from is None:
        return Words(f"{cap.points} 分", f"{cap.points} points")
    day = cap.counts_from.isoformat()
    return Words(f"{cap.points} 分，自 {day} 起计", f"{cap.points} points, counted from {day}")


def _campaign(one: Campaign) -> Words:
    kinds = [words(KINDS, kind) for kind in sorted(one.kinds or ())]
    whom_zh = "、".join(kind.zh for kind in kinds) or "所有类别"
    whom_en = ", ".join(kind.en for kind in kinds) or "every kind"
    times = _plain(one.multiplier)
    return Words(
        f"{one.first} 至 {one.last}：{whom_zh} {times} 倍",
        f"{one.first} to {one.last}: {whom_en}, times {times}",
    )


def _vetoes(vetoes: tuple[Veto, ...]) -> list[Words]:
    said = []
    for veto in vetoes:
        if veto.kind is not None:
            kind, why = words(KINDS, veto.kind), words(REASONS, veto.reason)
            said.append(
                Words(
                    f"{kind.zh}不计积分（{why.zh}）{_period(veto).zh}",
                    f"{kind.en}: no points ({why.en}){_period(veto).en}",
                )
            )
    persons = len({veto.resident_no for veto in vetoes if veto.resident_no is not None})
    if persons:
        said.append(
            Words(
                f"另有 {persons} 人暂停计分，名单不公开。",
                f"Points of {persons} residents are suspended; who they are is not shown.",
            )
        )
    return said


def _period(veto: Veto) -> Words:
    first = veto.first.isoformat() if veto.first else ""
    last = veto.last.isoformat() if veto.last else ""
    if not first and not last:
        return Words("", "")
    return Words(f"，{first} 至 {last}".rstrip(), f", {first} to {last}".rstrip())


def _plain(value: Fraction) -> str:
    """4.5 where it can be written so exactly, else 1/3."""
    if value.denominator == 1:
        return str(value.numerator)
    scaled = value * 1000
    if scaled.denominator != 1:
        return str(value)
    whole, rest = divmod(scaled.numerator, 1000)
    return f"{whole}.{rest:03d}".rstrip("0")

"""What a contribution earns, by a programme's published rules.

points = floor(min(minutes, most counted) x rate / 60), then what the caps leave. All minutes
count as service minutes. Every answer carries its explanation. Caps credit what is left under
them, so the order in which contributions arrive never changes a total.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from services.points.rules.lots import expires_on
from services.points.rules.public_notices import notice_days
from shared.errors import Rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a kind of evidence is worth."""

    points: bool
    hours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """One version of a programme's rules. Rates are points an hour; caps are points."""

    programme: str
    version: int
    valid_from: date
    rates: Mapping[str, Fraction]
    minutes_counted_max: int
    evidence: Mapping[str, Evidence]
    day_max: int
    month_max: int
    wish_points: Mapping[str, int]
    expiry: Any = "never"
    notice_days: int | None = None


@dataclass(frozen=True, slots=True)
class Earned:
    """What an activity earns before caps, and why."""

    points: int
    minutes: int
    explanation: dict[str, Any]


@dataclass(slots=True)
class CapRoom:
    """What the caps of one person still leave, for one day and its month (points used so far)."""

    day_used: int
    month_used: int


def read_rule_set(body: Mapping[str, Any]) -> RuleSet:
    """Rules from their published form; raises Rejected naming the part that is wrong."""
    try:
        activity, caps = body["activity"], body["caps"]
        rule_set = RuleSet(
            programme=str(body["programme"]),
            version=_whole(body["version"]),
            valid_from=date.fromisoformat(body["valid_from"]),
            rates={k: Fraction(str(v)) for k, v in activity["points_per_hour"].items()},
            minutes_counted_max=_whole(activity["credited_minutes_max_per_activity"]),
            evidence={
                kind: Evidence(points=worth["points"] is True, hours=worth["hours"] is True)
                for kind, worth in activity["evidence"].items()
            },
            day_max=_whole(caps["person_day_points"]),
            month_max=_whole(caps["person_month_points"]),
            wish_points={
                k: _whole(v) for k, v in body["wish"]["partner_contribution_points"].items()
            },
            expiry=body.get("expiry", "never"),
            notice_days=notice_days(body.get("notice")),
        )
    except KeyError as problem:
        raise _wrong(str(problem.args[0]), "缺少", "is missing") from problem
    except (TypeError, ValueError, AttributeError, ZeroDivisionError) as problem:
        raise _wrong("rules", "格式不对", str(problem)) from problem
    _check(rule_set, body)
    return rule_set


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _check(rules: RuleSet, body: Mapping[str, Any]) -> None:
    if body.get("timezone", "Asia/Shanghai") != "Asia/Shanghai":
        raise _wrong("timezone", "目前只支持 Asia/Shanghai", "must be Asia/Shanghai")
    if body["activity"].get("rounding", "floor") != "floor":
        raise _wrong("activity.rounding", "目前只支持 floor", "must be floor")
    if min(rules.rates.values(), default=Fraction(0)) < 0:
        raise _wrong("activity.points_per_hour", "不得为负", "must not be negative")
    try:
        expires_on(rules.expiry, rules.valid_from)
    except ValueError as problem:
        raise _wrong("expiry", '应为 never、year_end 或 {"months": n}', str(problem)) from problem
    if rules.version < 1 or min(rules.day_max, rules.month_max, rules.minutes_counted_max) < 0:
        raise _wrong("caps", "不得为负", "must not be negative")
    if min(rules.wish_points.values(), default=0) < 0:
        raise _wrong("wish", "不得为负", "must not be negative")


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("bad_rules", f"规则 {name} {zh}", f"rule {name} {en}", pointer=f"/{name}")


def earned(rules: RuleSet | None, *, kind: str, minutes: int, evidence: str) -> Earned:
    """What an activity earns before caps. Without rules for its day, only minutes count."""
    if rules is None:
        return Earned(0, minutes, {"minutes": minutes, "evidence": evidence, "rule": "none"})
    worth = rules.evidence.get(evidence)
    rate = rules.rates.get(kind, Fraction(0))
    counted = min(minutes, rules.minutes_counted_max)
    is_worth_points = worth is not None and worth.points
    points = counted * rate.numerator // (60 * rate.denominator) if is_worth_points else 0
    explanation = {
        "minutes": minutes,
        "evidence": evidence,
        "kind": kind,
        "points_per_hour": int(rate) if rate.denominator == 1 else str(rate),
        "minutes_counted": counted if is_worth_points else 0,
        "points_before_caps": points,
    }
    is_worth_hours = worth is None or worth.hours
    return Earned(points, minutes if is_worth_hours else 0, explanation)


def under_caps(rules: RuleSet | None, points: int, room: CapRoom) -> tuple[int, list[str]]:
    """Points that may be credited, and the caps that took something; uses up the room."""
    if rules is None or points == 0:
        return points, []
    day_left = max(rules.day_max - room.day_used, 0)
    month_left = max(rules.month_max - room.month_used, 0)
    credited = min(points, day_left, month_left)
    hit = []
    if day_left < points:
        hit.append("person_day_points")
    if month_left < points:
        hit.append("person_month_points")
    room.day_used += credited
    room.month_used += credited
    return credited, hit


def wish_points(rules: RuleSet | None, colour: str) -> int:
    """What a fulfilled wish brings the partner's contribution account."""
    return 0 if rules is None else rules.wish_points.get(colour, 0)


def in_force(rule_sets: list[RuleSet], on: date) -> RuleSet | None:
    """The rules for a day: of those valid by then, the newest start, then the newest version."""
    valid = [rules for rules in rule_sets if rules.valid_from <= on]
    return max(valid, key=lambda rules: (rules.valid_from, rules.version), default=None)

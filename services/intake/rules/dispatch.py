"""派单: which unit gets a request, and why. The first rule that fits decides. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Final

COMMUNITY, VILLAGE = "community", "village"
DESK: Final = "desk"
BY_KIND: Final = "@"  # `@village`: the nearest unit of the kind, going out from the grid
DISPATCHERS: Final = frozenset({"dispatcher", "head", "secretary"})
"""The duties of an area that dispatch for it, and say which requests are one."""
RETURNS_MAX: Final = 2  # the second return leaves it with the desk


class Why(StrEnum):
    """Why a request is where it is; the words are in the pages."""

    RULE = "rule"
    NO_RULE = "no_rule"  # no rule fits: the desk of its community
    UNCLASSIFIED = "unclassified"  # the catalogue does not know the category: a person classifies
    RETURNED = "returned"  # a unit gave it back; the desk finds another
    SECOND_RETURN = "second_return"  # 兜底: the desk keeps it
    PERSON = "person"  # a dispatcher chose


class Reason(StrEnum):
    """Why a unit may give a request back; nothing else is a reason."""

    NOT_OUR_DUTY = "not_our_duty"
    WRONG_PLACE = "wrong_place"
    NEEDS_ANOTHER_UNIT = "needs_another_unit"
    NOT_ENOUGH_FACTS = "not_enough_facts"
    ALREADY_WITH_ANOTHER = "already_with_another"
    NO_SUCH_THING = "no_such_thing"


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """What a rule asks for; an empty part asks for nothing.

    `begins` and `ends` are times of day in the district; a rule from 18:00 to 08:00 goes over
    midnight, and its weekday (1 is Monday) is that of the day it is.
    """

    categories: tuple[str, ...] = ()  # beginnings of a condition's code
    areas: tuple[str, ...] = ()  # a grid, its community, street or district
    track: str | None = None
    urgencies: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    weekdays: tuple[int, ...] = ()
    begins: time | None = None
    ends: time | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchRule:
    """`unit` is a unit's code, `desk` for the desk of the community, or `@kind`."""

    code: str
    priority: int
    when: When
    unit: str
    assist: tuple[str, ...]
    reason_zh: str
    reason_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleList:
    """A version's rules in the order in which they are asked, and what is near by category."""

    version: int | None
    rules: tuple[DispatchRule, ...]
    villages: frozenset[str]  # areas on the village track; all others are communities
    near_m: Mapping[str, int]  # radius of likeness by beginning of category, in metres


@dataclass(frozen=True, slots=True)
class UnitPlace:
    """An active unit: what it is and what it answers for."""

    unit_code: str
    kind: str
    area_code: str
    is_fallback: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is known of a request when it is dispatched.

    `areas` are the codes of its grid, community, street and district, in this order; `at` is the
    local time; `condition` is None where the catalogue does not know the category.
    """

    condition: str | None
    areas: Sequence[str]
    track: str | None
    urgency: str
    level: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The one owner, who assists, and what explains it."""

    unit_code: str
    why: Why
    rule: str | None = None
    assist: tuple[str, ...] = ()
    also: tuple[str, ...] = ()  # later rules that would have fitted
    skipped: tuple[str, ...] = ()  # rules that fitted and name no unit that is there

    def facts(self) -> dict[str, object]:
        """For the step's history: codes only."""
        told: dict[str, object] = {"why": self.why, "unit": self.unit_code}
        if self.rule is not None:
            told["rule"] = self.rule
        for name in ("assist", "also", "skipped"):
            if listed := getattr(self, name):
                told[name] = list(listed)
        return told


class Units:
    """The units that are active, found by code, by kind and place, or as desk of a place."""

    def __init__(self, active: Sequence[UnitPlace]) -> None:
        self._codes = {unit.unit_code for unit in active}
        self._desks = {unit.area_code: unit.unit_code for unit in active if unit.is_fallback}
        self._kinds: dict[tuple[str, str], str] = {}
        for unit in sorted(active, key=lambda each: each.unit_code):
            self._kinds.setdefault((unit.kind, unit.area_code), unit.unit_code)
        # Where no desk is near, one that is far is better than nobody.
        self._any_desk = min(self._desks.values(), default=None)

    def desk(self, areas: Sequence[str]) -> str | None:
        """The nearest desk: of the community, else the street, else the district, else any."""
        near = (self._desks[area] for area in areas if area in self._desks)
        return next(near, self._any_desk)

    def find(self, named: str, areas: Sequence[str]) -> str | None:
        """The unit that a rule names, as seen from a place; None when there is none."""
        if named == DESK:
            return self.desk(areas)
        if named.startswith(BY_KIND):
            kind = named.removeprefix(BY_KIND)
            near = (self._kinds[kind, area] for area in areas if (kind, area) in self._kinds)
            return next(near, None)
        return named if named in self._codes else None


def track_of(rules: RuleList | None, areas: Sequence[str]) -> str:
    """双轨: `village` where an area around the request is one, else `community`."""
    villages: frozenset[str] = frozenset() if rules is None else rules.villages
    return COMMUNITY if villages.isdisjoint(areas) else VILLAGE


def fits(when: When, asked: Asked) -> bool:
    """Whether all that a rule asks for is so."""
    condition = asked.condition or ""
    return (
        (not when.categories or condition.startswith(when.categories))
        and (not when.areas or not set(when.areas).isdisjoint(asked.areas))
        and when.track in (None, asked.track)
        and (not when.urgencies or asked.urgency in when.urgencies)
        and (not when.levels or asked.level in when.levels)
        and (not when.weekdays or asked.at.isoweekday() in when.weekdays)
        and _in_time(when.begins, when.ends, asked.at.time())
    )


def _in_time(begins: time | None, ends: time | None, at: time) -> bool:
    if begins is None or ends is None:
        return True
    if begins < ends:
        return begins <= at < ends
    return at >= begins or at < ends


def decide(rules: RuleList | None, asked: Asked, units: Units) -> Decision | None:
    """Who owns it: exactly one unit that is there; None only where no desk is anywhere."""
    desk = units.desk(asked.areas)
    if desk is None:
        return None
    if asked.condition is None:
        return Decision(unit_code=desk, why=Why.UNCLASSIFIED)
    fitting = [rule for rule in (rules.rules if rules else ()) if fits(rule.when, asked)]
    skipped = []
    for place, rule in enumerate(fitting):
        lead = units.find(rule.unit, asked.areas)
        if lead is None:
            skipped.append(rule.code)
            continue
        found = (units.find(named, asked.areas) for named in rule.assist)
        assist = dict.fromkeys(unit for unit in found if unit is not None and unit != lead)
        return Decision(
            unit_code=lead,
            why=Why.RULE,
            rule=rule.code,
            assist=tuple(assist),
            also=tuple(each.code for each in fitting[place + 1 :]),
            skipped=tuple(skipped),
        )
    return Decision(unit_code=desk, why=Why.NO_RULE, skipped=tuple(skipped))

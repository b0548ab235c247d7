"""立案条件: what a request may be about, how long each step of it may take, how it is closed. Pure.

Codes follow the way GB/T 30428 numbers its events (group 2, event 4 digits) for orientation only;
no conformity is claimed. A condition is an event's code and a number of its own, such as 0404-1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Final


class Unit(StrEnum):
    """What a limit is counted in."""

    MINUTES = "minutes"  # 分钟, by day and night
    URGENT_HOURS = "urgent_hours"  # 紧急工作时: an hour of emergency work, by day and night
    WORK_HOURS = "work_hours"  # 工作时: hours in which offices are open
    WORK_DAYS = "work_days"  # 工作日: ends when the last of them closes
    HOURS = "hours"  # 日历时
    DAYS = "days"  # 日历日: the same time of day, so many days later


class Clock(StrEnum):
    """The limits of a request, in the order in which they run."""

    ACCEPT = "accept"  # 签收
    CONTACT = "contact"  # 首次联系
    RESOLVE = "resolve"  # 办结
    CALL_BACK = "call_back"  # 回访
    RECTIFY = "rectify"  # 差评整改


WHOM: Final = ("handler", "head", "street", "secretary", "review")
ESCALATING: Final = (Clock.ACCEPT, Clock.CONTACT, Clock.RESOLVE, Clock.RECTIFY)
TIERS: Final = ("critical", "urgent", "normal", "complex", "consult")  # 特急 加急 一般 复杂 咨询
AMOUNT_MAX: Final = {
    Unit.MINUTES: 1440,
    Unit.URGENT_HOURS: 720,
    Unit.WORK_HOURS: 240,
    Unit.WORK_DAYS: 250,
    Unit.HOURS: 8760,
    Unit.DAYS: 365,
}


@dataclass(frozen=True, slots=True)
class Limit:
    """So many of a unit; `str` and the catalogue's file write it `4 work_hours`."""

    amount: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """How pressing a condition is; its limits hold where the condition has none of its own."""

    code: str
    name_zh: str
    name_en: str
    limits: Mapping[Clock, Limit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """结案条件: what must be so, and be shown, before a request is done.

    `near_m` is how far the photo after may be from the request's place, in metres; None: anywhere.
    """

    text_zh: str
    text_en: str
    needs_before: bool
    needs_after: bool
    near_m: int | None
    needs_checker: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One 立案条件 of an event, as one version of the catalogue has it.

    `limits` has all five clocks: its own, or its tier's. `own_limits` are only its own.
    """

    code: str
    version: int
    name_zh: str
    name_en: str
    group: str
    event: str
    synonyms: tuple[str, ...]
    tier: str
    own_limits: Mapping[Clock, Limit]
    limits: Mapping[Clock, Limit]
    closing: Closing
    natures: tuple[str, ...]
    is_sensitive: bool
    is_public: bool
    own_handling: bool

    # The closing condition's parts by the names that steps ask for.
    @property
    def needs_before(self) -> bool:
        return self.closing.needs_before

    @property
    def needs_after(self) -> bool:
        return self.closing.needs_after

    @property
    def near_m(self) -> int | None:
        return self.closing.near_m


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """小类: its conditions, the usual one first."""

    code: str
    name_zh: str
    name_en: str
    group: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """大类."""

    code: str
    name_zh: str
    name_en: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nature:
    """诉求性质 as 12345 lines have it; `tier` holds for what fits no condition."""

    code: str
    name_zh: str
    name_en: str
    tier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalation:
    """At `percent` of the time that these clocks count, somebody more is told."""

    percent: int
    whom: str
    clocks: tuple[Clock, ...]


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """One version, in force from `valid_from` until a later one is.

    `extension_percent_max`: an extension may add so much of the clock's own limit.
    """

    version: int
    valid_from: date
    note_zh: str
    note_en: str
    tiers: Mapping[str, Tier]
    natures: tuple[Nature, ...]
    groups: tuple[Group, ...]
    escalations: tuple[Escalation, ...]
    extension_percent_max: int

    @cached_property
    def conditions(self) -> dict[str, Condition]:
        """By code, in the catalogue's order."""
        return {
            condition.code: condition
            for event in self.events.values()
            for condition in event.conditions
        }

    @cached_property
    def events(self) -> dict[str, Event]:
        """By code, in the catalogue's order."""
        return {event.code: event for group in self.groups for event in group.events}

    def condition(self, category: str | None) -> Condition | None:
        """A condition by its own code, or the usual one of an event's code."""
        if category is None:
            return None
        if (found := self.conditions.get(category)) is not None:
            return found
        event = self.events.get(category)
        return event.conditions[0] if event is not None else None

    def escalations_of(self, clock: Clock) -> tuple[Escalation, ...]:
        """What happens to a clock as its time goes by, in that order."""
        return tuple(each for each in self.escalations if clock in each.clocks)

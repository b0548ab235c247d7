"""A version of a programme's rules, as values; and which of several is in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from services.points.rules.caps import Cap

# Why a draft is refused, said by whoever refuses it.
REASON_CHARS_MIN, REASON_CHARS_MAX = 2, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a kind of evidence is worth: a part of the points, and of the minutes."""

    points: Fraction
    hours: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A time in which some kinds (None: all) earn more or less; both days inclusive."""

    name: str
    first: date
    last: date
    kinds: frozenset[str] | None
    multiplier: Fraction

    def covers(self, kind: str, on: date) -> bool:
        """Whether an activity of this kind on this day is in it."""
        return self.first <= on <= self.last and (self.kinds is None or kind in self.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Veto:
    """No points for a resident or for a kind, for a time (None: without that end)."""

    resident_no: str | None
    kind: str | None
    first: date | None
    last: date | None
    reason: str

    def holds(self, on: date) -> bool:
        """Whether it holds on a day; both its days are inclusive."""
        return (self.first is None or self.first <= on) and (self.last is None or on <= self.last)


@dataclass(frozen=True, slots=True)
class Formula:
    """points = floor((minutes counted x slope + base) / per), in whole numbers.

    `told` are the factors that made it, as an award's explanation names them.
    """

    slope: int
    base: int
    per: int
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """One version. Rates are points an hour, `points_each` points an attendance.

    `communities` None: wherever no other version names the community.
    """

    programme: str
    version: int
    valid_from: date
    communities: frozenset[str] | None
    title: Mapping[str, str]
    rates: Mapping[str, Fraction]
    points_each: Mapping[str, Fraction]
    coefficients: Mapping[str, Fraction]
    minutes_counted_max: int
    evidence: Mapping[str, Evidence]
    campaigns: tuple[Campaign, ...]
    vetoes: tuple[Veto, ...]
    caps: tuple[Cap, ...]
    first_come: bool
    wish_points: Mapping[str, int]
    fen_per_point: int | None = None
    expiry: Any = "never"
    notice_days: int | None = None
    # What becomes of spent points when an award is reversed; None: the proposal says.
    reversal: str | None = None
    # No minute of a resident counts twice; off, times of activities are not compared at all.
    time_counted_once: bool = False
    # Worked out once a kind, evidence and campaign: exact fractions are slow.
    formulas: dict[tuple[str, str, str], Formula] = field(
        default_factory=dict, compare=False, repr=False
    )

    @property
    def has_shared_caps(self) -> bool:
        """Whether some cap counts more than one person."""
        return any(cap.level != "person" for cap in self.caps)

    def cap(self, code: str) -> Cap | None:
        """The cap of this code, if it is declared."""
        return next((cap for cap in self.caps if cap.code == code), None)


def in_force(
    rule_sets: Iterable[RuleSet], on: date, community: str | None = None
) -> RuleSet | None:
    """The rules for a day in a community (None: where no community is known).

    Of those valid by then, the one that names the community, among fewest; then the newest
    start, then the newest version.
    """
    valid = [
        rules
        for rules in rule_sets
        if rules.valid_from <= on and (rules.communities is None or community in rules.communities)
    ]
    return max(valid, key=_rank, default=None)


def _rank(rules: RuleSet) -> tuple[bool, int, date, int, str]:
    named = rules.communities
    return (
        named is not None,
        -len(named or ()),
        rules.valid_from,
        rules.version,
        rules.programme,
    )


def is_in_force(rules: RuleSet, rule_sets: Iterable[RuleSet], on: date) -> bool:
    """Whether these rules are in force somewhere on a day."""
    known = list(rule_sets)
    return any(in_force(known, on, community) == rules for community in rules.communities or [None])


def timeline(rule_sets: Iterable[RuleSet], community: str | None) -> list[RuleSet]:
    """The rules that were or will be in force in a community, the oldest first."""
    known = list(rule_sets)
    told: list[RuleSet] = []
    for on in sorted({rules.valid_from for rules in known}):
        valid = in_force(known, on, community)
        if valid is not None and (not told or told[-1] is not valid):
            told.append(valid)
    return told

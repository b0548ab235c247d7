"""Caps at four levels, and in which order awards may come under them.

A cap says how many points a person, a household, an activity or a community may get in a window.
Each award is credited what is left under all of its caps, so no cap is ever exceeded and nothing
is withheld that all of them would leave.

The law of order: where any two caps are nested (each person is in one household and one
community, each day in one month), whatever comes, in whatever order, the total is the same: the
most that the caps allow. Where two caps cross (a person is in many activities, an activity has
many persons) no rule could promise that without taking points back: who comes first leaves less
to the others. Rules with crossing caps must say so themselves (`first_come`), and are refused
otherwise. Somebody who moves within a window is in two households for its length, and is the one
exception. A cap counts what was awarded under versions that declare it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import combinations

LEVELS = ("person", "household", "activity", "community")
WINDOWS = ("day", "week", "month", "year", "lifetime")
LIFETIME = date.min  # where a window without a beginning begins

_WITHIN_LEVEL = {
    "person": {"person", "household", "community"},
    "household": {"household", "community"},
    "activity": {"activity"},
    "community": {"community"},
}
_WITHIN_WINDOW = {
    "day": set(WINDOWS),
    "week": {"week", "lifetime"},
    "month": {"month", "year", "lifetime"},
    "year": {"year", "lifetime"},
    "lifetime": {"lifetime"},
}

# What a counter counts: a level, whose, a window, and the window's first day.
Place = tuple[str, int | str, str, date]
Opening = tuple[str, str, date]


@dataclass(frozen=True, slots=True)
class Cap:
    """The most points of one level and window; `counts_from` begins its counting anew."""

    level: str
    window: str
    points: int
    counts_from: date | None = None

    @property
    def code(self) -> str:
        """Its name in rules, awards and events."""
        return f"{self.level}_{self.window}_points"

    def begins(self, on: date) -> date:
        """The first day of the window that a day is in."""
        start = window_start(self.window, on)
        if self.counts_from is None or self.counts_from > on:
            return start
        return max(start, self.counts_from)


CODES = tuple(f"{level}_{window}_points" for level in LEVELS for window in WINDOWS)


def split(code: str) -> tuple[str, str]:
    """Level and window of a cap's code; raises ValueError for another text."""
    level, _, rest = code.partition("_")
    window = rest.removesuffix("_points")
    if level not in LEVELS or window not in WINDOWS or code != f"{level}_{window}_points":
        raise ValueError(f"{code!r} is no cap")
    return level, window


def window_start(window: str, on: date) -> date:
    """The first day of a day's window; weeks begin on Monday."""
    if window == "day":
        return on
    if window == "week":
        return on - timedelta(days=on.weekday())
    if window == "month":
        return on.replace(day=1)
    if window == "year":
        return date(on.year, 1, 1)
    return LIFETIME


def crossing(caps: Iterable[Cap]) -> tuple[Cap, Cap] | None:
    """Two caps of which neither lies within the other, if there are any."""
    for one, other in combinations(caps, 2):
        if not _is_within(one, other) and not _is_within(other, one):
            return one, other
    return None


def _is_within(inner: Cap, outer: Cap) -> bool:
    return (
        outer.level in _WITHIN_LEVEL[inner.level] and outer.window in _WITHIN_WINDOW[inner.window]
    )


def openings(caps: Iterable[Cap], on: date) -> list[Opening]:
    """The windows of a day, in the caps' order: the same for every award of the day."""
    return [(cap.level, cap.window, cap.begins(on)) for cap in caps]


def places(opened: Iterable[Opening], scopes: Mapping[str, int | str]) -> list[Place]:
    """The counters of an award; `scopes` names whose they are, by level."""
    return [(level, scopes[level], window, begins) for level, window, begins in opened]


@dataclass(slots=True)
class Meter:
    """What counters have counted so far; `changed` are those that an award has moved."""

    used: dict[Place, int]
    changed: set[Place]

    def credit(
        self, points: int, caps: Sequence[Cap], counted: Sequence[Place]
    ) -> tuple[int, list[str]]:
        """What all caps leave of an award's points, and the caps that took something.

        Uses up the room. An award of 0 points hits nothing.
        """
        credited: int = points
        hit: list[str] = []
        if not points:
            return 0, hit
        for cap, place in zip(caps, counted, strict=True):
            left = cap.points - self.used.get(place, 0)
            if left < points:
                hit.append(cap.code)
                credited = min(credited, max(left, 0))
        if credited:
            self.count(credited, counted)
        return credited, hit

    def count(self, points: int, counted: Iterable[Place]) -> None:
        """Count points that were credited."""
        for place in counted:
            self.used[place] = self.used.get(place, 0) + points
        self.changed.update(counted)


def new_meter() -> Meter:
    """One that has counted nothing."""
    return Meter({}, set())

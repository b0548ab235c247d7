"""星级: stars by hours of service, and where a programme wants it by points earned as well.

Both keys must be reached. Spending never lowers either: service time is never spent, and the
points are those earned, not those left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.points.rules.declaring import Declared, listed, table, whole, word, wrong

LADDER = "default"
STARS_MAX = 20
HOURS_MAX = 100_000
POINTS_MAX = 10**9


@dataclass(frozen=True, slots=True)
class Level:
    """What one star needs: minutes of service, and points earned (0 where hours suffice)."""

    minutes: int
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """One version of a ladder; without a programme, service in all programmes counts."""

    name: str
    version: int
    valid_from: date
    programme: str | None
    levels: tuple[Level, ...]

    @property
    def counts_points(self) -> bool:
        """Whether points earned are one of its keys."""
        return any(level.points for level in self.levels)


@dataclass(frozen=True, slots=True)
class Totals:
    """Minutes served and points earned."""

    minutes: int = 0
    points: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """The star at the end of a day on which it changed, and what it stands on."""

    on_date: date
    star: int
    totals: Totals
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where somebody stands, and what the next star still needs (None when there is none)."""

    star: int
    stars: int
    totals: Totals
    next_level: Level | None

    @property
    def minutes_left(self) -> int:
        """Until the next star; 0 when time is not what is missing."""
        return max(self.next_level.minutes - self.totals.minutes, 0) if self.next_level else 0

    @property
    def points_left(self) -> int:
        """Likewise, of points."""
        return max(self.next_level.points - self.totals.points, 0) if self.next_level else 0


# In force until a district declares its own.
DEFAULT = Ladder(
    name=LADDER,
    version=0,
    valid_from=date.min,
    programme=None,
    levels=tuple(Level(hours * 60, 0) for hours in (100, 300, 600, 1000, 1500)),
)


def read_ladder(name: str, version: int, valid_from: date, body: Mapping[str, Any]) -> Ladder:
    """A ladder from its declared form: {"levels": [{"hours": 100, "points": 0}], "programme":
    null}, each level above the last. Raises Rejected.
    """
    told = table(body, "", required=("levels",), optional=("programme",))
    levels: list[Level] = []
    for number, one in enumerate(listed(told["levels"], "/levels", most=STARS_MAX)):
        at = f"/levels/{number}"
        level = table(one, at, required=("hours",), optional=("points",))
        minutes = whole(level["hours"], f"{at}/hours", 0, HOURS_MAX) * 60
        points = whole(level.get("points", 0), f"{at}/points", 0, POINTS_MAX)
        last = levels[-1] if levels else Level(0, 0)
        if (
            minutes < last.minutes
            or points < last.points
            or (minutes, points)
            == (
                last.minutes,
                last.points,
            )
        ):
            raise wrong(at, "每一级须高于上一级", "each level must be above the one before")
        levels.append(Level(minutes, points))
    programme = told.get("programme")
    return Ladder(
        name=name,
        version=version,
        valid_from=valid_from,
        programme=None if programme is None else word(programme, "/programme"),
        levels=tuple(levels),
    )


def ladders(declared: Iterable[Declared]) -> dict[str, list[Ladder]]:
    """All versions of every ladder by name, oldest start first; the default is always there."""
    found: dict[str, list[Ladder]] = {LADDER: [DEFAULT]}
    for one in declared:
        if one.kind == "star":
            ladder = read_ladder(one.name, one.version, one.valid_from, one.body)
            found.setdefault(one.name, []).append(ladder)
    for versions in found.values():
        versions.sort(key=lambda ladder: (ladder.valid_from, ladder.version))
    return found


def ladder_on(versions: Sequence[Ladder], on: date) -> Ladder | None:
    """The version of a ladder in force on a day; None before its first."""
    valid = [ladder for ladder in versions if ladder.valid_from <= on]
    return valid[-1] if valid else None


def star_of(ladder: Ladder | None, totals: Totals) -> int:
    """How many stars these totals make; 0 without a ladder."""
    if ladder is None:
        return 0
    return sum(
        totals.minutes >= level.minutes and totals.points >= level.points for level in ladder.levels
    )


def progress(ladder: Ladder, totals: Totals) -> Progress:
    """Where totals stand on a ladder."""
    star = star_of(ladder, totals)
    stars = len(ladder.levels)
    following = ladder.levels[star] if star < stars else None
    return Progress(star=star, stars=stars, totals=totals, next_level=following)


def changes(
    versions: Sequence[Ladder],
    days: Mapping[date, Totals],
    *,
    through: date,
    before: Change | None = None,
) -> tuple[list[Change], Change]:
    """The days up to `through` on which the star changed, and where that leaves somebody.

    `days` holds what each day added (or took back). `before` is where an earlier call left off;
    a ladder that starts on a day counts from that day on.
    """
    stood = before or Change(date.min, 0, Totals(), 0)
    totals, star, version = stood.totals, stood.star, stood.version
    marked: list[Change] = []
    starts = {one.valid_from for one in versions if stood.on_date <= one.valid_from <= through}
    for on in sorted({day for day in days if day <= through} | starts):
        added = days.get(on, Totals())
        totals = Totals(totals.minutes + added.minutes, totals.points + added.points)
        ladder = ladder_on(versions, on)
        version = ladder.version if ladder else 0
        now = star_of(ladder, totals)
        if now != star:
            star = now
            marked.append(Change(on, star, totals, version))
        stood = Change(max(on, stood.on_date), star, totals, version)
    return marked, stood

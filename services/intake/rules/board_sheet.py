"""The whole board from counts, whoever counted: SQL over facts, or Python over histories. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Final

from services.intake.rules.board import (
    Life,
    Rate,
    Tally,
    Terms,
    case_shares,
    ranks,
    rates,
    score,
    tally,
)

ALL: Final = ("all", "")
CATEGORIES_MAX: Final = 10

Subject = tuple[str, str]  # ("community" | "unit" | "all", its code)


@dataclass(frozen=True, slots=True)
class Medians:
    """Whole minutes, the lower middle: from coming in to first contact, and to being done."""

    contact: int | None = None
    resolve: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """All that is counted; cells are by (community, unit), "" where a request has none."""

    cells: Mapping[tuple[str, str], Tally]
    shares: Mapping[Subject, Mapping[str, tuple[int, int]]]
    medians: Mapping[Subject, Medians]
    days: Mapping[date, tuple[int, int]]  # received, and how many of those are still open
    categories: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Subjects that may be ranked with each other, with their names; `subject` says what."""

    group_code: str
    subject: str
    name: str
    name_en: str
    is_ranked: bool
    members: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One subject within its group; `place` is None where it is not or cannot be ranked."""

    code: str
    name: str
    tally: Tally
    rates: Mapping[str, Rate]
    medians: Medians
    score: int | None
    place: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLines:
    """A group's lines, the first place first, those without a score last, by code."""

    group: Group
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """What the page, the workbook and the sheet show."""

    total: Tally
    rates: Mapping[str, Rate]
    medians: Medians
    groups: Sequence[GroupLines]
    days: Sequence[tuple[date, int, int]]
    categories: Sequence[tuple[str, int]]
    terms: Terms

    def told(self) -> dict[str, Any]:
        """As plain values, in one order: equal boards are equal bytes."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A request's life, and where it is counted."""

    life: Life
    community_code: str | None
    unit_code: str | None
    category: str
    case_id: int
    received_on: date
    subjects: tuple[Subject, ...] = field(init=False)

    def __post_init__(self) -> None:
        community, unit = self.community_code or "", self.unit_code or ""
        object.__setattr__(self, "subjects", (ALL, ("community", community), ("unit", unit)))


def count(placed: Iterable[Placed], terms: Terms, now: datetime) -> Counts:
    """Count histories one by one, as slowly and plainly as can be."""
    cells: defaultdict[tuple[str, str], list[Life]] = defaultdict(list)
    cases: defaultdict[tuple[Subject, int], list[Life]] = defaultdict(list)
    of: defaultdict[Subject, list[Life]] = defaultdict(list)
    days: defaultdict[date, list[Life]] = defaultdict(list)
    categories: Counter[str] = Counter()
    for one in placed:
        cells[one.community_code or "", one.unit_code or ""].append(one.life)
        days[one.received_on].append(one.life)
        categories[one.category] += 1
        for subject in one.subjects:
            of[subject].append(one.life)
            cases[subject, one.case_id].append(one.life)
    tallies: defaultdict[Subject, list[Tally]] = defaultdict(list)
    for (subject, _), lives in cases.items():
        tallies[subject].append(tally(lives, now))
    by_day = {day: tally(lives, now) for day, lives in days.items()}
    return Counts(
        cells={cell: tally(lives, now) for cell, lives in cells.items()},
        shares={
            subject: case_shares(each, terms) for subject, each in tallies.items() if subject != ALL
        },
        medians={subject: _medians(lives) for subject, lives in of.items()},
        days={day: (one["received"], one["open"]) for day, one in by_day.items()},
        categories=categories,
    )


def _medians(lives: Iterable[Life]) -> Medians:
    listed = list(lives)
    return Medians(
        median(_minutes(one.received_at, one.contacted_at) for one in listed),
        median(_minutes(one.received_at, one.resolved_at) for one in listed),
    )


def _minutes(since: datetime, until: datetime | None) -> int | None:
    return None if until is None else int((until - since).total_seconds() // 60)


def median(values: Iterable[int | None]) -> int | None:
    """The lower middle of those that are known."""
    known = sorted(value for value in values if value is not None)
    return known[(len(known) - 1) // 2] if known else None


def assemble(counts: Counts, terms: Terms, groups: Sequence[Group]) -> Board:
    """The board; a subject without a request in the period has a line of dashes."""
    total = sum(counts.cells.values(), Tally())
    nobody = Medians()
    return Board(
        total=total,
        rates=rates(total, terms),
        medians=counts.medians.get(ALL, nobody),
        groups=[_lines(counts, terms, group) for group in groups],
        days=[(day, *counts.days[day]) for day in sorted(counts.days)],
        categories=sorted(counts.categories.items(), key=lambda each: (-each[1], each[0]))[
            :CATEGORIES_MAX
        ],
        terms=terms,
    )


def _lines(counts: Counts, terms: Terms, group: Group) -> GroupLines:
    side = 0 if group.subject == "community" else 1
    tallies = dict.fromkeys(group.members, Tally())
    for cell, one in counts.cells.items():
        if cell[side] in tallies:
            tallies[cell[side]] += one
    scores = {code: score(counts.shares.get((group.subject, code), {}), terms) for code in tallies}
    places = ranks(scores) if group.is_ranked else dict.fromkeys(scores)
    lines = [
        Line(
            code=code,
            name=group.members[code],
            tally=one,
            rates=rates(one, terms),
            medians=counts.medians.get((group.subject, code), Medians()),
            score=scores[code],
            place=places[code],
        )
        for code, one in tallies.items()
    ]
    lines.sort(key=lambda line: (line.place is None, line.place or 0, line.code))
    return GroupLines(group=group, lines=lines)

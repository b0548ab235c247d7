"""What is owed to residents: each change under one heading, so that every month adds up.

opening + all headings = closing, for a community, a programme and the whole district. Points stay
with the community their holder lives in; who moves takes them along, which is a heading of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

MOVED = "moved"

# Headings in the order in which they are shown: kinds of transfers, and moving house.
HEADINGS: Mapping[str, tuple[str, str]] = {
    "award": ("发放", "Issued"),
    "redemption": ("兑换", "Redeemed"),
    "expiry": ("到期", "Expired"),
    "reversal": ("冲正", "Reversed"),
    "adjustment": ("调整", "Adjusted"),
    "import": ("补录", "Imported"),
    "conversion": ("折换", "Converted"),
    "gift": ("赠与", "Gifts"),
    "transfer_in": ("转入", "Moved in"),
    "transfer_out": ("转出", "Moved out"),
    MOVED: ("迁居", "Moved house"),
    # Between accounts of one holder: they add up to nothing unless the holders differ.
    "posting": ("公示入账", "Posted"),
    "hold": ("冻结", "Put aside"),
    "release": ("退回", "Released"),
}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where points are counted; a community of '' is the district (partners, escrow, unknown)."""

    asset: str
    community_code: str
    programme: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a day added to a place (or took from it), under one heading."""

    on_date: date
    place: Place
    heading: str
    amount: int


@dataclass(slots=True)
class RollForward:
    """From an opening to a closing."""

    opening: int = 0
    changes: Counter[str] = field(default_factory=Counter)

    @property
    def closing(self) -> int:
        """What is outstanding at the end."""
        return self.opening + self.changes.total()


def moved(
    outstanding: Mapping[Place, int], booked: Mapping[Place, int], flows: Iterable[Change]
) -> dict[Place, int]:
    """What moving residents changed: what is outstanding, less what was booked, less the flows.

    Over all communities it is nothing, for each programme; see `untied`.
    """
    left: Counter[Place] = Counter(outstanding)
    left.subtract(booked)
    for change in flows:
        left[change.place] -= change.amount
    return {place: amount for place, amount in sorted(left.items()) if amount}


def untied(found: Mapping[Place, int]) -> int:
    """Points that no move explains: must be 0. Moves only carry points between communities."""
    sums: Counter[tuple[str, str]] = Counter()
    for place, amount in found.items():
        sums[place.asset, place.programme] += amount
    return sum(abs(amount) for amount in sums.values())


def value_fen(points: Mapping[str, int], rates: Mapping[str, int]) -> int:
    """What points of these programmes cost, in whole fen, rounded up once.

    `rates` are fen for a hundred points, by programme; '' is for all that have none of their own.
    """
    exact = sum(
        (
            Fraction(amount * rates.get(programme, rates.get("", 0)), 100)
            for programme, amount in points.items()
        ),
        Fraction(0),
    )
    return -(-exact.numerator // exact.denominator)


def worth(unit: str, points: Mapping[str, int], rates: Mapping[str, int]) -> int:
    """Points of these programmes in the unit of a budget: points or fen."""
    return value_fen(points, rates) if unit == "fen" else sum(points.values())

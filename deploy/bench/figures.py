"""Small sums over repetitions: medians with their spread, percentiles, ratios pair by pair."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Repetition = Mapping[str, Mapping[str, float]]  # what was measured -> name -> value


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of several values and how far they lie apart."""

    median: float
    low: float
    high: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(statistics.median(values), min(values), max(values), len(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def column(repetitions: Sequence[Repetition], what: str, name: str = "rate") -> list[float]:
    """One figure of all repetitions that have it."""
    return [one[what][name] for one in repetitions if name in one.get(what, {})]


def ratios(repetitions: Sequence[Repetition], what: str, anchor: str) -> list[float]:
    """Rate against rate within each repetition: what slowed both down cancels."""
    return [
        one[what]["rate"] / one[anchor]["rate"]
        for one in repetitions
        if what in one and anchor in one
    ]

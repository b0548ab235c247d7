"""The geometry of the small charts; pure. Templates draw it as inline SVG, without scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

POINTS_MAX = 400


@dataclass(frozen=True, slots=True)
class Column:
    """A rectangle in the chart's own units."""

    x: float
    y: float
    width: float
    height: float


def _top(values: Sequence[float]) -> float:
    return max((float(v) for v in values if v > 0), default=1.0)


def columns(values: Sequence[float], width: int = 600, height: int = 120) -> list[Column]:
    """One column per value, the highest as high as the chart; only the last 400 are drawn."""
    shown = list(values)[-POINTS_MAX:]
    if not shown:
        return []
    step, top = width / len(shown), _top(shown)
    gap = step * 0.25 if step > 3 else 0.0
    drawn = []
    for index, value in enumerate(shown):
        tall = round(max(float(value), 0.0) / top * height, 2)
        drawn.append(
            Column(round(index * step + gap / 2, 2), round(height - tall, 2),
                   round(step - gap, 2), tall)
        )  # fmt: skip
    return drawn


def line(values: Sequence[float], width: int = 120, height: int = 32) -> str:
    """The `points` of a polyline through the last 400 values, from 0 to the highest."""
    shown = list(values)[-POINTS_MAX:]
    if not shown:
        return ""
    if len(shown) == 1:
        shown *= 2
    step, top = width / (len(shown) - 1), _top(shown)
    room = height - 4  # so that the stroke is not cut at the edges
    return " ".join(
        f"{index * step:.1f},{height - 2 - max(float(value), 0.0) / top * room:.1f}"
        for index, value in enumerate(shown)
    )


def share(value: float, whole: float) -> float:
    """How much of the whole, 0 to 100; 0 when the whole is nothing."""
    return round(min(max(float(value) / float(whole), 0.0), 1.0) * 100, 2) if whole > 0 else 0.0

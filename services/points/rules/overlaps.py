"""One minute of a person counts once: which part of an attendance nobody has counted yet. No I/O.

Whichever attendance comes first is counted whole, a later one only where it does not overlap. So
the minutes that a resident is credited are those in which he served anywhere, whatever order the
attendances come in (each is rounded down to whole minutes by itself).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

Span = tuple[datetime, datetime]  # from, and up to but not with


def free_parts(span: Span, taken: Iterable[Span]) -> list[Span]:
    """What of a span no other covers, in order; all of it when none does."""
    free: list[Span] = []
    start, end = span
    for begun, ended in sorted(taken):
        if ended <= start or begun >= end:
            continue
        if begun > start:
            free.append((start, begun))
        start = max(start, ended)
    if start < end:
        free.append((start, end))
    return free


def whole_minutes(parts: Iterable[Span]) -> int:
    """The minutes of parts together, rounded down."""
    return sum((end - start for start, end in parts), timedelta()) // timedelta(minutes=1)

"""Lays the two accounts of a passbook side by side: one line for each award, newest first.

Both accounts are locked together for every award, so awards stand in the same order in both; a
line without points (or without minutes) is simply missing from one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """流水 of one account. `amount` is negative for what was taken; `on_date` is the award's."""

    seq: int
    amount: int
    balance: int
    posted_at: datetime
    document_id: UUID
    kind: str
    on_date: date
    programme: str | None
    rule_version: int | None
    explanation: Mapping[str, Any]
    expires_on: date | None = None
    made_by: str | None = None
    checked_by: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One award: its entry of points, of minutes, or both, and the points held after it."""

    points: Entry | None
    minutes: Entry | None
    points_balance: int

    @property
    def entry(self) -> Entry:
        """Either entry, for what both tell alike."""
        found = self.points or self.minutes
        if found is None:
            raise ValueError("a line has at least one entry")
        return found


def lines(points: Sequence[Entry], minutes: Sequence[Entry], most: int) -> list[Line]:
    """The newest `most` lines of two accounts' newest entries (give at least `most` of each)."""
    laid: list[Line] = []
    in_points = {entry.document_id for entry in points}
    in_minutes = {entry.document_id for entry in minutes}
    p = m = 0
    while len(laid) < most and (p < len(points) or m < len(minutes)):
        point = points[p] if p < len(points) else None
        minute = minutes[m] if m < len(minutes) else None
        if point is not None and minute is not None and point.document_id != minute.document_id:
            if minute.document_id not in in_points and (
                point.document_id in in_minutes or point.posted_at <= minute.posted_at
            ):
                point = None
            else:
                minute = None
        held = points[p].balance if p < len(points) else 0
        laid.append(Line(point, minute, held))
        p += point is not None
        m += minute is not None
    return laid

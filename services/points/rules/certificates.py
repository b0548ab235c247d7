"""Certificates of service: their numbers, what they count, and what they are worth on a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

NOTICE_DAYS_MIN = 7
NOTES_CHARS_MAX = 200


@dataclass(frozen=True, slots=True)
class Counted:
    """An award that a certificate counts: its service time (minutes) and what was done."""

    award_id: UUID
    on_date: date
    minutes: int
    kind: str


def number(community_code: str, year: int, serial: int) -> str:
    """990101001001-2026-00017: the register's community, its year, and the place in it."""
    return f"{community_code}-{year}-{serial:05d}"


def honour_number(year: int, serial: int) -> str:
    """RY-2026-00017: of a certificate of an honour (荣誉), numbered through the district."""
    return f"RY-{year}-{serial:05d}"


def masked(resident_no: str) -> str:
    """R***01: enough for the holder to know it, too little for others to find the person."""
    if len(resident_no) < 4:
        return "***"
    return f"{resident_no[0]}***{resident_no[-2:]}"


def standing(state: str, valid_on: date | None, today: date) -> str:
    """The state as of a day: `in_notice` or `valid` once it is issued."""
    if state != "issued" or valid_on is None:
        return state
    return "valid" if today >= valid_on else "in_notice"


def contents(counted: Iterable[Counted]) -> list[dict[str, Any]]:
    """What was done, by kind: how often, how long, from when to when; the longest first."""
    kinds: dict[str, list[Counted]] = {}
    for one in counted:
        kinds.setdefault(one.kind, []).append(one)
    told = [
        {
            "kind": kind,
            "count": len(its),
            "minutes": sum(one.minutes for one in its),
            "first_on": min(one.on_date for one in its).isoformat(),
            "last_on": max(one.on_date for one in its).isoformat(),
        }
        for kind, its in kinds.items()
    ]
    return sorted(told, key=lambda each: (-int(str(each["minutes"])), str(each["kind"])))

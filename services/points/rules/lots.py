"""Lots: how long points are good, and in which order they are taken.

What ends first is taken first; of what ends on the same day, the oldest source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

# The last day a lot can name; it stands for "never".
NEVER = date.max

MONTHS_MAX = 1200


@dataclass(frozen=True, slots=True)
class Lot:
    """Where points come from and the last day they are good. Both go with them everywhere."""

    expires_on: date
    source_id: int


@dataclass(frozen=True, slots=True)
class HeldLot:
    """What is left of a lot in one account."""

    lot: Lot
    remaining: int


def expires_on(policy: object, on: date) -> date:
    """The last day of what is earned on a day, by the policy of its rules.

    `never`, `year_end` (31 December of the day's year) or `{"months": n}` (n whole months, to the
    end of the last). Raises ValueError for any other policy.
    """
    if policy == "never":
        return NEVER
    if policy == "year_end":
        return date(on.year, 12, 31)
    if isinstance(policy, Mapping) and set(policy) == {"months"}:
        months = _months(policy["months"])
        ended = on.year * 12 + on.month - 1 + months + 1  # the month after the last
        year, month = divmod(ended, 12)
        return NEVER if year >= NEVER.year else date(year, month + 1, 1) - timedelta(days=1)
    raise ValueError(f"{policy!r} is no policy of expiry")


def _months(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MONTHS_MAX:
        raise ValueError(f"{value!r} is not a number of months from 1 to {MONTHS_MAX}")
    return value


def take(held: Iterable[HeldLot], amount: int) -> list[tuple[Lot, int]]:
    """Which lots an amount is taken from, the first to end first; `held` of one account.

    Raises ValueError when there is not enough.
    """
    taken = []
    left = amount
    for one in sorted(held, key=lambda h: (h.lot.expires_on, h.lot.source_id)):
        if left <= 0:
            break
        part = min(one.remaining, left)
        if part > 0:
            taken.append((one.lot, part))
            left -= part
    if left > 0:
        raise ValueError(f"{left} of {amount} are not there")
    return taken


def ended_words(programme: str, ended_on: date) -> tuple[str, str]:
    """What a passbook says of points that ended, in Chinese and English."""
    return (
        f"方案 {programme} 的积分有效期至 {ended_on.isoformat()}，已到期",
        f"points of programme {programme} were good until {ended_on.isoformat()} and have ended",
    )

"""What members of a household may spend and give among each other, and whose points go first.

Nothing is ever pooled in one place: shared spending takes from each member's own account, so who
leaves a household takes along exactly what was his.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.points.rules.declaring import table, whole
from services.points.rules.lots import HeldLot, Lot

LIMITS = "default"
AMOUNT_MAX = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """In points: what one may give away in a day and a month, and let others spend a month."""

    gift_day_max: int = 50
    gift_month_max: int = 200
    spend_month_max: int = 500


@dataclass(frozen=True, slots=True)
class Member:
    """What a member has, and how much of it may be taken (None: all, it is his own spending)."""

    resident_no: str
    held: Sequence[HeldLot]
    most: int | None


@dataclass(frozen=True, slots=True)
class Share:
    """A part of what is spent: from whose points, and from which lot."""

    resident_no: str
    lot: Lot
    amount: int


def read_limits(body: Mapping[str, Any]) -> Limits:
    """From the declared form, which names all three; raises Rejected."""
    names = ("gift_day_max", "gift_month_max", "spend_month_max")
    told = table(body, "", required=names)
    return Limits(**{name: whole(told[name], f"/{name}", 0, AMOUNT_MAX) for name in names})


def allocate(
    members: Iterable[Member], amount: int, on: date, *, own_first: bool = False
) -> list[Share]:
    """Which lots of which members an amount comes from: what ends first goes first.

    On one day the spender's own go first; with `own_first` all of them do, whenever they end. Lots
    that have ended before `on` are not taken. Raises ValueError when there is not enough within
    what the members allow.
    """
    known = tuple(members)
    room = {one.resident_no: one.most for one in known}
    waiting = sorted(
        (
            (
                own_first and one.most is not None,
                held.lot.expires_on,
                one.most is not None,
                one.resident_no,
                held.lot.source_id,
                held,
            )
            for one in known
            for held in one.held
            if held.remaining > 0 and held.lot.expires_on >= on
        ),
        key=lambda each: each[:5],
    )
    taken, left = [], amount
    for *_, resident_no, _, held in waiting:
        most = room[resident_no]
        part = min(held.remaining, left, held.remaining if most is None else most)
        if part <= 0:
            continue
        taken.append(Share(resident_no, held.lot, part))
        left -= part
        if most is not None:
            room[resident_no] = most - part
    if left > 0:
        raise ValueError(f"{left} of {amount} are not there")
    return taken

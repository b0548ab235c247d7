"""Who hears of a wish's steps: the beneficiary, and a resident whose gift is thanked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select

from services.intake.models import Wish, WishClaim
from services.intake.rules.wishes import Action
from shared.ids import uuid7_text
from shared.messaging.transaction import Transaction
from shared.schemas import make
from shared.schemas.wishes import WISH_MOVED

SOURCE = "/linli/intake"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moving:
    """What shall be done to a wish that is locked."""

    wish: Wish
    action: Action
    facts: Mapping[str, Any] = field(default_factory=dict)
    change: Mapping[str, Any] = field(default_factory=dict)


_TOLD: Mapping[Action, str] = {
    Action.CLAIM: "claimed",
    Action.GIVE_UP: "returned",
    Action.EXPIRE: "returned",
    Action.DELIVER: "delivered",
}


def tell(tx: Transaction, moves: Sequence[Moving], now: datetime) -> None:
    """The beneficiary hears of claim and delivery, a resident who gave hears the thanks.

    A partner's delivery is told by `linli.wish.delivered.v1`, so not once more from here.
    """
    fulfilled = {one.wish.id for one in moves if one.facts.get("proof") == "partner"}
    said = [
        (one, one.wish.resident_no, _TOLD[one.action])
        for one in moves
        if one.action in _TOLD and one.wish.id not in fulfilled
    ]
    for one in moves:
        if one.action is Action.SHOW_THANKS:
            giver = tx.session.scalar(
                select(WishClaim.giver).where(
                    WishClaim.wish_id == one.wish.id,
                    WishClaim.outcome == "delivered",
                    WishClaim.giver_kind == "resident",
                )
            )
            if giver is not None:
                said.append((one, giver, "thanked"))
    tx.emit(
        make(
            WISH_MOVED,
            {
                "wish_code": one.wish.wish_code,
                "resident_no": hearer,
                "colour": one.wish.colour,
                "way": way,
                "moved_at": now,
            },
            source=SOURCE,
            correlationid=uuid7_text(),
        )
        for one, hearer, way in said
    )

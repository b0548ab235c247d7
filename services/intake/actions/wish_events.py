"""What partners' events do to wishes: claim one, and say that one is fulfilled.

The event is accepted whatever becomes of the wish: what a partner did, it did. A claim that came
too late is kept as lost, so that the partner can read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, update

from services.intake.actions.wish_telling import Moving
from services.intake.actions.wishes import Giver, claiming, delivering, take
from services.intake.models import Wish, WishClaim
from services.intake.rules.states import Actor
from services.intake.rules.wishes import State
from shared import clock
from shared.messaging.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Said:
    """An accepted event: who said it of which wish, and of whom (None: it named nobody)."""

    partner: str
    wish_code: str
    event_id: str
    resident_no: str | None = None


def claim(tx: Transaction, said: Sequence[Said]) -> None:
    """The first to claim a wish on the wall has it; every other claim is lost."""
    wishes = _locked(tx, said)
    lost = []
    for one in said:
        wish = wishes.get(one.wish_code)
        giver = Giver("partner", one.partner)
        if wish is not None and wish.state == State.PUBLISHED:
            take(tx, [claiming(tx, wish, giver)], Actor("partner", one.partner))
        elif wish is None or wish.state != State.CLAIMED or not _has(tx, wish, giver):
            lost.append(_lost(one, wish))
    if lost:
        tx.session.execute(insert(WishClaim), lost)


def fulfil(tx: Transaction, said: Sequence[Said]) -> None:
    """Close wishes of ours that a partner fulfilled: its own claims, and those nobody has.

    A code that is not ours, another's claim, another beneficiary: nothing happens here.
    """
    wishes = _locked(tx, said)
    for one in said:
        wish = wishes.get(one.wish_code)
        if wish is None or wish.resident_no != one.resident_no:
            continue
        giver, actor = Giver("partner", one.partner), Actor("partner", one.partner)
        moves: list[Moving] = []
        if wish.state == State.PUBLISHED:
            moves.append(claiming(tx, wish, giver))
        elif wish.state != State.CLAIMED or not _has(tx, wish, giver):
            continue
        moves.append(delivering(wish, "partner", {"event": one.event_id}))
        take(tx, moves, actor)
        tx.session.execute(
            update(WishClaim)
            .where(WishClaim.wish_id == wish.id, WishClaim.ended_at.is_(None))
            .values(ended_at=clock.now(), outcome="delivered")
        )


def _locked(tx: Transaction, said: Sequence[Said]) -> dict[str, Wish]:
    # Partners' own codes are no codes of ours: then this one look-up is all it costs.
    found = tx.session.scalars(
        select(Wish)
        .where(Wish.wish_code.in_({one.wish_code for one in said}))
        .order_by(Wish.id)
        .with_for_update(),
        execution_options={"populate_existing": True},
    )
    return {wish.wish_code: wish for wish in found}


def _has(tx: Transaction, wish: Wish, giver: Giver) -> bool:
    found = tx.session.scalar(
        select(WishClaim.id).where(
            WishClaim.wish_id == wish.id,
            WishClaim.ended_at.is_(None),
            WishClaim.giver_kind == giver.kind,
            WishClaim.giver == giver.no,
        )
    )
    return found is not None


def _lost(one: Said, wish: Wish | None) -> dict[str, object]:
    now = clock.now()
    return {
        "wish_id": None if wish is None else wish.id,
        "wish_code": one.wish_code,
        "giver_kind": "partner",
        "giver": one.partner,
        "claimed_at": now,
        "ended_at": now,
        "outcome": "lost",
    }

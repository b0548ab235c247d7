"""微心愿 moves: registered, verified, published, claimed, delivered, thanked; one way for all.

Every step is locked, checked against the law of rules/wishes.py and written to a history that
only grows. Who undertook it is a claim; one claim of a wish is open at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, text, update

from services.intake.actions import wish_telling
from services.intake.actions.wish_telling import Moving
from services.intake.models import Wish, WishClaim, WishPicture, WishStep
from services.intake.queries.wishes import limits
from services.intake.rules import pictures
from services.intake.rules.states import SYSTEM, Actor
from services.intake.rules.wishes import (
    Action,
    NewWish,
    State,
    after,
    check,
    check_text,
    claim_ends,
)
from shared import clock
from shared.clock import local_date
from shared.crypto import FieldCipher
from shared.errors import Conflict, Forbidden, Missing, Rejected
from shared.messaging.transaction import Transaction

EXPIRE_MAX = 200  # in one run of the clock

_NAME = text("SELECT name_sealed FROM residents WHERE resident_no = :no")
_NEXT = text("SELECT nextval(pg_get_serial_sequence('wishes', 'id'))")
_ENDED = text(
    "SELECT id FROM wishes WHERE claim_ends_at <= :now ORDER BY id LIMIT :most"
    " FOR UPDATE SKIP LOCKED"
)


@dataclass(frozen=True, slots=True)
class Giver:
    """Who fulfils a wish: a resident (a volunteer is one), somebody of the office, a partner."""

    kind: str
    no: str


def register(tx: Transaction, new: NewWish, actor: Actor, cipher: FieldCipher) -> str:
    """Write down a wish; its code. Raises Rejected naming the field."""
    now = clock.now()
    check(new, limits(tx.session, now).get(new.colour) or _no_limit())
    sealed = tx.session.execute(_NAME, {"no": new.resident_no}).scalar()
    if sealed is None:
        raise _wrong("resident_no", "查无此居民", "there is no such resident")
    check_text("wall_text", new.wall_text, (cipher.decrypt(sealed, bound_to=new.resident_no),))
    number = int(tx.session.execute(_NEXT).scalar_one())
    code = f"W{local_date(now):%Y%m%d}-{number:05d}"
    tx.session.execute(
        insert(Wish),
        {
            "id": number,
            "wish_code": code,
            "state": State.REGISTERED,
            "colour": new.colour,
            "resident_no": new.resident_no,
            "wall_text": new.wall_text.strip(),
            "detail": new.detail.strip(),
            "cost_fen": new.cost_fen,
            "consented_at": now,
            "registered_at": now,
            "registered_by": actor.no,
            "step_count": 1,
        },
    )
    step = _row(number, 1, Action.REGISTER, None, State.REGISTERED, actor, {}, now)
    tx.session.execute(insert(WishStep), step)
    return code


def verify(tx: Transaction, code: str, actor: Actor) -> None:
    """A grid worker has seen that it is so. Raises Forbidden for who registered it."""
    wish = locked(tx, code)
    if wish.registered_by == actor.no:
        raise Forbidden(
            "own_wish",
            "登记人不能核实自己登记的心愿，请由另一位网格员核实",
            "Whoever registered it cannot verify it: another grid worker does",
        )
    take(tx, [Moving(wish=wish, action=Action.VERIFY, change={"verified_by": actor.no})], actor)


def decline(tx: Transaction, code: str, reason: str, actor: Actor) -> None:
    """It is not a wish that neighbours can fulfil; `reason` is a code."""
    take(tx, [Moving(wish=locked(tx, code), action=Action.DECLINE, facts={"why": reason})], actor)


def publish(tx: Transaction, code: str, wall_text: str, actor: Actor, cipher: FieldCipher) -> None:
    """On the wall, in words that name nobody. Raises Rejected naming the field."""
    wish = locked(tx, code)
    sealed = tx.session.execute(_NAME, {"no": wish.resident_no}).scalar_one()
    check_text("wall_text", wall_text, (cipher.decrypt(sealed, bound_to=wish.resident_no),))
    change = {"wall_text": wall_text.strip(), "published_at": clock.now()}
    take(tx, [Moving(wish=wish, action=Action.PUBLISH, change=change)], actor)


def claim(tx: Transaction, code: str, giver: Giver, actor: Actor) -> datetime:
    """Undertake to fulfil it; until when. Raises Conflict for all but the first.

    Raises Forbidden for the beneficiary.
    """
    wish = locked(tx, code)
    if giver == Giver("resident", wish.resident_no):
        raise Forbidden("own_wish", "不能认领自己的心愿", "You cannot claim a wish of your own")
    if wish.state == State.CLAIMED:
        raise Conflict(
            "claimed",
            "这个心愿刚被别人认领，请看看别的心愿",
            "Somebody else has just claimed it: please look at the others",
        )
    moving = claiming(tx, wish, giver)
    take(tx, [moving], actor)
    ends_at: datetime = moving.change["claim_ends_at"]
    return ends_at


def claiming(tx: Transaction, wish: Wish, giver: Giver) -> Moving:
    """The step of a claim, with its row; for whoever holds the wish locked."""
    after(Action.CLAIM, State(wish.state))
    now = clock.now()
    ends_at = now + claim_ends(limits(tx.session, now)[wish.colour])
    tx.session.execute(
        insert(WishClaim),
        {
            "wish_id": wish.id,
            "wish_code": wish.wish_code,
            "giver_kind": giver.kind,
            "giver": giver.no,
            "claimed_at": now,
        },
    )
    return Moving(
        wish=wish,
        action=Action.CLAIM,
        facts={"giver_kind": giver.kind, "giver": giver.no},
        change={"claim_ends_at": ends_at},
    )


def give_up(tx: Transaction, code: str, giver: Giver, actor: Actor) -> None:
    """The giver cannot fulfil it after all: back on the wall."""
    wish = locked(tx, code)
    _own_claim(tx, wish, giver)
    _end_claim(tx, [wish.id], "given_up")
    change = {"claim_ends_at": None}
    take(tx, [Moving(wish=wish, action=Action.GIVE_UP, change=change)], actor)


def deliver(
    tx: Transaction, code: str, actor: Actor, *, giver: Giver | None, picture: bytes = b""
) -> None:
    """It has been fulfilled. A giver proves it with a picture; the office with either.

    Without a picture somebody of the office, who is not the giver, says that the beneficiary has
    signed. Raises Rejected for a missing or odd picture, Forbidden for anybody else.
    """
    wish = locked(tx, code)
    after(Action.DELIVER, State(wish.state))
    open_claim = _claim_of(tx, wish)
    if giver is not None:
        _own_claim(tx, wish, giver)
    if not picture:
        if giver is not None or Giver(open_claim.giver_kind, open_claim.giver) == Giver(
            "account", actor.no
        ):
            raise _wrong(
                "picture",
                "认领人须附照片；没有照片时由社区工作人员确认签收",
                "the giver sends a picture; without one somebody of the office confirms it",
            )
        proof = "signature"
    else:
        proof = "photo"
        made = pictures.make(picture)
        tx.session.execute(
            insert(WishPicture),
            {
                "wish_id": wish.id,
                "picture": made.jpeg,
                "taken_by": actor.no,
                "kept_at": clock.now(),
            },
        )
    _end_claim(tx, [wish.id], "delivered")
    take(tx, [delivering(wish, proof, {})], actor)


def delivering(wish: Wish, proof: str, facts: Mapping[str, Any]) -> Moving:
    """The step of a delivery; for whoever holds the wish locked."""
    return Moving(
        wish=wish,
        action=Action.DELIVER,
        facts={"proof": proof, **facts},
        change={"claim_ends_at": None, "delivered_at": clock.now(), "proof": proof},
    )


def thank(tx: Transaction, code: str, words: str, actor: Actor) -> None:
    """The beneficiary thanks; a clerk looks before anybody reads it. Raises Rejected."""
    wish = locked(tx, code)
    check_text("thanks", words)
    take(tx, [Moving(wish=wish, action=Action.THANK, change={"thanks": words.strip()})], actor)


def look_at_thanks(tx: Transaction, code: str, actor: Actor, *, is_good: bool) -> None:
    """A clerk shows the words of thanks, or gives them back to be put otherwise."""
    wish = locked(tx, code)
    if is_good:
        moving = Moving(
            wish=wish, action=Action.SHOW_THANKS, change={"thanks_shown_at": clock.now()}
        )
    else:
        moving = Moving(wish=wish, action=Action.HOLD_THANKS, change={"thanks": None})
    take(tx, [moving], actor)


def withdraw(tx: Transaction, code: str, actor: Actor) -> None:
    """The resident no longer wishes it; an open claim ends."""
    wish = locked(tx, code)
    _end_claim(tx, [wish.id], "given_up")
    change = {"claim_ends_at": None}
    take(tx, [Moving(wish=wish, action=Action.WITHDRAW, change=change)], actor)


def expire(tx: Transaction) -> int:
    """The clock's job: what was not delivered in time is on the wall again; how many."""
    ids = tx.session.execute(_ENDED, {"now": clock.now(), "most": EXPIRE_MAX}).scalars().all()
    if not ids:
        return 0
    wishes = tx.session.scalars(select(Wish).where(Wish.id.in_(ids)).order_by(Wish.id)).all()
    _end_claim(tx, list(ids), "expired")
    change = {"claim_ends_at": None}
    moves = [Moving(wish=each, action=Action.EXPIRE, change=change) for each in wishes]
    take(tx, moves, Actor(SYSTEM, "expire_wish_claims"))
    return len(moves)


def locked(tx: Transaction, code: str) -> Wish:
    """The wish, locked; raises Missing."""
    wish = tx.session.scalar(
        select(Wish).where(Wish.wish_code == code).with_for_update(),
        execution_options={"populate_existing": True},
    )
    if wish is None:
        raise Missing("no_wish", "没有这个心愿", "There is no such wish")
    return wish


def take(tx: Transaction, moves: Sequence[Moving], actor: Actor) -> None:
    """Take each step, in this order, of wishes that are locked; raises Conflict."""
    now = clock.now()
    rows = []
    for one in moves:
        before = State(one.wish.state)
        to = after(one.action, before)
        for name, value in one.change.items():
            setattr(one.wish, name, value)
        one.wish.state = to
        one.wish.step_count += 1
        rows.append(
            _row(one.wish.id, one.wish.step_count, one.action, before, to, actor, one.facts, now)
        )
    if not rows:
        return
    # The history and the one open claim refer to rows as they are; then they are told of.
    tx.session.flush()
    tx.session.execute(insert(WishStep), rows)
    wish_telling.tell(tx, moves, now)


def _claim_of(tx: Transaction, wish: Wish) -> WishClaim:
    return tx.session.scalars(
        select(WishClaim).where(WishClaim.wish_id == wish.id, WishClaim.ended_at.is_(None))
    ).one()


def _own_claim(tx: Transaction, wish: Wish, giver: Giver) -> None:
    found = tx.session.scalar(
        select(WishClaim.id).where(
            WishClaim.wish_id == wish.id,
            WishClaim.ended_at.is_(None),
            WishClaim.giver_kind == giver.kind,
            WishClaim.giver == giver.no,
        )
    )
    if found is None:
        raise Forbidden(
            "not_your_claim", "这个心愿不是您认领的", "It is not you who has claimed this wish"
        )


def _end_claim(tx: Transaction, wish_ids: Sequence[int], outcome: str) -> None:
    tx.session.execute(
        update(WishClaim)
        .where(WishClaim.wish_id.in_(wish_ids), WishClaim.ended_at.is_(None))
        .values(ended_at=clock.now(), outcome=outcome)
    )


def _row(
    wish_id: int,
    step_no: int,
    action: Action,
    before: State | None,
    to: State,
    actor: Actor,
    facts: Mapping[str, Any],
    now: datetime,
) -> dict[str, Any]:
    return {
        "wish_id": wish_id,
        "step_no": step_no,
        "at": now,
        "action": action,
        "from_state": before,
        "to_state": to,
        "actor_kind": actor.kind,
        "actor": actor.no,
        "facts": dict(facts),
    }


def _no_limit() -> Any:
    raise _wrong("colour", "没有这种颜色的心愿", "there is no such colour of wishes")


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("wish", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")

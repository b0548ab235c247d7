"""微心愿: its states, what may be done in each, its limits, what the wall may say. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from shared.errors import Conflict, Rejected
from shared.schemas.wire import WISH_COLOURS

COLOURS: Final = WISH_COLOURS
URGENT: Final = "urgent_red"
TEXT_CHARACTERS_MAX: Final = 200
DETAIL_CHARACTERS_MAX: Final = 1000
GIVERS: Final = ("resident", "account", "partner")
OUTCOMES: Final = ("delivered", "given_up", "expired", "lost")
"""What became of a claim; `lost`: somebody else was first, or the wish was not to be had."""
PROOFS: Final = ("photo", "signature", "partner")


class State(StrEnum):
    """Where a wish stands."""

    REGISTERED = "registered"  # 待核实
    VERIFIED = "verified"  # 待发布
    PUBLISHED = "published"  # 待认领: on the wall
    CLAIMED = "claimed"  # 已认领
    DELIVERED = "delivered"  # 已实现, the beneficiary may thank
    THANKING = "thanking"  # a word of thanks waits for a clerk's look
    CLOSED = "closed"  # 已致谢, or nothing to add
    DECLINED = "declined"  # 不予采纳
    WITHDRAWN = "withdrawn"  # 已撤回


class Action(StrEnum):
    """What may be done to a wish."""

    REGISTER = "register"
    VERIFY = "verify"
    DECLINE = "decline"
    PUBLISH = "publish"
    CLAIM = "claim"
    GIVE_UP = "give_up"
    EXPIRE = "expire"
    DELIVER = "deliver"
    THANK = "thank"
    SHOW_THANKS = "show_thanks"
    HOLD_THANKS = "hold_thanks"
    WITHDRAW = "withdraw"


_S, _A = State, Action
TRANSITIONS: Final[Mapping[Action, Mapping[State, State]]] = {
    _A.REGISTER: {},
    _A.VERIFY: {_S.REGISTERED: _S.VERIFIED},
    _A.DECLINE: {_S.REGISTERED: _S.DECLINED, _S.VERIFIED: _S.DECLINED},
    _A.PUBLISH: {_S.VERIFIED: _S.PUBLISHED},
    _A.CLAIM: {_S.PUBLISHED: _S.CLAIMED},
    _A.GIVE_UP: {_S.CLAIMED: _S.PUBLISHED},
    _A.EXPIRE: {_S.CLAIMED: _S.PUBLISHED},
    _A.DELIVER: {_S.CLAIMED: _S.DELIVERED},
    _A.THANK: {_S.DELIVERED: _S.THANKING},
    _A.SHOW_THANKS: {_S.THANKING: _S.CLOSED},
    _A.HOLD_THANKS: {_S.THANKING: _S.DELIVERED},
    _A.WITHDRAW: dict.fromkeys(
        (_S.REGISTERED, _S.VERIFIED, _S.PUBLISHED, _S.CLAIMED), _S.WITHDRAWN
    ),
}
ON_WALL: Final = (State.PUBLISHED, State.CLAIMED, State.DELIVERED, State.THANKING, State.CLOSED)
"""States that visitors may see, with the words of the wall only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a colour allows: cost in whole fen, and days from claim to delivery."""

    cost_fen: int
    days: int


# Site configuration to begin with: `wish_limits` holds what is in force, with its dates.
LIMITS: Final[Mapping[str, Limit]] = {
    "goods_blue": Limit(cost_fen=50_000, days=14),
    "convenience_yellow": Limit(cost_fen=30_000, days=7),
    "urgent_red": Limit(cost_fen=200_000, days=3),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWish:
    """What a resident wishes; `wall_text` is what everybody may read of it."""

    colour: str
    resident_no: str
    wall_text: str
    detail: str
    cost_fen: int
    has_consented: bool


# Chinese identity numbers, telephone numbers, and long digits of any other card.
_personal = re.compile(r"[0-9]{17}[0-9Xx]|(?<![0-9])1[3-9][0-9]{9}(?![0-9])|[0-9]{7,}").search
_between = re.compile(r"(?<=[0-9])[-\s]+(?=[0-9])")


def after(action: Action, state: State) -> State:
    """The state that `action` leads to; raises Conflict when it is not legal in `state`."""
    to = TRANSITIONS[action].get(state)
    if to is None:
        raise Conflict(
            "illegal_step",
            f"状态为「{state}」的心愿不能「{action}」，请刷新后再看",
            f"a wish that is {state} cannot {action}: reload and look again",
            pointer="/action",
        )
    return to


def legal(state: State) -> list[Action]:
    """What may be done in a state, in the order of `Action`."""
    return [action for action in Action if state in TRANSITIONS[action]]


def check(new: NewWish, limit: Limit) -> None:
    """Raises Rejected naming the field."""
    if new.colour not in COLOURS:
        listed = "、".join(COLOURS)
        raise _wrong("colour", f"须为其中之一：{listed}", f"must be one of {', '.join(COLOURS)}")
    check_text("wall_text", new.wall_text)
    if len(new.detail) > DETAIL_CHARACTERS_MAX or "\x00" in new.detail:
        raise _wrong(
            "detail",
            f"不得超过 {DETAIL_CHARACTERS_MAX} 个字符",
            f"at most {DETAIL_CHARACTERS_MAX} characters",
        )
    if not 0 <= new.cost_fen <= limit.cost_fen:
        yuan = limit.cost_fen // 100
        raise _wrong(
            "cost_fen",
            f"这一类心愿不超过 {yuan} 元，请缩小心愿或改选类别",
            f"a wish of this colour costs at most {yuan} yuan: make it smaller",
        )
    if not new.has_consented:
        raise _wrong(
            "has_consented",
            "须本人同意在心愿墙公布（不含个人信息）",
            "the person must agree that it is shown, without personal data",
        )


def check_text(name: str, words: str, names: tuple[str, ...] = ()) -> None:
    """What everybody will read: of some length, and without personal data.

    `names` are those of the people it is about. Raises Rejected naming the field.
    """
    if not words.strip() or len(words) > TEXT_CHARACTERS_MAX or "\x00" in words:
        raise _wrong(
            name,
            f"须为 1 至 {TEXT_CHARACTERS_MAX} 个字符",
            f"must have 1 to {TEXT_CHARACTERS_MAX} characters",
        )
    if _personal(_between.sub("", words)):
        raise _wrong(
            name, "不得含电话、证件号等号码，请删去", "holds a telephone or card number: remove it"
        )
    if any(each and each in words for each in names):
        raise _wrong(name, "不得含姓名，请删去", "holds a person's name: remove it")


def claim_ends(limit: Limit) -> timedelta:
    """How long a giver has from the claim."""
    return timedelta(days=limit.days)


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("wish", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")

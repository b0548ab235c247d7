"""Whose turn it is: which duties may take which step of a request. Pure.

A duty counts in the unit that has the request (own) or in a unit that answers for the place where
it happened (area): its community, street or district.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.intake.rules.states import Action, State, legal
from shared.errors import Forbidden

_DESK: Final = frozenset({"clerk", "dispatcher", "head", "secretary"})
_LEADERS: Final = frozenset({"dispatcher", "head", "secretary"})
_WORKERS: Final = frozenset({"handler", "head"})
_CHECKERS: Final = frozenset({"checker", "head", "secretary"})
_NOBODY: Final[frozenset[str]] = frozenset()
ALL: Final = frozenset({"clerk", "dispatcher", "handler", "checker", "head", "secretary"})


@dataclass(frozen=True, slots=True)
class Turn:
    """The duties of the owning unit, and of the area's units, that may take a step."""

    own: frozenset[str] = _NOBODY
    area: frozenset[str] = _NOBODY
    asker: bool = False  # the resident who asked may take it too


TURNS: Final[Mapping[Action, Turn]] = {
    Action.VERIFY: Turn(area=_DESK),
    Action.ADMIT: Turn(area=_DESK),
    Action.DECLINE: Turn(area=_DESK),
    Action.VOID: Turn(area=_LEADERS),
    Action.ACCEPT: Turn(own=_WORKERS | {"clerk", "dispatcher"}),
    Action.ASSIGN: Turn(own=_LEADERS),
    Action.CONTACT: Turn(own=_WORKERS | {"clerk"}),
    Action.NOTE: Turn(own=ALL, area=ALL),
    Action.ASK: Turn(own=_WORKERS),
    Action.ANSWER: Turn(own=_WORKERS | {"clerk"}, area=_DESK, asker=True),
    Action.RESOLVE: Turn(own=_WORKERS),
    Action.SEND_BACK: Turn(own=_CHECKERS, area=_CHECKERS),
    Action.APPROVE: Turn(own=_CHECKERS, area=_CHECKERS),
    Action.REFER: Turn(own=_LEADERS, area=_LEADERS),
    Action.SHELVE: Turn(own=frozenset({"head"})),
    Action.RESUME: Turn(own=_WORKERS),
}
"""What people do by the handling forms. Other steps have doors of their own: dispatching,
returning, extending, merging, the resident's verdict."""

REASONS: Final[Mapping[Action, tuple[str, ...]]] = {
    Action.DECLINE: (
        "not_ours",  # 不属于受理范围
        "emergency",  # 应拨打 110、119、120、122
        "court",  # 诉讼、仲裁、复议
        "secret",  # 涉密
        "repeated",  # 已办结，同一事实重复提出
        "not_found",  # 核实不存在
        "no_facts",  # 信息不足且联系不上
    ),
    Action.VOID: ("mistake", "test", "withdrawn"),
    Action.REFER: ("police", "court_or_arbitration", "upper_level", "other_district", "utility"),
    Action.SHELVE: ("funds", "season", "consent", "upper_level", "law"),
    Action.SEND_BACK: ("not_done", "no_proof", "not_told", "other_place"),
}
"""Why, as codes: what residents are told of is one of these; the note says more to the office."""

NOTED: Final = frozenset(
    {
        Action.DECLINE,
        Action.NOTE,
        Action.ASK,
        Action.ANSWER,
        Action.RESOLVE,
        Action.REFER,
        Action.SHELVE,
        Action.SEND_BACK,
    }
)
"""Steps that need words of whoever takes them."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What somebody is to a request: duties in its unit, duties in its area, or its asker."""

    own: frozenset[str] = _NOBODY
    area: frozenset[str] = _NOBODY
    is_asker: bool = False

    @property
    def is_staff(self) -> bool:
        """Whether any duty concerns this request."""
        return bool(self.own or self.area)


def may(action: Action, standing: Standing) -> bool:
    """Whether it is the turn of somebody who stands so; the state is not asked."""
    turn = TURNS.get(action)
    if turn is None:
        return False
    return bool(
        turn.own & standing.own or turn.area & standing.area or (turn.asker and standing.is_asker)
    )


def offered(state: State, standing: Standing) -> list[Action]:
    """What may be done now by somebody who stands so, in the order of `Action`."""
    return [action for action in legal(state) if may(action, standing)]


def check_turn(action: Action, standing: Standing) -> None:
    """Raises Forbidden when it is somebody else's turn."""
    if not may(action, standing):
        raise Forbidden(
            "not_your_turn",
            "这一步须由承办单位或所属片区的相应岗位办理",
            "this step is for another duty of the unit or the area that answers for it",
        )


def may_add_photo(kind: str, state: State, standing: Standing) -> bool:
    """Residents show what is the matter while it is open; who handles it shows that it is done."""
    if standing.is_asker and kind != "after":
        return state in _ASKER_ADDS
    return standing.is_staff and state not in _CLOSED_TO_PHOTOS


_ASKER_ADDS: Final = frozenset(
    {
        State.SUBMITTED,
        State.VERIFYING,
        State.PENDING,
        State.DISPATCHED,
        State.IN_PROGRESS,
        State.WAITING,
    }
)
_CLOSED_TO_PHOTOS: Final = frozenset(
    {State.RATING, State.CLOSED, State.DECLINED, State.REFERRED, State.MERGED, State.VOID}
)

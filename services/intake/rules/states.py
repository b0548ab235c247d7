"""The life of a request: its states, what may be done in each, and where that leads. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.errors import Conflict


class State(StrEnum):
    """Where a request stands. The words people read are in `pages/words.py`."""

    SUBMITTED = "submitted"  # 待受理
    VERIFYING = "verifying"  # 待核实: does it exist?
    PENDING = "pending"  # 待派单
    DISPATCHED = "dispatched"  # 待接单: a unit has it and has not yet said so
    IN_PROGRESS = "in_progress"  # 办理中
    WAITING = "waiting"  # 待居民补充: the clock stands still
    CHECKING = "checking"  # 待核查: somebody else looks whether it is done
    RATING = "rating"  # 待评单: done and checked; the resident is asked
    CLOSED = "closed"  # 已办结
    DECLINED = "declined"  # 不予受理
    REFERRED = "referred"  # 已转交 to somebody outside of the district
    SHELVED = "shelved"  # 挂账: cannot be done now, and is looked at again
    MERGED = "merged"  # 并案: another request stands for it
    VOID = "void"  # 作废


class Action(StrEnum):
    """What may be done to a request."""

    SUBMIT = "submit"
    VERIFY = "verify"
    ADMIT = "admit"
    DECLINE = "decline"
    DISPATCH = "dispatch"
    ACCEPT = "accept"
    RETURN = "return"
    ASSIGN = "assign"
    CONTACT = "contact"
    NOTE = "note"
    ASK = "ask"
    ANSWER = "answer"
    EXTEND = "extend"
    ESCALATE = "escalate"
    RESOLVE = "resolve"
    SEND_BACK = "send_back"
    APPROVE = "approve"
    RATE = "rate"
    CLOSE = "close"
    REOPEN = "reopen"
    REFER = "refer"
    SHELVE = "shelve"
    RESUME = "resume"
    MERGE = "merge"
    UNMERGE = "unmerge"
    VOID = "void"


_S, _A = State, Action
OPEN: Final = frozenset(
    {
        _S.SUBMITTED,
        _S.VERIFYING,
        _S.PENDING,
        _S.DISPATCHED,
        _S.IN_PROGRESS,
        _S.WAITING,
        _S.CHECKING,
        _S.SHELVED,
    }
)
"""States in which somebody in the district still has something to do for it."""

ENDED: Final = frozenset(State) - OPEN - {_S.RATING}
"""States that nothing leaves by itself."""

_EARLY = (_S.SUBMITTED, _S.VERIFYING, _S.PENDING)
_UNDER_WAY = (_S.DISPATCHED, _S.IN_PROGRESS, _S.WAITING, _S.CHECKING)

# Where an action leads, by the state it is done in; UNMERGE leads back to where MERGE found it.
TRANSITIONS: Final[Mapping[Action, Mapping[State, State]]] = {
    _A.VERIFY: {_S.SUBMITTED: _S.VERIFYING},
    _A.ADMIT: {_S.SUBMITTED: _S.PENDING, _S.VERIFYING: _S.PENDING},
    _A.DECLINE: dict.fromkeys((*_EARLY, _S.DISPATCHED), _S.DECLINED),
    # Again while it is dispatched: the desk classifies it and passes it on.
    _A.DISPATCH: {_S.PENDING: _S.DISPATCHED, _S.DISPATCHED: _S.DISPATCHED},
    _A.ACCEPT: {_S.DISPATCHED: _S.IN_PROGRESS},
    _A.RETURN: {_S.DISPATCHED: _S.PENDING, _S.IN_PROGRESS: _S.PENDING},
    _A.ASSIGN: {each: each for each in _UNDER_WAY},
    _A.CONTACT: {_S.DISPATCHED: _S.DISPATCHED, _S.IN_PROGRESS: _S.IN_PROGRESS},
    _A.NOTE: {each: each for each in State},
    _A.ASK: {_S.IN_PROGRESS: _S.WAITING},
    _A.ANSWER: {_S.WAITING: _S.IN_PROGRESS},
    _A.EXTEND: {each: each for each in (*_UNDER_WAY, _S.SHELVED)},
    _A.ESCALATE: {each: each for each in OPEN},
    _A.RESOLVE: {_S.IN_PROGRESS: _S.CHECKING},
    _A.SEND_BACK: {_S.CHECKING: _S.IN_PROGRESS},
    _A.APPROVE: {_S.CHECKING: _S.RATING},
    _A.RATE: {_S.RATING: _S.RATING, _S.CLOSED: _S.CLOSED},
    _A.CLOSE: {_S.RATING: _S.CLOSED},
    _A.REOPEN: {_S.RATING: _S.IN_PROGRESS, _S.CLOSED: _S.IN_PROGRESS},
    _A.REFER: dict.fromkeys((_S.PENDING, _S.DISPATCHED, _S.IN_PROGRESS), _S.REFERRED),
    _A.SHELVE: {_S.IN_PROGRESS: _S.SHELVED},
    _A.RESUME: {_S.SHELVED: _S.IN_PROGRESS},
    _A.MERGE: dict.fromkeys((*OPEN, _S.RATING), _S.MERGED),
    _A.UNMERGE: {},
    _A.VOID: dict.fromkeys(_EARLY, _S.VOID),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: `no` is an account's number, a resident's, a partner's slug or a job's name."""

    kind: str
    no: str


SYSTEM = "system"


def after(action: Action, state: State) -> State:
    """The state that `action` leads to; raises Conflict when it is not legal in `state`."""
    to = TRANSITIONS[action].get(state)
    if to is None:
        raise Conflict(
            "illegal_step",
            f"状态为「{state}」的诉求不能「{action}」，请刷新后再看",
            f"a request that is {state} cannot {action}: reload and look again",
            pointer="/action",
        )
    return to


def legal(state: State) -> list[Action]:
    """What may be done in a state, in the order of `Action`."""
    return [action for action in Action if state in TRANSITIONS.get(action, {})]

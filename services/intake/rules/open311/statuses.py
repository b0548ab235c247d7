"""How a request's state is told: the standard knows two, its extension some more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.intake.rules.states import OPEN, Action, State

STATUSES: Final = ("open", "closed")

EXTENDED: Final[Mapping[State, str]] = {
    State.SUBMITTED: "open",
    State.VERIFYING: "investigating",
    State.PENDING: "for_triage",
    State.DISPATCHED: "action_scheduled",
    State.IN_PROGRESS: "in_progress",
    State.WAITING: "in_progress",
    State.CHECKING: "in_progress",
    State.RATING: "fixed",
    State.CLOSED: "closed",
    State.DECLINED: "no_further_action",
    State.REFERRED: "not_councils_responsibility",
    State.SHELVED: "planned",
    State.MERGED: "duplicate",
    State.VOID: "cancelled",
}
"""The mySociety extension's word for each state."""

# What clients may say of a request that they hold; it is kept as a note, and moves nothing.
TOLD_BY_CLIENTS: Final = frozenset(EXTENDED.values()) | {
    "internal_referral",
    "reopen",
    "unchanged",
    "confirmed",
}

_NOTES: Final[Mapping[State, str]] = {
    State.SUBMITTED: "已收到，待受理 / Received",
    State.VERIFYING: "待核实 / Being verified",
    State.PENDING: "已受理，待派单 / To be dispatched",
    State.DISPATCHED: "已派单，待接单 / Dispatched",
    State.IN_PROGRESS: "办理中 / In progress",
    State.WAITING: "待补充情况 / More information is needed",
    State.CHECKING: "已处理，待核查 / Being checked",
    State.RATING: "已办，待评单 / Done, to be judged",
    State.CLOSED: "已办结 / Closed",
    State.DECLINED: "不予受理 / Declined",
    State.REFERRED: "已转交其他部门 / Passed to another authority",
    State.SHELVED: "暂缓，定期复查 / Postponed, looked at again",
    State.MERGED: "与相同诉求合并办理 / Handled together with another",
    State.VOID: "已作废 / Void",
}

# The steps that the outside hears of; who took them and what was noted stays inside.
PUBLIC_ACTIONS: Final[Mapping[Action, str]] = {
    Action.ADMIT: "已受理 / Admitted",
    Action.DECLINE: "不予受理 / Declined",
    Action.DISPATCH: "已派单 / Dispatched",
    Action.ACCEPT: "承办单位已接单 / Accepted by the unit",
    Action.ASK: "需要补充情况 / More information is needed",
    Action.ANSWER: "已补充情况 / Information was added",
    Action.RESOLVE: "已处理，待核查 / Done, being checked",
    Action.APPROVE: "核查通过 / Checked",
    Action.CLOSE: "已办结 / Closed",
    Action.REOPEN: "重新办理 / Reopened",
    Action.REFER: "已转交其他部门 / Passed to another authority",
    Action.SHELVE: "暂缓 / Postponed",
    Action.RESUME: "恢复办理 / Resumed",
    Action.MERGE: "与相同诉求合并办理 / Handled together with another",
    Action.UNMERGE: "单独办理 / Handled on its own again",
    Action.VOID: "已作废 / Void",
}


def status_of(state: str) -> str:
    """`open` while somebody in the district still has something to do."""
    return "open" if State(state) in OPEN else "closed"


def states_of(statuses: frozenset[str]) -> list[str]:
    """The states that these statuses stand for."""
    return [state for state in State if status_of(state) in statuses]


def notes_of(state: str) -> str:
    """The state in words, Chinese first."""
    return _NOTES[State(state)]


def update_of(action: str) -> str:
    """A public step in words, Chinese first."""
    return PUBLIC_ACTIONS[Action(action)]

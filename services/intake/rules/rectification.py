"""集中整治: items with a picture before and after, a checker who is not the fixer, and what
comes back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from shared.errors import Conflict, Forbidden, Rejected

RECHECK_DAYS: Final = (7, 30, 90)
"""Days after an item was found good on which somebody looks again, unless the drive says others."""
RECHECKS_MAX: Final = 6
TEXT_CHARACTERS_MAX: Final = 200
KINDS: Final = ("before", "after", "recheck")


class State(StrEnum):
    """Where an item stands."""

    FOUND = "found"  # 待整改
    FIXED = "fixed"  # 待核查
    GOOD = "good"  # 已整改


class Action(StrEnum):
    """What may be done to an item."""

    FIND = "find"
    FIX = "fix"
    SEND_BACK = "send_back"
    APPROVE = "approve"
    RECHECK = "recheck"
    RECUR = "recur"


_S, _A = State, Action
TRANSITIONS: Final[Mapping[Action, Mapping[State, State]]] = {
    _A.FIND: {},
    _A.FIX: {_S.FOUND: _S.FIXED},
    _A.SEND_BACK: {_S.FIXED: _S.FOUND},
    _A.APPROVE: {_S.FIXED: _S.GOOD},
    _A.RECHECK: {_S.GOOD: _S.GOOD},
    _A.RECUR: {_S.GOOD: _S.FOUND},
}


def after(action: Action, state: State) -> State:
    """The state that `action` leads to; raises Conflict when it is not legal in `state`."""
    to = TRANSITIONS[action].get(state)
    if to is None:
        raise Conflict(
            "illegal_step",
            f"状态为「{state}」的问题点不能「{action}」，请刷新后再看",
            f"an item that is {state} cannot {action}: reload and look again",
            pointer="/action",
        )
    return to


def check_checker(fixed_by: str | None, checker: str) -> None:
    """Law: who fixed it does not say that it is fixed. Raises Forbidden."""
    if fixed_by == checker:
        raise Forbidden(
            "own_work",
            "整改人不能核查自己整改的问题点，请换一人核查",
            "whoever fixed it cannot check it: ask somebody else",
        )


def recheck_dates(good_on: date, days: Sequence[int]) -> list[date]:
    """When somebody looks again."""
    return [good_on + timedelta(days=each) for each in days]


def read_days(typed: str) -> list[int]:
    """Such as "7, 30, 90"; raises Rejected."""
    parts = typed.replace("，", ",").replace("、", ",").split(",")
    try:
        days = sorted({int(part) for part in parts if part.strip()})
    except ValueError as problem:
        raise _wrong_days() from problem
    if not 1 <= len(days) <= RECHECKS_MAX or not all(1 <= each <= 730 for each in days):
        raise _wrong_days()
    return days


def check_text(name: str, words: str, *, least: int = 1) -> str:
    """Raises Rejected naming the field."""
    if not least <= len(words.strip()) or len(words) > TEXT_CHARACTERS_MAX or "\x00" in words:
        raise Rejected(
            "rectification",
            f"{name}：须为 {least} 至 {TEXT_CHARACTERS_MAX} 个字符",
            f"{name}: must have {least} to {TEXT_CHARACTERS_MAX} characters",
            pointer=f"/{name}",
        )
    return words.strip()


def _wrong_days() -> Rejected:
    return Rejected(
        "rectification",
        f"recheck_days：须为 1 至 {RECHECKS_MAX} 个天数（1 至 730），例如 7, 30, 90",
        f"recheck_days: 1 to {RECHECKS_MAX} numbers of days (1 to 730), such as 7, 30, 90",
        pointer="/recheck_days",
    )

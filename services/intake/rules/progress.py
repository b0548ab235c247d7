"""进度: a request's state as one of five steps that a resident understands. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from services.intake.rules.states import State

STEPS: Final = ("received", "admitted", "handled", "checked", "judged")

_AT: Final[Mapping[State, int]] = {
    State.SUBMITTED: 0,
    State.VERIFYING: 0,
    State.PENDING: 1,
    State.DISPATCHED: 1,
    State.IN_PROGRESS: 2,
    State.WAITING: 2,
    State.SHELVED: 2,
    State.CHECKING: 3,
    State.RATING: 4,
    State.CLOSED: 5,
}


def reached(state: State) -> int | None:
    """The step that is under way, 0 to 4; 5 when all are done; None when it ended beside them."""
    return _AT.get(state)

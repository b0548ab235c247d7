"""The law of deliveries: states, back-off, and what the vendor's answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from shared.errors import Conflict


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNDELIVERABLE = "undeliverable"


# A receipt may overtake the answer to its own request, and may arrive for an attempt that we
# took for lost: so delivered can follow any state but the ones that never left the house.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.PENDING: frozenset(
        {State.PENDING, State.SENDING, State.DELIVERED, State.FAILED, State.UNDELIVERABLE}
    ),
    State.SENDING: frozenset(
        {
            State.PENDING,
            State.SENDING,
            State.SENT,
            State.DELIVERED,
            State.FAILED,
            State.UNDELIVERABLE,
        }
    ),
    State.SENT: frozenset({State.DELIVERED, State.FAILED, State.UNDELIVERABLE}),
    State.FAILED: frozenset({State.DELIVERED}),
    State.DELIVERED: frozenset(),
    State.UNDELIVERABLE: frozenset(),
}

ATTEMPTS_MAX = 8
WAITS_MAX = 10
LEASE = timedelta(seconds=60)
QUEUED_FOR = timedelta(seconds=45)
_BACK_OFF_S = (5, 30, 120, 600, 1800, 7200)


class IllegalTransition(Conflict):
    """A delivery may not go from this state to that one."""

    def __init__(self, old: State, new: State) -> None:
        super().__init__(
            "illegal_transition",
            f"投递状态不能从 {old} 变为 {new}",
            f"a delivery cannot go from {old} to {new}",
        )


def check_transition(old: State, new: State) -> None:
    """Raise IllegalTransition unless a delivery may go from `old` to `new`."""
    if new not in TRANSITIONS[old]:
        raise IllegalTransition(old, new)


def back_off_limit(attempt: int) -> timedelta:
    """The longest pause after the n-th attempt (from 1); 2 hours at most."""
    return timedelta(seconds=_BACK_OFF_S[min(max(attempt, 1), len(_BACK_OFF_S)) - 1])


def back_off(attempt: int, chance: float) -> timedelta:
    """Full jitter: a share of the limit, by `chance` in 0 … 1, so that retries do not march."""
    return back_off_limit(attempt) * chance


# What the vendor answers.


class Disposition(StrEnum):
    """What an answer of the vendor means for the delivery."""

    ACCEPTED = "accepted"
    RETRY = "retry"
    FINAL = "final"
    BAD_ADDRESS = "bad_address"


TIMED_OUT = "linli.timeout"
UNREACHABLE = "linli.unreachable"
NOT_UNDERSTOOD = "linli.not_understood"

_BAD_ADDRESS = frozenset({"isv.MOBILE_NUMBER_ILLEGAL"})
# Ours to mend in the template or the code: sending the same again is in vain.
_FINAL = frozenset(
    {
        "isv.SMS_TEMPLATE_ILLEGAL",
        "isv.SMS_SIGNATURE_ILLEGAL",
        "isv.TEMPLATE_MISSING_PARAMETERS",
        "isv.TEMPLATE_PARAMS_ILLEGAL",
        "isv.INVALID_JSON_PARAM",
        "isv.INVALID_PARAMETERS",
        "isv.PARAM_LENGTH_LIMIT",
        "isv.PARAM_NOT_SUPPORT_URL",
        "isv.BLACK_KEY_CONTROL_LIMIT",
        "isv.MOBILE_COUNT_OVER_LIMIT",
    }
)
# Receipt codes by which the carrier says that the number itself is the trouble.
_DEAD_NUMBER = frozenset({"MOBILE_NOT_ON_SERVICE", "MOBILE_SEND_LIMIT_BLACK", "NUMBER_NOT_EXIST"})


def disposition(code: str) -> Disposition:
    """What the vendor's `Code` means.

    An unknown code is tried again: it may be a limit, an empty account or a wrong key, which pass
    or can be mended within the hours that the attempts last.
    """
    if code == "OK":
        return Disposition.ACCEPTED
    if code in _BAD_ADDRESS:
        return Disposition.BAD_ADDRESS
    return Disposition.FINAL if code in _FINAL else Disposition.RETRY


@dataclass(frozen=True, slots=True)
class Next:
    """What to write to a delivery row. `at` is when it is due again; None when it is not."""

    state: State
    at: datetime | None
    error: str | None


def after_answer(code: str, attempts: int, now: datetime, chance: float) -> Next:
    """What follows an answer to attempt number `attempts`."""
    meaning = disposition(code)
    if meaning is Disposition.ACCEPTED:
        return Next(State.SENT, None, None)
    if meaning is Disposition.BAD_ADDRESS:
        return Next(State.UNDELIVERABLE, None, code)
    if meaning is Disposition.FINAL or attempts >= ATTEMPTS_MAX:
        return Next(State.FAILED, None, code)
    return Next(State.PENDING, now + back_off(attempts, chance), code)


def after_waiting(waits: int, now: datetime) -> Next:
    """What follows when the address is not known, for the `waits`-th time (from 1)."""
    if waits >= WAITS_MAX:
        return Next(State.UNDELIVERABLE, None, "address_unknown")
    return Next(State.PENDING, now + back_off_limit(waits), "address_unknown")


def after_receipt(state: State, *, success: bool, code: str) -> State | None:
    """The state a receipt leads to; None when it changes nothing (late, doubled, outlived)."""
    if success:
        new = State.DELIVERED
    else:
        new = State.UNDELIVERABLE if code in _DEAD_NUMBER else State.FAILED
    return new if new in TRANSITIONS[state] and new is not state else None


# Texts.

"""看板: what a request's history says for the board, and how figures are made of it. Pure.

`life_of` reads a history; `PARTS` are the questions that a figure asks of one request; `Tally`
counts the answers. `queries/board.py` asks the same questions in SQL, and a test holds the two
together: the board is whatever the history says, to the last byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.intake.rules.states import OPEN, Action, State

NOT_JUDGED: Final = (State.MERGED, State.VOID, State.DECLINED)
"""Another request stands for it, or it never was for us: it counts as received and no more."""


class Past(NamedTuple):
    """A step as history keeps it."""

    at: datetime
    action: str
    to_state: str


class Due(NamedTuple):
    """A clock of a request: `kind` is accept, contact or resolve. The newest row of a kind last."""

    kind: str
    due_at: datetime | None


class Rated(NamedTuple):
    """What the resident said; rounds grow with each reopening."""

    round: int
    solved: str
    satisfied: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What the board knows of one request, all of it read off its history."""

    step_count: int
    received_at: datetime
    state: str
    dispatched_at: datetime | None = None  # the newest dispatch; the next two are answers to it
    accepted_at: datetime | None = None
    contacted_at: datetime | None = None
    resolved_at: datetime | None = None  # None again when it was sent back or reopened
    ended_at: datetime | None = None
    accept_due_at: datetime | None = None
    contact_due_at: datetime | None = None
    due_at: datetime | None = None
    resolve_count: int = 0
    returned_count: int = 0
    rework_count: int = 0
    solved: str | None = None
    satisfied: str | None = None
    is_excluded: bool = False
    has_place: bool = True  # noted when it was new: what is forgotten later does not change it


def life_of(
    steps: Sequence[Past],
    dues: Iterable[Due] = (),
    ratings: Iterable[Rated] = (),
    *,
    is_excluded: bool = False,
) -> Life:
    """Read a history, oldest step first; raises ValueError for one without steps."""
    if not steps:
        raise ValueError("a request has at least the step that opened it")
    due = {each.kind: each.due_at for each in dues}
    last = max(ratings, key=lambda each: each.round, default=None)
    counts = {action: sum(step.action == action for step in steps) for action in Action}
    dispatched = _last(steps, Action.DISPATCH)
    since = steps[dispatched:] if dispatched is not None else ()
    to_state = State(steps[-1].to_state)
    return Life(
        step_count=len(steps),
        received_at=steps[0].at,
        state=to_state,
        dispatched_at=None if dispatched is None else steps[dispatched].at,
        accepted_at=_first_at(since, Action.ACCEPT),
        contacted_at=_first_at(since, Action.CONTACT),
        resolved_at=_resolved_at(steps),
        ended_at=_ended_at(steps),
        accept_due_at=due.get("accept"),
        contact_due_at=due.get("contact"),
        due_at=due.get("resolve"),
        resolve_count=counts[Action.RESOLVE],
        returned_count=counts[Action.RETURN],
        rework_count=counts[Action.SEND_BACK] + counts[Action.REOPEN],
        solved=None if last is None else last.solved,
        satisfied=None if last is None else last.satisfied,
        is_excluded=is_excluded,
    )


def _last(steps: Sequence[Past], action: Action) -> int | None:
    found = [place for place, step in enumerate(steps) if step.action == action]
    return found[-1] if found else None


def _first_at(steps: Iterable[Past], action: Action) -> datetime | None:
    return next((step.at for step in steps if step.action == action), None)


def _resolved_at(steps: Sequence[Past]) -> datetime | None:
    at = None
    for step in steps:
        if step.action == Action.RESOLVE:
            at = step.at
        elif step.action in (Action.SEND_BACK, Action.REOPEN):
            at = None
    return at


def _ended_at(steps: Sequence[Past]) -> datetime | None:
    """When it came into the state it ended in; None while it goes on."""
    at = None
    for step in steps:
        is_over = step.to_state not in OPEN and step.to_state != State.RATING
        at = (at or step.at) if is_over else None
    return at


# What a figure asks of one request at an instant. Names are those of the lists behind figures.


def _is_judged(one: Life) -> bool:
    return not one.is_excluded and one.state not in NOT_JUDGED


def _is_late(due_at: datetime | None, done_at: datetime | None, now: datetime) -> bool:
    return due_at is not None and (done_at or now) > due_at


def _responds_late(one: Life, now: datetime) -> bool:
    return _is_late(one.accept_due_at, one.accepted_at, now) or _is_late(
        one.contact_due_at, one.contacted_at, now
    )


def _should_respond(one: Life, now: datetime) -> bool:
    """Its time has come: it was answered, or a limit has passed. Before that it is neither."""
    if (
        not _is_judged(one)
        or one.dispatched_at is None
        or (one.accept_due_at is None and one.contact_due_at is None)
    ):
        return False
    answered = (one.accept_due_at is None or one.accepted_at is not None) and (
        one.contact_due_at is None or one.contacted_at is not None
    )
    return answered or _responds_late(one, now)


def _should_resolve(one: Life, now: datetime) -> bool:
    return (
        _is_judged(one)
        and one.state != State.REFERRED
        and one.due_at is not None
        and (one.resolved_at is not None or now > one.due_at)
    )


def _is_open(one: Life) -> bool:
    return one.state in OPEN


SOON: Final = timedelta(hours=2)

Asks = Callable[[Life, datetime], bool]
PARTS: Final[Mapping[str, Asks]] = {
    "received": lambda _one, _now: True,
    "open": lambda one, _: _is_open(one),
    "ended": lambda one, _: one.ended_at is not None,
    "overdue": lambda one, now: _is_open(one) and one.due_at is not None and one.due_at < now,
    "soon": lambda one, now: (
        _is_open(one) and one.due_at is not None and now <= one.due_at < now + SOON
    ),
    "excluded": lambda one, _: one.is_excluded,
    "no_place": lambda one, _: not one.has_place,
    "response_due": _should_respond,
    "response_met": lambda one, now: _should_respond(one, now) and not _responds_late(one, now),
    "asked": lambda one, _: _is_judged(one) and one.solved is not None,
    "solved": lambda one, _: _is_judged(one) and one.solved == "solved",
    "partly": lambda one, _: _is_judged(one) and one.solved == "partly",
    "unsolved": lambda one, _: _is_judged(one) and one.solved == "unsolved",
    "rated": lambda one, _: _is_judged(one) and one.satisfied is not None,
    "satisfied": lambda one, _: _is_judged(one) and one.satisfied == "satisfied",
    "basically": lambda one, _: _is_judged(one) and one.satisfied == "basically",
    "dissatisfied": lambda one, _: _is_judged(one) and one.satisfied == "dissatisfied",
    "resolve_due": _should_resolve,
    "resolve_met": lambda one, now: (
        _should_resolve(one, now) and not _is_late(one.due_at, one.resolved_at, now)
    ),
    "resolved_once": lambda one, _: _is_judged(one) and one.resolve_count > 0,
    "reworked": lambda one, _: _is_judged(one) and one.resolve_count > 0 and one.rework_count > 0,
    "dispatched": lambda one, _: _is_judged(one) and one.dispatched_at is not None,
    "dispatched_right": lambda one, _: (
        _is_judged(one) and one.dispatched_at is not None and one.returned_count == 0
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """评价口径: the weights in force on a day, in percent; `hidden_below`: of public figures."""

    partly_percent: int
    basically_percent: int
    response_weight: int
    resolution_weight: int
    satisfaction_weight: int
    hidden_below: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many requests answered each question of `PARTS` with yes."""

    counts: Mapping[str, int] = field(default_factory=dict)

    def __getitem__(self, part: str) -> int:
        return self.counts.get(part, 0)

    def __add__(self, other: Tally) -> Tally:
        return Tally(counts={name: self[name] + other[name] for name in PARTS})


def tally(lives: Iterable[Life], now: datetime) -> Tally:
    """Ask each question of each request, as of `now`."""
    counts = dict.fromkeys(PARTS, 0)
    for one in lives:
        for name, asks in PARTS.items():
            counts[name] += asks(one, now)
    return Tally(counts=counts)


@dataclass(frozen=True, slots=True)
class Rate:
    """A share in ten-thousandths of what was counted; None where nothing was: never 0, never 1.

    `whole` and `parts` name the lists behind it.
    """

    name: str
    value: int | None
    whole: str
    parts: tuple[str, ...]


# Which part of which whole, with what weight in percent (None: from the terms).
_RATES: Final[Mapping[str, tuple[str, tuple[tuple[str, str | None], ...]]]] = {
    "response": ("response_due", (("response_met", None),)),
    "resolution": ("asked", (("solved", None), ("partly", "partly_percent"))),
    "satisfaction": ("rated", (("satisfied", None), ("basically", "basically_percent"))),
    "on_time": ("resolve_due", (("resolve_met", None),)),
    "rework": ("resolved_once", (("reworked", None),)),
    "accurate": ("dispatched", (("dispatched_right", None),)),
}
RATES: Final = tuple(_RATES)
THREE: Final = RATES[:3]
THREE_PARTS: Final = {
    name: (_RATES[name][0], tuple(part for part, _ in _RATES[name][1])) for name in THREE
}


def rates(counted: Tally, terms: Terms) -> dict[str, Rate]:
    """三率 and the others, by name, in the order of `RATES`."""
    made = {}
    for name, (whole, weighted) in _RATES.items():
        met = sum(counted[part] * _weight(terms, weight) for part, weight in weighted)
        value = _share(met, counted[whole] * 100) if counted[whole] else None
        made[name] = Rate(name, value, whole, tuple(part for part, _ in weighted))
    return made


def _weight(terms: Terms, name: str | None) -> int:
    return 100 if name is None else int(getattr(terms, name))


def _share(met: int, whole: int) -> int:
    """Ten-thousandths, halves rounded up; whole numbers, so that every machine agrees."""
    return (2 * 10_000 * met + whole) // (2 * whole)


def case_parts(terms: Terms) -> dict[str, tuple[str, tuple[tuple[str, int], ...]]]:
    """Of each of the three rates: its whole, and its parts with their weight in percent."""
    return {
        name: (
            _RATES[name][0],
            tuple((part, _weight(terms, weight)) for part, weight in _RATES[name][1]),
        )
        for name in THREE
    }


def case_shares(cases: Iterable[Tally], terms: Terms) -> dict[str, tuple[int, int]]:
    """Of each of the three rates: the sum of the cases' shares in millionths, and how many.

    A case is what one asker brought in one place on one day about one thing. It counts once,
    into however many requests it was split: nothing is gained by writing ten where there is one.
    """
    sums = dict.fromkeys(THREE, (0, 0))
    for one in cases:
        for name, (whole, weighted) in case_parts(terms).items():
            if one[whole]:
                met = sum(one[part] * weight for part, weight in weighted)
                total, count = sums[name]
                sums[name] = (total + 10_000 * met // one[whole], count + 1)
    return sums


def score(shares: Mapping[str, tuple[int, int]], terms: Terms) -> int | None:
    """Ten-thousandths by the terms' weights; None while any of the three rates is empty."""
    if any(shares.get(name, (0, 0))[1] == 0 for name in THREE):
        return None
    weights = (terms.response_weight, terms.resolution_weight, terms.satisfaction_weight)
    total = sum(
        weight * (shares[name][0] // shares[name][1])
        for name, weight in zip(THREE, weights, strict=True)
    )
    return (total + 50 * sum(weights)) // (100 * sum(weights))


def ranks(scores: Mapping[str, int | None]) -> dict[str, int | None]:
    """Places within one group: equal scores share a place; who has no score has none."""
    known = sorted((value for value in scores.values() if value is not None), reverse=True)
    return {
        name: None if value is None else known.index(value) + 1 for name, value in scores.items()
    }


def hidden(counts: Mapping[str, int], below: int) -> dict[str, int | None]:
    """The counts that anybody may see: small ones are None.

    Where just one would be hidden, the next smallest goes with it: else the total betrays it.
    """
    shown: dict[str, int | None] = {
        name: None if 0 < count < below else count for name, count in counts.items()
    }
    gone = [name for name, value in shown.items() if value is None]
    if len(gone) == 1:
        left = [name for name, value in shown.items() if value]
        if left:
            shown[min(left, key=lambda name: (counts[name], name))] = None
    return shown

"""What each step of a request does to its clocks: starts, stops, freezes, thaws. Pure.

| step | what it does |
|---|---|
| admit | 办结 begins |
| dispatch | 签收 begins, anew for each unit |
| accept | 签收 ends, 首次联系 begins |
| contact, ask | 首次联系 ends; ask freezes all |
| answer, resume | all go on |
| shelve, merge | all are frozen |
| return | 签收 and 首次联系 are called off |
| resolve | 办结, 差评整改 and 首次联系 end |
| send back, reopen | 差评整改 begins |
| approve; rate, close | 回访 begins; it ends |
| decline, refer, void | all are called off |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.intake.rules.catalogue import Catalogue, Clock, Limit
from services.intake.rules.clocks import (
    Reckoner,
    counted_s,
    explain,
    runs_out,
    whole,
)
from services.intake.rules.states import Action, State

_STILL: Final = frozenset({State.WAITING, State.SHELVED, State.MERGED})
_TIER_OF: Final = {"critical": "critical", "urgent": "urgent"}  # by what the door said
_PRESSING: Final = ("critical", "urgent")  # the most pressing first


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of one clock; see models/clocks.py."""

    request_id: int
    kind: Clock
    run: int
    unit_code: str | None
    limit: Limit
    total_s: int
    used_s: int
    started_at: datetime
    counts_from: datetime
    due_at: datetime
    explanation: dict[str, Any]
    version: int  # of the catalogue
    frozen_at: datetime | None = None
    stopped_at: datetime | None = None
    met: bool | None = None
    steps_done: int = 0
    next_step_at: datetime | None = None
    is_changed: bool = False

    @property
    def is_open(self) -> bool:
        return self.stopped_at is None

    @property
    def is_called_off(self) -> bool:
        return self.stopped_at is not None and self.met is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What of a request decides its limits."""

    request_id: int
    condition_code: str | None
    nature: str
    urgency: str
    unit_code: str | None


class Clocks:
    """The clocks of one request while steps are taken; `runs` are to be written afterwards."""

    def __init__(
        self,
        matter: Matter,
        runs: list[Run],
        reckoner: Reckoner,
        catalogue: Catalogue,
        catalogues: Mapping[int, Catalogue],
    ) -> None:
        self.matter = matter
        self.runs = runs
        self._reckoner = reckoner
        self._work = reckoner.work
        self._catalogue = catalogue  # what new clocks are started by
        self._catalogues = {**catalogues, catalogue.version: catalogue}

    def follow(self, action: Action, to: State, at: datetime) -> None:
        """Do what a step does to the clocks."""
        at = whole(at)
        if action is Action.UNMERGE:
            if to not in _STILL:
                self.thaw(at)
        elif (effect := _EFFECTS.get(action)) is not None:
            effect(self, at)

    def move_to(self, unit_code: str | None) -> None:
        """Another unit answers for what is open."""
        for run in self.open():
            if run.unit_code != unit_code:
                run.unit_code, run.is_changed = unit_code, True

    def due_at(self) -> datetime | None:
        """When the request must be resolved, as far as a clock for that runs."""
        running = [
            run.due_at for run in self.open(Clock.RESOLVE, Clock.RECTIFY) if run.frozen_at is None
        ]
        return min(running, default=None)

    def open(self, *kinds: Clock) -> list[Run]:
        """The runs that have not stopped, of these kinds or of all."""
        return [run for run in self.runs if run.is_open and (not kinds or run.kind in kinds)]

    def extension_max(self, run: Run) -> int:
        """How many of its units a clock may be given beside its own, at the most."""
        return extension_max(self._catalogues[run.version], run.limit)

    def extend(self, run: Run, amount: int) -> None:
        """Let it run so many of its units longer."""
        more = self._reckoner.due(run.due_at, Limit(amount, run.limit.unit))
        run.total_s += counted_s(self._work, run.limit.unit, run.due_at, more.at)
        self._set(run, more.at, extended=amount)

    def escalated(self, run: Run) -> None:
        """Its next step was taken."""
        run.steps_done += 1
        self._plan(run)

    def recalculate(self, run: Run) -> None:
        """Reckon it anew with the calendar and the version of the catalogue that hold now."""
        run.version = self._catalogue.version
        why_so = run.explanation.get("why")
        limit, why = self._limit(Clock.RESOLVE if why_so == Clock.RESOLVE else run.kind)
        why = {**why, "why": why_so if why_so == Clock.RESOLVE else why["why"]}
        extra = int(run.explanation.get("extended", 0))
        run.limit = limit
        first = self._reckoner.due(run.started_at, limit)
        due = self._reckoner.due(first.at, Limit(extra, limit.unit)) if extra else first
        run.total_s = counted_s(self._work, limit.unit, run.started_at, due.at)
        run.explanation = {**run.explanation, **why}
        run.used_s = self._used_until(run)
        at = runs_out(self._work, limit.unit, run.counts_from, run.total_s - run.used_s)
        self._set(run, at)

    # What steps do

    def admit(self, at: datetime) -> None:
        if not self._of(Clock.RESOLVE):
            self._start(Clock.RESOLVE, at)

    def dispatch(self, at: datetime) -> None:
        self.admit(at)
        self._call_off(at, Clock.ACCEPT)
        self._start(Clock.ACCEPT, at)

    def accept(self, at: datetime) -> None:
        self._stop(at, Clock.ACCEPT)
        if all(run.is_called_off for run in self._of(Clock.CONTACT)):
            self._start(Clock.CONTACT, at)

    def contact(self, at: datetime) -> None:
        if all(run.is_called_off for run in self._of(Clock.CONTACT)):
            self._start(Clock.CONTACT, at)
        self._stop(at, Clock.CONTACT)

    def ask(self, at: datetime) -> None:
        self.contact(at)
        self.freeze(at)

    def freeze(self, at: datetime) -> None:
        for run in self.open():
            if run.frozen_at is None:
                unit = run.limit.unit
                run.used_s += counted_s(self._work, unit, run.counts_from, at)
                run.frozen_at, run.counts_from, run.is_changed = at, at, True

    def thaw(self, at: datetime) -> None:
        for run in self.open():
            if run.frozen_at is None:
                continue
            frozen, run.frozen_at, run.counts_from = run.frozen_at, None, at
            freezes = [
                *run.explanation.get("frozen", []),
                [whole(frozen).isoformat(), at.isoformat()],
            ]
            run.explanation = {**run.explanation, "frozen": freezes}
            # What had run out before it was frozen stays late.
            left_s = run.total_s - run.used_s
            is_late = run.due_at <= frozen
            due = run.due_at if is_late else runs_out(self._work, run.limit.unit, at, left_s)
            self._set(run, due)

    def give_back(self, at: datetime) -> None:
        self._call_off(at, Clock.ACCEPT, Clock.CONTACT)

    def resolve(self, at: datetime) -> None:
        self._stop(at, Clock.ACCEPT, Clock.CONTACT, Clock.RESOLVE, Clock.RECTIFY)

    def rectify(self, at: datetime) -> None:
        self._call_off(at, Clock.CALL_BACK)
        self._start(Clock.RECTIFY, at)

    def send_back(self, at: datetime) -> None:
        # What was never done is not given more time than it had at first.
        self._start(Clock.RECTIFY, at, but_at_most=Clock.RESOLVE)

    def approve(self, at: datetime) -> None:
        self._call_off(at, Clock.CALL_BACK)
        self._start(Clock.CALL_BACK, at)

    def rate(self, at: datetime) -> None:
        self._stop(at, Clock.CALL_BACK)

    def close(self, at: datetime) -> None:
        self._call_off(at, Clock.CALL_BACK)

    def end(self, at: datetime) -> None:
        self._call_off(at, *Clock)

    # How

    def _of(self, kind: Clock) -> list[Run]:
        return [run for run in self.runs if run.kind is kind]

    def _stop(self, at: datetime, *kinds: Clock) -> None:
        for run in self.open(*kinds):
            run.stopped_at, run.met = at, _end_of(run, at) <= run.due_at
            run.is_changed = True

    def _call_off(self, at: datetime, *kinds: Clock) -> None:
        # Whoever is late stays late: giving a request back does not undo it.
        for run in self.open(*kinds):
            run.stopped_at = at
            run.met = None if _end_of(run, at) <= run.due_at else False
            run.is_changed = True

    def _start(self, kind: Clock, at: datetime, *, but_at_most: Clock | None = None) -> None:
        self._call_off(at, kind)
        limit, why = self._limit(kind)
        due = self._reckoner.due(at, limit)
        for other, reason in self._hurried(kind, but_at_most):
            sooner = self._reckoner.due(at, other)
            if sooner.at < due.at:
                limit, due, why = other, sooner, {**why, "why": reason}
        run = Run(
            request_id=self.matter.request_id,
            kind=kind,
            run=1 + max((run.run for run in self._of(kind)), default=0),
            unit_code=self.matter.unit_code,
            limit=limit,
            total_s=due.total_s,
            used_s=0,
            started_at=at,
            counts_from=at,
            due_at=due.at,
            explanation={**due.explanation, **why},
            version=self._catalogue.version,
            is_changed=True,
        )
        self.runs.append(run)
        self._plan(run)

    def _limit(self, kind: Clock) -> tuple[Limit, dict[str, Any]]:
        condition = self._catalogue.condition(self.matter.condition_code)
        if condition is not None:
            why = "condition" if kind in condition.own_limits else "tier"
            return condition.limits[kind], {
                "condition": condition.code, "tier": condition.tier, "why": why
            }  # fmt: skip
        tiers = {nature.code: nature.tier for nature in self._catalogue.natures}
        tier = _TIER_OF.get(self.matter.urgency, tiers.get(self.matter.nature, "normal"))
        return self._catalogue.tiers[tier].limits[kind], {"tier": tier, "why": "tier"}

    def _hurried(self, kind: Clock, but_at_most: Clock | None) -> Iterator[tuple[Limit, str]]:
        """Other limits of which the sooner holds."""
        if kind in (Clock.ACCEPT, Clock.CONTACT) and self.matter.urgency in _PRESSING:
            yield self._catalogue.tiers[self.matter.urgency].limits[kind], "urgency"
        if but_at_most is not None:
            yield self._limit(but_at_most)[0], str(but_at_most)

    def _used_until(self, run: Run) -> int:
        used_s, since = 0, run.started_at
        for begun, ended in run.explanation.get("frozen", []):
            frozen, thawed = datetime.fromisoformat(begun), datetime.fromisoformat(ended)
            used_s += counted_s(self._work, run.limit.unit, since, frozen)
            since = thawed
        if run.frozen_at is not None:
            used_s += counted_s(self._work, run.limit.unit, since, run.frozen_at)
        return used_s

    def _set(self, run: Run, due: datetime, *, extended: int = 0) -> None:
        said = run.explanation
        freezes = [
            (datetime.fromisoformat(begun), datetime.fromisoformat(ended))
            for begun, ended in said.get("frozen", [])
        ]
        anew = explain(self._work, run.started_at, run.limit, due, freezes)
        kept: dict[str, Any] = {
            key: said[key] for key in ("condition", "tier", "why") if key in said
        }
        if total := extended + int(said.get("extended", 0)):
            kept["extended"] = total
        run.due_at, run.explanation, run.is_changed = due, {**anew, **kept}, True
        self._plan(run)

    def _plan(self, run: Run) -> None:
        """When its next step is due, if it has one more."""
        run.is_changed = True
        steps = self._catalogues[run.version].escalations_of(run.kind)
        if run.steps_done >= len(steps):
            run.next_step_at = None
            return
        percent = steps[run.steps_done].percent
        unit, part = run.limit.unit, self._reckoner.part
        if percent < 100:
            at = part(unit, run.counts_from, run.used_s, run.total_s, percent)
            run.next_step_at = min(at, run.due_at)
        else:
            at = part(unit, run.due_at, run.total_s, run.total_s, percent)
            run.next_step_at = run.due_at if percent == 100 else at


def extension_max(catalogue: Catalogue, limit: Limit) -> int:
    """How many more of its units a limit may be given; 0 where nothing may be extended."""
    percent = catalogue.extension_percent_max
    return max(limit.amount * percent // 100, 1) if percent else 0


def _end_of(run: Run, at: datetime) -> datetime:
    """Where the clock's hand stands: a frozen one stopped when it was frozen."""
    return run.frozen_at or at


_EFFECTS: Final[Mapping[Action, Callable[[Clocks, datetime], None]]] = {
    Action.ADMIT: Clocks.admit,
    Action.DISPATCH: Clocks.dispatch,
    Action.ACCEPT: Clocks.accept,
    Action.CONTACT: Clocks.contact,
    Action.ASK: Clocks.ask,
    Action.ANSWER: Clocks.thaw,
    Action.RETURN: Clocks.give_back,
    Action.RESOLVE: Clocks.resolve,
    Action.SEND_BACK: Clocks.send_back,
    Action.APPROVE: Clocks.approve,
    Action.RATE: Clocks.rate,
    Action.CLOSE: Clocks.close,
    Action.REOPEN: Clocks.rectify,
    Action.SHELVE: Clocks.freeze,
    Action.RESUME: Clocks.thaw,
    Action.MERGE: Clocks.freeze,
    Action.DECLINE: Clocks.end,
    Action.REFER: Clocks.end,
    Action.VOID: Clocks.end,
}
TOUCHING: Final = frozenset(_EFFECTS) | {Action.UNMERGE}
"""Steps that do something to clocks; after any other they stay as they are."""

"""The one way in which a request moves: lock, check the law, write the step, tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select

from services.intake.actions import clocks, telling
from services.intake.models import Request, RequestStep, StepNote
from services.intake.rules.closing import check_two_people
from services.intake.rules.requests import DESCRIPTION_CHARACTERS_MAX
from services.intake.rules.states import ENDED, Action, Actor, State, after
from shared import clock
from shared.errors import Missing, Rejected
from shared.messaging.transaction import Transaction

BATCH_MAX = 500
# What a step may set beside the state; anything else of a request never changes.
CHANGEABLE = frozenset(
    [
        "condition_code",
        "catalogue_version",
        "category",
        "nature",
        "track",
        "scene",
        "urgency",
        "is_public",
        "unit_code",
        "handler",
        "first_handler",
        "outcome",
        "merged_into",
        "due_at",
        "building_no",
        "address",
        "lat",
        "lon",
        "grid_code",
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What shall be done to one request.

    `facts` holds codes and numbers that explain it, never free text; `note` is what a person
    wrote; `change` sets columns of the request.
    """

    request_id: int
    action: Action
    note: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    change: Mapping[str, Any] = field(default_factory=dict)
    rule_version: str | None = None
    to: State | None = None  # only where the law leaves it open: back from a merge


@dataclass(frozen=True, slots=True)
class Moved:
    """A step that was taken, and the request as it is now."""

    request: Request
    step: Step
    actor: Actor
    step_no: int
    from_state: State
    to_state: State
    at: datetime


def take(tx: Transaction, steps: Sequence[Step], actor: Actor) -> list[Moved]:
    """Take each step, in this order; at most `BATCH_MAX`, several of one request are allowed.

    Raises Missing for an unknown request, Conflict for a step that its state does not allow, and
    Rejected for a note that is too long; then none is taken.
    """
    if len(steps) > BATCH_MAX:
        raise ValueError(f"at most {BATCH_MAX} steps at once")
    now = clock.now()
    requests = locked(tx, {step.request_id for step in steps})
    moved = [_move(requests, step, actor, now) for step in steps]
    if moved:
        tx.session.flush()
        tx.session.execute(insert(RequestStep), [_row(one) for one in moved])
        notes = [_note(one) for one in moved if one.step.note]
        if notes:
            tx.session.execute(insert(StepNote), notes)
        clocks.follow(tx, moved)
        telling.tell(tx, moved)
    return moved


def locked(tx: Transaction, ids: set[int]) -> dict[int, Request]:
    """The requests, locked in the order of their ids; raises Missing."""
    found = tx.session.scalars(
        select(Request).where(Request.id.in_(ids)).order_by(Request.id).with_for_update(),
        execution_options={"populate_existing": True},
    )
    requests = {request.id: request for request in found}
    if len(requests) < len(ids):
        raise Missing("no_request", "没有这件诉求", "There is no such request")
    return requests


def _move(requests: Mapping[int, Request], step: Step, actor: Actor, now: datetime) -> Moved:
    request = requests[step.request_id]
    before = State(request.state)
    if step.action is Action.APPROVE and actor.kind == "account":
        check_two_people(actor.no, request.handler)  # whoever asks, by whatever door
    to = step.to if step.action is Action.UNMERGE and step.to else after(step.action, before)
    if odd := set(step.change) - CHANGEABLE:
        raise ValueError(f"a step cannot change {sorted(odd)}")
    if step.note is not None and len(step.note) > DESCRIPTION_CHARACTERS_MAX:
        raise Rejected(
            "note",
            f"note：不得超过 {DESCRIPTION_CHARACTERS_MAX} 个字符",
            f"note: at most {DESCRIPTION_CHARACTERS_MAX} characters",
            pointer="/note",
        )
    for name, value in step.change.items():
        setattr(request, name, value)
    _count(request, step.action, to, now)
    request.state = to
    request.updated_at = now
    request.step_count += 1
    return Moved(request, step, actor, request.step_count, before, to, now)


def _count(request: Request, action: Action, to: State, now: datetime) -> None:
    if action is Action.RETURN:
        request.returned_count += 1
    elif action is Action.REOPEN:
        request.reopened_count += 1
    elif action is Action.RESOLVE:
        request.resolved_at = now
    elif action is Action.SEND_BACK:
        request.resolved_at = None
    if action is Action.UNMERGE:
        request.merged_into = None
    if action is Action.REOPEN:
        request.resolved_at = None
    request.ended_at = (request.ended_at or now) if to in ENDED else None


def _row(moved: Moved) -> dict[str, Any]:
    return {
        "request_id": moved.request.id,
        "step_no": moved.step_no,
        "at": moved.at,
        "action": moved.step.action,
        "from_state": moved.from_state,
        "to_state": moved.to_state,
        "actor_kind": moved.actor.kind,
        "actor": moved.actor.no,
        "facts": dict(moved.step.facts),
        "rule_version": moved.step.rule_version,
    }


def _note(moved: Moved) -> dict[str, Any]:
    return {"request_id": moved.request.id, "step_no": moved.step_no, "note": moved.step.note}

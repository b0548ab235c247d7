"""The steps that people take: whose turn it is, what they must say, and what follows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from services.intake.actions.steps import Step, locked, take
from services.intake.models import Request, StepTaken
from services.intake.queries.closing import condition_for, last_step
from services.intake.queries.photos import photos_of, used_elsewhere
from services.intake.queries.reading import Reader, actor_of, standing
from services.intake.queries.standing import handlers_of
from services.intake.rules.closing import OUTCOMES, PROVEN, check_proof, check_two_people
from services.intake.rules.handling import NOTED, REASONS, TURNS, Standing, check_turn
from services.intake.rules.requests import CLIENT_ID_CHARACTERS_MAX
from services.intake.rules.states import SYSTEM, Action, Actor, State, after
from shared import clock
from shared.errors import Conflict, Rejected
from shared.messaging.transaction import Transaction

_BY_ITSELF: Final = Actor(SYSTEM, "closing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a form or a program asks for; `client_id` is its own id of the asking."""

    action: str
    note: str = ""
    reason: str = ""
    outcome: str = ""
    handler: str = ""
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class Handled:
    """What came of it; `is_new` tells whether the same asking had been answered before."""

    step_no: int
    state: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Case:
    """All that a step is decided by, read while the request is locked."""

    tx: Transaction
    request: Request
    asked: Asked
    actor: Actor
    standing: Standing


def handle(tx: Transaction, request_id: int, asked: Asked, reader: Reader) -> Handled:
    """Take one step of a request for somebody who is signed in.

    Who may is decided by the rows of now, not by the form. Raises Forbidden when it is another's
    turn, Conflict when the state does not allow it, Rejected naming the field.
    """
    action = _action(asked.action)
    request = locked(tx, {request_id})[request_id]
    actor = actor_of(reader)
    if (known := _known(tx, request, asked, actor)) is not None:
        return known
    one = {
        "grid_code": request.grid_code,
        "unit_code": request.unit_code,
        "resident_no": request.resident_no,
    }
    case = _Case(tx, request, asked, actor, standing(tx.session, one, reader))
    check_turn(action, case.standing)
    after(action, State(request.state))
    step = _step(case, action)
    moved = take(tx, [step], actor)[0]
    if action is Action.RESOLVE:
        _approve_unchecked(tx, request, actor)
    _remember(tx, request, asked, actor, moved.step_no)
    return Handled(moved.step_no, request.state, is_new=True)


def _action(code: str) -> Action:
    if code not in TURNS:
        listed = ", ".join(TURNS)
        raise _wrong("action", f"须为其中之一：{listed}", f"must be one of {listed}")
    return Action(code)


def _step(case: _Case, action: Action) -> Step:
    asked = case.asked
    note = asked.note.strip()
    if action in NOTED and not note:
        raise _wrong("note", "请写明情况", "say what there is to say")
    facts: dict[str, Any] = {}
    if reasons := REASONS.get(action):
        if asked.reason not in reasons:
            listed = ", ".join(reasons)
            raise _wrong("reason", f"须为其中之一：{listed}", f"must be one of {listed}")
        facts["reason"] = asked.reason
    change: dict[str, Any] = {}
    rule = None
    if (more := _MORE.get(action)) is not None:
        more_facts, change, rule = more(case)
        facts |= more_facts
    return Step(
        request_id=case.request.id,
        action=action,
        note=note or None,
        facts=facts,
        change=change,
        rule_version=rule,
    )


_More = tuple[dict[str, Any], dict[str, Any], str | None]


def _accept(case: _Case) -> _More:
    """Whoever accepts and handles is the handler, until another is named."""
    request = case.request
    if request.handler is not None or not case.standing.own & {"handler", "head"}:
        return {}, {}, None
    return {"handler": case.actor.no}, _now_handled_by(request, case.actor.no), None


def _assign(case: _Case) -> _More:
    request, handler = case.request, case.asked.handler
    unit = request.unit_code or ""
    if handler not in {number for number, _ in handlers_of(case.tx.session, unit)}:
        raise _wrong(
            "handler", "不是承办单位的承办人", "is no handler of the unit that has the request"
        )
    return {"handler": handler}, _now_handled_by(request, handler), None


def _now_handled_by(request: Request, handler: str) -> dict[str, Any]:
    return {"handler": handler, "first_handler": request.first_handler or handler}


def _resolve(case: _Case) -> _More:
    request, outcome = case.request, case.asked.outcome
    if outcome not in OUTCOMES:
        listed = ", ".join(OUTCOMES)
        raise _wrong("outcome", f"须为其中之一：{listed}", f"must be one of {listed}")
    condition = condition_for(case.tx.session, request)
    facts: dict[str, Any] = {"outcome": outcome, "handler": case.actor.no}
    if outcome in PROVEN:
        given_back = last_step(case.tx.session, request.id, Action.SEND_BACK, Action.REOPEN)
        proof = check_proof(
            condition,
            photos_of(case.tx.session, request.id),
            since=given_back.at if given_back else request.opened_at,
            place=_place(request),
            is_used_elsewhere=lambda photo: used_elsewhere(case.tx.session, photo),
        )
        facts["photos"] = [str(photo.photo_id) for photo in proof]
    change = {"outcome": outcome, **_now_handled_by(request, case.actor.no)}
    return facts, change, f"catalogue {condition.version}" if condition else None


def _place(request: Request) -> tuple[float, float] | None:
    if request.lat is None or request.lon is None:
        return None
    return request.lat, request.lon


def _check(case: _Case) -> _More:
    """Approving and sending back: by somebody else than who did it; the step names both."""
    resolved = last_step(case.tx.session, case.request.id, Action.RESOLVE)
    handler = resolved.actor if resolved else case.request.handler
    check_two_people(case.actor.no, handler, case.request.handler)
    return {"handler": handler, "checker": case.actor.no}, {}, None


_MORE: Final[Mapping[Action, Callable[[_Case], _More]]] = {
    Action.ACCEPT: _accept,
    Action.ASSIGN: _assign,
    Action.RESOLVE: _resolve,
    Action.SEND_BACK: _check,
    Action.APPROVE: _check,
}


def _approve_unchecked(tx: Transaction, request: Request, actor: Actor) -> None:
    """Where the catalogue asks for no checker, the proof was the check."""
    condition = condition_for(tx.session, request)
    if condition is None or condition.closing.needs_checker:
        return
    take(
        tx,
        [
            Step(
                request_id=request.id,
                action=Action.APPROVE,
                facts={"handler": actor.no, "why": "no_checker_asked"},
                rule_version=f"catalogue {condition.version}",
            )
        ],
        _BY_ITSELF,
    )


def _known(tx: Transaction, request: Request, asked: Asked, actor: Actor) -> Handled | None:
    """The answer that this very asking was given before."""
    if not asked.client_id:
        return None
    if len(asked.client_id) > CLIENT_ID_CHARACTERS_MAX:
        raise _wrong("client_id", "过长", f"at most {CLIENT_ID_CHARACTERS_MAX} characters")
    taken = tx.session.get(StepTaken, _asking(asked, actor))
    if taken is None:
        return None
    if taken.request_id != request.id or bytes(taken.body_hash) != _hash(asked):
        raise Conflict(
            "id_conflict",
            "client_id：此编号已用于另一步骤，请刷新页面后重试",
            "client_id: is another step's: reload the page and try again",
            pointer="/client_id",
        )
    return Handled(taken.step_no, request.state, is_new=False)


def _remember(tx: Transaction, request: Request, asked: Asked, actor: Actor, step_no: int) -> None:
    if asked.client_id:
        tx.session.add(
            StepTaken(
                client_id=_asking(asked, actor),
                request_id=request.id,
                body_hash=_hash(asked),
                step_no=step_no,
                at=clock.now(),
            )
        )
        tx.session.flush()


def _asking(asked: Asked, actor: Actor) -> str:
    # Ids are each person's own: nobody is answered with another's step.
    return f"{actor.kind}:{actor.no}:{asked.client_id}"


def _hash(asked: Asked) -> bytes:
    return hashlib.sha256(json.dumps(asdict(asked), sort_keys=True).encode()).digest()


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("step", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")

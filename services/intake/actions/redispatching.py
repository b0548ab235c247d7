"""退单 and what follows: a unit gives a request back with a reason, a dispatcher finds another.

The second return leaves it with the desk for good: who has it then cannot give it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from services.intake.actions.deadlines import recalculate
from services.intake.actions.dispatching import (
    Office,
    ask_assistance,
    classified,
    conditions_of,
    open_office,
)
from services.intake.actions.steps import Moved, Step, locked, take
from services.intake.models import Request
from services.intake.queries.dispatch import Placed, is_kept_by_desk, placed
from services.intake.queries.standing import standing_of
from services.intake.rules.catalogue import Condition
from services.intake.rules.dispatch import DISPATCHERS, RETURNS_MAX, Reason, Why
from services.intake.rules.states import Action, Actor, State
from shared import clock
from shared.errors import Conflict, Forbidden, Missing, Rejected
from shared.messaging.transaction import Transaction

ASSIST_MAX = 10
NOTE_CHARACTERS_MAX = 1000
_CLASSIFIED = "归类后按事项目录重算时限 / Classified: reckoned by its kind"

# The clock of the unit that has it now, be it still running or not.
_ACCEPT_BY = text(
    "SELECT due_at FROM request_clocks WHERE request_id = :id AND kind = 'accept'"
    " ORDER BY run DESC LIMIT 1"
)
_ASSISTS = text(
    "SELECT 1 FROM request_assists s JOIN posts p USING (unit_code)"
    " WHERE s.request_id = :id AND p.account_no = :account LIMIT 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Where a dispatcher sends a request; without `unit_code` the rules decide.

    `category` is what a person classified it as; None leaves what it is.
    """

    unit_code: str | None = None
    assist: Sequence[str] = ()
    category: str | None = None
    note: str | None = None


def give_back(
    tx: Transaction, request_id: int, *, reason: str, note: str, account_no: str
) -> list[Moved]:
    """A unit returns a request within the time it has to accept it.

    Raises Rejected for another reason than those of the list, Forbidden for who is not of the
    unit, and Conflict when it is too late or the desk has it.
    """
    if reason not in set(Reason):
        listed = "、".join(Reason)
        raise _wrong("reason", f"须为其中之一：{listed}", f"must be one of {', '.join(Reason)}")
    if not 1 <= len(note.strip()) <= NOTE_CHARACTERS_MAX:
        raise _wrong(
            "note",
            f"请写明退单的依据，1 至 {NOTE_CHARACTERS_MAX} 个字",
            f"say what it rests on, in 1 to {NOTE_CHARACTERS_MAX} characters",
        )
    request, one = _locked(tx, request_id)
    if request.unit_code is None or not _standing(tx, account_no, request).own:
        raise Forbidden(
            "not_your_unit",
            "只有承办单位的人员可以退单",
            "only people of the unit that has it may return it",
        )
    office = _office(tx, one)
    desk = office.units.desk(one.areas)
    if request.unit_code == desk:
        raise Conflict(
            "desk_keeps",
            "受理台是兜底单位，不能退单；请改派或牵头协调",
            "the desk is the last resort and cannot return: send it on, or lead and coordinate",
            pointer="/unit_code",
        )
    _check_in_time(tx, request_id)
    facts = {"reason": reason, "unit": request.unit_code, "returned": request.returned_count + 1}
    back = Step(
        request_id=request_id,
        action=Action.RETURN,
        note=note.strip(),
        facts=facts,
        change={"unit_code": desk, "handler": None},
    )
    steps = [back]
    if request.returned_count + 1 >= RETURNS_MAX:
        forced = {"why": Why.SECOND_RETURN, "unit": desk}
        steps.append(Step(request_id=request_id, action=Action.DISPATCH, facts=forced))
    return take(tx, steps, Actor("account", account_no))


def send_on(tx: Transaction, request_id: int, sending: Sending, *, account_no: str) -> list[Moved]:
    """A dispatcher gives a request that waits at the desk to a unit.

    Raises Rejected for an unknown unit or category, Forbidden for who is no dispatcher of the
    place, and Conflict when it is with a unit already or the desk has to keep it.
    """
    request, one = _locked(tx, request_id)
    standing = _standing(tx, account_no, request)
    if not DISPATCHERS & (standing.own | standing.area):
        raise Forbidden(
            "not_dispatcher",
            "须由所属片区的派单员或负责人派单",
            "only a dispatcher or head of the area may dispatch it",
        )
    office = _office(tx, one)
    _check_sendable(tx, request, office.units.desk(one.areas))
    condition = _condition(tx, one, sending.category)
    facts, unit = _destination(office, one, condition, sending)
    change: dict[str, Any] = {"unit_code": unit, "handler": None}
    if sending.category is not None:
        change |= {"category": sending.category, **classified(one, condition, office.rules)}
    step = Step(
        request_id=request_id,
        action=Action.DISPATCH,
        note=(sending.note or "").strip() or None,
        facts=facts,
        change=change,
        rule_version=office.version if facts["why"] == Why.RULE else None,
    )
    moved = take(tx, [step], Actor("account", account_no))
    if sending.category is not None:
        # Its limits are those of what it turned out to be; what moves is told in its history.
        recalculate(tx, [request_id], reason=_CLASSIFIED, by=account_no)
    assisting = [*sending.assist, *_listed(facts.get("assist"))]
    ask_assistance(tx, {request_id: [each for each in assisting if each != unit]}, account_no)
    return moved


def ask_to_assist(
    tx: Transaction, request_id: int, unit_codes: Sequence[str], *, account_no: str
) -> None:
    """The lead, or a dispatcher of the place, asks other units to assist."""
    request, one = _locked(tx, request_id)
    standing = _standing(tx, account_no, request)
    if not standing.own and not DISPATCHERS & standing.area:
        raise Forbidden(
            "not_your_unit",
            "须由承办单位或所属片区的派单员请求协办",
            "only the unit that has it or a dispatcher of the area may ask others to assist",
        )
    named = _known_units(_office(tx, one), one, unit_codes)
    named = [unit for unit in named if unit != request.unit_code]
    if not named:
        raise _wrong("assist", "请选择承办单位以外的单位", "name a unit other than the lead")
    ask_assistance(tx, {request_id: named}, account_no)
    step = Step(request_id=request_id, action=Action.NOTE, facts={"assist": named})
    take(tx, [step], Actor("account", account_no))


def note_as_assistant(tx: Transaction, request_id: int, note: str, *, account_no: str) -> None:
    """Somebody of an assisting unit writes down what it did; only the lead resolves."""
    if not note.strip():
        raise _wrong("note", "请写明协办情况", "say what your unit did")
    assisting = {"id": request_id, "account": account_no}
    if tx.session.execute(_ASSISTS, assisting).first() is None:
        raise Forbidden(
            "not_assisting",
            "贵单位不是这件诉求的协办单位",
            "your unit was not asked to assist with this request",
        )
    step = Step(
        request_id=request_id, action=Action.NOTE, note=note.strip(), facts={"as": "assist"}
    )
    take(tx, [step], Actor("account", account_no))


def _locked(tx: Transaction, request_id: int) -> tuple[Request, Placed]:
    request = locked(tx, {request_id})[request_id]
    one = placed(tx.session, request_id)
    if one is None:
        raise Missing("no_request", "没有这件诉求", "There is no such request")
    return request, one


def _standing(tx: Transaction, account_no: str, request: Request) -> Any:
    about = {"grid_code": request.grid_code, "unit_code": request.unit_code}
    return standing_of(tx.session, account_no, about)


def _office(tx: Transaction, one: Placed) -> Office:
    return open_office(tx, set(one.areas[1:2]))


def _check_in_time(tx: Transaction, request_id: int) -> None:
    due_at = tx.session.execute(_ACCEPT_BY, {"id": request_id}).scalar_one_or_none()
    if due_at is not None and clock.now() > due_at:
        raise Conflict(
            "too_late",
            "已超过签收时限，不能退单；请办理或请求协办",
            "the time to accept is over: handle it, or ask others to assist",
            pointer="/reason",
        )


def _check_sendable(tx: Transaction, request: Request, desk: str | None) -> None:
    if request.state == State.PENDING:
        return
    if request.state != State.DISPATCHED or request.unit_code != desk:
        raise Conflict(
            "not_at_the_desk",
            "已在承办单位，不能改派；可由该单位退单",
            "a unit has it already: that unit may return it",
            pointer="/unit_code",
        )
    if is_kept_by_desk(tx.session, request.id):
        raise Conflict(
            "desk_keeps",
            "第二次退单后由受理台兜底，不再改派；可请求协办",
            "after the second return the desk keeps it; others may be asked to assist",
            pointer="/unit_code",
        )


def _condition(tx: Transaction, one: Placed, category: str | None) -> Condition | None:
    """What it is classified as; raises Rejected for a category that a person misspelt."""
    wanted = one.condition_code or one.category if category is None else category
    found = conditions_of(tx, {wanted})[wanted]
    if found is None and category is not None:
        raise _wrong(
            "category",
            f"事项目录中没有 {category}",
            f"the catalogue has no {category}",
        )
    return found


def _destination(
    office: Office, one: Placed, condition: Condition | None, sending: Sending
) -> tuple[dict[str, Any], str]:
    if sending.unit_code:
        (unit,) = _known_units(office, one, [sending.unit_code])
        assist = _known_units(office, one, sending.assist)
        told: dict[str, Any] = {"why": Why.PERSON, "unit": unit}
        return ({**told, "assist": assist} if assist else told), unit
    decision = office.decide(one, condition)
    if decision is None or decision.unit_code == office.units.desk(one.areas):
        raise _wrong(
            "unit_code",
            "规则没有指定其他单位，请选择承办单位",
            "the rules name no other unit: choose one",
        )
    return decision.facts(), decision.unit_code


def _known_units(office: Office, one: Placed, named: Sequence[str]) -> list[str]:
    if len(named) > ASSIST_MAX:
        raise _wrong("assist", f"最多 {ASSIST_MAX} 个单位", f"at most {ASSIST_MAX} units")
    for unit in named:
        if office.units.find(unit, one.areas) != unit:
            raise _wrong("unit_code", f"没有这个单位 {unit}", f"there is no such unit {unit}")
    return list(dict.fromkeys(named))


def _listed(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("dispatch", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")

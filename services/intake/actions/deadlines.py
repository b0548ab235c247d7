"""Moves deadlines that are stored: by one extension that two people make, or by a manager."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import select

from services.intake.actions import clocks as clock_rows
from services.intake.actions.steps import BATCH_MAX, Step, locked, take
from services.intake.models import Extension, Request
from services.intake.queries.clocks import open_requests_after
from services.intake.rules.catalogue import Clock
from services.intake.rules.clock_runs import Clocks, Run
from services.intake.rules.clocks import whole
from services.intake.rules.states import Action, Actor
from shared import clock
from shared.errors import Conflict, Missing, Rejected
from shared.messaging.transaction import Transaction

REASON_CHARACTERS_MAX = 500


class Reckoned(NamedTuple):
    """How many deadlines moved; the last request that was looked at, 0 when none is left."""

    moved: int
    last: int


def ask_extension(tx: Transaction, request_id: int, *, amount: int, reason: str, by: str) -> int:
    """Ask for so many more of the clock's units; the number of the question.

    Raises Rejected for an amount beyond what the catalogue allows, and Conflict when no clock
    runs, when it has run out, or when more time was asked for before.
    """
    request, mine = _locked(tx, request_id)
    run = extendable(mine)
    if run is None:
        raise _no_clock()
    if (run.frozen_at or clock.now()) > run.due_at:
        raise Conflict(
            "too_late",
            "已经超期，不能再申请延期",
            "it is overdue: more time can no longer be asked for",
        )
    most = mine.extension_max(run)
    if not 1 <= amount <= most:
        raise Rejected(
            "extension",
            f"amount：最多可延 {most}",
            f"amount: at most {most} more",
            pointer="/amount",
        )
    _check_reason(reason)
    if tx.session.scalar(
        select(Extension.extension_no).where(
            Extension.request_id == request_id, Extension.is_granted.is_not(False)
        )
    ):
        raise Conflict("once", "每件诉求只能延期一次", "a request is given more time once only")
    row = Extension(
        request_id=request_id,
        kind=run.kind,
        run=run.run,
        amount=amount,
        asked_by=by,
        asked_at=clock.now(),
    )
    tx.session.add(row)
    tx.session.flush()
    facts = {"clock": run.kind, "amount": amount, "unit": run.limit.unit, "asked": True}
    _take(tx, request, facts, reason, by)
    return row.extension_no


def decide_extension(
    tx: Transaction, extension_no: int, *, is_granted: bool, note: str, by: str
) -> None:
    """Grant or refuse what somebody else asked for.

    Raises Missing; Conflict when it was decided, when `by` asked, or when the clock has stopped
    since. Who grants it after the clock has run out makes up for the delay: it was asked in time.
    """
    known = tx.session.get(Extension, extension_no)
    if known is None:
        raise Missing("no_extension", "没有这项延期申请", "There is no such question for more time")
    request, mine = _locked(tx, known.request_id)
    row = tx.session.get_one(Extension, extension_no, with_for_update=True, populate_existing=True)
    if row.decided_at is not None:
        raise Conflict("decided", "已有人作出决定，请刷新", "somebody has decided: reload")
    if row.asked_by == by:
        raise Conflict(
            "same_person",
            "申请人不能批准自己的延期，请另一位负责人处理",
            "who asked for more time cannot grant it: ask somebody else in charge",
        )
    row.decided_by, row.decided_at, row.is_granted = by, clock.now(), is_granted
    facts: dict[str, Any] = {"clock": row.kind, "amount": row.amount, "granted": is_granted}
    if is_granted:
        runs = [run for run in mine.open(Clock(row.kind)) if run.run == row.run]
        if not runs:
            raise _no_clock()
        facts |= {"unit": runs[0].limit.unit, "due_before": whole(runs[0].due_at).isoformat()}
        mine.extend(runs[0], row.amount)
        facts |= {"due_at": whole(runs[0].due_at).isoformat()}
        clock_rows.write(tx, [mine], {request.id: request})
    tx.session.flush()
    _take(tx, request, facts, note or None, by)


def recalculate(tx: Transaction, request_ids: Sequence[int], *, reason: str, by: str) -> int:
    """Reckon deadlines anew with the calendar as it is now; how many moved, at most 500 at once.

    The limits stay those of the version of the catalogue that each request came under. What
    moved is told in a step of each request, with the reason.
    """
    _check_reason(reason)
    if len(request_ids) > BATCH_MAX:
        raise ValueError(f"at most {BATCH_MAX} at once")
    requests = locked(tx, set(request_ids))
    all_clocks = clock_rows.clocks_of(tx.session, requests.values()) if requests else {}
    steps, moved = [], []
    for request_id, mine in all_clocks.items():
        for run in mine.open():
            before = run.due_at
            mine.recalculate(run)
            if run.due_at == before:
                run.is_changed = False
                continue
            facts = {
                "recalculated": run.kind,
                "due_before": whole(before).isoformat(),
                "due_after": whole(run.due_at).isoformat(),
            }
            moved.append(mine)
            steps.append(Step(request_id=request_id, action=Action.NOTE, note=reason, facts=facts))
    clock_rows.write(tx, {mine.matter.request_id: mine for mine in moved}.values(), requests)
    for start in range(0, len(steps), BATCH_MAX):
        take(tx, steps[start : start + BATCH_MAX], Actor("account", by))
    return len(steps)


def recalculate_next(
    tx: Transaction, *, after: int, request_no: str, reason: str, by: str
) -> Reckoned:
    """`recalculate` for one request by its number, or for the next 500 with an open clock.

    Raises Missing for an unknown number.
    """
    _check_reason(reason)
    if request_no:
        found = tx.session.scalar(select(Request.id).where(Request.request_no == request_no))
        if found is None:
            raise Missing("no_request", "没有这件诉求", "There is no such request")
        return Reckoned(recalculate(tx, [found], reason=reason, by=by), 0)
    ids = open_requests_after(tx.session, after, BATCH_MAX)
    moved = recalculate(tx, ids, reason=reason, by=by) if ids else 0
    return Reckoned(moved, ids[-1] if len(ids) == BATCH_MAX else 0)


def extendable(mine: Clocks) -> Run | None:
    """The clock that more time may be asked for: the one by which the request must be done."""
    runs = mine.open(Clock.RECTIFY) or mine.open(Clock.RESOLVE)
    return runs[0] if runs else None


def _locked(tx: Transaction, request_id: int) -> tuple[Request, Clocks]:
    request = locked(tx, {request_id})[request_id]
    mine = clock_rows.clocks_of(tx.session, [request]).get(request_id)
    if mine is None:
        raise _no_clock()
    return request, mine


def _take(
    tx: Transaction, request: Request, facts: dict[str, Any], note: str | None, by: str
) -> None:
    step = Step(request_id=request.id, action=Action.EXTEND, note=note, facts=facts)
    take(tx, [step], Actor("account", by))


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason.strip()) <= REASON_CHARACTERS_MAX:
        raise Rejected(
            "reason",
            f"reason：理由须为 1 至 {REASON_CHARACTERS_MAX} 个字符",
            f"reason: must have 1 to {REASON_CHARACTERS_MAX} characters",
            pointer="/reason",
        )


def _no_clock() -> Conflict:
    return Conflict(
        "no_clock",
        "这件诉求没有正在计时的办结时限，请刷新后再看",
        "no clock of this request runs: reload and look again",
    )

"""评单: the resident is asked, answers once a round, and is called back where silence says little.

The resident's word and the handler's are apart: a verdict never changes `outcome`. An unsolved one
gives the same request back to who handled it first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from services.intake.actions.asking import token_hash
from services.intake.actions.steps import Step, locked, take
from services.intake.models import (
    Request,
    ResidentVerdict,
    VerdictLink,
    VerdictWait,
    VerdictWords,
)
from services.intake.queries.closing import terms_at
from services.intake.rules.closing import (
    SATISFIED,
    SOLVED,
    TRIES_MAX,
    WORDS_CHARACTERS_MAX,
    why_called_back,
)
from services.intake.rules.states import SYSTEM, Action, Actor, State
from shared import clock
from shared.db.arrays import literal
from shared.errors import Conflict, Missing, Rejected
from shared.messaging.transaction import Transaction

SWEEP_MAX = 200
_CLOCK = Actor(SYSTEM, "verdicts")

_DUE = text(
    "SELECT w.request_id, w.round, w.stage, r.public_code, r.nature, r.resident_no IS NOT NULL"
    " AS is_asked FROM verdict_waits w JOIN requests r ON r.id = w.request_id"
    " WHERE w.stage = :stage AND w.due_at <= :now ORDER BY w.due_at, w.request_id LIMIT :limit"
    " FOR UPDATE OF w SKIP LOCKED"
)
_CALL_BACK = text(
    "UPDATE verdict_waits w SET stage = 'call_back', why = d.why, due_at = :due"
    " FROM unnest(CAST(:ids AS bigint[]), CAST(:whys AS text[])) AS d (id, why)"
    " WHERE w.request_id = d.id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the resident says; only `solved` is asked for."""

    solved: str
    satisfied: str | None = None
    words: str = ""


def answer_by_link(tx: Transaction, token: str, said: Said) -> Request:
    """The verdict of whoever holds the link; it is good once, and until it expires.

    Raises Missing for a link that never was, Conflict for one that was used, is too old, or asks
    of a round that is over.
    """
    link = tx.session.scalar(
        select(VerdictLink).where(VerdictLink.token_hash == token_hash(token)).with_for_update()
    )
    if link is None:
        raise Missing("no_link", "没有这个链接", "There is no such link")
    now = clock.now()
    if link.used_at is not None:
        raise _over("already_answered", "您已评过这一单，谢谢", "you have answered already")
    if now >= link.expires_at:
        raise _over("link_expired", "链接已过期", "the link has expired")
    link.used_at = now
    actor = Actor("resident", link.resident_no)
    return record(tx, link.request_id, said, actor, way="link", of_round=link.round)


def record(
    tx: Transaction,
    request_id: int,
    said: Said,
    actor: Actor,
    *,
    way: str,
    of_round: int | None = None,
) -> Request:
    """Write the verdict on the round of now, and do what follows from it.

    Unsolved reopens the request to its first handler; anything else closes it. Raises Conflict
    when the round has its verdict already, or is over.
    """
    _check(said)
    request = locked(tx, {request_id})[request_id]
    round_no = request.reopened_count
    is_asked = request.state in (State.RATING, State.CLOSED)
    if not is_asked or (of_round is not None and of_round != round_no):
        raise _over("round_over", "这一单已在重新办理", "this request is being handled again")
    if tx.session.get(ResidentVerdict, (request_id, round_no)) is not None:
        raise _over("already_answered", "这一单已评过", "this request has its verdict already")
    tx.session.add(
        ResidentVerdict(
            request_id=request_id,
            round=round_no,
            solved=said.solved,
            satisfied=said.satisfied,
            way=way,
            taken_by=actor.no if way == "call_back" else None,
            at=clock.now(),
        )
    )
    if words := said.words.strip():
        tx.session.add(VerdictWords(request_id=request_id, round=round_no, words=words))
    tx.session.flush()
    facts = {"solved": said.solved, "way": way, "round": round_no}
    if said.satisfied:
        facts["satisfied"] = said.satisfied
    steps = [Step(request_id=request_id, action=Action.RATE, facts=facts)]
    steps += _what_follows(request, said)
    take(tx, steps, actor)
    return request


def _what_follows(request: Request, said: Said) -> list[Step]:
    if said.solved == "unsolved":
        handler = request.first_handler or request.handler
        facts: dict[str, Any] = {"why": "unsolved"}
        if handler:
            facts["handler"] = handler
        return [
            Step(
                request_id=request.id,
                action=Action.REOPEN,
                facts=facts,
                change={"handler": handler},
            )
        ]
    if request.state == State.CLOSED:
        return []
    return [Step(request_id=request.id, action=Action.CLOSE, facts={"why": "verdict"})]


def end_windows(tx: Transaction) -> int:
    """Silent rounds whose window is over: call back those of the sample, close the others.

    A clock's job: at most `SWEEP_MAX` of each stage; how many were moved on.
    """
    now = clock.now()
    terms = terms_at(tx.session, now)
    chosen: dict[int, str] = {}
    closing: dict[int, str] = {}
    for row in _due(tx, "asked", now):
        why = why_called_back(
            terms,
            public_code=row.public_code,
            round_no=row.round,
            nature=row.nature,
            is_asked=row.is_asked,
        )
        if why is None:
            closing[row.request_id] = "silent"
        else:
            chosen[row.request_id] = why
    closing |= {row.request_id: "not_reached" for row in _due(tx, "call_back", now)}
    if chosen:
        tx.session.execute(
            _CALL_BACK,
            {
                "ids": literal(chosen),
                "whys": literal(chosen.values()),
                "due": now + timedelta(days=terms.call_back_days),
            },
        )
    _close(tx, closing, f"closing terms {terms.version}")
    return len(chosen) + len(closing)


def _due(tx: Transaction, stage: str, now: datetime) -> Sequence[Any]:
    return tx.session.execute(_DUE, {"stage": stage, "now": now, "limit": SWEEP_MAX}).all()


def _close(tx: Transaction, closing: dict[int, str], rule: str) -> None:
    take(
        tx,
        [
            Step(request_id=request_id, action=Action.CLOSE, facts={"why": why}, rule_version=rule)
            for request_id, why in sorted(closing.items())
        ],
        _CLOCK,
    )


def call_back(tx: Transaction, request_id: int, said: Said, account_no: str) -> Request:
    """The verdict that somebody of the office was told on the telephone."""
    _waiting(tx, request_id)
    return record(tx, request_id, said, Actor("account", account_no), way="call_back")


def not_reached(tx: Transaction, request_id: int, account_no: str) -> None:
    """Nobody answered; after the third time the round is closed without a verdict."""
    wait = _waiting(tx, request_id)
    wait.tries += 1
    tries = wait.tries
    actor = Actor("account", account_no)
    facts: dict[str, Any] = {"call_back": "not_reached", "tries": tries}
    steps = [Step(request_id=request_id, action=Action.NOTE, facts=facts)]
    if tries >= TRIES_MAX:
        steps.append(Step(request_id=request_id, action=Action.CLOSE, facts={"why": "not_reached"}))
    take(tx, steps, actor)


def note_look(tx: Transaction, request_id: int, account_no: str) -> None:
    """Write down that somebody saw the asker's name and phone, before they do."""
    step = Step(request_id=request_id, action=Action.NOTE, facts={"saw": "contact"})
    take(tx, [step], Actor("account", account_no))


def _waiting(tx: Transaction, request_id: int) -> VerdictWait:
    wait = tx.session.scalar(
        select(VerdictWait)
        .where(VerdictWait.request_id == request_id, VerdictWait.stage == "call_back")
        .with_for_update()
    )
    if wait is None:
        raise _over("no_call_back", "这一单不在回访之列", "this request is not to be called back")
    return wait


def _check(said: Said) -> None:
    if said.solved not in SOLVED:
        raise _wrong("solved", SOLVED)
    if said.satisfied is not None and said.satisfied not in SATISFIED:
        raise _wrong("satisfied", SATISFIED)
    if len(said.words) > WORDS_CHARACTERS_MAX:
        raise Rejected(
            "verdict",
            f"words：不得超过 {WORDS_CHARACTERS_MAX} 个字符",
            f"words: at most {WORDS_CHARACTERS_MAX} characters",
            pointer="/words",
        )


def _wrong(name: str, known: tuple[str, ...]) -> Rejected:
    return Rejected(
        "verdict",
        f"{name}：须为其中之一：{'、'.join(known)}",
        f"{name}: must be one of {', '.join(known)}",
        pointer=f"/{name}",
    )


def _over(code: str, zh: str, en: str) -> Conflict:
    return Conflict(code, zh, en)

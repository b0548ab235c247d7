"""Takes pickup codes: from partners' events, and at counters where somebody waits for an answer.

A code that is not accepted changes nothing but a list of what was refused, and whoever gave it is
told why.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.actions.redemptions_settling import Ending, settle
from services.points.queries.rewards import Found, redemption, redemption_by_hash
from services.points.rules.redemptions import (
    How,
    Refusal,
    Standing,
    State,
    code_hash,
    judge_claim,
    number_of,
    read_code,
    redemption_no,
    refused,
)
from shared import clock
from shared.db.arrays import hex_literal, literal
from shared.errors import Conflict, Forbidden, LinliError, Missing, TooMany
from shared.ids import uuid7
from shared.messaging.handlers import Heard
from shared.messaging.transaction import Transaction
from shared.schemas import make
from shared.schemas.envelope import Event
from shared.schemas.redemptions import REDEMPTION_REFUSED

SOURCE = "/linli/points"
REFUSED_MAX = 20  # at one counter within REFUSED_WITHIN; codes are not for guessing
REFUSED_WITHIN = timedelta(minutes=15)

_STANDING = text(
    "SELECT redemption_id, id, held_on, code_hash, partner, state, held_at, due_at"
    " FROM redemptions WHERE code_hash = ANY(CAST(:hashes AS bytea[]))"
)
_REFUSE = text(
    "INSERT INTO refused_claims (claim_id, partner, redemption_id, reason, by, refused_at)"
    " SELECT r.*, :now FROM unnest(CAST(:claims AS uuid[]), CAST(:partners AS text[]),"
    " CAST(:redemptions AS uuid[]), CAST(:reasons AS text[]), CAST(:bys AS text[])) AS r"
    " ON CONFLICT DO NOTHING"
)
_REFUSED = text("SELECT count(*) FROM refused_claims WHERE by = :by AND refused_at > :since")


def claim(tx: Transaction, heard: list[Heard]) -> list[Event]:
    """Partners' claims, a batch at once: those that are good are posted, the others answered."""
    hashes = [_hash(data["code"]) for _, data in heard]
    standing = _standing(tx.session, {each for each in hashes if each is not None})
    good: dict[UUID, tuple[Event, dict[str, Any]]] = {}
    bad: list[tuple[Event, dict[str, Any], Any, Refusal]] = []
    for (event, data), its_hash in zip(heard, hashes, strict=True):
        row = standing.get(its_hash) if its_hash else None
        why = judge_claim(
            _as_standing(row), partner=data["partner"], collected_at=data["collected_at"]
        )
        if row is not None and why is None:
            if row.redemption_id not in good:
                good[row.redemption_id] = (event, data)
                continue
            why = Refusal.ALREADY_COLLECTED  # the same code twice in one batch
        bad.append((event, data, row, why or Refusal.UNKNOWN_CODE))
    endings = [
        Ending(
            redemption_id=redemption_id,
            by=data["partner"],
            at=data["collected_at"],
            source_event_id=data["source_event_id"],
        )
        for redemption_id, (_, data) in good.items()
    ]
    done = settle(tx, endings, How.PARTNER_EVENT)
    if len(done) < len(good):  # somebody else ended them between our look and our locks
        now_is = {row.redemption_id: row for row in _standing(tx.session, hashes).values()}
        for redemption_id, (event, data) in good.items():
            if redemption_id not in done:
                row = now_is[redemption_id]
                was = State(row.state)
                why = Refusal.RELEASED if was is State.RELEASED else Refusal.ALREADY_COLLECTED
                bad.append((event, data, row, why))
    _note(
        tx.session,
        [(d["claim_id"], d["partner"], row, why, d["partner"]) for _, d, row, why in bad],
    )
    return [_said(event, data, row, why) for event, data, row, why in bad]


def look(session: Session, given: str, *, partner: str | None) -> Found:
    """What a code (or, at the district's counter, a redemption's number) stands for.

    Raises Conflict when it cannot be collected here and now.
    """
    found = _found(session, given, may_use_number=partner is None)
    why = judge_claim(
        Standing(State(found.state), found.partner, found.held_at, found.due_at) if found else None,
        partner=partner,
        collected_at=clock.now(),
    )
    if why is not None:
        raise refused(why)
    assert found is not None
    return found


def collect(tx: Transaction, given: str, *, partner: str | None, by: str) -> Found | LinliError:
    """Confirm at a counter. A refusal is returned, so that its record can be committed."""
    try:
        _check_guessing(tx.session, by)
        found = look(tx.session, given, partner=partner)
        ending = Ending(redemption_id=found.redemption_id, by=by, at=clock.now())
        if not settle(tx, [ending], How.COUNTER):
            look(tx.session, given, partner=partner)  # says what happened meanwhile
            raise refused(Refusal.ALREADY_COLLECTED)
    except Conflict as problem:
        if problem.code in set(Refusal):
            _note(tx.session, [(uuid7(), partner, None, Refusal(problem.code), by)])
        return problem
    return found


def cancel(tx: Transaction, number: int, *, resident_no: str | None, by: str) -> Found:
    """Give a held redemption back; `resident_no` None is the clerk.

    Raises Missing, Forbidden for somebody else's, Conflict when it is not held any more.
    """
    found = redemption(tx.session, number)
    if found is None:
        raise Missing("no_redemption", "没有这笔兑换", "there is no such redemption")
    if resident_no is not None and found.resident_no != resident_no:
        raise Forbidden("not_yours", "只能取消自己的兑换", "you may cancel only your own")
    how = How.CANCELLED if resident_no is not None else How.CANCELLED_BY_STAFF
    ending = Ending(redemption_id=found.redemption_id, by=by, at=clock.now())
    if not settle(tx, [ending], how):
        raise Conflict(
            "not_held",
            "这笔兑换已领取或已退回，不能取消",
            "it was collected or given back already, and cannot be cancelled",
        )
    return found


def _hash(given: str) -> bytes | None:
    code = read_code(given)
    return None if code is None else code_hash(code)


def _found(session: Session, given: str, *, may_use_number: bool) -> Found | None:
    its_hash = _hash(given)
    if its_hash is not None:
        return redemption_by_hash(session, its_hash)
    return redemption_of(session, given) if may_use_number else None


def redemption_of(session: Session, no: str) -> Found | None:
    """A redemption by its number as people write it; None when there is none."""
    number = number_of(no)
    found = redemption(session, number) if number is not None else None
    return found if found is not None and found.redemption_no == no.strip().upper() else None


def _check_guessing(session: Session, by: str) -> None:
    since = clock.now() - REFUSED_WITHIN
    if session.execute(_REFUSED, {"by": by, "since": since}).scalar_one() >= REFUSED_MAX:
        raise TooMany(
            "too_many_codes",
            "输错的领取码过多，请稍后再试",
            "too many wrong codes: try again later",
            retry_after_s=int(REFUSED_WITHIN.total_seconds()),
        )


def _standing(session: Session, hashes: Iterable[bytes | None]) -> dict[bytes, Any]:
    wanted = [each for each in hashes if each is not None]
    if not wanted:
        return {}
    rows = session.execute(_STANDING, {"hashes": hex_literal(wanted)}).all()
    return {bytes(row.code_hash): row for row in rows}


def _as_standing(row: Any) -> Standing | None:
    if row is None:
        return None
    return Standing(State(row.state), row.partner, row.held_at, row.due_at)


def _note(session: Session, rows: list[tuple[UUID, str | None, Any, Refusal, str]]) -> None:
    if rows:
        session.execute(
            _REFUSE,
            {
                "now": clock.now(),
                "claims": literal(row[0] for row in rows),
                "partners": literal(row[1] for row in rows),
                "redemptions": literal(row[2] and row[2].redemption_id for row in rows),
                "reasons": literal(row[3].value for row in rows),
                "bys": literal(row[4] for row in rows),
            },
        )


def _said(event: Event, data: dict[str, Any], row: Any, why: Refusal) -> Event:
    is_own = row is not None and why is not Refusal.FOREIGN_CODE
    return make(
        REDEMPTION_REFUSED,
        {
            "claim_id": data["claim_id"],
            "partner": data["partner"],
            "source_event_id": data["source_event_id"],
            "reason": why.value,
            "redemption_no": redemption_no(row.held_on, row.id) if is_own else None,
            "collected_at": data["collected_at"],
            "refused_at": clock.now(),
        },
        source=SOURCE,
        correlationid=event.correlationid,
        causationid=event.id,
        traceparent=event.traceparent,
    )

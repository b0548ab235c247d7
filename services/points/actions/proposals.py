"""Proposals and decisions: nobody's own proposal takes effect until somebody else approves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from services.points.actions import gifts, ledger
from services.points.actions.declaring import check_declaration, publish
from services.points.actions.documents import write_document
from services.points.queries import declared
from services.points.rules.declaring import choice, table, whole, word, wrong
from services.points.rules.honours import LEVELS
from services.points.rules.rating import Rating
from shared import clock
from shared.errors import Conflict, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

REASON_CHARS_MAX = 500
HONOURS = "honour_points"

_PROPOSE = text(
    "INSERT INTO proposals (proposal_id, kind, resident_no, body, reason, made_by, made_at)"
    " VALUES (:proposal_id, :kind, :resident_no, CAST(:body AS jsonb), :reason, :made_by, :now)"
    " ON CONFLICT (proposal_id) DO NOTHING"
)
_PROPOSED = text(
    "SELECT proposal_id, kind, resident_no, body, reason, made_by FROM proposals"
    " WHERE proposal_id = :proposal_id"
)
_DECIDE = text(
    "INSERT INTO proposal_decisions (proposal_id, made_by, decided_by, is_approved, reason,"
    " decided_at) VALUES (:proposal_id, :made_by, :decided_by, :is_approved, :reason, :now)"
    " ON CONFLICT (proposal_id) DO NOTHING RETURNING proposal_id"
)
_NOTE = text(
    "INSERT INTO rating_notes (note_id, resident_no, kind, part, points, voids, on_date, made_at)"
    " VALUES (:note_id, :resident_no, :kind, :part, :points, :voids, :on_date, :now)"
)
_DEDUCTION = text(
    "SELECT p.made_by, d.decided_by FROM rating_notes n"
    " JOIN proposals p ON p.proposal_id = n.note_id"
    " JOIN proposal_decisions d ON d.proposal_id = n.note_id"
    " WHERE n.note_id = :note_id AND n.resident_no = :resident_no AND n.kind = 'deduction'"
    " AND NOT EXISTS (SELECT FROM rating_notes v WHERE v.voids = n.note_id)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proposed:
    proposal_id: UUID
    kind: str
    resident_no: str | None
    body: dict[str, Any]
    reason: str
    made_by: str


def propose(
    tx: Transaction,
    kind: str,
    body: Mapping[str, Any],
    *,
    reason: str,
    by: str,
    resident_no: str | None = None,
    proposal_id: UUID | None = None,
) -> UUID:
    """Write down a proposal, checked as it would be on approval. The same id is one proposal.

    Raises Rejected naming the field that is wrong.
    """
    reason = _reason(reason, "/reason")
    if kind != "declaration":
        resident_no = word(resident_no, "/resident_no", 32)
    _CHECKS[kind](tx, resident_no or "", body)
    proposal_id = proposal_id or uuid7()
    tx.session.execute(
        _PROPOSE,
        {
            "proposal_id": proposal_id,
            "kind": kind,
            "resident_no": resident_no,
            "body": orjson.dumps(dict(body)).decode(),
            "reason": reason,
            "made_by": by,
            "now": clock.now(),
        },
    )
    return proposal_id


def decide(
    tx: Transaction,
    proposal_id: UUID,
    *,
    approve: bool,
    reason: str,
    by: str,
    points: int | None = None,
) -> None:
    """Approve or refuse somebody else's proposal, once; what is approved takes effect with it.

    `points` are what a granted appeal gives back. Raises Missing, Conflict for a second decision,
    Rejected for one's own proposal or what is no longer possible.
    """
    found = tx.session.execute(_PROPOSED, {"proposal_id": proposal_id}).mappings().one_or_none()
    if found is None:
        raise Missing("no_proposal", "没有这项提议", "there is no such proposal")
    proposed = _Proposed(**found)
    _check_other(tx, proposed, by)
    decided = tx.session.execute(
        _DECIDE,
        {
            "proposal_id": proposal_id,
            "made_by": proposed.made_by,
            "decided_by": by,
            "is_approved": approve,
            "reason": _reason(reason, "/decision_reason"),
            "now": clock.now(),
        },
    ).scalar_one_or_none()
    if decided is None:
        raise Conflict("decided", "这项提议已有复核结果", "this proposal was decided before")
    if approve:
        _EFFECTS[proposed.kind](tx, proposed, by, points)


def _check_other(tx: Transaction, proposed: _Proposed, by: str) -> None:
    own = {proposed.made_by}
    if proposed.kind == "appeal" and proposed.body.get("note_id"):
        # Whoever took points off, or agreed to it, does not judge the appeal against it.
        asked = {"note_id": proposed.body["note_id"], "resident_no": proposed.resident_no}
        for row in tx.session.execute(_DEDUCTION, asked):
            own |= {row.made_by, row.decided_by}
    if by in own:
        raise Rejected(
            "own_proposal",
            "须由另一人复核，不能复核本人经办的事项",
            "somebody else must decide what you made yourself",
        )


def _reason(reason: str, pointer: str) -> str:
    return word(reason, pointer, REASON_CHARS_MAX)


# What is checked when a proposal is made, and again when it takes effect.


def _check_honour(tx: Transaction, _resident_no: str, body: Mapping[str, Any]) -> int:
    told = table(body, "", required=("level", "title", "on_date"))
    level = choice(told["level"], "/level", LEVELS)
    word(told["title"], "/title", 100)
    on = _day(told["on_date"], "/on_date")
    if on > clock.today():
        raise wrong("/on_date", "不得晚于今天", "must not be after today")
    scale = declared.honour_scale_on(tx.session, clock.today())
    if not scale:
        raise Rejected(
            "no_scale",
            "尚未发布荣誉分标准，请先提议并复核一份",
            "no scale of honours is declared yet: propose one and have it approved",
            pointer="/level",
        )
    return scale[level]


def _check_grant(_tx: Transaction, _resident_no: str, body: Mapping[str, Any]) -> int:
    told = table(body, "", required=("amount",))
    return whole(told["amount"], "/amount", 1, 10**6)


def _check_deduction(tx: Transaction, _resident_no: str, body: Mapping[str, Any]) -> int:
    told = table(body, "", required=("code",))
    rating = _rating(tx)
    if not rating.deducts:
        raise Rejected(
            "no_deductions",
            "现行评价规则不扣分",
            "the rating in force takes no points off",
            pointer="/code",
        )
    points = {one.code: one.points for one in rating.deductions}
    return points[choice(told["code"], "/code", tuple(points))]


def _check_appeal(tx: Transaction, resident_no: str, body: Mapping[str, Any]) -> Rating:
    told = table(body, "", required=("part",), optional=("note_id",))
    rating = _rating(tx)
    note_id = told.get("note_id")
    if note_id is None:
        choice(told["part"], "/part", tuple(part.code for part in rating.parts))
    else:
        asked = {"note_id": _id(note_id, "/note_id"), "resident_no": resident_no}
        if tx.session.execute(_DEDUCTION, asked).one_or_none() is None:
            raise wrong("/note_id", "没有这笔扣分", "there is no such deduction")
    return rating


def _rating(tx: Transaction) -> Rating:
    rating = declared.rating_on(tx.session, clock.today())
    if rating is None:
        raise Rejected("no_rating", "尚未发布信用评价规则", "no rating is declared yet")
    return rating


def _day(value: object, pointer: str) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise wrong(pointer, "须为日期，例如 2026-10-01", "must be a day, as 2026-10-01") from None


def _id(value: object, pointer: str) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise wrong(pointer, "编号不对", "is not an id") from None


# What takes effect.


def _declare(tx: Transaction, proposed: _Proposed, _by: str, _points: int | None) -> None:
    publish(tx, proposed.proposal_id, proposed.body)


def _honour(tx: Transaction, proposed: _Proposed, by: str, _points: int | None) -> None:
    resident_no = proposed.resident_no or ""
    worth = _check_honour(tx, resident_no, proposed.body)
    title = proposed.body["title"]
    write_document(
        tx.session,
        proposed.proposal_id,
        "adjustment",
        made_by=proposed.made_by,
        checked_by=by,
        on_date=date.fromisoformat(proposed.body["on_date"]),
        facts=proposed.body
        | {"what": "honour", "zh": f"荣誉：{title}，记 {worth} 荣誉分"}
        | {"en": f"honour: {title}, {worth} honour points"},
    )
    key = (HONOURS, "resident", resident_no)
    account = ledger.locked(tx.session, [key])[key]
    posting = ledger.posting(tx.session)
    posting.issue(account, worth, proposed.proposal_id, "adjustment")
    posting.post(tx.session, clock.now())


def _grant(tx: Transaction, proposed: _Proposed, by: str, _points: int | None) -> None:
    resident_no = proposed.resident_no or ""
    gifts.grant(
        tx,
        resident_no,
        _check_grant(tx, resident_no, proposed.body),
        document_id=proposed.proposal_id,
        made_by=proposed.made_by,
        checked_by=by,
        reason=proposed.reason,
    )


def _deduct(tx: Transaction, proposed: _Proposed, _by: str, _points: int | None) -> None:
    points = _check_deduction(tx, proposed.resident_no or "", proposed.body)
    _note(tx, proposed, "deduction", proposed.body["code"], points)


def _restore(tx: Transaction, proposed: _Proposed, _by: str, points: int | None) -> None:
    """A granted appeal: the deduction is void, or the part is repaired by `points`."""
    rating = _check_appeal(tx, proposed.resident_no or "", proposed.body)
    note_id = proposed.body.get("note_id")
    if note_id is not None:
        _note(tx, proposed, "void", proposed.body["part"], 0, voids=UUID(note_id))
        return
    most = {part.code: part.most for part in rating.parts}[proposed.body["part"]]
    given = whole(points, "/points", 1, most)
    _note(tx, proposed, "repair", proposed.body["part"], given)


def _note(
    tx: Transaction,
    proposed: _Proposed,
    kind: str,
    part: str,
    points: int,
    voids: UUID | None = None,
) -> None:
    tx.session.execute(
        _NOTE,
        {
            "note_id": proposed.proposal_id,
            "resident_no": proposed.resident_no,
            "kind": kind,
            "part": part,
            "points": points,
            "voids": voids,
            "on_date": clock.today(),
            "now": clock.now(),
        },
    )


_CHECKS: Mapping[str, Callable[[Transaction, str, Mapping[str, Any]], object]] = {
    "declaration": lambda _tx, _resident_no, body: check_declaration(body),
    "honour": _check_honour,
    "pool_grant": _check_grant,
    "deduction": _check_deduction,
    "appeal": _check_appeal,
}
_EFFECTS: Mapping[str, Callable[[Transaction, _Proposed, str, int | None], None]] = {
    "declaration": _declare,
    "honour": _honour,
    "pool_grant": _grant,
    "deduction": _deduct,
    "appeal": _restore,
}

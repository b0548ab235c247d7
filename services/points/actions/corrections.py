"""更正: one person proposes with a reason, another approves or refuses, in time.

Everything is checked when it is proposed and again when it is approved: the ledger moves on in
between. A proposal that nobody has decided lapses.
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text

from services.points.actions.adjusting import adjust
from services.points.actions.importing import check_submitted, post_import
from services.points.actions.reversing import (
    Approved,
    reverse_award,
    reverse_document,
    reversible_award,
    reversible_document,
)
from services.points.queries import corrections as queries
from services.points.rules import corrections as law
from services.points.rules.corrections import Policy
from shared import clock
from shared.errors import Conflict, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

_LAPSE = text("UPDATE corrections SET state = 'lapsed' WHERE state = 'open' AND expires_at <= :now")
_PROPOSE = text(
    "INSERT INTO corrections (correction_id, kind, subject_id, policy, resident_no, body,"
    " reason_code, reason, state, made_by, made_at, expires_at) VALUES (:correction_id, :kind,"
    " :subject_id, :policy, :resident_no, CAST(:body AS jsonb), :reason_code, :reason, 'open',"
    " :made_by, :now, :expires_at) ON CONFLICT DO NOTHING RETURNING correction_id"
)
_LOCK = text("SELECT * FROM corrections WHERE correction_id = :correction_id FOR UPDATE")
_DECIDE = text(
    "UPDATE corrections SET state = :state, checked_by = :by, checked_at = :now,"
    " decision = :decision, document_id = :document_id WHERE correction_id = :correction_id"
)


def propose_award_reversal(
    tx: Transaction,
    award_id: UUID,
    *,
    by: str,
    reason_code: str,
    reason: str,
    policy: str | None = None,
) -> UUID:
    """Ask another manager to reverse an award; the proposal's id.

    `policy` None: what the award's rules declare, else within the balance. Raises Missing,
    Rejected naming the field, and Conflict when it cannot be reversed or is proposed already.
    """
    written = law.check_reason(reason_code, reason)
    award = reversible_award(tx.session, award_id)
    chosen = law.policy_of(award.declared, policy)
    if chosen == Policy.ONLY_PENDING and award.points and award.line_state in {None, "posted"}:
        raise law.refuse_spendable()
    body = {
        "on_date": award.on_date.isoformat(),
        "activity_code": award.activity_code,
        "points": award.points,
        "service_minutes": award.service_minutes,
    }
    return _propose(
        tx,
        "award_reversal",
        by=by,
        reason=(reason_code, written),
        subject_id=award_id,
        policy=chosen,
        resident_no=award.owner,
        body=body,
    )


def propose_document_reversal(
    tx: Transaction, document_id: UUID, *, by: str, reason_code: str, reason: str, policy: str
) -> UUID:
    """Ask another manager to reverse an adjustment or an import as a whole; raises as above."""
    written = law.check_reason(reason_code, reason)
    chosen = law.policy_of(None, policy)
    kind = reversible_document(tx.session, document_id, chosen)
    return _propose(
        tx,
        "document_reversal",
        by=by,
        reason=(reason_code, written),
        subject_id=document_id,
        policy=chosen,
        body={"kind": kind},
    )


def propose_adjustment(
    tx: Transaction,
    resident_no: str,
    *,
    by: str,
    asset: str,
    amount: int,
    reason_code: str,
    reason: str,
    expires_on: date | None = None,
    once: UUID | None = None,
) -> UUID:
    """Ask a manager to add to a resident's account, or to take from it; raises as above.

    `once`: the id that whoever asks has made, so that asking again is no second proposal.
    """
    written = law.check_reason(reason_code, reason)
    law.check_adjustment(asset, amount, expires_on, clock.today())
    if resident_no not in queries.known_residents(tx.session, [resident_no]):
        raise Rejected(
            "unknown_resident",
            "没有这个居民编号，请核对或先登记",
            "no resident has this number: check it, or register the resident first",
            pointer="/resident_no",
        )
    body = {
        "asset": asset,
        "amount": amount,
        "expires_on": expires_on.isoformat() if expires_on else None,
    }
    return _propose(
        tx,
        "adjustment",
        by=by,
        reason=(reason_code, written),
        resident_no=resident_no,
        body=body,
        once=once,
    )


def propose_import(tx: Transaction, import_id: UUID, *, by: str, reason: str) -> UUID:
    """Ask a manager to bring in a file that was checked and has no problems; raises as above."""
    written = law.check_text(reason, "/reason")
    body = check_submitted(tx.session, import_id)
    return _propose(
        tx, "import", by=by, reason=("paper_book", written), subject_id=import_id, body=body
    )


def approve(tx: Transaction, correction_id: UUID, *, by: str, decision: str) -> UUID:
    """Carry a proposal out; the id of the document that does.

    Raises Missing, Rejected, and Conflict when it is decided or lapsed, is one's own, or can no
    longer be done: then it stays open and nothing has changed.
    """
    written = law.check_text(decision, "/decision")
    one = _open(tx, correction_id, by)
    document_id = _carry_out(tx, one, by)
    _decide(tx, correction_id, "approved", by, written, document_id)
    return document_id


def refuse(tx: Transaction, correction_id: UUID, *, by: str, decision: str) -> None:
    """Decide that it is not done; raises as `approve`. Who proposed it may not refuse it either."""
    written = law.check_text(decision, "/decision")
    _open(tx, correction_id, by)
    _decide(tx, correction_id, "refused", by, written, None)


def lapse(tx: Transaction) -> None:
    """Close what nobody has decided in time."""
    tx.session.execute(_LAPSE, {"now": clock.now()})


def _propose(
    tx: Transaction,
    kind: str,
    *,
    by: str,
    reason: tuple[str, str],
    body: dict[str, Any],
    subject_id: UUID | None = None,
    policy: Policy | None = None,
    resident_no: str | None = None,
    once: UUID | None = None,
) -> UUID:
    lapse(tx)  # what lapsed must not stand in the way of what is proposed again
    now = clock.now()
    made = tx.session.execute(
        _PROPOSE,
        {
            "correction_id": once or uuid7(),
            "kind": kind,
            "subject_id": subject_id,
            "policy": policy.value if policy else None,
            "resident_no": resident_no,
            "body": orjson.dumps(body).decode(),
            "reason_code": reason[0],
            "reason": reason[1],
            "made_by": by,
            "now": now,
            "expires_at": now + law.OPEN_FOR,
        },
    ).scalar_one_or_none()
    if made is None:
        raise Conflict(
            "proposed_before",
            "已有一份更正提议在等复核，请不要重复提出",
            "a proposal about this waits for a decision already",
        )
    return UUID(str(made))


def _open(tx: Transaction, correction_id: UUID, by: str) -> Row[Any]:
    """The proposal, locked, when this person may decide it now."""
    one = tx.session.execute(_LOCK, {"correction_id": correction_id}).one_or_none()
    if one is None:
        raise Missing("no_correction", "没有这份更正提议", "there is no such proposal")
    if one.state != "open":
        raise Conflict("decided_before", "这份提议已有结果，请刷新", "this was decided: reload it")
    if one.expires_at <= clock.now():
        raise Conflict(
            "lapsed",
            "这份提议已过期，请重新提出",
            "the time to decide this is over: propose it again",
        )
    if one.made_by == by:
        raise Conflict(
            "four_eyes",
            "不能复核自己提出的更正，请由另一位管理人员处理",
            "nobody decides on a proposal of his own: ask another manager",
        )
    return one


def _carry_out(tx: Transaction, one: Row[Any], by: str) -> UUID:
    names = {"made_by": one.made_by, "checked_by": by}
    if one.kind == "adjustment":
        return adjust(tx, one.resident_no, one.body, reason_code=one.reason_code, **names)
    if one.kind == "import":
        return post_import(tx, one.subject_id, **names)
    approved = Approved(policy=Policy(one.policy), reason_code=one.reason_code, **names)
    if one.kind == "award_reversal":
        return reverse_award(tx, one.subject_id, approved)
    return reverse_document(tx, one.subject_id, approved)


def _decide(
    tx: Transaction,
    correction_id: UUID,
    state: str,
    by: str,
    decision: str,
    document_id: UUID | None,
) -> None:
    tx.session.execute(
        _DECIDE,
        {
            "correction_id": correction_id,
            "state": state,
            "by": by,
            "now": clock.now(),
            "decision": decision,
            "document_id": document_id,
        },
    )

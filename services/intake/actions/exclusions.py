"""剔除: one person proposes that a request shall not count, another decides; both stay listed."""

from __future__ import annotations

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from services.intake.actions.facts import refresh
from services.intake.models import BoardExclusion, ExclusionWords, Request
from services.intake.rules.exclusions import check_proposal, check_second
from shared import clock
from shared.errors import Conflict, Missing
from shared.messaging.transaction import Transaction

_NOTE = text("INSERT INTO facts_due (request_id) VALUES (:id)")


def propose(tx: Transaction, request_no: str, reason: str, words: str, account_no: str) -> int:
    """The proposal's id; raises Rejected, Missing, and Conflict where one waits or stands."""
    check_proposal(reason, words)
    request_id = tx.session.scalar(select(Request.id).where(Request.request_no == request_no))
    if request_id is None:
        raise Missing("no_request", "没有这件诉求", "There is no such request")
    proposed = BoardExclusion(
        request_id=request_id,
        reason=reason,
        state="proposed",
        proposed_by=account_no,
        proposed_at=clock.now(),
    )
    tx.session.add(proposed)
    try:
        tx.session.flush()
    except IntegrityError as problem:
        raise Conflict(
            "excluded_already",
            "这件诉求已有剔除申请或已剔除，请在列表中查看",
            "it is excluded, or waits for a decision: see the list",
            pointer="/request_no",
        ) from problem
    tx.session.add(ExclusionWords(exclusion_id=proposed.id, words=words.strip()))
    return proposed.id


def decide(tx: Transaction, exclusion_id: int, account_no: str, *, is_approved: bool) -> None:
    """Raises Missing, Conflict when it was decided, Forbidden for the proposer himself."""
    found = tx.session.scalar(
        select(BoardExclusion).where(BoardExclusion.id == exclusion_id).with_for_update()
    )
    if found is None:
        raise Missing("no_exclusion", "没有这项剔除", "There is no such exclusion")
    if found.state != "proposed":
        raise Conflict(
            "decided", "这项剔除已经审批，请刷新", "it was decided already: reload the page"
        )
    check_second(found.proposed_by, account_no)
    found.state = "approved" if is_approved else "refused"
    found.decided_by = account_no
    found.decided_at = clock.now()
    if is_approved:
        tx.session.flush()
        refresh(tx, {found.request_id})
        # A step in another transaction may be reading it just now: read once more afterwards.
        tx.session.execute(_NOTE, {"id": found.request_id})

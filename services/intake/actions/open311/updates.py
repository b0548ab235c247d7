"""Updates that clients send: each once, kept as a note; the district alone moves a request."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from services.intake.actions.open311.posting import VISITOR
from services.intake.actions.steps import Step, take
from services.intake.queries.open311.services import Offered
from services.intake.queries.open311.shown import Reader, updatable
from services.intake.queries.open311.trials import shown_trial
from services.intake.rules.open311.faults import Fault, Refused, unknown
from services.intake.rules.states import Action, State
from shared import clock
from shared.messaging.transaction import Transaction

_CLAIM = text(
    "INSERT INTO open311_updates (key_no, update_id, public_code, status, received_at)"
    " VALUES (:key_no, :update_id, :code, :status, :now)"
    " ON CONFLICT (key_no, update_id) DO NOTHING RETURNING update_id"
)
_CLOSE_TRIAL = text(
    "UPDATE open311_trials SET status = :status, extended_status = :extended, updated_at = :now"
    " WHERE public_code = :code"
)
_CLOSED = frozenset(
    {
        "closed",
        "fixed",
        "no_further_action",
        "not_councils_responsibility",
        "duplicate",
        "internal_referral",
        "cancelled",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentUpdate:
    """An update as a client sent it; `status` is one of `TOLD_BY_CLIENTS`."""

    public_code: str
    update_id: str
    status: str
    description: str


def take_update(tx: Transaction, sent: SentUpdate, offered: Offered, key_no: int) -> bool:
    """Keep it; False when its id had come before. Raises Refused for an unknown request.

    While the district waits for the resident, the update is the answer; otherwise it is a note.
    """
    found = updatable(tx.session, sent.public_code, Reader(offered, key_no))
    if found is None:
        raise Refused([_unknown(sent)])
    if not _claim(tx, sent, key_no):
        return False
    request_id, state = found
    action = Action.ANSWER if state == State.WAITING else Action.NOTE
    take(
        tx,
        [
            Step(
                request_id=request_id,
                action=action,
                note=sent.description,
                facts={"key_no": key_no, "told_status": sent.status},
            )
        ],
        VISITOR,
    )
    return True


def take_trial_update(tx: Transaction, sent: SentUpdate, offered: Offered, key_no: int) -> bool:
    """The same in the sandbox, where the client's word moves its request, so it can try both."""
    if shown_trial(tx.session, sent.public_code, offered, key_no) is None:
        raise Refused([_unknown(sent)])
    if not _claim(tx, sent, key_no):
        return False
    if sent.status != "unchanged":
        tx.session.execute(
            _CLOSE_TRIAL,
            {
                "status": "closed" if sent.status in _CLOSED else "open",
                "extended": sent.status,
                "now": clock.now(),
                "code": sent.public_code,
            },
        )
    return True


def _claim(tx: Transaction, sent: SentUpdate, key_no: int) -> bool:
    claimed = tx.session.execute(
        _CLAIM,
        {
            "key_no": key_no,
            "update_id": sent.update_id,
            "code": sent.public_code,
            "status": sent.status,
            "now": clock.now(),
        },
    )
    return claimed.scalar_one_or_none() is not None


def _unknown(sent: SentUpdate) -> Fault:
    return unknown(
        "service_request_id", sent.public_code, "没有这件诉求", "there is no such request"
    )

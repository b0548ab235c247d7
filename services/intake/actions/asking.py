"""Asking for the resident's verdict: a link that is good once, and a wait with its due time."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import insert, text

from services.intake.models import Request, VerdictLink, VerdictWait
from services.intake.queries.closing import terms_at
from services.intake.rules.states import Action, State
from shared import clock
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction

if TYPE_CHECKING:
    from services.intake.actions.steps import Moved

TOKEN_BYTES = 18  # 144 random bits

_END_WAITS = text("DELETE FROM verdict_waits WHERE request_id = ANY(CAST(:ids AS bigint[]))")


def token_hash(token: str) -> bytes:
    """How a link is known here: the digest of its token, never itself."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def follow(tx: Transaction, moved: Sequence[Moved]) -> dict[int, str]:
    """Ask where a request was just approved, stop asking where it moved on.

    The paths of the new links, by request; only the asker is ever given one.
    """
    asking = {one.request.id: one.request for one in moved if one.to_state is State.RATING}
    starting = {
        one.request.id
        for one in moved
        if one.step.action is Action.APPROVE and one.request.state == State.RATING
    }
    ended = [one.request.id for one in moved if one.request.state != State.RATING]
    if ended:
        tx.session.execute(_END_WAITS, {"ids": literal(set(ended))})
    if not starting:
        return {}
    return _ask(tx, [asking[each] for each in sorted(starting)])


def _ask(tx: Transaction, requests: Sequence[Request]) -> dict[int, str]:
    now = clock.now()
    terms = terms_at(tx.session, now)
    tx.session.execute(_END_WAITS, {"ids": literal(each.id for each in requests)})
    tx.session.execute(
        insert(VerdictWait),
        [
            {
                "request_id": each.id,
                "round": each.reopened_count,
                "stage": "asked",
                "due_at": now + timedelta(days=terms.window_days),
                "tries": 0,
                "why": None,
            }
            for each in requests
        ],
    )
    tokens = {each.id: secrets.token_urlsafe(TOKEN_BYTES) for each in requests if each.resident_no}
    if tokens:
        tx.session.execute(
            insert(VerdictLink),
            [
                {
                    "token_hash": token_hash(tokens[each.id]),
                    "request_id": each.id,
                    "round": each.reopened_count,
                    "resident_no": each.resident_no,
                    "made_at": now,
                    "expires_at": now + timedelta(days=terms.link_days),
                    "used_at": None,
                }
                for each in requests
                if each.id in tokens
            ],
        )
    return {request_id: f"/v/{token}" for request_id, token in tokens.items()}

"""Drafts of dispatch rules: one manager makes and submits one, another publishes or rejects it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from sqlalchemy import text

from services.intake.rules.dispatch import RuleList
from services.intake.rules.dispatch_form import REASON_CHARACTERS_MAX, read_rules
from shared import clock
from shared.errors import Rejected
from shared.four_eyes import Draft, others, own
from shared.messaging.transaction import Transaction

BODY_BYTES_MAX = 262_144
EMPTY: Mapping[str, Any] = {"rules": [], "villages": [], "near_m": {}}

_NEW = text(
    "INSERT INTO dispatch_rules (state, body, revision, made_by, changed_at) SELECT 'draft',"
    " coalesce((SELECT body FROM dispatch_rules WHERE state = 'published' ORDER BY version DESC"
    " LIMIT 1), CAST(:empty AS jsonb)), 1, :by, :now RETURNING id"
)
_LOCK = text("SELECT body, revision, state, made_by FROM dispatch_rules WHERE id = :id FOR UPDATE")
_EDIT = text(
    "UPDATE dispatch_rules SET body = CAST(:body AS jsonb), revision = revision + 1,"
    " changed_at = :now WHERE id = :id"
)
_MOVE = text("UPDATE dispatch_rules SET state = :state, changed_at = :now WHERE id = :id")
# Versions are given one after the other; the loser of a race is refused by the unique number.
_PUBLISH = text(
    "UPDATE dispatch_rules SET state = 'published', changed_at = :now, checked_at = :now,"
    " checked_by = :by, version = (SELECT coalesce(max(version), 0) + 1 FROM dispatch_rules)"
    " WHERE id = :id RETURNING version"
)
_REJECT = text(
    "UPDATE dispatch_rules SET state = 'rejected', changed_at = :now, checked_at = :now,"
    " checked_by = :by, reason = :reason WHERE id = :id"
)
_INSTALL = text(
    "INSERT INTO dispatch_rules (state, version, body, revision, made_by, changed_at)"
    " SELECT 'published', coalesce(max(version), 0) + 1, CAST(:body AS jsonb), 1, :by, :now"
    " FROM dispatch_rules HAVING (SELECT body FROM dispatch_rules WHERE state = 'published'"
    " ORDER BY version DESC LIMIT 1) IS DISTINCT FROM CAST(:body AS jsonb) RETURNING version"
)


def begin(tx: Transaction, *, by: str) -> int:
    """A new draft, a copy of what is in force; its number."""
    values = {"empty": orjson.dumps(EMPTY).decode(), "by": by, "now": clock.now()}
    return int(tx.session.execute(_NEW, values).scalar_one())


def edit(
    tx: Transaction,
    draft_id: int,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    revision: int,
    by: str,
) -> RuleList:
    """Change a draft's body. Only its maker may, before it is submitted.

    Raises BadDispatchRules naming all that the new body would have wrong; nothing is then kept.
    """
    body = change(own(_locked(tx, draft_id), revision, by, "draft").body)
    rules = read_rules(body)
    written = orjson.dumps(body)
    if len(written) > BODY_BYTES_MAX:
        raise Rejected(
            "too_large",
            f"规则不得超过 {BODY_BYTES_MAX} 字节",
            f"the rules must have at most {BODY_BYTES_MAX} bytes",
            pointer="/rules",
        )
    values = {"id": draft_id, "body": written.decode(), "now": clock.now()}
    tx.session.execute(_EDIT, values)
    return rules


def submit(tx: Transaction, draft_id: int, *, revision: int, by: str) -> None:
    """Give a draft to a second person. Raises BadDispatchRules while it cannot be used."""
    read_rules(own(_locked(tx, draft_id), revision, by, "draft").body)
    tx.session.execute(_MOVE, {"id": draft_id, "state": "submitted", "now": clock.now()})


def withdraw(tx: Transaction, draft_id: int, *, revision: int, by: str) -> None:
    """Take a submitted draft back to change it."""
    own(_locked(tx, draft_id), revision, by, "submitted")
    tx.session.execute(_MOVE, {"id": draft_id, "state": "draft", "now": clock.now()})


def publish(tx: Transaction, draft_id: int, *, revision: int, by: str) -> int:
    """Publish what somebody else submitted; it is in force at once. The version."""
    read_rules(others(_locked(tx, draft_id), revision, by).body)
    values = {"id": draft_id, "by": by, "now": clock.now()}
    return int(tx.session.execute(_PUBLISH, values).scalar_one())


def reject(tx: Transaction, draft_id: int, *, revision: int, by: str, reason: str) -> None:
    """Refuse what somebody else submitted, and say why."""
    others(_locked(tx, draft_id), revision, by)
    said = reason.strip()
    if not 1 <= len(said) <= REASON_CHARACTERS_MAX or "\x00" in said:
        raise Rejected(
            "bad_reason",
            f"reason：请写明理由，1 至 {REASON_CHARACTERS_MAX} 个字",
            f"reason: say why, in 1 to {REASON_CHARACTERS_MAX} characters",
            pointer="/reason",
        )
    values = {"id": draft_id, "by": by, "now": clock.now(), "reason": said}
    tx.session.execute(_REJECT, values)


def install(tx: Transaction, body: Mapping[str, Any], *, by: str) -> int | None:
    """Publish a file that an operator loads; None when just this is in force. Safe to repeat."""
    read_rules(body)
    values = {"body": orjson.dumps(body).decode(), "by": by, "now": clock.now()}
    version = tx.session.execute(_INSTALL, values).scalar_one_or_none()
    return None if version is None else int(version)


def _locked(tx: Transaction, draft_id: int) -> Draft | None:
    row = tx.session.execute(_LOCK, {"id": draft_id}).one_or_none()
    return None if row is None else Draft(*row)

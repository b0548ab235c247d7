"""Drafts of rules: one person makes and submits one, another publishes or rejects it."""

from __future__ import annotations

from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.actions import rules as publishing
from services.points.rules.rule_form import read_rule_set
from services.points.rules.rule_set import REASON_CHARS_MAX, REASON_CHARS_MIN, RuleSet
from shared import clock
from shared.errors import Rejected
from shared.four_eyes import Draft, others, own
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

BODY_BYTES_MAX = 262_144

_NEW = text(
    "INSERT INTO rule_drafts (draft_id, body, revision, state, made_by, made_at, changed_at)"
    " VALUES (:draft_id, CAST(:body AS jsonb), 1, 'draft', :by, :now, :now)"
)
_LOCK = text(
    "SELECT body, revision, state, made_by FROM rule_drafts WHERE draft_id = :draft_id FOR UPDATE"
)
_EDIT = text(
    "UPDATE rule_drafts SET body = CAST(:body AS jsonb), revision = revision + 1,"
    " changed_at = :now WHERE draft_id = :draft_id"
)
_SUBMIT = text(
    "UPDATE rule_drafts SET state = 'submitted', submitted_at = :now, changed_at = :now"
    " WHERE draft_id = :draft_id"
)
_WITHDRAW = text(
    "UPDATE rule_drafts SET state = 'draft', submitted_at = NULL, changed_at = :now"
    " WHERE draft_id = :draft_id"
)
_DECIDE = text(
    "UPDATE rule_drafts SET state = :state, checked_by = :by, checked_at = :now,"
    " changed_at = :now, reason = :reason WHERE draft_id = :draft_id"
)


def begin(tx: Transaction, body: object, *, by: str) -> UUID:
    """A new draft; it need not be complete yet. Raises Rejected for what is no JSON object."""
    draft_id = uuid7()
    values = {"draft_id": draft_id, "body": _storable(body), "by": by, "now": clock.now()}
    tx.session.execute(_NEW, values)
    return draft_id


def edit(tx: Transaction, draft_id: UUID, body: object, *, revision: int, by: str) -> None:
    """Replace a draft's body. Only its maker may, and only before it is submitted."""
    own(_locked(tx.session, draft_id), revision, by, "draft")
    values = {"draft_id": draft_id, "body": _storable(body), "now": clock.now()}
    tx.session.execute(_EDIT, values)


def submit(tx: Transaction, draft_id: UUID, *, revision: int, by: str) -> RuleSet:
    """Give a draft to a second person. Raises BadRules while it could not be published."""
    draft = own(_locked(tx.session, draft_id), revision, by, "draft")
    rules = read_rule_set(draft.body)
    publishing.check_start(tx.session, rules)
    tx.session.execute(_SUBMIT, {"draft_id": draft_id, "now": clock.now()})
    return rules


def withdraw(tx: Transaction, draft_id: UUID, *, revision: int, by: str) -> None:
    """Take a submitted draft back to change it."""
    own(_locked(tx.session, draft_id), revision, by, "submitted")
    tx.session.execute(_WITHDRAW, {"draft_id": draft_id, "now": clock.now()})


def publish(tx: Transaction, draft_id: UUID, *, revision: int, by: str) -> RuleSet:
    """Publish what somebody else submitted."""
    draft = others(_locked(tx.session, draft_id), revision, by)
    rules = publishing.publish(tx, draft.body, made_by=draft.made_by, checked_by=by)
    _decide(tx.session, draft_id, "published", by, None)
    return rules


def reject(tx: Transaction, draft_id: UUID, *, revision: int, by: str, reason: str) -> None:
    """Refuse what somebody else submitted, and say why."""
    others(_locked(tx.session, draft_id), revision, by)
    said = reason.strip()
    if not REASON_CHARS_MIN <= len(said) <= REASON_CHARS_MAX or "\x00" in said:
        raise Rejected(
            "bad_reason",
            f"请写明理由，{REASON_CHARS_MIN} 至 {REASON_CHARS_MAX} 个字",
            f"give a reason of {REASON_CHARS_MIN} to {REASON_CHARS_MAX} characters",
            pointer="/reason",
        )
    _decide(tx.session, draft_id, "rejected", by, said)


def _decide(session: Session, draft_id: UUID, state: str, by: str, reason: str | None) -> None:
    values = {"draft_id": draft_id, "state": state, "by": by, "reason": reason}
    session.execute(_DECIDE, {**values, "now": clock.now()})


def _storable(body: object) -> str:
    if not isinstance(body, dict):
        raise Rejected(
            "bad_rules",
            "规则须为 JSON 对象 {…}",
            "rules must be a JSON object {…}",
            pointer="",
        )
    try:
        written = orjson.dumps(body)
    except (orjson.JSONEncodeError, UnicodeEncodeError) as problem:
        raise _too_odd() from problem
    if len(written) > BODY_BYTES_MAX or b"\\u0000" in written:
        raise _too_odd()
    return written.decode()


def _too_odd() -> Rejected:
    return Rejected(
        "bad_rules",
        f"规则不得超过 {BODY_BYTES_MAX} 字节，不得含空字符或残缺字符",
        f"rules must have at most {BODY_BYTES_MAX} bytes, and no NUL or lone surrogates",
        pointer="",
    )


def _locked(session: Session, draft_id: UUID) -> Draft | None:
    row = session.execute(_LOCK, {"draft_id": draft_id}).one_or_none()
    return None if row is None else Draft(*row)

"""What closing asks of the database: terms, last steps, links, verdicts, call-backs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.models import Request
from services.intake.queries import catalogue
from services.intake.rules.catalogue import Condition
from services.intake.rules.closing import Terms

_TERMS = text(
    "SELECT version, link_days, window_days, sample_percent, sample_natures, call_back_days"
    " FROM closing_terms WHERE valid_from <= :at ORDER BY valid_from DESC, version DESC LIMIT 1"
)
_LAST = text(
    "SELECT action, actor_kind, actor, at FROM request_steps WHERE request_id = :id"
    " AND action = ANY(CAST(:actions AS text[])) ORDER BY step_no DESC LIMIT 1"
)
_LINK = text(
    "SELECT l.request_id, l.round, l.resident_no, l.expires_at, l.used_at, r.request_no,"
    " r.state, r.reopened_count, r.opened_at, v.solved FROM verdict_links l"
    " JOIN requests r ON r.id = l.request_id"
    " LEFT JOIN resident_verdicts v ON (v.request_id, v.round) = (l.request_id, l.round)"
    " WHERE l.token_hash = :hash"
)
_VERDICTS = text(
    "SELECT v.round, v.solved, v.satisfied, v.way, v.at, w.words FROM resident_verdicts v"
    " LEFT JOIN verdict_words w USING (request_id, round) WHERE v.request_id = :id ORDER BY round"
)


class LastStep(NamedTuple):
    """Who took a step last, and when."""

    action: str
    actor_kind: str
    actor: str
    at: datetime


class Link(NamedTuple):
    """A verdict link as it stands; `solved` is the round's answer once there is one."""

    request_id: int
    round: int
    resident_no: str
    expires_at: datetime
    used_at: datetime | None
    request_no: str
    state: str
    reopened_count: int
    opened_at: datetime
    solved: str | None


def terms_at(session: Session, at: datetime) -> Terms:
    """The terms that hold at an instant; the first ones hold since ever."""
    row = session.execute(_TERMS, {"at": at}).mappings().one()
    return Terms(**{**row, "sample_natures": tuple(row["sample_natures"])})


def last_step(session: Session, request_id: int, *actions: str) -> LastStep | None:
    """The newest of these steps of a request."""
    row = session.execute(_LAST, {"id": request_id, "actions": list(actions)}).one_or_none()
    return None if row is None else LastStep(*row)


def condition_for(session: Session, request: Request) -> Condition | None:
    """The condition of a request, in the version of the catalogue that it was admitted under."""
    if request.condition_code is not None and request.catalogue_version is not None:
        known = catalogue.catalogues_of(session, [request.catalogue_version])
        if (found := known.get(request.catalogue_version)) is not None:
            return found.condition(request.condition_code)
    return catalogue.condition_of(
        session, request.condition_code or request.category, request.accepted_at
    )


def link_of(session: Session, token_hash: bytes) -> Link | None:
    """The link of a token's digest."""
    row = session.execute(_LINK, {"hash": token_hash}).one_or_none()
    return None if row is None else Link(*row)


def verdicts_of(session: Session, request_id: int) -> list[dict[str, Any]]:
    """The resident's verdicts on a request, a row a round."""
    return [dict(row) for row in session.execute(_VERDICTS, {"id": request_id}).mappings()]

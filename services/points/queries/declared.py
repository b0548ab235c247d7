"""Declared rules and the proposals by which they and other decisions come about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.conversions import Conversion, read_conversion
from services.points.rules.declaring import Declared, in_force
from services.points.rules.honours import SCALE, read_scale
from services.points.rules.households import LIMITS, Limits, read_limits
from services.points.rules.rating import RATING, Rating, read_rating
from services.points.rules.stars import Ladder, ladders

LISTED_MAX = 100

_DECLARED = text(
    "SELECT kind, name, version, valid_from, body FROM declared_rules WHERE kind = :kind"
    " ORDER BY name, valid_from, version"
)
_PUBLISHED = text(
    "SELECT r.kind, r.name, r.version, r.valid_from, r.body, r.published_at, d.made_by,"
    " d.decided_by FROM declared_rules r JOIN proposal_decisions d USING (proposal_id)"
    " ORDER BY r.published_at DESC, r.kind, r.name LIMIT :most"
)
_PROPOSALS = text(
    "SELECT p.proposal_id, p.kind, p.resident_no, p.body, p.reason, p.made_by, p.made_at,"
    " d.decided_by, d.is_approved, d.reason AS decision_reason, d.decided_at"
    " FROM proposals p LEFT JOIN proposal_decisions d USING (proposal_id)"
    " WHERE (CAST(:resident_no AS text) IS NULL OR p.resident_no = :resident_no)"
    " AND (CAST(:kind AS text) IS NULL OR p.kind = :kind)"
    " AND (CAST(:open AS boolean) IS NULL OR (d.proposal_id IS NULL) = :open)"
    " ORDER BY coalesce(d.decided_at, p.made_at) DESC, p.proposal_id LIMIT :most"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A declared version with both names."""

    kind: str
    name: str
    version: int
    valid_from: date
    body: dict[str, Any]
    published_at: datetime
    made_by: str
    decided_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A proposal, and its decision where there is one."""

    proposal_id: UUID
    kind: str
    resident_no: str | None
    body: dict[str, Any]
    reason: str
    made_by: str
    made_at: datetime
    decided_by: str | None
    is_approved: bool | None
    decision_reason: str | None
    decided_at: datetime | None


def declared(session: Session, kind: str) -> list[Declared]:
    """Every published version of a kind."""
    return [Declared(**row) for row in session.execute(_DECLARED, {"kind": kind}).mappings()]


def published(session: Session, most: int = LISTED_MAX) -> list[Published]:
    """The newest declared rules of all kinds."""
    return [Published(**row) for row in session.execute(_PUBLISHED, {"most": most}).mappings()]


def proposals(
    session: Session,
    *,
    resident_no: str | None = None,
    kind: str | None = None,
    is_open: bool | None = None,
    most: int = LISTED_MAX,
) -> list[Proposed]:
    """The newest proposals; open ones have no decision yet."""
    asked = {"resident_no": resident_no, "kind": kind, "open": is_open, "most": most}
    return [Proposed(**row) for row in session.execute(_PROPOSALS, asked).mappings()]


def star_ladders(session: Session) -> dict[str, list[Ladder]]:
    """Every ladder with all its versions."""
    return ladders(declared(session, "star"))


def rating_on(session: Session, on: date) -> Rating | None:
    """The parts of the rating in force on a day; None before any were declared."""
    known = [one for one in declared(session, "rating") if one.name == RATING]
    found = in_force(known, on)
    return read_rating(found.version, found.valid_from, found.body) if found else None


def honour_scale_on(session: Session, on: date) -> dict[str, int]:
    """Honour points by level on a day; empty before a scale was declared."""
    found = in_force([one for one in declared(session, "honour") if one.name == SCALE], on)
    return read_scale(found.body) if found else {}


def conversions_on(session: Session, on: date) -> dict[str, Conversion]:
    """The conversions in force on a day, by name."""
    known = declared(session, "conversion")
    found = {}
    for name in sorted({one.name for one in known}):
        rule = in_force([one for one in known if one.name == name], on)
        if rule is not None:
            found[name] = read_conversion(name, rule.version, rule.valid_from, rule.body)
    return found


def limits_on(session: Session, on: date) -> Limits:
    """What members of a household may give and spend; the defaults where none are declared."""
    found = in_force([one for one in declared(session, "household") if one.name == LIMITS], on)
    return read_limits(found.body) if found else Limits()

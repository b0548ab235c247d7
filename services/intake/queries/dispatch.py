"""What dispatch reads: requests that wait, units, rules in force, levels; and how well it did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries import alerts
from services.intake.rules.alerts import SEVERITY, Level
from services.intake.rules.dispatch import RuleList, UnitPlace
from services.intake.rules.dispatch_form import read_rules

_PLACED = (
    "SELECT r.id, r.request_no, r.state, r.category, r.condition_code, r.catalogue_version,"
    " r.is_public, r.track, r.urgency, r.unit_code, r.returned_count, r.grid_code,"
    " c.code AS community, s.code AS street, s.parent_code AS district FROM requests r"
    " LEFT JOIN areas g ON g.code = r.grid_code LEFT JOIN areas c ON c.code = g.parent_code"
    " LEFT JOIN areas s ON s.code = c.parent_code"
)
# Rows that somebody is working on are left for the next time; one order of locks for everybody.
_SUBMITTED = text(
    f"{_PLACED} WHERE r.state = 'submitted' ORDER BY r.id LIMIT :limit FOR UPDATE OF r SKIP LOCKED"
)
# Admitted by hand. One that a unit gave back is with its desk, and waits for a person.
_ADMITTED = text(
    f"{_PLACED} WHERE r.state = 'pending' AND r.unit_code IS NULL ORDER BY r.id LIMIT :limit"
    " FOR UPDATE OF r SKIP LOCKED"
)
_ONE = text(f"{_PLACED} WHERE r.id = :id")
_UNITS = text(
    "SELECT unit_code, kind, area_code, is_fallback FROM units WHERE is_active ORDER BY unit_code"
)
_IN_FORCE = text(
    "SELECT version, body FROM dispatch_rules WHERE state = 'published'"
    " ORDER BY version DESC LIMIT 1"
)
_KEPT = text(
    "SELECT facts ->> 'why' = 'second_return' FROM request_steps WHERE request_id = :id"
    " AND action = 'dispatch' ORDER BY step_no DESC LIMIT 1"
)
_ACCURACY = text(
    "WITH moved AS (SELECT s.request_id, s.at, s.action, lead(s.action) OVER"
    " (PARTITION BY s.request_id ORDER BY s.step_no) AS following FROM request_steps s"
    " JOIN requests r ON r.id = s.request_id JOIN areas g ON g.code = r.grid_code"
    " WHERE s.at >= :since AND s.action IN ('dispatch', 'return')"
    " AND (CAST(:community AS text) IS NULL OR g.parent_code = :community))"
    " SELECT count(*) AS dispatched, count(*) FILTER (WHERE following = 'return') AS returned"
    " FROM moved WHERE action = 'dispatch' AND at < :until"
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A request as dispatch sees it; `areas` from its grid outwards."""

    id: int
    request_no: str
    state: str
    category: str
    condition_code: str | None
    track: str | None
    urgency: str
    unit_code: str | None
    returned_count: int
    areas: tuple[str, ...]


class Accuracy(NamedTuple):
    """准确派单率: of so many dispatches, so many were given back."""

    dispatched: int
    returned: int

    @property
    def percent(self) -> int | None:
        """Rounded down; None where nothing was dispatched."""
        if not self.dispatched:
            return None
        return (self.dispatched - self.returned) * 100 // self.dispatched


def waiting(session: Session, limit: int) -> list[Placed]:
    """Requests that no unit has yet, locked, by id; those in others' hands are left out."""
    found = list(session.execute(_SUBMITTED, {"limit": limit}))
    if len(found) < limit:
        found += session.execute(_ADMITTED, {"limit": limit - len(found)})
    return [_placed(row) for row in sorted(found, key=lambda row: int(row.id))]


def placed(session: Session, request_id: int) -> Placed | None:
    """One request as dispatch sees it."""
    row = session.execute(_ONE, {"id": request_id}).one_or_none()
    return None if row is None else _placed(row)


def _placed(row: Any) -> Placed:
    areas = (row.grid_code, row.community, row.street, row.district)
    return Placed(
        id=row.id,
        request_no=row.request_no,
        state=row.state,
        category=row.category,
        condition_code=row.condition_code,
        track=row.track,
        urgency=row.urgency,
        unit_code=row.unit_code,
        returned_count=row.returned_count,
        areas=tuple(area for area in areas if area is not None),
    )


def is_kept_by_desk(session: Session, request_id: int) -> bool:
    """Whether its last dispatch was the one that follows a second return."""
    return bool(session.execute(_KEPT, {"id": request_id}).scalar_one_or_none())


def active_units(session: Session) -> list[UnitPlace]:
    """Every unit that may own a request."""
    return [UnitPlace(*row) for row in session.execute(_UNITS)]


def rules_in_force(session: Session) -> RuleList | None:
    """The newest published version; None before there is one. Raises BadDispatchRules."""
    row = session.execute(_IN_FORCE).one_or_none()
    return None if row is None else read_rules(row.body, row.version)


class Levels:
    """The alert level of any place, read once."""

    def __init__(self, session: Session) -> None:
        self._raised = {row["area_code"]: Level(row["level"]) for row in alerts.raised(session)}

    def of(self, areas: Sequence[str]) -> Level:
        """The most severe of the place's own and of those around it."""
        found = [self._raised[area] for area in areas if area in self._raised]
        return max(found, key=lambda level: SEVERITY[level], default=Level.NORMAL)


def accuracy(
    session: Session, since: datetime, until: datetime, community: str | None = None
) -> Accuracy:
    """Dispatches from `since` on and before `until`, and how many of them came back by now."""
    values = {"since": since, "until": until, "community": community}
    return Accuracy(*session.execute(_ACCURACY, values).one())

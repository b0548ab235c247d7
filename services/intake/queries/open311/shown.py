"""Requests as Open311 shows them: what anybody may read, and what a client itself has sent.

What may be shown follows rules/publicness.py: released, classified under something public, no
report on somebody. Contact data are never read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.open311.services import Offered
from services.intake.rules.open311.asking import Asked
from services.intake.rules.open311.statuses import PUBLIC_ACTIONS, STATUSES, states_of
from services.intake.rules.publicness import NEVER_PUBLIC_NATURES, NEVER_PUBLIC_STATES
from shared.db.arrays import literal

_IS_PUBLIC = (
    "(r.is_public AND r.nature <> ALL(CAST(:natures AS text[]))"
    " AND r.state <> ALL(CAST(:never AS text[]))"
    " AND coalesce(r.condition_code, r.category) = ANY(CAST(:public AS text[])))"
)
_IS_OWN = "x.key_no = :key_no"
_COLUMNS = (
    "SELECT r.public_code, r.state, r.category, r.condition_code, r.title, r.description, r.door,"
    " r.opened_at, r.updated_at, r.resolved_at, r.ended_at, r.due_at, r.address, r.grid_code,"
    " r.building_no, r.lat, r.lon, g.name AS grid_name, c.name AS community_name,"
    " u.name AS unit_name, x.media_urls FROM requests r"
    " LEFT JOIN areas g ON g.code = r.grid_code LEFT JOIN areas c ON c.code = g.parent_code"
    " LEFT JOIN units u ON u.unit_code = r.unit_code"
    " LEFT JOIN open311_reports x ON x.request_id = r.id WHERE "
)
_ORDER = " ORDER BY r.opened_at DESC, r.id DESC LIMIT :limit OFFSET :skipped"
_STEPS = (
    "SELECT s.step_no, s.at, s.action, s.to_state, r.public_code, r.category, r.condition_code"
    " FROM request_steps s JOIN requests r ON r.id = s.request_id"
    " LEFT JOIN open311_reports x ON x.request_id = r.id"
    " WHERE s.at >= :start AND s.at <= :end AND s.action = ANY(CAST(:actions AS text[])) AND "
)
_STEPS_ORDER = " ORDER BY s.at, s.request_id, s.step_no LIMIT :limit"
_TOKEN = text(
    "SELECT r.public_code FROM open311_reports x JOIN requests r ON r.id = x.request_id"
    " WHERE x.token = :token"
)
_ONE = text(
    f"SELECT r.id, r.state FROM requests r LEFT JOIN open311_reports x ON x.request_id = r.id"
    f" WHERE r.public_code = :code AND ({_IS_PUBLIC} OR {_IS_OWN})"
)
UPDATES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: anybody, or a client that sees its own requests besides."""

    offered: Offered
    key_no: int | None = None

    def values(self) -> dict[str, Any]:
        """What the condition of `_seen` is bound to."""
        return {
            "natures": literal(sorted(NEVER_PUBLIC_NATURES)),
            "never": literal(sorted(NEVER_PUBLIC_STATES)),
            "public": literal(self.offered.public_categories),
            "key_no": self.key_no,
        }

    def seen(self) -> str:
        """SQL: the reader may see it."""
        return _IS_PUBLIC if self.key_no is None else f"({_IS_PUBLIC} OR {_IS_OWN})"


def shown_requests(
    session: Session, asked: Asked, reader: Reader, grids: list[str] | None
) -> list[dict[str, Any]]:
    """A page of requests, the newest first; `grids` are those of the asked jurisdiction."""
    where, values = _conditions(asked, reader, grids)
    rows = session.execute(
        text(_COLUMNS + " AND ".join(where) + _ORDER),
        {**values, "limit": asked.page_size, "skipped": asked.skipped},
    )
    return [dict(row) for row in rows.mappings()]


def _conditions(
    asked: Asked, reader: Reader, grids: list[str] | None
) -> tuple[list[str], Mapping[str, Any]]:
    where, values = [reader.seen()], reader.values()
    if grids is not None:
        where.append("r.grid_code = ANY(CAST(:grids AS text[]))")
        values["grids"] = literal(grids)
    if asked.codes is not None:
        where.append("r.public_code = ANY(CAST(:codes AS text[]))")
        return where, {**values, "codes": literal(asked.codes)}
    where.append("r.opened_at >= :start AND r.opened_at <= :end")
    values |= {"start": asked.start, "end": asked.end}
    if asked.service_codes is not None:
        where.append("coalesce(r.condition_code, r.category) = ANY(CAST(:categories AS text[]))")
        values["categories"] = literal(reader.offered.categories(asked.service_codes))
    if asked.statuses != frozenset(STATUSES):
        where.append("r.state = ANY(CAST(:states AS text[]))")
        values["states"] = literal(states_of(asked.statuses))
    return where, values


def shown_request(session: Session, code: str, reader: Reader) -> dict[str, Any] | None:
    """One request by its public code, when the reader may see it."""
    sql = f"{_COLUMNS} r.public_code = :code AND {reader.seen()}"
    row = session.execute(text(sql), {**reader.values(), "code": code}).mappings().one_or_none()
    return None if row is None else dict(row)


def request_behind(session: Session, token: str) -> str | None:
    """The public code that a token stands for."""
    return session.execute(_TOKEN, {"token": token}).scalar_one_or_none()


def updatable(session: Session, code: str, reader: Reader) -> tuple[int, str] | None:
    """The id and state of a request that the reader may send an update of."""
    row = session.execute(_ONE, {**reader.values(), "code": code}).one_or_none()
    return None if row is None else (row.id, row.state)


def public_updates(
    session: Session,
    reader: Reader,
    start: datetime,
    end: datetime,
    grids: list[str] | None,
) -> list[dict[str, Any]]:
    """The public steps of requests that the reader may see, the oldest first."""
    where, values = [reader.seen()], reader.values()
    if grids is not None:
        where.append("r.grid_code = ANY(CAST(:grids AS text[]))")
        values["grids"] = literal(grids)
    rows = session.execute(
        text(_STEPS + " AND ".join(where) + _STEPS_ORDER),
        {
            **values,
            "start": start,
            "end": end,
            "actions": literal(_actions()),
            "limit": UPDATES_MAX,
        },
    )
    return [dict(row) for row in rows.mappings()]


def _actions() -> Iterable[str]:
    return [str(action) for action in PUBLIC_ACTIONS]

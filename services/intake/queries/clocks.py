"""The clocks of requests: of one, of a batch that moves, and those that are due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import Page, page_of, place_of
from services.intake.rules.catalogue import Clock, Limit, Unit
from services.intake.rules.clock_runs import Run
from shared.db.arrays import literal

_OF_THESE = text(
    "SELECT * FROM request_clocks WHERE request_id = ANY(CAST(:ids AS bigint[]))"
    " ORDER BY request_id, started_at, kind, run"
)
_RUNNING = "c.stopped_at IS NULL AND c.frozen_at IS NULL"
_STEPS_DUE = text(
    f"SELECT DISTINCT request_id FROM (SELECT request_id FROM request_clocks c WHERE {_RUNNING}"
    " AND next_step_at <= :now ORDER BY next_step_at LIMIT :limit) AS due"
)
_DUE = (
    "SELECT c.request_id, c.kind, c.run, c.due_at, c.unit_code, c.steps_done, c.rule_version,"
    " r.request_no, r.title, r.state, r.urgency, r.handler, u.name AS unit_name,"
    " u.name_en AS unit_name_en FROM request_clocks c JOIN requests r ON r.id = c.request_id"
    f" LEFT JOIN units u ON u.unit_code = c.unit_code WHERE {_RUNNING} AND c.due_at <= :soon"
    " AND (c.due_at, c.kind, c.request_id) > (CAST(:at AS timestamptz), :kind, :id) %s"
    " ORDER BY c.due_at, c.kind, c.request_id LIMIT :limit"
)
_COUNT_DUE = (
    f"SELECT count(*) FROM (SELECT 1 FROM request_clocks c WHERE {_RUNNING} AND c.due_at <= :soon"
    " %s LIMIT :limit) AS due"
)
# The units of one's posts; whoever heads one also watches those below it, by line or by area.
_WATCHED = text(
    "WITH RECURSIVE mine AS (SELECT u.unit_code, u.area_code, bool_or(p.duty IN ('head',"
    " 'secretary')) AS is_head FROM posts p JOIN units u USING (unit_code)"
    " WHERE p.account_no = :account_no GROUP BY 1, 2),"
    " below AS (SELECT a.code FROM areas a JOIN mine ON a.parent_code = mine.area_code"
    " WHERE mine.is_head UNION SELECT a.code FROM areas a JOIN below b ON a.parent_code = b.code),"
    " line AS (SELECT unit_code FROM mine WHERE is_head"
    " UNION SELECT u.unit_code FROM units u JOIN line l ON u.parent_code = l.unit_code)"
    " SELECT unit_code FROM mine UNION SELECT unit_code FROM line"
    " UNION SELECT unit_code FROM units WHERE area_code IN (SELECT code FROM below)"
)
_UNITS_OF = text("SELECT unit_code, duty FROM posts WHERE account_no = :account_no")
_COUNTS = text(
    "SELECT kind, count(*) AS open, count(*) FILTER (WHERE due_at < :now) AS overdue"
    f" FROM request_clocks c WHERE {_RUNNING} GROUP BY kind"
)


_OPEN_AFTER = text(
    "SELECT DISTINCT request_id FROM request_clocks WHERE stopped_at IS NULL"
    " AND request_id > :after ORDER BY request_id LIMIT :limit"
)


class Counts(NamedTuple):
    """How many clocks of a kind run, and how many of them ran out."""

    kind: str
    open: int
    overdue: int


def runs_of(session: Session, request_ids: Sequence[int]) -> dict[int, list[Run]]:
    """All runs of the clocks of some requests, in the order in which they began."""
    found: dict[int, list[Run]] = {each: [] for each in request_ids}
    for row in session.execute(_OF_THESE, {"ids": literal(request_ids)}):
        found[row.request_id].append(
            Run(
                request_id=row.request_id,
                kind=Clock(row.kind),
                run=row.run,
                unit_code=row.unit_code,
                limit=Limit(row.amount, Unit(row.unit)),
                total_s=row.total_s,
                used_s=row.used_s,
                started_at=row.started_at,
                counts_from=row.counts_from,
                due_at=row.due_at,
                explanation=row.explanation,
                version=int(row.rule_version.rpartition(" ")[2]),
                frozen_at=row.frozen_at,
                stopped_at=row.stopped_at,
                met=row.met,
                steps_done=row.steps_done,
                next_step_at=row.next_step_at,
            )
        )
    return found


def requests_with_due_steps(session: Session, now: datetime, limit: int) -> list[int]:
    """Requests of which some clock has a step due, at most so many, the most overdue first."""
    found = session.execute(_STEPS_DUE, {"now": now, "limit": limit})
    return sorted(found.scalars())


def open_requests_after(session: Session, after: int, limit: int) -> list[int]:
    """Requests with a clock that has not stopped, by number."""
    return list(session.execute(_OPEN_AFTER, {"after": after, "limit": limit}).scalars())


def due_clocks(
    session: Session,
    soon: datetime,
    *,
    units: Sequence[str] | None,
    after: str | None = None,
    limit: int,
) -> Page:
    """Running clocks that are due by `soon`, the most overdue first; of these units, or of all.

    Raises Rejected for an odd `after`.
    """
    at, kind, number = place_of(after, 3) if after else ("-infinity", "", 0)
    mine = "" if units is None else "AND c.unit_code = ANY(CAST(:units AS text[]))"
    rows = session.execute(
        text(_DUE % mine),
        {
            "soon": soon,
            "at": at,
            "kind": kind,
            "id": number,
            "limit": limit + 1,
            **({} if units is None else {"units": literal(units)}),
        },
    )
    found: list[dict[str, Any]] = [dict(row) for row in rows.mappings()]
    return page_of(found, limit, lambda row: (row["due_at"], row["kind"], row["request_id"]))


def count_due(session: Session, soon: datetime, *, units: Sequence[str] | None, limit: int) -> int:
    """How many running clocks are due by `soon`, counted up to `limit`."""
    mine = "" if units is None else "AND c.unit_code = ANY(CAST(:units AS text[]))"
    given = {} if units is None else {"units": literal(units)}
    counted = session.execute(
        text(_COUNT_DUE % mine), {"soon": soon, "limit": limit, **given}
    ).scalar_one()
    return int(counted)


def watched_units(session: Session, account_no: str) -> list[str]:
    """The units whose clocks concern an account."""
    return sorted(session.execute(_WATCHED, {"account_no": account_no}).scalars())


def duties_of(session: Session, account_no: str) -> dict[str, set[str]]:
    """The units in which an account has posts, and which duties it has there."""
    found: dict[str, set[str]] = {}
    for row in session.execute(_UNITS_OF, {"account_no": account_no}):
        found.setdefault(row.unit_code, set()).add(row.duty)
    return found


def clock_counts(session: Session, now: datetime) -> list[Counts]:
    """By kind; kinds of which none runs are left out."""
    return [Counts(*row) for row in session.execute(_COUNTS, {"now": now})]

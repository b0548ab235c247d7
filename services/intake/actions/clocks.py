"""The clocks of a request: what a step starts, stops, freezes and moves."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from services.intake.models import Request
from services.intake.queries.catalogue import catalogue_at, catalogues_of
from services.intake.queries.clocks import runs_of
from services.intake.queries.worktime import work_time
from services.intake.rules.clock_runs import TOUCHING, Clocks, Matter, Run
from services.intake.rules.clocks import Reckoner
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction

if TYPE_CHECKING:
    from services.intake.actions.steps import Moved

logger = logging.getLogger(__name__)

# Old runs before new ones: of each kind at most one is open, at every moment.
_WRITE = text(
    "INSERT INTO request_clocks AS c (request_id, kind, run, unit_code, amount, unit, total_s,"
    " used_s, started_at, counts_from, due_at, frozen_at, stopped_at, met, steps_done,"
    " next_step_at, explanation, rule_version)"
    " SELECT n.request_id, n.kind, n.run, n.unit_code, n.amount, n.unit, n.total_s, n.used_s,"
    " n.started_at, n.counts_from, n.due_at, n.frozen_at, n.stopped_at, n.met, n.steps_done,"
    " n.next_step_at, CAST(n.explanation AS jsonb), n.rule_version FROM"
    " unnest(CAST(:request_ids AS bigint[]), CAST(:kinds AS text[]), CAST(:runs AS int[]),"
    " CAST(:unit_codes AS text[]), CAST(:amounts AS int[]), CAST(:units AS text[]),"
    " CAST(:totals AS int[]), CAST(:useds AS int[]), CAST(:starteds AS timestamptz[]),"
    " CAST(:froms AS timestamptz[]), CAST(:dues AS timestamptz[]),"
    " CAST(:frozens AS timestamptz[]), CAST(:stoppeds AS timestamptz[]), CAST(:mets AS bool[]),"
    " CAST(:steps AS int[]), CAST(:nexts AS timestamptz[]), CAST(:explanations AS text[]),"
    " CAST(:versions AS text[])) AS n (request_id, kind, run, unit_code, amount, unit, total_s,"
    " used_s, started_at, counts_from, due_at, frozen_at, stopped_at, met, steps_done,"
    " next_step_at, explanation, rule_version) ORDER BY n.request_id, n.kind, n.run"
    " ON CONFLICT (request_id, kind, run) DO UPDATE SET unit_code = excluded.unit_code,"
    " amount = excluded.amount, unit = excluded.unit, total_s = excluded.total_s,"
    " used_s = excluded.used_s, counts_from = excluded.counts_from, due_at = excluded.due_at,"
    " frozen_at = excluded.frozen_at, stopped_at = excluded.stopped_at, met = excluded.met,"
    " steps_done = excluded.steps_done, next_step_at = excluded.next_step_at,"
    " explanation = excluded.explanation, rule_version = excluded.rule_version"
)
_DUE = text(
    "UPDATE requests SET due_at = n.due_at FROM unnest(CAST(:ids AS bigint[]),"
    " CAST(:dues AS timestamptz[])) AS n (id, due_at) WHERE requests.id = n.id"
)


def follow(tx: Transaction, moved: Sequence[Moved]) -> None:
    """Set the clocks of requests that took a step, in the same transaction.

    A district without calendar or catalogue has no clocks. Four statements at most, whatever the
    number of steps; none for steps that touch no clock.
    """
    touching = [
        one for one in moved if one.step.action in TOUCHING or "unit_code" in one.step.change
    ]
    if not touching:
        return
    clocks = clocks_of(tx.session, {one.request.id: one.request for one in touching}.values())
    for one in touching:
        if (mine := clocks.get(one.request.id)) is None:
            continue
        mine.follow(one.step.action, one.to_state, one.at)
        if "unit_code" in one.step.change:
            mine.move_to(one.request.unit_code)
    write(tx, clocks.values(), {one.request.id: one.request for one in touching})


def clocks_of(session: Session, requests: Iterable[Request]) -> dict[int, Clocks]:
    """The clocks of these (locked) requests; empty before there are calendar and catalogue."""
    listed = list(requests)
    now = max(request.updated_at for request in listed)
    work, newest = work_time(session), catalogue_at(session, now)
    if work is None or newest is None:
        return {}
    runs = runs_of(session, [request.id for request in listed])
    versions = {run.version for mine in runs.values() for run in mine}
    versions |= {request.catalogue_version or newest.version for request in listed}
    catalogues = {newest.version: newest}
    if others := versions - {newest.version}:
        catalogues |= catalogues_of(session, others)
    reckoner = Reckoner(work)
    return {
        request.id: Clocks(
            matter_of(request),
            runs[request.id],
            reckoner,
            catalogues.get(request.catalogue_version or newest.version, newest),
            catalogues,
        )
        for request in listed
    }


def matter_of(request: Request) -> Matter:
    """What of a request decides its limits."""
    return Matter(
        request_id=request.id,
        condition_code=request.condition_code,
        nature=request.nature,
        urgency=request.urgency,
        unit_code=request.unit_code,
    )


def write(tx: Transaction, clocks: Iterable[Clocks], requests: dict[int, Request]) -> None:
    """Keep what changed, and by when each request must be resolved."""
    listed = list(clocks)
    if changed := [run for one in listed for run in one.runs if run.is_changed]:
        tx.session.execute(_WRITE, _columns(changed))
        if beyond := sum("beyond" in run.explanation and run.is_open for run in changed):
            logger.warning("deadlines lie beyond the working calendar", extra={"count": beyond})
        for run in changed:
            run.is_changed = False
    dues: dict[int, datetime | None] = {one.matter.request_id: one.due_at() for one in listed}
    moved = {each: due for each, due in dues.items() if requests[each].due_at != due}
    if moved:
        tx.session.execute(_DUE, {"ids": literal(moved), "dues": literal(moved.values())})
        for each, due in moved.items():
            set_committed_value(requests[each], "due_at", due)


def _columns(runs: list[Run]) -> dict[str, str]:
    return {
        "request_ids": literal(run.request_id for run in runs),
        "kinds": literal(run.kind for run in runs),
        "runs": literal(run.run for run in runs),
        "unit_codes": literal(run.unit_code for run in runs),
        "amounts": literal(run.limit.amount for run in runs),
        "units": literal(run.limit.unit for run in runs),
        "totals": literal(run.total_s for run in runs),
        "useds": literal(run.used_s for run in runs),
        "starteds": literal(run.started_at for run in runs),
        "froms": literal(run.counts_from for run in runs),
        "dues": literal(run.due_at for run in runs),
        "frozens": literal(run.frozen_at for run in runs),
        "stoppeds": literal(run.stopped_at for run in runs),
        "mets": literal(run.met for run in runs),
        "steps": literal(run.steps_done for run in runs),
        "nexts": literal(run.next_step_at for run in runs),
        "explanations": literal(orjson.dumps(run.explanation).decode() for run in runs),
        "versions": literal(f"catalogue {run.version}" for run in runs),
    }

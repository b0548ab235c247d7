"""A spot was seen: the visit, what it settles, and the request that a high reading opens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, text, update

from services.intake.actions import steps
from services.intake.actions.opening import Seals, open_requests
from services.intake.models import PatrolDue, PatrolSpot, PatrolVisit, Request
from services.intake.rules.patrols import (
    Exceeded,
    NewVisit,
    check_visit,
    due_after,
    exceeded,
    read_checks,
    read_readings,
)
from services.intake.rules.requests import URGENCIES, NewRequest
from services.intake.rules.states import OPEN, Action, Actor
from shared import clock
from shared.errors import Conflict, Missing
from shared.messaging.transaction import Transaction

# A visit settles what was due up to it, and what a visit of its interval would have prevented:
# a phone that was off-line tells late of a visit that was in time.
_SETTLE = text(
    "UPDATE patrol_alarms SET settled_at = :at WHERE spot_code = :spot AND settled_at IS NULL"
    " AND due_at <= :covers RETURNING id"
)
_OPEN_REQUEST = text(
    "SELECT r.id, r.urgency FROM patrol_visits v JOIN requests r ON r.id = v.request_id"
    " WHERE v.spot_code = :spot AND r.state = ANY(:open) ORDER BY v.id DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The visit as it is kept; `request_id` is what it opened or went on with."""

    id: int
    is_new: bool
    request_id: int | None
    request_no: str | None


def record(tx: Transaction, new: NewVisit, by: str, seals: Seals) -> Recorded:
    """Keep one visit; the same `client_id` with the same content is answered as before.

    Raises Rejected naming the field, Missing for the spot, Conflict when the id is another
    visit's.
    """
    now = clock.now()
    spot = tx.session.get(PatrolSpot, new.spot_code)
    if spot is None:
        raise Missing("no_spot", "没有这个点位", "There is no such spot")
    checks, readings = read_checks(spot.checks), read_readings(spot.readings)
    check_visit(new, checks, readings, now)
    # One visit of a spot after the other: the second of two equal ones sees the first.
    due = tx.session.scalar(
        select(PatrolDue).where(PatrolDue.spot_code == spot.spot_code).with_for_update(),
        execution_options={"populate_existing": True},
    )
    body_hash = _hash(new, by)
    if (known := _known(tx, new, body_hash)) is not None:
        return known
    high = exceeded(readings, new.readings)
    request_id = request_no = None
    if high or new.needs_work:
        request_id, request_no = _ask(tx, spot, new, high, by, seals, now)
    visited_at = min(new.visited_at, now)
    visit_id = tx.session.execute(
        insert(PatrolVisit).returning(PatrolVisit.id),
        {
            "client_id": new.client_id,
            "body_hash": body_hash,
            "spot_code": spot.spot_code,
            "visited_at": visited_at,
            "received_at": now,
            "visited_by": by,
            "checks": dict(new.checks),
            "readings": dict(new.readings),
            "note": new.note.strip(),
            "request_id": request_id,
        },
    ).scalar_one()
    if due is not None:
        _move(tx, due, visited_at, now)
    return Recorded(visit_id, True, request_id, request_no)


def _known(tx: Transaction, new: NewVisit, body_hash: bytes) -> Recorded | None:
    row = tx.session.execute(
        select(PatrolVisit.id, PatrolVisit.body_hash, PatrolVisit.request_id, Request.request_no)
        .outerjoin(Request, Request.id == PatrolVisit.request_id)
        .where(PatrolVisit.client_id == new.client_id)
    ).one_or_none()
    if row is None:
        return None
    if bytes(row.body_hash) != body_hash:
        raise Conflict(
            "id_conflict",
            f"client_id：{new.client_id} 已用于另一次巡查，请重新填写",
            f"client_id: {new.client_id} is another visit's: enter it anew",
            pointer="/client_id",
        )
    return Recorded(row.id, False, row.request_id, row.request_no)


def _move(tx: Transaction, due: PatrolDue, visited_at: datetime, now: datetime) -> None:
    """The next due time, and the alarms that this visit ends."""
    covers = due_after(visited_at, due.minutes, visited_at)
    tx.session.execute(_SETTLE, {"at": now, "spot": due.spot_code, "covers": covers})
    if due.last_visit_at is not None and visited_at <= due.last_visit_at:
        return  # told late: a newer visit is known already
    next_due = due_after(visited_at, due.minutes, now)
    tx.session.execute(
        update(PatrolDue)
        .where(PatrolDue.spot_code == due.spot_code)
        .values(
            counted_from=visited_at,
            last_visit_at=visited_at,
            due_at=next_due,
            alarm_at=next_due,
            alarm_cause="missed",
        )
    )


def _ask(
    tx: Transaction,
    spot: PatrolSpot,
    new: NewVisit,
    high: Sequence[Exceeded],
    by: str,
    seals: Seals,
    now: datetime,
) -> tuple[int, str | None]:
    """Open a request; while one of this spot is open the visit is told there, not once more."""
    urgency = high[0].urgency if high else "normal"
    facts = {
        "spot": spot.spot_code,
        "readings": {one.reading.code: one.value for one in high},
        "from": {one.reading.code: _threshold(one) for one in high},
    }
    actor = Actor("account", by)
    open_one = tx.session.execute(
        _OPEN_REQUEST, {"spot": spot.spot_code, "open": sorted(OPEN)}
    ).one_or_none()
    if open_one is not None:
        worse = URGENCIES.index(urgency) > URGENCIES.index(open_one.urgency)
        step = steps.Step(
            request_id=open_one.id,
            action=Action.NOTE,
            note=_words(new, high),
            facts=facts,
            change={"urgency": urgency} if worse else {},
        )
        (moved,) = steps.take(tx, [step], actor)
        return open_one.id, moved.request.request_no
    asked = NewRequest(
        door="patrol",
        client_id=f"visit:{new.client_id}",
        title=f"{spot.name}：{_title(high)}"[:120],
        description=_words(new, high),
        category=spot.category,
        nature="report",
        grid_code=spot.grid_code,
        address=spot.address or None,
        lat=spot.lat,
        lon=spot.lon,
        urgency=urgency,
        opened_at=min(new.visited_at, now),
        facts=facts,
    )
    (opened,) = open_requests(tx, [asked], actor, seals)
    return opened.id, opened.request_no


def _title(high: Sequence[Exceeded]) -> str:
    if not high:
        return "巡查发现问题"
    return "、".join(f"{one.reading.zh} {one.value} {one.reading.unit}" for one in high)


def _words(new: NewVisit, high: Sequence[Exceeded]) -> str:
    lines = [
        f"{one.reading.zh} {one.value} {one.reading.unit}，达到阈值"
        f" {_threshold(one)} {one.reading.unit}"
        for one in high
    ]
    return "\n".join([*lines, *([new.note.strip()] if new.note.strip() else [])])


def _threshold(one: Exceeded) -> int | None:
    reading = one.reading
    return reading.critical_from if one.urgency == "critical" else reading.urgent_from


def _hash(new: NewVisit, by: str) -> bytes:
    content: Mapping[str, Any] = {**asdict(new), "visited_at": new.visited_at.isoformat(), "by": by}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).digest()

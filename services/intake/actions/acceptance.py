"""What an accepted event becomes: a contribution or a request, and what intake says of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import text

from services.intake.actions import opening, wish_events
from services.intake.rules.judging import Judged
from services.intake.rules.requests import NewRequest
from services.intake.rules.states import Actor
from shared import log
from shared.db.arrays import literal
from shared.ids import uuid7_text
from shared.messaging.transaction import Transaction
from shared.schemas import intake as words
from shared.schemas import make, wire
from shared.schemas.envelope import Event

SOURCE = opening.SOURCE

_CONTRIBUTIONS = text(
    "INSERT INTO contributions (contribution_id, kind, partner, source_event_id, code, category,"
    " resident_no, started_at, ended_at, evidence, cost_fen, accepted_at)"
    " SELECT r.*, :now FROM unnest(CAST(:contribution_ids AS uuid[]), CAST(:kinds AS text[]),"
    " CAST(:partners AS text[]), CAST(:event_ids AS text[]), CAST(:codes AS text[]),"
    " CAST(:categories AS text[]), CAST(:residents AS text[]), CAST(:starts AS timestamptz[]),"
    " CAST(:ends AS timestamptz[]), CAST(:evidences AS text[]), CAST(:costs AS int[])) AS r"
)


def record(tx: Transaction, accepted: list[Judged], now: datetime) -> None:
    """Write the rows of accepted events and say what happened."""
    by_type: dict[str, list[Judged]] = {}
    for one in accepted:
        by_type.setdefault(one.type, []).append(one)
    for kind, its in by_type.items():
        _RECORDERS[kind](tx, its, now)


def _event(judged: Judged, kind: str, data: dict[str, Any]) -> Event:
    correlation, trace = _threads(judged)
    return make(
        kind,
        data,
        source=SOURCE,
        correlationid=correlation,
        causationid=judged.event_id,
        traceparent=trace,
    )


def _threads(judged: Judged) -> tuple[str, str | None]:
    """What ties an event to what came before it: correlation id and trace."""
    correlation = judged.item.attributes.get("correlationid")
    trace = judged.item.attributes.get("traceparent")
    return (
        correlation if isinstance(correlation, str) else judged.event_id,
        trace if isinstance(trace, str) else log.traceparent.get() or None,
    )


def _record_activities(tx: Transaction, its: list[Judged], now: datetime) -> None:
    ids = [uuid7_text() for _ in its]
    _write_contributions(tx, "activity", its, ids, now)
    tx.emit(
        _event(one, words.CONTRIBUTION_RECORDED, _activity(one, contribution_id, now))
        for one, contribution_id in zip(its, ids, strict=True)
    )


def _activity(judged: Judged, contribution_id: str, now: datetime) -> dict[str, Any]:
    data, home = judged.data, judged.home
    if home is None:
        raise ValueError("an activity is accepted of a known resident only")
    return {
        "contribution_id": contribution_id,
        "partner": judged.partner,
        "source_event_id": judged.event_id,
        "activity_code": data["activity_code"],
        "activity_kind": data["activity_kind"],
        "resident_no": data["resident_no"],
        "household_no": home.household_no,
        "community_code": home.community_code,
        "checked_in_at": data["checked_in_at"],
        "checked_out_at": data["checked_out_at"],
        "minutes": wire.whole_minutes(data["checked_in_at"], data["checked_out_at"]),
        "evidence": data["evidence"],
        "accepted_at": now,
    }


def _record_wishes(tx: Transaction, its: list[Judged], now: datetime) -> None:
    ids = [uuid7_text() for _ in its]
    _write_contributions(tx, "wish", its, ids, now)
    tx.emit(
        _event(one, words.WISH_DELIVERED, _wish(one, contribution_id, now))
        for one, contribution_id in zip(its, ids, strict=True)
    )
    wish_events.fulfil(tx, [_said(one) for one in its])


def _record_wish_claims(tx: Transaction, its: list[Judged], now: datetime) -> None:
    wish_events.claim(tx, [_said(one) for one in its])


def _said(judged: Judged) -> wish_events.Said:
    return wish_events.Said(
        judged.partner,
        judged.data["wish_code"],
        judged.event_id,
        judged.data.get("resident_no"),
    )


def _wish(judged: Judged, contribution_id: str, now: datetime) -> dict[str, Any]:
    return {
        "contribution_id": contribution_id,
        "partner": judged.partner,
        "source_event_id": judged.event_id,
        **judged.data,
        "delivered_at": judged.time,
        "accepted_at": now,
    }


def _write_contributions(
    tx: Transaction, kind: str, its: list[Judged], ids: list[str], now: datetime
) -> None:
    data = [one.data for one in its]
    is_activity = kind == "activity"
    times = [one.time for one in its]
    tx.session.execute(
        _CONTRIBUTIONS,
        {
            "now": now,
            "contribution_ids": literal(ids),
            "kinds": literal([kind] * len(its)),
            "partners": literal(one.partner for one in its),
            "event_ids": literal(one.event_id for one in its),
            "codes": literal(d["activity_code" if is_activity else "wish_code"] for d in data),
            "categories": literal(d["activity_kind" if is_activity else "colour"] for d in data),
            "residents": literal(d["resident_no"] for d in data),
            "starts": literal(d["checked_in_at"] for d in data) if is_activity else times,
            "ends": literal(d["checked_out_at"] for d in data) if is_activity else times,
            "evidences": literal(d.get("evidence") for d in data),
            "costs": literal(d.get("cost_fen") for d in data),
        },
    )


def _record_requests(tx: Transaction, its: list[Judged], now: datetime) -> None:
    opening.write(tx, [_opening(one) for one in its], now)


def _opening(judged: Judged) -> opening.Opening:
    data = judged.data
    if judged.time is None:
        raise ValueError("an event is accepted with its time only")
    correlation, trace = _threads(judged)
    return opening.Opening(
        new=NewRequest(
            door="partner",
            title=data["title"],
            description=data["description"],
            category=data["category"],
            resident_no=data["resident_no"],
            grid_code=data["grid_code"],
            urgency=data["urgency"],
            opened_at=judged.time,
        ),
        actor=Actor("partner", judged.partner),
        partner=judged.partner,
        source_event_id=judged.event_id,
        correlationid=correlation,
        causationid=judged.event_id,
        traceparent=trace,
    )


def _record_collections(tx: Transaction, its: list[Judged], now: datetime) -> None:
    # Nothing to keep: whose code it is, and whether it is good, only points knows.
    tx.emit(_event(one, words.REDEMPTION_CLAIMED, _claim(one, now)) for one in its)


def _claim(judged: Judged, now: datetime) -> dict[str, Any]:
    return {
        "claim_id": uuid7_text(),
        "partner": judged.partner,
        "source_event_id": judged.event_id,
        **judged.data,
        "accepted_at": now,
    }


_RECORDERS: dict[str, Callable[[Transaction, list[Judged], datetime], None]] = {
    wire.ACTIVITY_ATTENDED: _record_activities,
    wire.WISH_FULFILLED: _record_wishes,
    wire.WISH_CLAIMED: _record_wish_claims,
    wire.REQUEST_SUBMITTED: _record_requests,
    wire.REDEMPTION_COLLECTED: _record_collections,
}

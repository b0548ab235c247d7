"""A partner's claim by the whole road: the gate, points, and back to the partner's page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from services.partners.handlers import make_handlers
from shared.db.session import make_engine, make_sessions
from shared.messaging.frame import Frame
from shared.messaging.subscriber import Delivery
from shared.schemas.wire import REDEMPTION_COLLECTED
from tests.integration.intake.conftest import Intake, activity
from tests.integration.points.database import Ledger, message, opened
from tests.integration.points.redeeming import (
    ask,
    assert_sound,
    code_of,
    give,
    held,
    offered,
    run_clock,
)

NEEDS = ("intake", "points", "partners")
SHOP, A = "tea-house", "R000001"


@pytest.fixture
def points(databases: dict[str, str]) -> Iterator[Ledger]:
    with opened(databases) as ledger:
        ledger.clear()
        yield ledger


def claim(code: str, event_id: str = "c-1", **changes: Any) -> dict[str, Any]:
    data = {"code": code, "collected_at": "2026-10-21T04:33:00Z"}
    return {**activity(event_id), "type": REDEMPTION_COLLECTED, "data": data, **changes}


def outbox(url: str) -> list[Delivery]:
    """What a service has said and nobody has carried yet; carried now."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "DELETE FROM outbox WHERE kind = 'event' RETURNING items, destination"
        ).fetchall()
    return [message(f"[{items}]".encode()) for items, _ in rows]


def heard_by_partners(url: str, said: list[Delivery]) -> dict[str, list[tuple[Any, ...]]]:
    engine = make_engine(url, pool_size=1)
    frame = Frame("partners", "partners.events", make_sessions(engine), make_handlers())
    frame.process([frame.prepare(one) for one in said])
    with engine.connect() as connection:
        rows = {
            "redemptions": "SELECT redemption_no, slug, state FROM redemptions ORDER BY 1",
            "refused": "SELECT source_event_id, reason, redemption_no FROM refused_claims",
        }
        found = {name: [tuple(r) for r in connection.execute(text(q))] for name, q in rows.items()}
    engine.dispose()
    return found


def test_a_claim_goes_all_the_way(
    intake: Intake, points: Ledger, databases: dict[str, str]
) -> None:
    intake.load()
    headers = intake.partner(event_types=[REDEMPTION_COLLECTED])
    give(points, A, 30)
    rice = offered(points, partner=SHOP)
    one, two = ask(points, A, rice), ask(points, A, rice)
    events = [
        claim(code_of(one)),
        claim(code_of(one)),
        claim("0000000000", "c-2"),
        claim("short", "c-3"),
        claim(code_of(two), "c-4", type="linli.activity.attended.v1"),
    ]
    verdicts = [intake.post(each, headers).json["verdicts"][0] for each in events]
    assert [(v["verdict"], v["reason"]) for v in verdicts] == [
        ("accepted", None),
        ("duplicate", None),
        ("accepted", None),  # received; whether the code is good, only points knows
        ("rejected", "schema"),
        ("rejected", "not_entitled"),
    ]
    assert verdicts[3]["pointer"] == "/data/code"
    said = outbox(databases["INTAKE_DATABASE_URL"])
    points.take(said)
    points.take(said)  # as after a crash between commit and acknowledgement
    assert held(points, A) == {"resident": 10, "held": 10}
    assert run_clock(points) == 0
    told = heard_by_partners(
        databases["PARTNERS_DATABASE_URL"], outbox(databases["POINTS_DATABASE_URL"])[::-1]
    )
    assert told == {
        "redemptions": [
            (one.redemption_no, SHOP, "collected"),
            (two.redemption_no, SHOP, "held"),
        ],
        "refused": [("c-2", "unknown_code", None)],
    }
    assert_sound(points)

"""What tests of patrols begin with: a route of spots, and accounts that walk it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.intake.actions import alerts, visits
from services.intake.actions.opening import Seals
from services.intake.actions.patrol_dues import watch
from services.intake.actions.patrol_routes import NewSpot, put_route, put_spots
from services.intake.rules.patrols import NewVisit
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, Intake

DISTRICT = "990101"
STREET = "990101001"
COMMUNITY = "990101001001"
OTHER_GRID = "990101001001002"
ROUTE = "R-1"


def account_no(intake: Intake, role: str = "staff") -> str:
    login = intake.account(role)
    return str(intake.one("SELECT account_no FROM accounts WHERE login = :login", login=login))


def spot(code: str, **changes: Any) -> NewSpot:
    given = {"name": f"点位 {code}", "kind": "low_lying", "grid_code": GRID, **changes}
    return NewSpot(spot_code=code, **given)


def routed(intake: Intake, *spots: NewSpot) -> None:
    with transaction(intake.sessions) as tx:
        put_route(tx, ROUTE, "一号线", COMMUNITY)
        put_spots(tx, ROUTE, spots)


def seen(
    intake: Intake, code: str, at: datetime, client_id: str = "", by: str = "A-1", **more: Any
) -> visits.Recorded:
    new = NewVisit(
        client_id=client_id or f"{code}-{at:%d%H%M%S}",
        spot_code=code,
        visited_at=at,
        **more,
    )
    with transaction(intake.sessions) as tx:
        return visits.record(tx, new, by, Seals(intake.cipher, intake.index))


def proclaimed(intake: Intake, level: str, area: str = DISTRICT) -> int:
    with transaction(intake.sessions) as tx:
        return alerts.proclaim(tx, area, level, "区防汛办〔2026〕3号", "A-1")


def watched(intake: Intake) -> int:
    """The clock's job, once."""
    with transaction(intake.sessions) as tx:
        return watch(tx)

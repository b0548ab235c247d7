"""What tests of clocks do to requests, and what they read back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from services.intake.actions.opening import Seals, open_requests
from services.intake.actions.steps import Moved, Step, take
from services.intake.rules.requests import NewRequest
from services.intake.rules.states import Action, Actor
from shared import clock
from shared.clock import DISTRICT_TIMEZONE
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, NOW, Intake

CLERK = Actor("account", "A-1")
ASKED = NewRequest(
    door="counter",
    client_id="c-1",
    title="下水道堵了",
    description="三单元门口积水",
    category="0404",
    grid_code=GRID,
    resident_no="R000001",
    opened_at=NOW,
)


UNIT = (
    "SELECT u.unit_code FROM units u JOIN areas a ON a.code = u.area_code"
    " WHERE a.kind = 'community' ORDER BY 1 LIMIT 1"
)


def opened(intake: Intake, client_id: str = "c-1", **changes: Any) -> int:
    asked = replace(ASKED, client_id=client_id, opened_at=clock.now(), **changes)
    with transaction(intake.sessions) as tx:
        return open_requests(tx, [asked], CLERK, Seals(intake.cipher, intake.index))[0].id


def step(
    intake: Intake, request_id: int, *actions: Action, actor: Actor = CLERK, **change: Any
) -> list[Moved]:
    """Take these steps at once; the first sets what is given."""
    with transaction(intake.sessions) as tx:
        return take(
            tx,
            [
                Step(request_id=request_id, action=action, change=change if place == 0 else {})
                for place, action in enumerate(actions)
            ],
            actor,
        )


def dispatched(
    intake: Intake, client_id: str = "c-1", *, catalogue_version: int = 1, **changes: Any
) -> int:
    """A request of condition 0404-1 (24 emergency hours) that a unit has."""
    request_id = opened(intake, client_id, **changes)
    unit = intake.one(UNIT)
    known = {
        "condition_code": "0404-1",
        "catalogue_version": catalogue_version,
        "unit_code": unit,
    }
    step(intake, request_id, Action.ADMIT, Action.DISPATCH, **known)
    return request_id


def clocks(intake: Intake, request_id: int) -> dict[str, dict[str, Any]]:
    """The newest run of each clock, with instants in the district's time as text."""
    rows = intake.rows(
        "SELECT DISTINCT ON (kind) * FROM request_clocks WHERE request_id = :id"
        " ORDER BY kind, run DESC",
        id=request_id,
    )
    return {
        row["kind"]: {
            key: f"{value.astimezone(DISTRICT_TIMEZONE):%m-%d %H:%M}"
            if key.endswith(("_at", "_from")) and value is not None
            else value
            for key, value in row.items()
        }
        for row in rows
    }


def due_of_request(intake: Intake, request_id: int) -> str | None:
    due = intake.one("SELECT due_at FROM requests WHERE id = :id", id=request_id)
    return None if due is None else f"{due.astimezone(DISTRICT_TIMEZONE):%m-%d %H:%M}"

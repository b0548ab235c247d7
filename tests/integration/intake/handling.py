"""A district with units and posts, and requests to handle, for tests of handling and closing."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from sqlalchemy import insert

from services.intake.actions.opening import Opened, Seals, open_requests
from services.intake.actions.steps import Moved, Step, take
from services.intake.models import Post, Unit
from services.intake.rules.requests import NewRequest
from services.intake.rules.states import Action, Actor
from shared import clock
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, NOW, PASSWORD, Browser, Intake

COMMUNITY = "990101001001"
DESK, CREW = "DESK-1", "CREW-1"
SYSTEM = Actor("system", "test")
ASKED = NewRequest(
    door="counter",
    title="下水道堵了",
    description="三单元门口积水",
    category="0404",
    grid_code=GRID,
    resident_no="R000001",
    opened_at=NOW,
)
_numbers = itertools.count(1)


def staffed(intake: Intake) -> dict[str, str]:
    """Two units with people in them: (duty at the desk or in the crew) -> login name.

    Keys: clerk, secretary (the community's desk); handler, second, head, checker (the crew);
    stranger (staff without a post).
    """
    logins: dict[str, str] = {}
    _make_units(intake)
    for name in ("clerk", "secretary", "handler", "second", "head", "checker", "stranger"):
        logins[name] = intake.account("staff", login=f"{name}-{next(_numbers)}")
    numbers = account_numbers(intake)
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            insert(Post),
            [
                {
                    "account_no": numbers[logins[name]],
                    "unit_code": DESK if name in ("clerk", "secretary") else CREW,
                    "duty": {"second": "handler"}.get(name, name),
                    "since": clock.now(),
                }
                for name in logins
                if name != "stranger"
            ],
        )
    return logins


def _make_units(intake: Intake) -> None:
    if intake.rows("SELECT 1 FROM units WHERE unit_code = :code", code=CREW):
        return
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            insert(Unit),
            [
                _unit(DESK, "desk", "社区服务台", "Community desk"),
                _unit(CREW, "team", "排水抢修队", "Drainage crew"),
            ],
        )


def _unit(code: str, kind: str, name: str, name_en: str) -> dict[str, Any]:
    return {
        "unit_code": code,
        "kind": kind,
        "name": name,
        "name_en": name_en,
        "area_code": COMMUNITY,
        "parent_code": None,
        "is_fallback": False,
        "is_active": True,
    }


def account_numbers(intake: Intake) -> dict[str, str]:
    """Login name -> account number."""
    return {
        r["login"]: r["account_no"] for r in intake.rows("SELECT login, account_no FROM accounts")
    }


def signed_in(intake: Intake, login: str) -> Browser:
    browser = Browser(intake.app)
    assert browser.sign_in(login, PASSWORD).status_code == 303
    return browser


def opened(intake: Intake, **change: Any) -> Opened:
    """A request that has just come, of its own."""
    asked = replace(ASKED, client_id=f"h-{next(_numbers)}", **change)
    with transaction(intake.sessions) as tx:
        return open_requests(
            tx, [asked], Actor("account", "A-1"), Seals(intake.cipher, intake.index)
        )[0]


def moved(intake: Intake, *steps: Step, actor: Actor = SYSTEM) -> list[Moved]:
    with transaction(intake.sessions) as tx:
        return take(tx, steps, actor)


def dispatched(intake: Intake, **change: Any) -> Opened:
    """A request that the crew has and has not accepted."""
    _make_units(intake)
    one = opened(intake, **change)
    moved(
        intake,
        Step(request_id=one.id, action=Action.ADMIT),
        Step(request_id=one.id, action=Action.DISPATCH, change={"unit_code": CREW}),
    )
    return one


def state_of(intake: Intake, one: Opened) -> str:
    return str(intake.one("SELECT state FROM requests WHERE id = :id", id=one.id))


def actions_of(intake: Intake, one: Opened) -> list[str]:
    rows = intake.rows(
        "SELECT action FROM request_steps WHERE request_id = :id ORDER BY step_no", id=one.id
    )
    return [row["action"] for row in rows]

"""A small office for tests of dispatch: units, posts, people and rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import text

from services.intake.actions import catalogue, dispatch_rules, dispatch_units, dispatching
from services.intake.actions.opening import Seals, open_requests
from services.intake.rules.requests import NewRequest
from services.intake.rules.states import Actor
from shared import clock
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, NOW, Intake

COMMUNITY, STREET = "990101001001", "990101001"
DESK, STREET_DESK = f"desk-{COMMUNITY}", f"desk-{STREET}"
CLERK = Actor("account", "A-1")
ASKED = NewRequest(
    door="counter",
    title="下水道堵了",
    description="三单元门口积水",
    category="0404",
    grid_code=GRID,
    resident_no="R000001",
    opened_at=NOW,
)
UNITS = [
    {"unit_code": code, "kind": kind, "name": code, "name_en": code, "area_code": area}
    for code, kind, area in (
        ("water", "department", STREET),
        ("sanitation", "department", STREET),
        ("team", "team", COMMUNITY),
    )
]
WATER: dict[str, Any] = {
    "code": "water",
    "priority": 10,
    "when": {"categories": ["0404"]},
    "unit": "water",
    "assist": ["team"],
    "reason_zh": "排水由水务所负责",
    "reason_en": "The water office keeps the drains",
}
LITTER = {**WATER, "code": "litter", "when": {"categories": ["0102"]}, "unit": "@team"}
RULES: dict[str, Any] = {"rules": [WATER, {**LITTER, "assist": []}], "villages": [], "near_m": {}}


def furnish(intake: Intake, rules: dict[str, Any] | None = RULES) -> None:
    """Catalogue, units and rules."""
    with transaction(intake.sessions) as tx:
        catalogue.set_up(tx)
        dispatch_units.keep(tx, UNITS)
        if rules is not None:
            dispatch_rules.install(tx, rules, by="setup")


def asked(intake: Intake, **changes: Any) -> int:
    """A request that has just come in; its id."""
    new = replace(ASKED, opened_at=clock.now(), **changes)
    with transaction(intake.sessions) as tx:
        (one,) = open_requests(tx, [new], CLERK, Seals(intake.cipher, intake.index))
    return one.id


def triage(intake: Intake) -> int:
    with transaction(intake.sessions) as tx:
        return dispatching.triage(tx)


def dispatched(intake: Intake, **changes: Any) -> int:
    """A request that the rules have dispatched; its id."""
    request_id = asked(intake, **changes)
    triage(intake)
    return request_id


def on_post(intake: Intake, unit: str, duty: str, login: str = "") -> str:
    """Somebody of staff with a duty in a unit: the account's number."""
    login = intake.account("staff", login=login)
    account_no = str(intake.one("SELECT account_no FROM accounts WHERE login = :l", l=login))
    give_post(intake, account_no, unit, duty)
    return account_no


def give_post(intake: Intake, account_no: str, unit: str, duty: str) -> None:
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            text("INSERT INTO posts (account_no, unit_code, duty, since) VALUES (:a, :u, :d, :n)"),
            {"a": account_no, "u": unit, "d": duty, "n": clock.now()},
        )


def steps_of(intake: Intake, request_id: int) -> list[dict[str, Any]]:
    return intake.rows(
        "SELECT action, to_state, actor, facts, rule_version FROM request_steps"
        " WHERE request_id = :id ORDER BY step_no",
        id=request_id,
    )


def request_row(intake: Intake, request_id: int) -> dict[str, Any]:
    (row,) = intake.rows("SELECT * FROM requests WHERE id = :id", id=request_id)
    return row

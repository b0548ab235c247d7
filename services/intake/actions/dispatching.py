"""派单 by the rules: what came in is classified, admitted and given to its one owner.

Runs as a job in batches; the gate does nothing of it. A request that cannot be classified goes to
the desk of its community, where a person does.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from services.intake.actions import desks
from services.intake.actions.steps import BATCH_MAX, Step, take
from services.intake.queries import catalogue
from services.intake.queries.dispatch import (
    Levels,
    Placed,
    active_units,
    rules_in_force,
    waiting,
)
from services.intake.rules.catalogue import Condition
from services.intake.rules.dispatch import Asked, Decision, RuleList, Units, decide, track_of
from services.intake.rules.dispatch_form import BadDispatchRules
from services.intake.rules.states import SYSTEM, Action, Actor, State
from shared import clock
from shared.clock import DISTRICT_TIMEZONE
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction

logger = logging.getLogger(__name__)

REQUESTS_MAX = 500
JOB = Actor(SYSTEM, "dispatch")

_ASSISTS = text(
    "INSERT INTO request_assists (request_id, unit_code, asked_by, since)"
    " SELECT id, unit, :by, :now FROM unnest(CAST(:ids AS bigint[]), CAST(:units AS text[]))"
    " AS a (id, unit) ON CONFLICT DO NOTHING"
)
_PRINTS = text(
    "INSERT INTO request_prints (request_id, category, grid_code, building_no, resident_no, lat,"
    " lon, opened_at, is_compared) SELECT r.id, n.category, r.grid_code, r.building_no,"
    " r.resident_no, r.lat, r.lon, r.opened_at, false FROM unnest(CAST(:ids AS bigint[]),"
    " CAST(:categories AS text[])) AS n (id, category) JOIN requests r ON r.id = n.id"
    " ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Office:
    """All that decides who gets a request, read once for a batch."""

    rules: RuleList | None
    units: Units
    levels: Levels

    def decide(self, one: Placed, condition: Condition | None) -> Decision | None:
        """Who gets it now, by the rules."""
        asked = Asked(
            condition=None if condition is None else condition.code,
            areas=one.areas,
            track=one.track or track_of(self.rules, one.areas),
            urgency=one.urgency,
            level=self.levels.of(one.areas),
            at=clock.now().astimezone(DISTRICT_TIMEZONE),
        )
        return decide(self.rules, asked, self.units)

    @property
    def version(self) -> str | None:
        """What steps name as the rules they were taken by."""
        return None if self.rules is None else f"dispatch {self.rules.version}"


def triage(tx: Transaction) -> int:
    """Classify, admit and dispatch at most 500 requests, each with its reason; how many.

    Costs two look-ups in empty indexes when nothing waits.
    """
    batch = waiting(tx.session, REQUESTS_MAX)
    if not batch:
        return 0
    office = open_office(tx, {one.areas[1] for one in batch if len(one.areas) > 1})
    conditions = conditions_of(tx, {one.category for one in batch})
    decided = [
        (one, condition, decision)
        for one in batch
        if (decision := office.decide(one, condition := conditions[one.category])) is not None
    ]
    half = BATCH_MAX // 2  # two steps each
    for start in range(0, len(decided), half):
        part = decided[start : start + half]
        take(tx, [step for each in part for step in _steps(office, *each)], JOB)
    ask_assistance(tx, {one.id: decision.assist for one, _, decision in decided}, JOB.no)
    _print(tx, [(one, condition) for one, condition, _ in decided])
    return len(decided)


def open_office(tx: Transaction, communities: set[str]) -> Office:
    """With a desk for each of the communities, made where it was missing."""
    units = active_units(tx.session)
    if communities - {unit.area_code for unit in units if unit.is_fallback}:
        desks.make_missing(tx)
        units = active_units(tx.session)
    try:
        rules = rules_in_force(tx.session)
    except BadDispatchRules:
        # What was published could be read then; nothing may be without an owner because of it.
        logger.exception("the dispatch rules in force cannot be read: desks get everything")
        rules = None
    return Office(rules, Units(units), Levels(tx.session))


def conditions_of(tx: Transaction, categories: set[str]) -> dict[str, Condition | None]:
    """What the catalogue in force now has for each category."""
    in_force = catalogue.catalogue_at(tx.session, clock.now())
    return {
        category: None if in_force is None else in_force.condition(category)
        for category in categories
    }


def classified(one: Placed, condition: Condition | None, rules: RuleList | None) -> dict[str, Any]:
    """The columns that a classification sets; a track that a person set stays."""
    change: dict[str, Any] = {"track": one.track or track_of(rules, one.areas)}
    if condition is not None:
        change |= {
            "condition_code": condition.code,
            "catalogue_version": condition.version,
            "is_public": condition.is_public and not condition.is_sensitive,
        }
    return change


def _steps(
    office: Office, one: Placed, condition: Condition | None, decision: Decision
) -> list[Step]:
    change = classified(one, condition, office.rules)
    facts: dict[str, object] = {"level": office.levels.of(one.areas), **decision.facts()}
    dispatch = Step(
        request_id=one.id,
        action=Action.DISPATCH,
        facts=facts,
        change={"unit_code": decision.unit_code},
        rule_version=office.version,
    )
    if one.state != State.SUBMITTED:
        return [
            Step(request_id=one.id, action=Action.NOTE, facts={"why": "classified"}, change=change),
            dispatch,
        ]
    known = {} if condition is None else {"condition": condition.code}
    return [
        Step(
            request_id=one.id,
            action=Action.ADMIT,
            facts={**known, "track": change["track"]},
            change=change,
            rule_version=None if condition is None else f"catalogue {condition.version}",
        ),
        dispatch,
    ]


def ask_assistance(tx: Transaction, asked: Mapping[int, Sequence[str]], by: str) -> None:
    """Let units assist with requests; those that do already stay."""
    pairs = [(request_id, unit) for request_id, units in asked.items() for unit in units]
    if pairs:
        values = {
            "ids": literal(request_id for request_id, _ in pairs),
            "units": literal(unit for _, unit in pairs),
            "by": by,
            "now": clock.now(),
        }
        tx.session.execute(_ASSISTS, values)


def _print(tx: Transaction, dispatched: Sequence[tuple[Placed, Condition | None]]) -> None:
    """Put them where the search for likeness finds them."""
    values = {
        "ids": literal(one.id for one, _ in dispatched),
        "categories": literal(
            one.category if condition is None else condition.event for one, condition in dispatched
        ),
    }
    tx.session.execute(_PRINTS, values)

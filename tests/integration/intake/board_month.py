"""A small district whose requests took random legal walks, for the board to count."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from services.intake.actions.facts import read_due
from services.intake.actions.opening import Seals, open_requests
from services.intake.actions.steps import Step, take
from services.intake.rules.requests import NewRequest
from services.intake.rules.states import TRANSITIONS, Action, Actor, State, legal
from shared import clock
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, Intake, later

CLERK = Actor("account", "A-1")
GRIDS = (GRID, "990101001001002", "990101001002001")
UNITS = ("U-roads", "U-water", "U-team")
CATEGORIES = ("0102", "0404", "0601")
WORDS = ("solved", "partly", "unsolved")
LIKES = ("satisfied", "basically", "dissatisfied", None)

# Left out: MERGE needs another request, UNMERGE a merge.
_WALKABLE = frozenset(Action) - {Action.SUBMIT, Action.MERGE, Action.UNMERGE, Action.RATE}


def furnish(intake: Intake) -> None:
    """A second community, and units of two kinds."""
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            text(
                "INSERT INTO areas (code, kind, name, parent_code) VALUES"
                " ('990101001002', 'community', '兰溪社区', '990101001'),"
                " ('990101001002001', 'grid', '兰溪第1网格', '990101001002')"
                " ON CONFLICT DO NOTHING"
            )
        )
        tx.session.execute(
            text(
                "INSERT INTO units (unit_code, kind, name, name_en, area_code, is_fallback,"
                " is_active) VALUES ('U-roads', 'department', '市政科', 'Roads', '990101001',"
                " false, true), ('U-water', 'department', '水务科', 'Water', '990101001', false,"
                " true), ('U-team', 'team', '应急队', 'Team', '990101001', false, true)"
            )
        )


def live(intake: Intake, seed: int, *, requests: int = 40, moves: int = 9) -> list[int]:
    """Open requests and walk each some way; time goes on between. Their ids."""
    chance = random.Random(seed)
    ids = [_open(intake, chance, f"w-{seed}-{n}") for n in range(requests)]
    states = dict.fromkeys(ids, State.SUBMITTED)
    for _ in range(moves):
        later(minutes=chance.randint(5, 700))
        moved = [each for each in ids if chance.random() < 0.7]
        _step(intake, chance, moved, states)
    with transaction(intake.sessions) as tx:
        for each in ids:
            _judge(tx.session, chance, each)
    return ids


def read_all(intake: Intake) -> None:
    """Let the worker's job read every history that grew."""
    with transaction(intake.sessions) as tx:
        while read_due(tx):
            pass


def opened(intake: Intake, client_id: str, **changes: Any) -> int:
    """One request, by its id."""
    new = NewRequest(
        **{
            "door": "counter",
            "client_id": client_id,
            "title": "井盖松动",
            "description": "夜里很响",
            "category": "0102",
            "grid_code": GRID,
            "resident_no": "R000001",
            "opened_at": clock.now(),
            **changes,
        }
    )
    with transaction(intake.sessions) as tx:
        return open_requests(tx, [new], CLERK, Seals(intake.cipher, intake.index))[0].id


def walk(intake: Intake, request_id: int, *steps: Action | tuple[Action, dict[str, Any]]) -> None:
    """Take steps one after the other, with what each changes."""
    with transaction(intake.sessions) as tx:
        take(
            tx,
            [
                Step(request_id=request_id, action=each)
                if isinstance(each, Action)
                else Step(request_id=request_id, action=each[0], change=each[1])
                for each in steps
            ],
            CLERK,
        )


def _open(intake: Intake, chance: random.Random, client_id: str) -> int:
    return opened(
        intake,
        client_id,
        title=f"第 {client_id} 件",
        category=chance.choice(CATEGORIES),
        grid_code=chance.choice(GRIDS),
        resident_no=chance.choice(("R000001", "R000002", None)),
        address=chance.choice((None, "梧桐路 8 号")),
    )


def _step(intake: Intake, chance: random.Random, ids: list[int], states: dict[int, State]) -> None:
    steps, dispatched = [], []
    for each in ids:
        open_to = [a for a in legal(states[each]) if a in _WALKABLE and a is not Action.VOID]
        if not open_to:
            continue
        action = chance.choice(open_to)
        change: dict[str, Any] = {}
        if action is Action.DISPATCH:
            change = {"unit_code": chance.choice(UNITS)}
            dispatched.append(each)
        steps.append(Step(request_id=each, action=action, change=change))
        states[each] = TRANSITIONS[action][states[each]]
    with transaction(intake.sessions) as tx:
        take(tx, steps, CLERK)
    for each in dispatched:
        _set_clocks(intake, chance, each)


def _set_clocks(intake: Intake, chance: random.Random, request_id: int) -> None:
    """Limits as short as the walks, so that some are kept and some are not."""
    for kind, hours in (("accept", 8), ("contact", 16), ("resolve", 60)):
        if chance.random() < 0.9:
            limit(intake, request_id, kind, chance.randint(1, hours))


def limit(intake: Intake, request_id: int, kind: str, hours: int) -> None:
    """Let a running clock of a request end so many hours from now; nothing where none runs."""
    told = {"id": request_id, "kind": kind, "due": clock.now() + timedelta(hours=hours)}
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            text(
                "UPDATE request_clocks SET due_at = :due"
                " WHERE request_id = :id AND kind = :kind AND stopped_at IS NULL"
            ),
            told,
        )
        if kind == "resolve":
            tx.session.execute(text("UPDATE requests SET due_at = :due WHERE id = :id"), told)


def _judge(session: Any, chance: random.Random, request_id: int) -> None:
    for turn in range(chance.randint(0, 2)):
        session.execute(
            text(
                "INSERT INTO resident_verdicts (request_id, round, solved, satisfied, way, at)"
                " VALUES (:id, :round, :solved, :satisfied, 'link', :now)"
            ),
            {
                "id": request_id,
                "round": turn,
                "solved": chance.choice(WORDS),
                "satisfied": chance.choice(LIKES),
                "now": clock.now(),
            },
        )
    if chance.random() < 0.1:
        session.execute(
            text(
                "INSERT INTO board_exclusions (request_id, reason, state, proposed_by,"
                " proposed_at, decided_by, decided_at)"
                " VALUES (:id, 'policy', 'approved', 'A-1', :now, 'A-2', :now)"
            ),
            {"id": request_id, "now": clock.now()},
        )

"""Requests open once, move by legal steps only, and keep a history that nobody rewrites."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.intake.actions.opening import Opened, Seals, open_requests
from services.intake.actions.steps import Step, take
from services.intake.rules.requests import NewRequest
from services.intake.rules.states import Action, Actor
from shared.errors import Conflict, Missing, Rejected
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


def opened(intake: Intake, *asked: NewRequest) -> list[Opened]:
    with transaction(intake.sessions) as tx:
        return open_requests(tx, asked, CLERK, Seals(intake.cipher, intake.index))


def history(intake: Intake, request_id: int) -> list[tuple[int, str, str]]:
    with intake.sessions() as session:
        rows = session.execute(
            text(
                "SELECT step_no, action, to_state FROM request_steps WHERE request_id = :id"
                " ORDER BY step_no"
            ),
            {"id": request_id},
        )
        return [(row.step_no, row.action, row.to_state) for row in rows]


def test_the_same_client_id_fifty_times_in_parallel_is_one_request(intake: Intake) -> None:
    intake.load()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: opened(intake, ASKED)[0], range(50)))
    assert len({(one.id, one.request_no, one.public_code) for one in answers}) == 1
    assert sum(one.is_new for one in answers) == 1
    assert history(intake, answers[0].id) == [(1, "submit", "submitted")]


def test_the_same_client_id_with_another_content_is_refused(intake: Intake) -> None:
    intake.load()
    opened(intake, ASKED)
    with pytest.raises(Conflict) as caught:
        opened(intake, replace(ASKED, title="路灯不亮"))
    assert caught.value.pointer == "/client_id"


@pytest.mark.parametrize(
    "change",
    [
        {"title": " "},
        {"title": "长" * 121},
        {"grid_code": "nowhere"},
        {"resident_no": "R9"},
        {"nature": "joke"},
        {"lat": 31.0},
        {"lat": 91.0, "lon": 0.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_bad_input_names_its_field_and_writes_nothing(
    intake: Intake, change: dict[str, object]
) -> None:
    intake.load()
    faulty = replace(ASKED, **change)  # type: ignore[arg-type]
    with pytest.raises(Rejected) as caught:
        opened(intake, replace(ASKED, client_id="good"), faulty)
    assert caught.value.pointer == f"/{next(iter(change))}"
    with intake.sessions() as session:
        assert session.execute(text("SELECT count(*) FROM requests")).scalar_one() == 0


def test_contact_data_of_a_stranger_is_sealed(intake: Intake) -> None:
    intake.load()
    contact = {"name": "过路人", "phone": "13655556666"}
    opened(intake, replace(ASKED, resident_no=None, contact=contact))
    with intake.sessions() as session:
        row = session.execute(text("SELECT sealed, phone_index FROM request_contacts")).one()
    assert "过路人" not in row.sealed
    assert "13655556666" not in row.sealed
    assert bytes(row.phone_index) == intake.index.of("13655556666")


def test_steps_are_numbered_and_kept(intake: Intake) -> None:
    intake.load()
    one = opened(intake, ASKED)[0]
    with transaction(intake.sessions) as tx:
        take(
            tx,
            [
                Step(request_id=one.id, action=Action.ADMIT, rule_version="catalogue 1"),
                Step(request_id=one.id, action=Action.NOTE, note="请先看现场"),
            ],
            CLERK,
        )
    assert history(intake, one.id) == [
        (1, "submit", "submitted"),
        (2, "admit", "pending"),
        (3, "note", "pending"),
    ]


def test_an_illegal_step_takes_none_of_the_batch(intake: Intake) -> None:
    intake.load()
    first, second = opened(intake, ASKED, replace(ASKED, client_id="c-2"))
    with pytest.raises(Conflict), transaction(intake.sessions) as tx:
        take(
            tx,
            [
                Step(request_id=first.id, action=Action.ADMIT),
                Step(request_id=second.id, action=Action.RESOLVE),
            ],
            CLERK,
        )
    assert len(history(intake, first.id)) == 1


def test_an_unknown_request_is_missing(intake: Intake) -> None:
    with pytest.raises(Missing), transaction(intake.sessions) as tx:
        take(tx, [Step(request_id=42, action=Action.ADMIT)], CLERK)


def test_the_service_cannot_rewrite_history(intake: Intake) -> None:
    intake.load()
    opened(intake, ASKED)
    for statement in ("UPDATE request_steps SET actor = 'x'", "DELETE FROM request_steps"):
        with intake.sessions() as session, pytest.raises(ProgrammingError) as caught:
            session.execute(text(statement))
        assert isinstance(caught.value.orig, psycopg.errors.InsufficientPrivilege)

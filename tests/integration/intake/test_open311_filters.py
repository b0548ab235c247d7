"""The Open311 list against a naive model: the same requests, in the same order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.intake.actions.open311.keys import add_key
from services.intake.queries.catalogue import catalogue_at
from services.intake.rules.open311.moments import written
from services.intake.rules.open311.statuses import status_of
from services.intake.rules.publicness import may_be_public
from services.intake.rules.requests import new_public_code
from services.intake.rules.states import State
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, Intake
from tests.integration.intake.open311 import REAL

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
DAYS = 170
CATEGORIES = ("0404", "0404-1", "0102", "8102", "8101-1", "light")
NATURES = ("help", "complaint", "report")
GRIDS = (GRID, "990101001001002")
ROWS = 300


@dataclass(frozen=True)
class Row:
    """A request as the model has it."""

    code: str
    state: State
    category: str
    condition: str | None
    nature: str
    is_public: bool
    opened_at: datetime
    grid: str
    is_own: bool


_INSERT = text(
    "INSERT INTO requests (request_no, public_code, state, door, title, description, category,"
    " condition_code, nature, grid_code, urgency, is_public, returned_count, reopened_count,"
    " opened_at, accepted_at, updated_at, step_count) VALUES (:no, :code, :state,"
    " 'open311', 't', '', :category, :condition, :nature, :grid, 'normal', :public, 0, 0, :at,"
    " :at, :at, 1) RETURNING id"
)
_REPORT = text(
    "INSERT INTO open311_reports (request_id, key_no, service_code, media_urls, answers)"
    " VALUES (:id, :key, :category, '{}', '{}')"
)


@pytest.fixture
def rows(intake: Intake) -> tuple[list[Row], str]:
    chance = Random(311)
    made = []
    with transaction(intake.sessions) as tx:
        key_no, key = add_key(tx, "own", by="tests")
        for number in range(ROWS):
            row = Row(
                new_public_code(),
                chance.choice([state for state in State if state is not State.MERGED]),
                chance.choice(CATEGORIES),
                chance.choice([None, None, "0404-1", "8102-1", "0102-1"]),
                chance.choice(NATURES),
                chance.random() < 0.7,
                BEGIN + timedelta(seconds=chance.randrange(DAYS * 86_400)),
                chance.choice(GRIDS),
                chance.random() < 0.2,
            )
            made.append(row)
            request_id = tx.session.execute(
                _INSERT,
                {
                    "no": f"Q{number}",
                    "code": row.code,
                    "state": row.state,
                    "category": row.category,
                    "condition": row.condition,
                    "nature": row.nature,
                    "grid": row.grid,
                    "public": row.is_public,
                    "at": row.opened_at,
                },
            ).scalar_one()
            if row.is_own:
                tx.session.execute(
                    _REPORT, {"id": request_id, "key": key_no, "category": row.category}
                )
    return made, key


_moments = st.integers(0, DAYS * 24).map(lambda hours: BEGIN + timedelta(hours=hours))


@dataclass(frozen=True)
class Ask:
    """What is asked, in the words of the model."""

    start: datetime
    days: int
    services: tuple[str, ...]
    statuses: tuple[str, ...]
    jurisdiction: str | None
    is_own: bool
    page_size: int


asks = st.builds(
    Ask,
    start=_moments,
    days=st.integers(0, 90),
    services=st.lists(st.sampled_from(["0404", "0102", "8102", "nope"]), max_size=3).map(tuple),
    statuses=st.sampled_from([(), ("open",), ("closed",), ("open", "closed")]),
    jurisdiction=st.sampled_from([None, "990101", "990101001001"]),
    is_own=st.booleans(),
    page_size=st.integers(1, 60),
)


def test_the_list_is_what_a_naive_reader_would_choose(
    intake: Intake, rows: tuple[list[Row], str]
) -> None:
    made, key = rows
    with intake.sessions() as session:
        catalogue = catalogue_at(session, BEGIN + timedelta(days=DAYS))
    assert catalogue is not None

    def seen(row: Row, ask: Ask) -> bool:
        category = row.condition or row.category
        event = catalogue.events.get(category)
        of_event = [
            may_be_public(
                is_public=row.is_public, nature=row.nature, state=row.state, condition=one
            )
            for one in (event.conditions if event else [catalogue.condition(category)])
        ]
        return all(of_event) or (ask.is_own and row.is_own)

    def service(row: Row) -> str:
        return (row.condition or row.category).partition("-")[0]

    def chosen(ask: Ask) -> list[str]:
        end = ask.start + timedelta(days=ask.days)
        found = [
            row
            for row in made
            if seen(row, ask)
            and ask.start <= row.opened_at <= end
            and (not ask.services or service(row) in ask.services)
            and (not ask.statuses or status_of(row.state) in ask.statuses)
        ]
        order = {row.code: place for place, row in enumerate(made)}
        found.sort(key=lambda row: (row.opened_at, order[row.code]), reverse=True)
        return [row.code for row in found]

    @settings(max_examples=40)
    @given(asks)
    def check(ask: Ask) -> None:
        query = {
            "start_date": written(ask.start),
            "end_date": written(ask.start + timedelta(days=ask.days)),
            "service_code": ",".join(ask.services),
            "status": ",".join(ask.statuses),
            "jurisdiction_id": ask.jurisdiction or "",
            "api_key": key if ask.is_own else "",
            "page_size": ask.page_size,
        }
        got: list[str] = []
        for page in range(1, ROWS):
            answer = intake.get(f"{REAL}/requests.json?{urlencode({**query, 'page': page})}")
            assert answer.status_code == 200, answer.text
            codes = [one["service_request_id"] for one in answer.json]
            got += codes
            if len(codes) < ask.page_size:
                break
        assert got == chosen(ask)
        if got:  # the numbers of requests override every other filter
            wanted = urlencode({**query, "service_request_id": ",".join(got), "status": "open"})
            answer = intake.get(f"{REAL}/requests.json?{wanted}&page_size=1&start_date=x")
            assert {one["service_request_id"] for one in answer.json} == set(got)

    check()

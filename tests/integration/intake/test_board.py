"""The board is what the histories say: to the byte, and every figure opens its list."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import orjson
import pytest
from sqlalchemy import text

from services.intake.queries.board import Asked, behind, board, groups, terms_on
from services.intake.queries.facts import lives, places
from services.intake.rules.board import PARTS
from services.intake.rules.board_sheet import Board, Medians, Placed, assemble, count
from services.intake.rules.states import Action
from shared import clock
from shared.messaging.transaction import transaction
from tests.integration.intake.board_month import (
    furnish,
    live,
    opened,
    read_all,
    walk,
)
from tests.integration.intake.conftest import Intake, later

OCTOBER = Asked(first=date(2026, 10, 1), last=date(2026, 10, 31))
ROADS = {"unit_code": "U-roads"}


def replayed(intake: Intake, asked: Asked) -> Board:
    """The board from nothing but the histories, counted one by one."""
    with intake.sessions() as session:
        ids = list(session.execute(text("SELECT id FROM requests")).scalars())
        known, where = lives(session, ids), places(session, ids)
        terms = terms_on(session, asked.first)
        placed = [
            Placed(
                life=replace(known[each], has_place=where[each].has_place),
                community_code=where[each].community_code,
                unit_code=where[each].unit_code,
                category=where[each].category,
                case_id=where[each].case_id,
                received_on=where[each].received_on,
            )
            for each in ids
            if asked.first <= where[each].received_on <= asked.last
            and asked.community in (None, where[each].community_code)
            and asked.unit in (None, where[each].unit_code)
            and asked.category in (None, where[each].category)
        ]
        return assemble(count(placed, terms, clock.now()), terms, groups(session, asked.street))


def shown(intake: Intake, asked: Asked) -> Board:
    with intake.sessions() as session:
        return board(session, asked, clock.now())


def as_bytes(made: Board) -> bytes:
    return orjson.dumps(made.told(), option=orjson.OPT_INDENT_2)


@pytest.mark.parametrize("seed", range(4))
def test_replaying_the_histories_gives_the_same_board_byte_for_byte(
    intake: Intake, seed: int
) -> None:
    furnish(intake)
    live(intake, seed)
    read_all(intake)
    for asked in (
        OCTOBER,
        replace(OCTOBER, community="990101001001"),
        replace(OCTOBER, unit="U-roads"),
        replace(OCTOBER, category="0404"),
    ):
        for _ in range(2):
            assert as_bytes(shown(intake, asked)) == as_bytes(replayed(intake, asked))
        later(hours=7)
    assert shown(intake, OCTOBER).total["received"] > 30


def test_every_figure_counts_exactly_the_rows_of_its_list(intake: Intake) -> None:
    furnish(intake)
    live(intake, 7)
    read_all(intake)
    made = shown(intake, OCTOBER)
    seen = 0
    with intake.sessions() as session:
        for part in PARTS:
            rows, before = [], None
            while True:
                page = behind(session, OCTOBER, part, clock.now(), before=before, limit=7)
                rows += page.rows
                if page.next is None:
                    break
                before = int(page.next)
            assert len({row["id"] for row in rows}) == len(rows) == made.total[part], part
            seen += len(rows)
        for lines in made.groups:
            for line in lines.lines:
                asked = replace(OCTOBER, **{lines.group.subject: line.code})
                for part in ("received", "response_due", "solved", "reworked", "overdue"):
                    page = behind(session, asked, part, clock.now(), limit=1000)
                    assert len(page.rows) == line.tally[part], (line.code, part)
    assert seen > len(PARTS)


def test_nothing_counted_is_a_dash_never_nought_or_all(intake: Intake) -> None:
    furnish(intake)
    opened(intake, "one")
    read_all(intake)
    made = shown(intake, OCTOBER)
    assert made.total["received"] == 1
    assert {rate.value for rate in made.rates.values()} == {None}
    assert made.medians == Medians()
    assert all(line.place is None for each in made.groups for line in each.lines)


def test_communities_are_never_ranked_with_departments(intake: Intake) -> None:
    furnish(intake)
    live(intake, 3, requests=60, moves=12)
    read_all(intake)
    with intake.sessions() as session:
        kinds = dict(
            session.execute(
                text("SELECT code, kind FROM areas UNION ALL SELECT unit_code, kind FROM units")
            ).all()  # type: ignore[arg-type]
        )
    for each in shown(intake, OCTOBER).groups:
        assert len({kinds[line.code] for line in each.lines}) <= 1


def test_a_group_of_its_own_is_data(intake: Intake) -> None:
    furnish(intake)
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            text("INSERT INTO board_members VALUES ('unit', 'U-team', 'departments')")
        )
    with intake.sessions() as session:
        found = {each.group_code: set(each.members) for each in groups(session)}
    assert found["departments"] == {"U-roads", "U-water", "U-team"}
    assert not found["teams"]


def test_the_waits_are_told_by_their_middle(intake: Intake) -> None:
    furnish(intake)
    ids = [opened(intake, f"m-{n}") for n in range(3)]
    for each in ids:
        walk(intake, each, Action.ADMIT, (Action.DISPATCH, ROADS), Action.ACCEPT)
    for each, hours in zip(ids, (1, 2, 97), strict=True):
        later(hours=hours)
        walk(intake, each, Action.CONTACT, Action.RESOLVE)
    read_all(intake)
    assert shown(intake, OCTOBER).medians == Medians(180, 180)


def test_the_facts_follow_each_step(intake: Intake) -> None:
    furnish(intake)
    one = opened(intake, "f")
    read_all(intake)
    walk(intake, one, Action.ADMIT, (Action.DISPATCH, ROADS))
    assert intake.one("SELECT state FROM request_facts") == "submitted"
    read_all(intake)
    assert intake.rows("SELECT state, unit_code, step_count FROM request_facts") == [
        {"state": "dispatched", "unit_code": "U-roads", "step_count": 3}
    ]
    assert intake.one("SELECT count(*) FROM facts_due") == 0

"""The clocks of a request follow its steps; a deadline is stored with its explanation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from services.intake.actions.steps import Step, take
from services.intake.rules.states import Action, State
from shared.messaging.transaction import transaction
from tests.integration.intake.clock_bench import (
    CLERK,
    clocks,
    dispatched,
    due_of_request,
    opened,
    step,
)
from tests.integration.intake.conftest import Intake, later

# The clock of these tests stands at Wednesday, 2026-10-21 12:33:30 in the district.


def test_admission_starts_the_clock_of_resolving_and_dispatch_that_of_accepting(
    intake: Intake,
) -> None:
    request_id = dispatched(intake)
    found = clocks(intake, request_id)
    assert {kind: row["due_at"] for kind, row in found.items()} == {
        "accept": "10-21 14:33",
        "resolve": "10-22 12:33",
    }
    assert due_of_request(intake, request_id) == "10-22 12:33"
    assert found["resolve"]["explanation"]["condition"] == "0404-1"
    assert found["resolve"]["rule_version"] == "catalogue 1"


def test_accepting_in_time_and_speaking_too_late_are_both_kept(intake: Intake) -> None:
    request_id = dispatched(intake)
    later(hours=2)
    step(intake, request_id, Action.ACCEPT)
    assert clocks(intake, request_id)["accept"]["met"] is True
    assert clocks(intake, request_id)["contact"]["due_at"] == "10-21 18:33"
    later(hours=4, seconds=1)
    step(intake, request_id, Action.CONTACT)
    assert clocks(intake, request_id)["contact"]["met"] is False
    step(intake, request_id, Action.CONTACT)
    assert clocks(intake, request_id)["contact"]["met"] is False  # the first word counts


def test_a_condition_that_nobody_knows_has_the_limits_of_its_urgency(intake: Intake) -> None:
    request_id = opened(intake, urgency="critical")
    step(intake, request_id, Action.ADMIT)
    clock = clocks(intake, request_id)["resolve"]
    assert (clock["due_at"], clock["explanation"]["tier"]) == ("10-21 14:33", "critical")


def test_urgency_hurries_who_must_accept_but_not_what_the_condition_allows(
    intake: Intake,
) -> None:
    request_id = dispatched(intake, urgency="critical")
    found = clocks(intake, request_id)
    assert found["accept"]["due_at"] == "10-21 13:03"
    assert found["accept"]["explanation"]["why"] == "urgency"
    assert found["resolve"]["due_at"] == "10-22 12:33"


def test_what_waits_for_the_resident_stands_still(intake: Intake) -> None:
    request_id = dispatched(intake)
    step(intake, request_id, Action.ACCEPT)
    later(hours=4)
    step(intake, request_id, Action.ASK)
    assert due_of_request(intake, request_id) is None
    assert clocks(intake, request_id)["resolve"]["used_s"] == 4 * 3600
    later(days=3)
    step(intake, request_id, Action.ANSWER)
    clock = clocks(intake, request_id)["resolve"]
    assert clock["due_at"] == "10-25 12:33"
    assert len(clock["explanation"]["frozen"]) == 1
    assert due_of_request(intake, request_id) == "10-25 12:33"


def test_what_was_late_before_it_was_frozen_stays_late(intake: Intake) -> None:
    request_id = dispatched(intake)
    step(intake, request_id, Action.ACCEPT)
    later(hours=30)
    step(intake, request_id, Action.SHELVE)
    later(days=3)
    step(intake, request_id, Action.RESUME)
    assert clocks(intake, request_id)["resolve"]["due_at"] == "10-22 12:33"


def test_a_unit_that_gives_back_does_not_undo_its_lateness(intake: Intake) -> None:
    request_id = dispatched(intake)
    later(hours=3)
    step(intake, request_id, Action.RETURN)
    assert clocks(intake, request_id)["accept"]["met"] is False
    step(intake, request_id, Action.DISPATCH)
    again = clocks(intake, request_id)["accept"]
    assert (again["run"], again["stopped_at"], again["due_at"]) == (2, None, "10-21 17:33")
    later(hours=1)
    step(intake, request_id, Action.RETURN)
    assert clocks(intake, request_id)["accept"]["met"] is None  # called off in time
    assert clocks(intake, request_id)["resolve"]["due_at"] == "10-22 12:33"


def test_another_round_has_a_clock_of_its_own(intake: Intake) -> None:
    request_id = dispatched(intake)
    step(intake, request_id, Action.ACCEPT)
    later(hours=2)
    step(intake, request_id, Action.RESOLVE)
    found = clocks(intake, request_id)
    assert (found["resolve"]["met"], found["contact"]["met"]) == (True, True)
    assert due_of_request(intake, request_id) is None
    step(intake, request_id, Action.SEND_BACK)
    rectify = clocks(intake, request_id)["rectify"]
    assert rectify["due_at"] == "10-22 14:33"  # no longer than the condition allowed at first
    assert rectify["explanation"]["why"] == "resolve"
    step(intake, request_id, Action.RESOLVE, Action.APPROVE)
    assert clocks(intake, request_id)["call_back"]["due_at"] == "10-23 17:00"
    step(intake, request_id, Action.REOPEN)
    found = clocks(intake, request_id)
    assert (found["rectify"]["run"], found["rectify"]["due_at"]) == (2, "11-04 17:00")
    assert found["call_back"]["met"] is None
    assert due_of_request(intake, request_id) == "11-04 17:00"


def test_a_resident_who_judges_ends_the_call_back(intake: Intake) -> None:
    request_id = dispatched(intake)
    step(intake, request_id, Action.ACCEPT, Action.RESOLVE, Action.APPROVE, Action.RATE)
    assert clocks(intake, request_id)["call_back"]["met"] is True


def test_a_merged_request_stands_still_until_it_is_its_own_again(intake: Intake) -> None:
    request_id, other = dispatched(intake), dispatched(intake, "c-2")
    step(intake, request_id, Action.MERGE, merged_into=other)
    later(hours=10)
    with transaction(intake.sessions) as tx:
        back = Step(request_id=request_id, action=Action.UNMERGE, to=State.DISPATCHED)
        take(tx, [back], CLERK)
    assert clocks(intake, request_id)["resolve"]["due_at"] == "10-22 22:33"


@pytest.mark.parametrize("action", [Action.DECLINE, Action.REFER])
def test_what_ends_early_owes_nothing(intake: Intake, action: Action) -> None:
    request_id = dispatched(intake)
    step(intake, request_id, action)
    left = intake.one(
        "SELECT count(*) FROM request_clocks WHERE request_id = :id AND"
        " (stopped_at IS NULL OR met IS NOT NULL)",
        id=request_id,
    )
    assert left == 0


def test_open_clocks_belong_to_the_unit_that_has_the_request(intake: Intake) -> None:
    request_id = dispatched(intake)
    (other,) = intake.rows("SELECT unit_code FROM units ORDER BY unit_code LIMIT 1")
    step(intake, request_id, Action.ASSIGN, unit_code=other["unit_code"])
    assert {row["unit_code"] for row in clocks(intake, request_id).values()} == {other["unit_code"]}


@contextmanager
def counted_statements(intake: Intake, word: str) -> Iterator[list[str]]:
    with intake.sessions() as session:
        engine = session.get_bind()
    seen: list[str] = []

    def see(_connection, _cursor, statement: str, *_others: object) -> None:
        if word in statement:
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", see)


def test_a_batch_of_steps_costs_as_many_statements_as_one(intake: Intake) -> None:
    ids = [opened(intake, f"b-{number}") for number in range(60)]
    known = {"condition_code": "0404-1", "catalogue_version": 1}
    with (
        counted_statements(intake, "request_clocks") as seen,
        transaction(intake.sessions) as tx,
    ):
        steps = [Step(request_id=each, action=Action.ADMIT, change=known) for each in ids]
        steps += [Step(request_id=each, action=Action.DISPATCH) for each in ids]
        take(tx, steps, CLERK)
    assert len(seen) == 2  # one reads, one writes
    assert intake.one("SELECT count(*) FROM request_clocks") == 120


def test_steps_that_touch_no_clock_ask_nothing_of_them(intake: Intake) -> None:
    request_id = dispatched(intake)
    with counted_statements(intake, "request_clocks") as seen:
        step(intake, request_id, Action.NOTE)
    assert seen == []


def test_a_deadline_beyond_the_calendar_is_said_aloud(
    intake: Intake, caplog: pytest.LogCaptureFixture
) -> None:
    later(days=60)
    request_id = opened(intake)
    known = {"condition_code": "0101-3", "catalogue_version": 1}  # 20 work days
    with caplog.at_level("WARNING"):
        step(intake, request_id, Action.ADMIT, **known)
    assert "deadlines lie beyond the working calendar" in caplog.messages
    assert clocks(intake, request_id)["resolve"]["explanation"]["beyond"] == "2026-12-31"

"""A stored deadline moves by an extension of two people, or by a manager's audited step."""

from __future__ import annotations

from datetime import date

import pytest

from services.intake.actions import calendar, deadlines
from services.intake.rules.states import Action
from services.intake.rules.worktime import Day
from shared.errors import Conflict, Missing, Rejected
from shared.messaging.transaction import transaction
from tests.integration.intake.clock_bench import clocks, dispatched, due_of_request, step
from tests.integration.intake.conftest import Intake, later


def asked(intake: Intake, request_id: int, amount: int = 12, by: str = "A-1") -> int:
    with transaction(intake.sessions) as tx:
        return deadlines.ask_extension(tx, request_id, amount=amount, reason="须等配件到货", by=by)


def decided(intake: Intake, number: int, *, is_granted: bool = True, by: str = "A-2") -> None:
    with transaction(intake.sessions) as tx:
        deadlines.decide_extension(tx, number, is_granted=is_granted, note="", by=by)


def test_one_asks_another_grants_and_the_due_time_moves(intake: Intake) -> None:
    request_id = dispatched(intake)
    number = asked(intake, request_id)
    assert due_of_request(intake, request_id) == "10-22 12:33"
    with pytest.raises(Conflict) as caught:
        decided(intake, number, by="A-1")
    assert caught.value.code == "same_person"
    decided(intake, number)
    assert due_of_request(intake, request_id) == "10-23 00:33"
    clock = clocks(intake, request_id)["resolve"]
    assert (clock["due_at"], clock["total_s"]) == ("10-23 00:33", 36 * 3600)
    assert clock["explanation"]["extended"] == 12
    steps = intake.rows(
        "SELECT action, actor, facts FROM request_steps WHERE request_id = :id"
        " ORDER BY step_no DESC LIMIT 2",
        id=request_id,
    )
    assert [(row["action"], row["actor"]) for row in steps] == [
        ("extend", "A-2"),
        ("extend", "A-1"),
    ]
    assert steps[0]["facts"]["due_at"] == "2026-10-23T00:33:30+08:00"
    assert "due_at" not in steps[1]["facts"]  # asking moves nothing, and nobody is told


def test_it_is_granted_once_and_within_its_bound(intake: Intake) -> None:
    request_id = dispatched(intake)
    for amount in (0, 25):
        with pytest.raises(Rejected) as caught:
            asked(intake, request_id, amount)
        assert caught.value.pointer == "/amount"
    decided(intake, asked(intake, request_id, 24), is_granted=False)
    assert due_of_request(intake, request_id) == "10-22 12:33"
    number = asked(intake, request_id, 24)  # what was refused may be asked anew
    with pytest.raises(Conflict):
        asked(intake, request_id, 1)
    decided(intake, number)
    with pytest.raises(Conflict):
        asked(intake, request_id, 1)
    with pytest.raises(Conflict) as again:
        decided(intake, number)
    assert again.value.code == "decided"
    with pytest.raises(Missing):
        decided(intake, number + 1)


def test_it_is_asked_before_the_limit_runs_out(intake: Intake) -> None:
    request_id, other = dispatched(intake), dispatched(intake, "c-2")
    number = asked(intake, other)
    later(hours=24, seconds=1)
    with pytest.raises(Conflict) as caught:
        asked(intake, request_id)
    assert caught.value.code == "too_late"
    decided(intake, number)  # it was asked in time
    assert due_of_request(intake, other) == "10-23 00:33"


def test_what_is_done_needs_no_more_time(intake: Intake) -> None:
    request_id = dispatched(intake)
    number = asked(intake, request_id)
    step(intake, request_id, Action.ACCEPT, Action.RESOLVE)
    with pytest.raises(Conflict) as caught:
        decided(intake, number)
    assert caught.value.code == "no_clock"
    with pytest.raises(Conflict):
        asked(intake, request_id)


def test_more_time_counts_after_a_thaw_too(intake: Intake) -> None:
    request_id = dispatched(intake)
    number = asked(intake, request_id)
    step(intake, request_id, Action.ACCEPT, Action.ASK)
    decided(intake, number)
    assert due_of_request(intake, request_id) is None
    later(days=2)
    step(intake, request_id, Action.ANSWER)
    assert due_of_request(intake, request_id) == "10-25 00:33"


def test_a_new_calendar_moves_nothing_until_a_manager_says_so(intake: Intake) -> None:
    known = {"condition_code": "0101-2", "catalogue_version": 1}  # 7 work days
    request_id = dispatched(intake)
    step(intake, request_id, Action.ACCEPT, Action.RESOLVE, Action.APPROVE)
    other = dispatched(intake, "c-2")
    step(intake, other, Action.ASSIGN, **known)
    with transaction(intake.sessions) as tx:
        deadlines.recalculate(tx, [other], reason="重新归类", by="A-9")
    assert due_of_request(intake, other) == "10-30 17:00"
    with transaction(intake.sessions) as tx:
        calendar.load(
            tx, days=[Day(date(2026, 10, 29), "holiday", "本地假日", "Local holiday")], by="A-9"
        )
    assert due_of_request(intake, other) == "10-30 17:00"
    with transaction(intake.sessions) as tx:
        assert deadlines.recalculate(tx, [other], reason="放假通知", by="A-9") == 1
    assert due_of_request(intake, other) == "11-02 17:00"
    told = intake.rows(
        "SELECT s.actor, s.facts, n.note FROM request_steps s JOIN step_notes n"
        " USING (request_id, step_no) WHERE request_id = :id ORDER BY step_no DESC LIMIT 1",
        id=other,
    )
    assert told == [
        {
            "actor": "A-9",
            "facts": {
                "recalculated": "resolve",
                "due_before": "2026-10-30T17:00:00+08:00",
                "due_after": "2026-11-02T17:00:00+08:00",
            },
            "note": "放假通知",
        }
    ]
    with transaction(intake.sessions) as tx:
        assert deadlines.recalculate(tx, [other, request_id], reason="放假通知", by="A-9") == 0


def test_a_reason_is_needed(intake: Intake) -> None:
    with pytest.raises(Rejected), transaction(intake.sessions) as tx:
        deadlines.recalculate(tx, [dispatched(intake)], reason=" ", by="A-9")


def test_a_calendar_with_a_gap_is_refused(intake: Intake) -> None:
    with pytest.raises(Rejected, match="missing"), transaction(intake.sessions) as tx:
        calendar.load(tx, days=[Day(date(2027, 1, 2), "rest")], by="A-9")

"""督办: each step of escalation is taken when its time has come, once, whoever looks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from services.intake.actions.escalating import escalate, gauge
from services.intake.rules.states import Action
from services.intake.worker import create_worker
from shared import metrics
from shared.messaging.transaction import transaction
from tests.integration.intake.clock_bench import dispatched, step
from tests.integration.intake.conftest import Intake, later


def escalated(intake: Intake) -> int:
    with transaction(intake.sessions) as tx:
        return escalate(tx)


def told(intake: Intake, request_id: int, clock: str = "resolve") -> list[tuple[Any, ...]]:
    rows = intake.rows(
        "SELECT facts FROM request_steps WHERE request_id = :id AND action = 'escalate'"
        " ORDER BY step_no",
        id=request_id,
    )
    return [
        (row["facts"]["percent"], row["facts"]["whom"])
        for row in rows
        if row["facts"]["clock"] == clock
    ]


def test_each_step_is_taken_at_its_time_and_once(intake: Intake) -> None:
    request_id = dispatched(intake)
    step(intake, request_id, Action.ACCEPT, Action.CONTACT)
    later(hours=12, seconds=-1)
    assert escalated(intake) == 0
    later(seconds=1)
    assert [escalated(intake), escalated(intake)] == [1, 0]
    assert told(intake, request_id) == [(50, "handler")]
    later(hours=12)
    assert escalated(intake) == 2
    assert told(intake, request_id) == [(50, "handler"), (80, "head"), (100, "street")]


def test_after_a_stand_still_what_was_missed_is_caught_up_in_order(intake: Intake) -> None:
    request_id = dispatched(intake)
    step(intake, request_id, Action.ACCEPT, Action.CONTACT)
    later(days=30)
    assert escalated(intake) == 5
    assert [percent for percent, _ in told(intake, request_id)] == [50, 80, 100, 150, 300]
    later(days=300)
    assert escalated(intake) == 0


def test_two_who_look_at_once_take_each_step_once(intake: Intake) -> None:
    ids = [dispatched(intake, f"c-{number}") for number in range(12)]
    later(days=30)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: escalated(intake), range(8)))
    assert {len(told(intake, each)) for each in ids} == {5}
    assert {tuple(told(intake, each, "accept")) for each in ids} == {
        ((100, "head"), (200, "street"))
    }


def test_what_stands_still_or_is_done_is_not_escalated(intake: Intake) -> None:
    frozen, done = dispatched(intake), dispatched(intake, "c-2")
    step(intake, frozen, Action.ACCEPT, Action.ASK)
    step(intake, done, Action.ACCEPT, Action.RESOLVE, Action.APPROVE)
    later(days=30)
    assert escalated(intake) == 0
    step(intake, frozen, Action.ANSWER)
    assert escalated(intake) == 0
    later(hours=12)
    assert escalated(intake) == 1


def test_the_gauges_tell_what_runs_and_what_ran_out(intake: Intake) -> None:
    dispatched(intake)
    step(intake, dispatched(intake, "c-2"), Action.ACCEPT, Action.ASK)
    later(hours=3)
    with transaction(intake.sessions) as tx:
        gauge(tx)

    def of(kind: str, state: str) -> float:
        return metrics.request_clocks.labels(kind, state)._value.get()  # type: ignore

    assert (of("accept", "open"), of("accept", "overdue")) == (1, 1)
    assert (of("resolve", "open"), of("resolve", "overdue")) == (1, 0)
    assert of("contact", "open") == 0


def test_the_worker_escalates_and_gauges(intake: Intake) -> None:
    request_id = dispatched(intake)
    later(hours=12)
    parts = create_worker(intake.settings)
    jobs = {job.name: job for job in parts.jobs}
    for name in ("escalate", "gauge_clocks"):
        with transaction(parts.sessions) as tx:
            jobs[name].run(tx)
    parts.sessions.kw["bind"].dispose()
    assert told(intake, request_id) == [(50, "handler")]
    assert metrics.calendar_end._value.get() > 0  # type: ignore

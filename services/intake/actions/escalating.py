"""督办 and the gauges of clocks: what the worker does as time goes by."""

from __future__ import annotations

from datetime import datetime, time

from services.intake.actions import clocks as clock_rows
from services.intake.actions.steps import BATCH_MAX, Step, locked, take
from services.intake.queries.catalogue import catalogues_of
from services.intake.queries.clocks import clock_counts, requests_with_due_steps
from services.intake.queries.worktime import calendar_loads
from services.intake.rules.catalogue import Clock
from services.intake.rules.clocks import whole
from services.intake.rules.states import SYSTEM, Action, Actor, State, legal
from shared import clock, metrics
from shared.clock import DISTRICT_TIMEZONE
from shared.messaging.transaction import Transaction

REQUESTS_MAX = 200  # in one run of the clock
_WHO = Actor(SYSTEM, "escalate")


def escalate(tx: Transaction) -> int:
    """Take every step of escalation whose time has come; how many.

    Each is taken once: which were taken is told by the clock's own row, read under the request's
    lock. After a stand-still those that were missed are taken in their order.
    """
    now = clock.now()
    ids = requests_with_due_steps(tx.session, now, REQUESTS_MAX)
    if not ids:
        return 0
    requests = locked(tx, set(ids))
    all_clocks = clock_rows.clocks_of(tx.session, requests.values())
    catalogues = catalogues_of(
        tx.session, {run.version for mine in all_clocks.values() for run in mine.open()}
    )
    steps = []
    for request_id, mine in all_clocks.items():
        may_step = Action.ESCALATE in legal(State(requests[request_id].state))
        for run in mine.open():
            if run.frozen_at is not None:
                continue
            while run.next_step_at is not None and run.next_step_at <= now:
                escalation = catalogues[run.version].escalations_of(run.kind)[run.steps_done]
                if may_step:
                    facts = {
                        "clock": run.kind,
                        "step": run.steps_done + 1,
                        "percent": escalation.percent,
                        "whom": escalation.whom,
                        "due_at": whole(run.due_at).isoformat(),
                    }
                    steps.append(
                        Step(
                            request_id=request_id,
                            action=Action.ESCALATE,
                            facts=facts,
                            rule_version=f"catalogue {run.version}",
                        )
                    )
                mine.escalated(run)
    clock_rows.write(tx, all_clocks.values(), requests)
    for start in range(0, len(steps), BATCH_MAX):
        take(tx, steps[start : start + BATCH_MAX], _WHO)
    return len(steps)


def gauge(tx: Transaction) -> None:
    """Tell how many clocks run and ran out, and until when the working calendar goes."""
    counts = {each.kind: each for each in clock_counts(tx.session, clock.now())}
    for kind in Clock:
        count = counts.get(kind)
        metrics.request_clocks.labels(kind, "open").set(count.open if count else 0)
        metrics.request_clocks.labels(kind, "overdue").set(count.overdue if count else 0)
    if loads := calendar_loads(tx.session, 1):
        ends = datetime.combine(loads[0].last_day, time(23, 59, 59), DISTRICT_TIMEZONE)
        metrics.calendar_end.set(ends.timestamp())

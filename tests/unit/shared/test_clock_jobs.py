"""When the clock of a worker that has just begun to lead does what."""

from __future__ import annotations

from sqlalchemy.orm import sessionmaker

from shared.messaging.clock_jobs import START_UP_S, Clock, Job


def test_what_runs_seldom_lets_waiting_events_go_first() -> None:
    often, seldom = Job("often", START_UP_S - 1, id), Job("seldom", START_UP_S, id)
    clock = Clock("points", "postgresql://", sessionmaker(), [often, seldom], dict)

    clock.wind(1000.0)

    assert often.due_at_s == 1000.0
    assert seldom.due_at_s == 1000.0 + START_UP_S

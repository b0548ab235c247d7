"""Wiring of points' worker: handlers and the reconciliation."""

from __future__ import annotations

from services.points.actions.reconciling import reconcile
from services.points.config import Settings, read_settings
from services.points.handlers import make_handlers
from shared.messaging.clock_jobs import Job
from shared.messaging.transaction import Transaction
from shared.messaging.worker import WorkerParts, open_sessions

RECONCILE_EVERY_S = 300


def create_worker(settings: Settings | None = None) -> WorkerParts:
    """The parts that `linli worker points` hosts."""
    settings = settings or read_settings()
    return WorkerParts(
        service="points",
        broker_url=settings.broker_url,
        database_url=settings.database_url,
        sessions=open_sessions("points", settings.database_url),
        handlers=make_handlers(),
        jobs=[Job("reconcile", RECONCILE_EVERY_S, _reconcile)],
        # Claims and accounts are locked in one order, and no handler needs the event before it.
        event_threads=2,
    )


def _reconcile(tx: Transaction) -> None:
    reconcile(tx)

"""Wiring of points' worker: handlers and the reconciliation."""

from __future__ import annotations

from datetime import timedelta

from services.points import tasks
from services.points.actions import budgets, expiry
from services.points.actions.liability import close_days
from services.points.actions.posting_notices import post_ended
from services.points.actions.reconciling import reconcile
from services.points.actions.redemptions import forget_requests
from services.points.actions.redemptions_settling import release_due
from services.points.config import Settings, read_settings
from services.points.handlers import make_handlers
from shared import clock
from shared.db.session import Sessions
from shared.messaging.clock_jobs import Job
from shared.messaging.transaction import Transaction
from shared.messaging.worker import WorkerParts, open_sessions

RECONCILE_EVERY_S = 300
POST_EVERY_S = 5
RELEASE_EVERY_S = 5
REQUESTS_KEPT = timedelta(days=400)  # as long as inboxes are
EXPIRE_EVERY_S = 300
TIDY_EVERY_S = 3600
CLOSE_EVERY_S = 600


def create_worker(settings: Settings | None = None) -> WorkerParts:
    """The parts that `linli worker points` hosts."""
    settings = settings or read_settings()
    sessions = open_sessions("points", settings.database_url)
    return WorkerParts(
        service="points",
        broker_url=settings.broker_url,
        database_url=settings.database_url,
        sessions=sessions,
        handlers=make_handlers(),
        jobs=[
            Job("reconcile", RECONCILE_EVERY_S, _reconcile),
            Job("post_notices", POST_EVERY_S, _post_notices),
            *_lot_jobs(sessions),
            Job("release_due", RELEASE_EVERY_S, _release_due),
            Job("forget_requests", TIDY_EVERY_S, _forget_requests),
        ],
        # Claims and accounts are locked in one order, and no handler needs the event before it.
        event_threads=2,
    )


def _reconcile(tx: Transaction) -> None:
    reconcile(tx)


def _post_notices(tx: Transaction) -> None:
    post_ended(tx)


def _lot_jobs(sessions: Sessions) -> list[Job]:
    """What a day's end brings. Sweeps make transactions of their own and leave theirs unused."""
    return [
        Job("expire", EXPIRE_EVERY_S, lambda _: tasks.expire(sessions)),
        Job("announce_expiry", EXPIRE_EVERY_S, lambda _: tasks.announce_expiry(sessions)),
        Job("tidy_lots", TIDY_EVERY_S, lambda tx: expiry.tidy(tx, clock.today())),
        Job("close_days", CLOSE_EVERY_S, close_days),
        Job("gauge_budgets", CLOSE_EVERY_S, budgets.gauge),
    ]


def _release_due(tx: Transaction) -> None:
    release_due(tx)


def _forget_requests(tx: Transaction) -> None:
    forget_requests(tx, REQUESTS_KEPT)

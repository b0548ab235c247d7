"""Wiring of points' worker: handlers and the reconciliation."""

from __future__ import annotations

from datetime import timedelta

from services.points import tasks
from services.points.actions import (
    budgets,
    certificates,
    corrections,
    debts,
    expiry,
    flags,
    importing,
)
from services.points.actions.conversions import convert_by_right
from services.points.actions.liability import close_days
from services.points.actions.posting_notices import post_ended
from services.points.actions.reconciling import reconcile, reconcile_all
from services.points.actions.redemptions import forget_requests
from services.points.actions.redemptions_settling import release_due
from services.points.actions.sealing import seal
from services.points.actions.stars import reckon_stars
from services.points.actions.verifying import verify_part
from services.points.clients import HttpDistrict
from services.points.config import Settings, read_settings
from services.points.handlers import make_handlers
from services.points.rules.time_bank_seals import read_district
from shared import clock
from shared.db.session import Sessions
from shared.messaging.clock_jobs import Job
from shared.messaging.transaction import Transaction
from shared.messaging.worker import WorkerParts, open_sessions

RECONCILE_EVERY_S = 300
STARS_EVERY_S = 15
CONVERT_EVERY_S = 60
RECONCILE_ALL_EVERY_S = 3600
SEAL_EVERY_S = 30
SWEEP_EVERY_S = 60
VERIFY_EVERY_S = 10  # a part of the night's pass; nothing when that is done
POST_EVERY_S = 5
RELEASE_EVERY_S = 5
REQUESTS_KEPT = timedelta(days=400)  # as long as inboxes are
EXPIRE_EVERY_S = 300
TIDY_EVERY_S = 3600
CLOSE_EVERY_S = 600
REPAY_EVERY_S = 30
LOOK_EVERY_S = 6 * 3600


def create_worker(settings: Settings | None = None) -> WorkerParts:
    """The parts that `linli worker points` hosts."""
    settings = settings or read_settings()
    sessions = open_sessions("points", settings.database_url)
    district = read_district(settings.district_code, settings.time_bank_key)
    return WorkerParts(
        service="points",
        broker_url=settings.broker_url,
        database_url=settings.database_url,
        sessions=sessions,
        handlers=make_handlers(),
        actors=tasks.create_actors(sessions, district, HttpDistrict()),
        jobs=[
            *_standing_jobs(),
            *_proof_jobs(),
            Job("post_notices", POST_EVERY_S, _post_notices),
            *_lot_jobs(sessions),
            Job("release_due", RELEASE_EVERY_S, _release_due),
            Job("forget_requests", TIDY_EVERY_S, _forget_requests),
            *tasks.create_jobs(district),
            *_correction_jobs(),
        ],
        # Claims and accounts are locked in one order, and no handler needs the event before it.
        event_threads=2,
    )


def _proof_jobs() -> list[Job]:
    """The ledger against itself, and against what was sealed of it."""
    return [
        Job("reconcile", RECONCILE_EVERY_S, lambda tx: _done(reconcile(tx))),
        Job("reconcile_all", RECONCILE_ALL_EVERY_S, lambda tx: _done(reconcile_all(tx))),
        Job("seal", SEAL_EVERY_S, lambda tx: _done(seal(tx))),
        Job("sweep_certificates", SWEEP_EVERY_S, lambda tx: _done(certificates.sweep(tx))),
        Job("verify_proof", VERIFY_EVERY_S, lambda tx: _done(verify_part(tx))),
    ]


def _correction_jobs() -> list[Job]:
    """What is owed, what nobody decided in time, and what a person should look at."""
    return [
        Job("repay_debts", REPAY_EVERY_S, lambda tx: _done(debts.repay_debts(tx))),
        Job("lapse_corrections", TIDY_EVERY_S, corrections.lapse),
        Job("forget_imports", TIDY_EVERY_S, importing.forget_checked),
        Job("raise_flags", LOOK_EVERY_S, flags.look),
    ]


def _done(_outcome: object) -> None:
    """A job's outcome is in the metrics."""


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


def _standing_jobs() -> list[Job]:
    """Stars, and what people have a right to without asking."""

    def stars(tx: Transaction) -> None:
        reckon_stars(tx)

    def conversions(tx: Transaction) -> None:
        convert_by_right(tx)

    return [Job("stars", STARS_EVERY_S, stars), Job("convert", CONVERT_EVERY_S, conversions)]

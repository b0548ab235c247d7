"""Wiring of partners' worker: contribution, the broker's accounts, the end of old keys."""

from __future__ import annotations

from services.partners.actions import credentials
from services.partners.clients import RabbitPartnerBroker
from services.partners.config import WorkerSettings, read_worker_settings
from services.partners.handlers import make_handlers
from services.partners.tasks import make_actors
from shared.messaging.clock_jobs import Job
from shared.messaging.tasks import queue_of
from shared.messaging.transaction import Transaction
from shared.messaging.worker import WorkerParts, open_sessions

RECONCILE_EVERY_S = 60
EXPIRE_EVERY_S = 30


def create_worker(settings: WorkerSettings | None = None) -> WorkerParts:
    """The parts that `linli worker partners` hosts."""
    settings = settings or read_worker_settings()
    sessions = open_sessions("partners", settings.database_url)
    return WorkerParts(
        service="partners",
        broker_url=settings.broker_url,
        database_url=settings.database_url,
        sessions=sessions,
        handlers=make_handlers(),
        actors=make_actors(sessions, make_broker(settings)),
        jobs=[
            Job("reconcile_accounts", RECONCILE_EVERY_S, _ask_reconciliation),
            Job("expire_keys", EXPIRE_EVERY_S, _expire_keys),
        ],
        task_threads=2,
    )


def make_broker(settings: WorkerSettings) -> RabbitPartnerBroker:
    """The broker's accounts, for the worker and for the operator's commands."""
    return RabbitPartnerBroker(settings.management_url, settings.partner_vhost)


def _ask_reconciliation(tx: Transaction) -> None:
    # The clock must not wait for the broker, so a task does.
    tx.enqueue(queue_of("partners"), "reconcile_all")


def _expire_keys(tx: Transaction) -> None:
    tx.emit(credentials.expire(tx.session))

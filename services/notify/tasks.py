"""Jobs that wait on the vendor, and the sweep that makes their messages dispensable."""

from __future__ import annotations

import random
from collections.abc import Callable
from uuid import UUID

from services.notify import queries
from services.notify.actions import deliveries
from services.notify.clients import SmsGateway
from services.notify.config import SEND_SMS, TASK_QUEUE
from services.notify.models import Contacts
from services.notify.rules import disposition
from shared import clock, metrics
from shared.db.session import Sessions
from shared.messaging import faults
from shared.messaging.clock_jobs import Job
from shared.messaging.transaction import Transaction, transaction

SWEEP_EVERY_S = 5
SWEEP_MAX = 200


def create_actors(
    sessions: Sessions, contacts: Contacts, gateway: SmsGateway
) -> dict[str, Callable[..., None]]:
    """The actors of notify's task queue."""

    def send_sms(delivery_id: str) -> None:
        """One attempt at one delivery; no transaction is open while the vendor is asked."""
        with transaction(sessions) as tx:
            claimed = deliveries.claim(tx.session, contacts, UUID(delivery_id), clock.now())
        if claimed is None:
            return
        faults.reach("task.before_send")
        answer = gateway.send(claimed.sms)
        faults.reach("task.after_send")
        metrics.sms_attempts.labels(disposition(answer.code).value).inc()
        with transaction(sessions) as tx:
            deliveries.record_answer(
                tx.session,
                claimed,
                answer,
                clock.now(),
                random.random(),  # noqa: S311 - jitter, no secret
            )

    return {SEND_SMS: send_sms}


def create_jobs() -> list[Job]:
    """What the clock does for deliveries."""
    return [Job("sweep_deliveries", SWEEP_EVERY_S, sweep_deliveries)]


def sweep_deliveries(tx: Transaction) -> None:
    """Ask again for what is due and has no task message on its way; note the most overdue."""
    at = clock.now()
    oldest = queries.due_oldest(tx.session, at)
    metrics.deliveries_due_oldest.set(oldest.timestamp() if oldest else 0)
    for delivery_id in deliveries.take_due(tx.session, at, SWEEP_MAX):
        tx.enqueue(TASK_QUEUE, SEND_SMS, str(delivery_id))

"""Wiring of intake's worker: the gate, the handlers, the clock."""

from __future__ import annotations

from services.intake.config import Settings, read_settings
from services.intake.handlers import make_handlers
from services.intake.ingress import BATCH_MAX, PREFETCH, QUEUE, Ingress
from shared.crypto import FieldCipher
from shared.messaging.worker import Source, WorkerParts, open_sessions


def create_worker(settings: Settings | None = None) -> WorkerParts:
    """The parts that `linli worker intake` hosts."""
    settings = settings or read_settings()
    sessions = open_sessions("intake", settings.database_url)
    ingress = Ingress(sessions, FieldCipher(settings.field_key))
    return WorkerParts(
        service="intake",
        broker_url=settings.broker_url,
        database_url=settings.database_url,
        sessions=sessions,
        handlers=make_handlers(),
        sources=[
            Source(
                broker_url=settings.partner_broker_url,
                queue=QUEUE,
                prepare=ingress.prepare,
                process=ingress.process,
                batch_max=BATCH_MAX,
                prefetch=PREFETCH,
            )
        ],
        partner_broker_url=settings.partner_broker_url,
    )

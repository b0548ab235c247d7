"""Wiring of intake's worker: the gate, the handlers, the clock."""

from __future__ import annotations

from services.intake.actions import (
    claims,
    dispatching,
    escalating,
    findability,
    keeping,
    likeness,
    patrol_dues,
    register_files,
    verdicts,
    wishes,
)
from services.intake.actions.appointments import remind
from services.intake.actions.facts import read_due
from services.intake.actions.forgetting import EVERY_S as FORGET_REQUESTS_EVERY_S
from services.intake.actions.forgetting import forget
from services.intake.actions.open311.trials import sweep
from services.intake.config import Settings, read_settings
from services.intake.handlers import make_handlers
from services.intake.ingress import BATCH_MAX, PREFETCH, QUEUE, Ingress
from shared.crypto import BlindIndex, FieldCipher
from shared.messaging.clock_jobs import Job
from shared.messaging.worker import Source, WorkerParts, open_sessions

DISPATCH_EVERY_S = 2
PROMOTE_EVERY_S = 10
ALIKE_EVERY_S = 30  # a proposal is for a person to look at: it may let the gate go first
ESCALATE_EVERY_S = 5
GAUGE_CLOCKS_EVERY_S = 30
END_WINDOWS_EVERY_S = 60
CATCH_UP_EVERY_S = 5
WATCH_PATROLS_EVERY_S = 15
EXPIRE_CLAIMS_EVERY_S = 60
FORGET_EVERY_S = 3600
REMIND_EVERY_S = 60


def create_worker(settings: Settings | None = None) -> WorkerParts:
    """The parts that `linli worker intake` hosts."""
    settings = settings or read_settings()
    sessions = open_sessions("intake", settings.database_url)
    cipher, index = FieldCipher(settings.field_key), BlindIndex(settings.index_key)
    ingress = Ingress(sessions, cipher)
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
        jobs=[
            Job("read_facts", 1, read_due),
            Job("forget", FORGET_REQUESTS_EVERY_S, forget),
            Job("forget_papers", FORGET_EVERY_S, keeping.forget),
            Job("escalate", ESCALATE_EVERY_S, escalating.escalate),
            Job("gauge_clocks", GAUGE_CLOCKS_EVERY_S, escalating.gauge),
            Job("dispatch", DISPATCH_EVERY_S, dispatching.triage),
            Job("propose_alike", ALIKE_EVERY_S, likeness.propose),
            Job("forget_prints", FORGET_EVERY_S, likeness.forget),
            Job("promote_claims", PROMOTE_EVERY_S, claims.promote),
            Job("verdict_windows", END_WINDOWS_EVERY_S, verdicts.end_windows),
            Job(
                "make_findable",
                CATCH_UP_EVERY_S,
                lambda tx: findability.catch_up(tx, cipher, index),
            ),
            Job("expire_wish_claims", EXPIRE_CLAIMS_EVERY_S, wishes.expire),
            Job("watch_patrols", WATCH_PATROLS_EVERY_S, patrol_dues.watch),
            Job("empty_sandbox", FORGET_EVERY_S, sweep),
            Job("remind_appointments", REMIND_EVERY_S, remind),
            Job("forget_register_files", FORGET_EVERY_S, register_files.forget),
        ],
    )

"""Sweeps and reports, run by one worker of each service: the one that holds the clock's lock."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pika
import pika.exceptions
import psycopg
from sqlalchemy import text

from shared import clock, metrics
from shared.db.session import Sessions, listen_connection
from shared.ids import uuid7, uuid7_at
from shared.messaging import dead_letters
from shared.messaging.transaction import Transaction, transaction
from shared.schemas.envelope import make

logger = logging.getLogger(__name__)

TICK_S = 1.0
REPORT_EVERY_S = 15
START_UP_S = 30  # whoever starts has events waiting; what runs seldom lets them go first
INBOX_KEPT_DAYS = 400  # longer than any replay; dead letters and outboxes are emptied long before
INBOX_SWEEP_MAX = 50_000
_LOCK_KEY = 0x636C6F63  # "cloc"

_OUTBOX = text("SELECT coalesce(sum(item_count), 0), min(written_at) FROM outbox")
_SWEEP_INBOX = text(
    "DELETE FROM inbox WHERE event_id IN"
    f" (SELECT event_id FROM inbox WHERE event_id < :before LIMIT {INBOX_SWEEP_MAX})"
)


@dataclass(slots=True)
class Job:
    """What the clock does every so often, in a transaction of its own."""

    name: str
    every_s: float
    run: Callable[[Transaction], object]
    due_at_s: float = field(default=0.0)


class Clock(threading.Thread):
    """Leads or waits to lead; a job that fails is logged and comes again."""

    def __init__(
        self,
        service: str,
        database_url: str,
        sessions: Sessions,
        jobs: list[Job],
        depths: Callable[[], dict[str, int]],
    ) -> None:
        super().__init__(name="clock", daemon=True)
        self._service = service
        self._database_url = database_url
        self._sessions = sessions
        self._jobs = [*standard_jobs(service, depths), *jobs]
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Finish the job in hand and end."""
        self._stopping.set()

    def run(self) -> None:
        """Until stopped."""
        while not self._stopping.is_set():
            try:
                with listen_connection(
                    self._database_url, application=f"{self._service}-clock"
                ) as connection:
                    self._lead(connection)
            except psycopg.Error as problem:
                logger.warning("clock waits", extra={"reason": type(problem).__name__})
            finally:
                clear_gauges(self._service)
            self._stopping.wait(2)

    def _lead(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        while not self._stopping.is_set():
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK_KEY,)).fetchone()
            if row is not None and row[0] is True:
                break
            self._stopping.wait(2)
        self.wind(time.monotonic())
        while not self._stopping.wait(TICK_S):
            connection.execute("SELECT 1")  # the lock lives as long as this connection
            self.run_due(time.monotonic())

    def wind(self, at_s: float) -> None:
        """Set each job's first run: at once, or after `START_UP_S` for one that runs seldom."""
        for job in self._jobs:
            job.due_at_s = at_s + (START_UP_S if job.every_s >= START_UP_S else 0)

    def run_due(self, at_s: float) -> None:
        """Run every job whose time has come (`at_s` in seconds of the monotonic clock)."""
        for job in self._jobs:
            if job.due_at_s > at_s:
                continue
            job.due_at_s = at_s + job.every_s
            try:
                with transaction(self._sessions) as tx:
                    job.run(tx)
            except Exception:
                logger.exception("clock job failed", extra={"task": job.name})


def standard_jobs(service: str, depths: Callable[[], dict[str, int]]) -> list[Job]:
    """What the clock of every service does."""
    process = f"{socket.gethostname()}:{os.getpid()}"
    return [
        Job("bring_back", 1, _bring_back),
        Job("gauges", 2, lambda tx: _set_gauges(service, tx)),
        Job("report", REPORT_EVERY_S, lambda tx: _report(service, process, depths, tx)),
        Job("sweep_inbox", 3600, _sweep_inbox),
    ]


def _bring_back(tx: Transaction) -> None:
    dead_letters.bring_back(tx)


def _sweep_inbox(tx: Transaction) -> None:
    before = uuid7_at(clock.now().timestamp() - INBOX_KEPT_DAYS * 86_400)
    tx.session.execute(_SWEEP_INBOX, {"before": before})


def _set_gauges(service: str, tx: Transaction) -> None:
    pending, oldest_at = tx.session.execute(_OUTBOX).one()
    metrics.outbox_pending.labels(service).set(pending)
    metrics.outbox_oldest.labels(service).set(oldest_at.timestamp() if oldest_at else 0)
    metrics.dead_letters.labels(service).set(dead_letters.counts(tx.session).get("open", 0))


def clear_gauges(service: str) -> None:
    """Whoever no longer leads knows nothing of now; the one that leads tells."""
    for gauge in (metrics.outbox_pending, metrics.outbox_oldest, metrics.dead_letters):
        gauge.labels(service).set(0)


def _report(
    service: str, process: str, depths: Callable[[], dict[str, int]], tx: Transaction
) -> None:
    pending, oldest_at = tx.session.execute(_OUTBOX).one()
    data = {
        "service": service,
        "process": process,
        "outbox_pending": int(pending),
        "outbox_oldest_at": oldest_at,
        "dead_letters": dead_letters.counts(tx.session).get("open", 0),
        "inbox_total": None,
        "queues": depths(),
        "reported_at": clock.now(),
    }
    source = f"/linli/{service}"
    tx.emit([make("linli.service.reported.v1", data, source=source, correlationid=str(uuid7()))])


def queue_depths(broker_url: str, queues: list[str]) -> dict[str, int]:
    """Messages ready in each queue that exists; empty when the broker does not answer."""
    parameters = pika.URLParameters(broker_url)
    parameters.socket_timeout = parameters.blocked_connection_timeout = 5
    depths: dict[str, int] = {}
    try:
        connection = pika.BlockingConnection(parameters)
        for queue in queues:
            try:
                declared = connection.channel().queue_declare(queue, passive=True)
                depths[queue] = declared.method.message_count
            except pika.exceptions.ChannelClosedByBroker:
                continue
        connection.close()
    except (pika.exceptions.AMQPError, OSError):
        logger.warning("queue depths are not known", extra={"queue": ",".join(queues)})
    return depths

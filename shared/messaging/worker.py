"""One worker process of a service: subscribers, relay, clock and dramatiq threads together.

Run as many as needed, on as many machines: queues share the work, the relay and the clock lead
by lock. SIGTERM stops consuming, finishes what is in hand, and ends within STOP_MAX_S.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import dramatiq

from shared import garbage, log, metrics
from shared.db.session import Sessions, make_engine, make_sessions
from shared.messaging.clock_jobs import Clock, Job, queue_depths
from shared.messaging.frame import Frame
from shared.messaging.handlers import Handlers
from shared.messaging.publisher import Publisher
from shared.messaging.relay import Relay
from shared.messaging.subscriber import Delivery, Subscriber
from shared.messaging.tasks import QuorumBroker, make_broker, queue_of, register

logger = logging.getLogger(__name__)

STOP_MAX_S = 30
# A thread whose statement has been answered waits at most so long for another's Python. The
# default of 5 ms is a fifth of a batch's statement, ten times a batch: the database would idle.
SWITCH_S = 0.0005
STUCK_AFTER_S = 120
EVENTS_MAX = 800  # in a transaction
EVENT_PREFETCH = 200  # messages, each of 1 to 100 events


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Another queue this worker consumes, with its own way to process a batch (the gate)."""

    broker_url: str
    queue: str
    prepare: Callable[[Delivery], Any]
    process: Callable[[list[Any]], None]
    batch_max: int
    prefetch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerParts:
    """What a service's `create_worker` returns: its own pieces, to be hosted here."""

    service: str
    broker_url: str
    database_url: str
    sessions: Sessions
    handlers: Handlers
    actors: dict[str, Callable[..., None]] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    # Verdict replies go to the partners' vhost; only intake has them.
    partner_broker_url: str | None = None
    task_threads: int = 4
    # Threads that commit batches of events at once. More than one only where handlers do not lock
    # in the order in which events happened to come.
    event_threads: int = 1


def open_sessions(service: str, database_url: str) -> Sessions:
    """The sessions of a worker: a few connections, because few threads need one."""
    return make_sessions(make_engine(database_url, pool_size=4, application=f"{service}-worker"))


class Worker:
    """Hosts a service's parts in this process."""

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self._frame = Frame(
            parts.service, f"{parts.service}.events", parts.sessions, parts.handlers
        )
        self._subscribers: list[Subscriber[Any]] = [
            Subscriber(
                parts.broker_url,
                f"{parts.service}.events",
                self._frame.prepare,
                self._frame.process,
                batch_max=EVENTS_MAX,
                prefetch=EVENT_PREFETCH,
                threads=parts.event_threads,
            ),
            *(
                Subscriber(
                    source.broker_url,
                    source.queue,
                    source.prepare,
                    source.process,
                    batch_max=source.batch_max,
                    prefetch=source.prefetch,
                )
                for source in parts.sources
            ),
        ]
        publishers = {"events": Publisher(parts.broker_url, name=f"{parts.service}-relay")}
        if parts.partner_broker_url is not None:
            publishers["partners"] = Publisher(
                parts.partner_broker_url, name=f"{parts.service}-replies"
            )
        self._relay = Relay(parts.service, parts.database_url, publishers)
        self._clock = Clock(
            parts.service, parts.database_url, parts.sessions, parts.jobs, self._depths
        )
        self._tasks = self._make_tasks() if parts.actors else None
        self._stop = threading.Event()

    def _depths(self) -> dict[str, int]:
        queues = [f"{self._parts.service}.events"]
        if self._parts.actors:
            queues.append(queue_of(self._parts.service))
        depths = queue_depths(self._parts.broker_url, queues)
        for source in self._parts.sources:
            depths |= queue_depths(source.broker_url, [source.queue])
        return depths

    def _make_tasks(self) -> dramatiq.Worker:
        broker: QuorumBroker = make_broker(self._parts.broker_url)
        for name, function in self._parts.actors.items():
            register(broker, self._parts.service, name, function)
        return dramatiq.Worker(
            broker,
            queues={queue_of(self._parts.service)},
            worker_threads=self._parts.task_threads,
        )

    def start(self) -> None:
        """Start every thread; returns at once."""
        for subscriber in self._subscribers:
            subscriber.start()
        self._relay.start()
        self._clock.start()
        if self._tasks is not None:
            self._tasks.start()

    def stop(self) -> None:
        """Stop consuming, finish what is in hand, close."""
        self._frame.stopping.set()
        for subscriber in self._subscribers:
            subscriber.stop(STOP_MAX_S)
        if self._tasks is not None:
            self._tasks.stop(timeout=STOP_MAX_S * 1000)
            self._tasks.broker.close()
        self._clock.stop()
        self._relay.stop()
        self._clock.join(5)
        self._relay.join(5)

    def wrong(self) -> list[str]:
        """What is wrong with this process; empty when it is well."""
        problems = []
        if not all(subscriber.connected for subscriber in self._subscribers):
            problems.append("a subscriber is not connected")
        now_s = time.monotonic()
        if any(now_s - each.worked_at_s > STUCK_AFTER_S for each in self._subscribers):
            problems.append("a subscriber has not worked for a while")
        if not self._relay.is_alive() or not self._clock.is_alive():
            problems.append("the relay or the clock has ended")
        return problems

    def run(self, metrics_port: int) -> None:
        """Until SIGTERM or SIGINT; for the main thread of a process."""

        def on_signal(number: int, _frame: FrameType | None) -> None:
            logger.info("worker stops", extra={"reason": signal.Signals(number).name})
            self._stop.set()

        garbage.settle()
        sys.setswitchinterval(SWITCH_S)
        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        if metrics_port:
            threading.Thread(
                target=metrics.serve, args=(metrics_port, self.wrong), daemon=True
            ).start()
        self.start()
        logger.info("worker runs", extra={"service": self._parts.service})
        while not self._stop.wait(0.5):
            pass
        self.stop()
        log.correlation_id.set("")

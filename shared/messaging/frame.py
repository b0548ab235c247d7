"""What happens to every heard event, the same for each hop.

decode -> validate -> claim inbox -> handlers -> outbox rows -> commit (and then the subscriber
acks). One transaction takes a whole batch. A transient failure holds the batch and tries again; a
poison event is found by halving the batch and becomes a dead-letter row; one that came too early
becomes a waiting row, which the clock brings back.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from shared import clock, log, metrics
from shared.db.arrays import literal
from shared.db.session import Sessions
from shared.errors import LinliError, NotYet, Unavailable
from shared.ids import normal
from shared.messaging import dead_letters
from shared.messaging.dead_letters import Failure
from shared.messaging.handlers import Handlers, Heard
from shared.messaging.subscriber import Delivery, Stopping
from shared.messaging.transaction import Transaction, transaction
from shared.schemas import load
from shared.schemas.envelope import Event, decode

logger = logging.getLogger(__name__)

ATTEMPTS_MAX = 3
BACK_OFF_FIRST_S = 0.2
BACK_OFF_MAX_S = 15.0

_CLAIM = text(
    "INSERT INTO inbox (event_id, body_hash)"
    " SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:hashes AS bigint[]))"
    " ON CONFLICT DO NOTHING RETURNING CAST(event_id AS text)"
)
# A statement of its own, so that it sees what another batch committed while the claim waited.
_SEEN = text(
    "SELECT CAST(event_id AS text), body_hash FROM inbox WHERE event_id = ANY(CAST(:ids AS uuid[]))"
)

# SQLSTATE classes that mean "not now": connection, resources, operator, serialisation, locks.
_TRANSIENT_STATES = ("08", "53", "57", "40", "55")


class Incoming(NamedTuple):
    """A decoded event, its data as the schema loads it, and the hash of what came.

    `id` is the event's own in its one spelling, which is also the order of claims.
    """

    event: Event
    data: dict[str, Any]
    body: dict[str, Any]
    body_hash: int
    id: str


_ID = Incoming._fields.index("id")


class Frame:
    """Processes batches of a service's event queue."""

    def __init__(self, service: str, queue: str, sessions: Sessions, handlers: Handlers) -> None:
        self._service = service
        self._queue = queue
        self._sessions = sessions
        self._handlers = handlers
        self.stopping = threading.Event()

    # Decode and validate: outside the transaction, which stays short.

    def prepare(self, delivery: Delivery) -> list[Incoming | Failure]:
        """What came in one AMQP message, each event for itself."""
        prepared: list[Incoming | Failure] = []
        try:
            parsed = orjson.loads(delivery.body)
        except orjson.JSONDecodeError as problem:
            return [Failure.of_bytes(self._queue, delivery.body, problem)]
        for body in parsed if isinstance(parsed, list) else [parsed]:
            try:
                prepared.append(_incoming(body))
            except (ValueError, TypeError, KeyError, LinliError) as problem:
                prepared.append(Failure.of_body(self._queue, body, problem))
        return prepared

    def process(self, batch: list[list[Incoming | Failure]]) -> None:
        """Return when everything is committed; raises Stopping when told to stop before."""
        incoming: dict[str, Incoming] = {}
        failures: list[Failure] = []
        for one in chain.from_iterable(batch):
            if isinstance(one, Failure):
                failures.append(one)
                continue
            twin = incoming.setdefault(one.id, one)
            if twin is not one and twin.body_hash != one.body_hash:
                failures.append(Failure.conflict(self._queue, one.body))
        if failures:
            self._until_done(partial(self._bury, failures))
        self._process(list(incoming.values()))

    # One transaction a batch.

    def _process(self, batch: list[Incoming]) -> None:
        if not batch:
            return
        attempt = 0
        while True:
            attempt += 1
            try:
                self._commit(batch)
            except Exception as problem:  # noqa: BLE001 - whatever it is, the event is not lost
                if _is_transient(problem):
                    self._hold(attempt, problem)
                elif len(batch) > 1:
                    middle = len(batch) // 2
                    self._process(batch[:middle])
                    self._process(batch[middle:])
                    return
                elif isinstance(problem, LinliError) or attempt >= ATTEMPTS_MAX:
                    failures = [_failure(self._queue, batch[0], problem, attempt)]
                    self._until_done(partial(self._bury, failures))
                    return
                else:
                    self._hold(attempt, problem)
            else:
                return

    def _commit(self, batch: list[Incoming]) -> None:
        with transaction(self._sessions) as tx:
            fresh = self._claim(tx, batch)
            self._handle(tx, fresh)
        self._count(batch, fresh)

    def _claim(self, tx: Transaction, batch: list[Incoming]) -> list[Incoming]:
        ordered = sorted(batch, key=itemgetter(_ID))  # one order for all, so no deadlock
        ids = [one.id for one in ordered]
        claimed = set(
            tx.session.execute(
                _CLAIM,
                {"ids": literal(ids), "hashes": literal(one.body_hash for one in ordered)},
            ).scalars()
        )
        if len(claimed) < len(batch):
            seen: dict[str, int] = dict(tx.session.execute(_SEEN, {"ids": literal(ids)}).all())
            conflicts = [one for one in batch if seen[one.id] != one.body_hash]
            if conflicts:
                dead_letters.bury(
                    tx.session, [Failure.conflict(self._queue, one.body) for one in conflicts]
                )
        return [one for one in batch if one.id in claimed]

    def _handle(self, tx: Transaction, fresh: list[Incoming]) -> None:
        by_type: dict[str, list[Heard]] = {}
        for one in fresh:
            by_type.setdefault(one.event.type, []).append((one.event, one.data))
        for event_type, heard in sorted(by_type.items()):  # one order of locks for all batches
            handler = self._handlers.of(event_type)
            if handler is None:
                raise LinliError(
                    "not_heard", f"本服务不处理 {event_type}", f"nobody here hears {event_type}"
                )
            if len(heard) == 1:
                log.correlation_id.set(heard[0][0].correlationid)
            tx.emit(handler(tx, heard))

    # Failure.

    def _hold(self, attempt: int, problem: Exception) -> None:
        metrics.subscriber_retries.labels(self._service, self._queue).inc()
        logger.warning(
            "batch held: %s",
            type(problem).__name__,
            extra={"queue": self._queue, "attempts": attempt},
        )
        delay_s = min(BACK_OFF_FIRST_S * 2 ** (attempt - 1), BACK_OFF_MAX_S)
        if self.stopping.wait(delay_s):
            raise Stopping

    def _until_done(self, step: Callable[[], None]) -> None:
        attempt = 0
        while True:
            attempt += 1
            try:
                step()
            except Exception as problem:
                if not _is_transient(problem):
                    raise
                self._hold(attempt, problem)
            else:
                return

    def _bury(self, failures: list[Failure]) -> None:
        with transaction(self._sessions) as tx:
            dead_letters.bury(tx.session, failures)
        for failure in failures:
            metrics.dead_letters_total.labels(self._service, failure.reason).inc()
            logger.error(
                "dead letter",
                extra={
                    "event_id": failure.event_id,
                    "event_type": failure.event_type,
                    "reason": failure.reason,
                    "queue": self._queue,
                },
            )

    def _count(self, batch: list[Incoming], fresh: list[Incoming]) -> None:
        labels = (self._service, self._queue)
        metrics.subscriber_batch.labels(*labels).observe(len(batch))
        if fresh:
            oldest = min(one.event.time for one in fresh)
            lag_s = (clock.now() - oldest).total_seconds()
            metrics.subscriber_lag.labels(*labels).observe(max(lag_s, 0))
            metrics.subscriber_events.labels(*labels, "done").inc(len(fresh))
        if len(fresh) < len(batch):
            metrics.subscriber_events.labels(*labels, "duplicate").inc(len(batch) - len(fresh))


def _incoming(body: dict[str, Any]) -> Incoming:
    event = decode(body)
    digest = blake2b(orjson.dumps(body), digest_size=8).digest()
    return Incoming(
        event,
        load(event.type, event.data),
        body,
        int.from_bytes(digest, "big", signed=True),
        normal(event.id),
    )


def _failure(queue: str, one: Incoming, problem: Exception, attempts: int) -> Failure:
    if isinstance(problem, NotYet):
        return Failure.waiting(queue, one.body, problem, attempts)
    detail = "".join(traceback.format_exception(problem))[-4000:]
    reason = problem.code if isinstance(problem, LinliError) else "handler_error"
    return Failure.of_event(queue, one.body, reason, detail, attempts)


def _is_transient(problem: Exception) -> bool:
    if isinstance(problem, (Unavailable, PoolTimeout)):
        return True
    if isinstance(problem, DBAPIError):
        state = getattr(problem.orig, "sqlstate", None)
        return problem.connection_invalidated or state is None or state[:2] in _TRANSIENT_STATES
    return False

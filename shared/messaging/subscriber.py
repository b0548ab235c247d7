"""Takes what waits in a queue, in batches, and acks each batch after it was committed.

One thread runs the connection (so heartbeats go on while a batch is held) and prepares what
comes, which is decoding and so overlaps with the others' waiting for the database; one or more
work. Every delivery remembers the channel it came on: after a reconnect its tag means another
message, so an ack goes to that channel or nowhere, and the broker delivers again.

A batch begins no sooner than PACE_S after the one before it, unless it is whole. So the first that
comes after a quiet while goes at once, and what trickles in behind it shares a transaction instead
of taking one each, which costs several processors more than it gains.

A second working thread does one batch's Python while the database does the other's. It takes whole
batches only: small ones would cost more than they gain, and then one thread keeps up alone.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sized
from functools import partial
from typing import Generic, TypeVar

import pika
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.spec import Basic, BasicProperties

from shared.messaging import faults
from shared.messaging.loops import call_soon, run_until_lost, shut
from shared.messaging.reading import Delivery, SturdyConnection
from shared.messaging.settled import Settled

__all__ = ["Delivery", "Stopping", "Subscriber"]

logger = logging.getLogger(__name__)

RECONNECT_S = 1.0
LOOK_S = 1.0
PACE_S = 0.02

T = TypeVar("T", bound=Sized)


class Stopping(Exception):
    """The process is being stopped: leave the batch unacked, it will be delivered again."""


class Subscriber(Generic[T]):
    """Consumes one queue. `prepare` decodes one delivery into its items and must not fail or
    wait; `process` must not return before the batch is committed, and is called by `threads`
    threads at once. A batch is complete when it has `batch_max` items (one delivery may exceed
    that).
    """

    def __init__(
        self,
        url: str,
        queue: str,
        prepare: Callable[[Delivery], T],
        process: Callable[[list[T]], None],
        *,
        batch_max: int,
        prefetch: int,
        threads: int = 1,
    ) -> None:
        self._parameters = pika.URLParameters(url)
        self._parameters.heartbeat = 30
        self._parameters.client_properties = {"connection_name": queue}
        self._queue = queue
        self._prepare = prepare
        self._process = process
        self._batch_max = batch_max
        self._prefetch = prefetch
        self._waiting: deque[tuple[Delivery, T]] = deque()
        self._items_waiting = 0
        self._at_work = 0
        self._began_at_s = 0.0
        self._arrived = threading.Condition()
        self._stopping = threading.Event()
        self._connection: SturdyConnection | None = None
        self._settled: Settled | None = None
        self._connection_thread = threading.Thread(
            target=self._connect, name=f"{queue}-connection", daemon=True
        )
        self._workers = [
            threading.Thread(target=self._work, name=f"{queue}-worker-{n}", daemon=True)
            for n in range(threads)
        ]
        # By thread, so that one that is stuck is seen though another works on
        self._looked_at_s = [time.monotonic()] * threads
        self.connected = False

    @property
    def worked_at_s(self) -> float:
        """When the thread that has been away longest last came by (monotonic seconds)."""
        return min(self._looked_at_s)

    def start(self) -> None:
        """Begin to consume."""
        for thread in (self._connection_thread, *self._workers):
            thread.start()

    def stop(self, timeout_s: float = 30) -> None:
        """Finish and ack the batches in hand, give the rest back, close."""
        self._stopping.set()
        with self._arrived:
            self._arrived.notify_all()
        until_s = time.monotonic() + timeout_s
        for worker in self._workers:
            worker.join(max(until_s - time.monotonic(), 0))
        if self._connection is not None:
            call_soon(self._connection, partial(shut, self._connection))
        self._connection_thread.join(5)

    # The working threads.

    def _work(self) -> None:
        place = self._workers.index(threading.current_thread())
        while not self._stopping.is_set():
            self._looked_at_s[place] = time.monotonic()
            batch = self._take()
            if not batch:
                continue
            try:
                is_done = self._finish(batch)
            finally:
                with self._arrived:
                    self._at_work -= 1
                    self._arrived.notify_all()
            if not is_done:
                self._stopping.wait(RECONNECT_S)

    def _finish(self, batch: list[tuple[Delivery, T]]) -> bool:
        try:
            self._process([prepared for _, prepared in batch])
        except Stopping:
            return False
        except Exception:
            # The frame retries and bisects; what escapes it is a fault of ours. Hold the
            # batch and try again: neither lose it nor spin.
            logger.exception("batch failed and is tried again", extra={"queue": self._queue})
            with self._arrived:
                live = [one for one in batch if one[0].channel.is_open]
                self._waiting.extendleft(reversed(live))
                self._items_waiting += sum(len(prepared) for _, prepared in live)
            return False
        faults.reach("subscriber.before_ack")
        call_soon(self._connection, partial(self._ack, [delivery for delivery, _ in batch]))
        return True

    def _take(self) -> list[tuple[Delivery, T]]:
        """The next batch; empty when there is none for this thread now."""
        with self._arrived:
            if not self._may_take():
                self._arrived.wait(LOOK_S)
            self._keep_pace()
            if self._stopping.is_set() or not self._may_take():
                return []
            self._began_at_s = time.monotonic()
            batch: list[tuple[Delivery, T]] = []
            items = 0
            while self._waiting and (not batch or items < self._batch_max):
                batch.append(self._waiting.popleft())
                items += len(batch[-1][1])
            self._items_waiting -= items
            self._at_work += 1
            return batch

    def _may_take(self) -> bool:
        if self._at_work:
            return self._items_waiting >= self._batch_max
        return bool(self._waiting)

    def _keep_pace(self) -> None:
        early_s = self._began_at_s + PACE_S - time.monotonic()
        if early_s > 0:
            self._arrived.wait_for(
                lambda: self._stopping.is_set() or self._items_waiting >= self._batch_max, early_s
            )

    # The connection's thread.

    def _connect(self) -> None:
        while not self._stopping.is_set():
            connection = SturdyConnection(
                self._parameters,
                on_open_callback=self._on_open,
                on_open_error_callback=self._on_lost,
                on_close_callback=self._on_lost,
            )
            self._connection = connection
            try:
                run_until_lost(connection)
            except Exception:
                # A fault of ours or of pika: without this thread nothing would be consumed again.
                logger.exception("connection failed", extra={"queue": self._queue})
            self.connected = False
            with self._arrived:
                self._waiting.clear()  # their channel is gone: the broker delivers them again
                self._items_waiting = 0
            self._stopping.wait(RECONNECT_S)

    def _on_open(self, connection: SelectConnection) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        self._settled = Settled(channel)
        channel.add_on_close_callback(self._on_channel_lost)
        channel.add_on_cancel_callback(lambda _frame: channel.close())
        channel.basic_qos(prefetch_count=self._prefetch)
        channel.basic_consume(
            self._queue, self._on_message, callback=lambda _frame: self._on_consuming()
        )

    def _on_consuming(self) -> None:
        if self._connection is not None:
            self._connection.on_deliveries = self._on_deliveries
        self.connected = True

    def _on_message(
        self, channel: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        self._on_deliveries(
            [Delivery(body, properties, method.exchange, method.delivery_tag, channel)]
        )

    def _on_deliveries(self, deliveries: list[Delivery]) -> None:
        prepared = [(delivery, self._prepare(delivery)) for delivery in deliveries]
        with self._arrived:
            self._waiting.extend(prepared)
            self._items_waiting += sum(len(items) for _, items in prepared)
            self._arrived.notify()

    def _ack(self, batch: list[Delivery]) -> None:
        settled = self._settled
        if settled is not None and settled.ack(batch):
            faults.reach("subscriber.after_ack")

    def _on_channel_lost(self, channel: Channel, reason: BaseException) -> None:
        if not self._stopping.is_set():
            logger.warning("channel closed: %s", reason, extra={"queue": self._queue})
        if self._connection is not None:
            shut(self._connection)

    def _on_lost(self, connection: SelectConnection, reason: BaseException) -> None:
        if not self._stopping.is_set():
            logger.warning("connection lost: %s", reason, extra={"queue": self._queue})
        connection.ioloop.stop()

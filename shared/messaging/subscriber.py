"""Takes what waits in a queue, in batches, and acks each batch after it was committed.

Two threads: one runs the connection (so heartbeats go on while a batch is held) and prepares what
comes, which is decoding and so overlaps with the other's waiting for the database; one works. Every
delivery remembers the channel it came on: after a reconnect its tag means another message, so an
ack goes to that channel or nowhere, and the broker delivers again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sized
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import pika
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.spec import Basic, BasicProperties

from shared.messaging import faults
from shared.messaging.loops import call_soon, run_until_lost, shut
from shared.messaging.reading import SturdyConnection

logger = logging.getLogger(__name__)

RECONNECT_S = 1.0

T = TypeVar("T", bound=Sized)


class Stopping(Exception):
    """The process is being stopped: leave the batch unacked, it will be delivered again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One AMQP message and the way it came."""

    body: bytes
    properties: BasicProperties
    exchange: str
    tag: int
    channel: Channel


class Subscriber(Generic[T]):
    """Consumes one queue. `prepare` decodes one delivery into its items and must not fail or
    wait; `process` must not return before the batch is committed. A batch is complete when it has
    `batch_max` items (one delivery may exceed that).
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
        self._arrived = threading.Condition()
        self._stopping = threading.Event()
        self._connection: SelectConnection | None = None
        self._threads = [
            threading.Thread(target=self._connect, name=f"{queue}-connection", daemon=True),
            threading.Thread(target=self._work, name=f"{queue}-worker", daemon=True),
        ]
        self.connected = False
        self.worked_at_s = time.monotonic()

    def start(self) -> None:
        """Begin to consume."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float = 30) -> None:
        """Finish and ack the batch in hand, give the rest back, close."""
        self._stopping.set()
        with self._arrived:
            self._arrived.notify_all()
        connection_thread, worker = self._threads
        worker.join(timeout_s)
        if self._connection is not None:
            call_soon(self._connection, partial(shut, self._connection))
        connection_thread.join(5)

    # The worker's thread.

    def _work(self) -> None:
        while not self._stopping.is_set():
            batch = self._take()
            if not batch:
                continue
            try:
                self._process([prepared for _, prepared in batch])
            except Stopping:
                return
            except Exception:
                # The frame retries and bisects; what escapes it is a fault of ours. Hold the
                # batch and try again: neither lose it nor spin.
                logger.exception("batch failed and is tried again", extra={"queue": self._queue})
                with self._arrived:
                    live = [one for one in batch if one[0].channel.is_open]
                    self._waiting.extendleft(reversed(live))
                self._stopping.wait(RECONNECT_S)
                continue
            faults.reach("subscriber.before_ack")
            self._ack([delivery for delivery, _ in batch])

    def _take(self) -> list[tuple[Delivery, T]]:
        with self._arrived:
            if not self._waiting:
                self._arrived.wait(1.0)
            self.worked_at_s = time.monotonic()
            batch: list[tuple[Delivery, T]] = []
            items = 0
            while self._waiting and (not batch or items < self._batch_max):
                batch.append(self._waiting.popleft())
                items += len(batch[-1][1])
            return batch

    def _ack(self, batch: list[Delivery]) -> None:
        call_soon(self._connection, partial(_ack_on_own_channels, batch))
        self.worked_at_s = time.monotonic()

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
            self._stopping.wait(RECONNECT_S)

    def _on_open(self, connection: SelectConnection) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        channel.add_on_close_callback(self._on_channel_lost)
        channel.add_on_cancel_callback(lambda _frame: channel.close())
        channel.basic_qos(prefetch_count=self._prefetch)
        channel.basic_consume(
            self._queue, self._on_message, callback=lambda _frame: self._on_consuming()
        )

    def _on_consuming(self) -> None:
        self.connected = True

    def _on_message(
        self, channel: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        delivery = Delivery(body, properties, method.exchange, method.delivery_tag, channel)
        prepared = self._prepare(delivery)
        with self._arrived:
            self._waiting.append((delivery, prepared))
            self._arrived.notify()

    def _on_channel_lost(self, channel: Channel, reason: BaseException) -> None:
        if not self._stopping.is_set():
            logger.warning("channel closed: %s", reason, extra={"queue": self._queue})
        if self._connection is not None:
            shut(self._connection)

    def _on_lost(self, connection: SelectConnection, reason: BaseException) -> None:
        if not self._stopping.is_set():
            logger.warning("connection lost: %s", reason, extra={"queue": self._queue})
        connection.ioloop.stop()


def _ack_on_own_channels(batch: list[Delivery]) -> None:
    """Ack a batch with one frame a channel: deliveries come in order of tag and are worked so."""
    last = {id(delivery.channel): delivery for delivery in batch}
    for delivery in last.values():
        if delivery.channel.is_open:
            delivery.channel.basic_ack(delivery.tag, multiple=True)
    faults.reach("subscriber.after_ack")

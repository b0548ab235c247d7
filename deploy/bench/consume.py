"""The anchor below all others: pika reading a queue, acking every hundredth, doing nothing.

Arguments: address, queue, number of messages. Writes messages a second, first to last.
"""

from __future__ import annotations

import sys
import time

import pika
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.spec import Basic, BasicProperties

PREFETCH = 500
ACK_EVERY = 100


class _Reader:
    def __init__(self, url: str, queue: str, count: int) -> None:
        self._queue = queue
        self._count = count
        self._seen = 0
        self.first_s = self.last_s = 0.0
        self.connection = SelectConnection(
            pika.URLParameters(url),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._consume),
            on_close_callback=lambda connection, _reason: connection.ioloop.stop(),
        )

    def _consume(self, channel: Channel) -> None:
        channel.basic_qos(prefetch_count=PREFETCH)
        channel.basic_consume(self._queue, self._on_message)

    def _on_message(
        self, channel: Channel, method: Basic.Deliver, _properties: BasicProperties, _body: bytes
    ) -> None:
        self._seen += 1
        if self._seen == 1:
            self.first_s = time.monotonic()
        if self._seen % ACK_EVERY == 0 or self._seen == self._count:
            channel.basic_ack(method.delivery_tag, multiple=True)
        if self._seen == self._count:
            self.last_s = time.monotonic()
            self.connection.close()


def main() -> None:
    """Read them all and say how fast."""
    url, queue, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    reader = _Reader(url, queue, count)
    reader.connection.ioloop.start()
    sys.stdout.write(str((count - 1) / (reader.last_s - reader.first_s)))


if __name__ == "__main__":
    main()

"""Which deliveries of a channel are committed, and so which may be acked.

Batches may be committed in another order than they were taken. An ack names a tag and all
before it, so it goes only as far as everything is committed: never past a batch that is still held.
"""

from __future__ import annotations

from collections.abc import Iterable

from pika.channel import Channel

from shared.messaging.reading import Delivery


class Settled:
    """The deliveries of one channel, whose tags count from 1; for the connection's own thread."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._acked = 0
        self._beyond: set[int] = set()  # committed, but something before them is not

    def ack(self, deliveries: Iterable[Delivery]) -> bool:
        """Note that these are committed and ack what may be; whether anything could be acked.

        Deliveries of another channel count for nothing: their tags mean other messages here.
        """
        self._beyond.update(each.tag for each in deliveries if each.channel is self._channel)
        upto = self._acked
        while upto + 1 in self._beyond:
            upto += 1
            self._beyond.remove(upto)
        if upto == self._acked or not self._channel.is_open:
            return False
        self._acked = upto
        self._channel.basic_ack(upto, multiple=True)
        return True

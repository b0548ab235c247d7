"""A connection that no message can break, and that reads deliveries quickly.

The broker takes properties that pika cannot read: a moment in the year 300,000, a float that is
no number, tables a thousand deep. pika then raises in the middle of its loop, the connection is
gone, the message is delivered again, and so for ever: one partner would shut the door for all.

pika spends some 30 µs on the three frames of a delivery, more than the gate on its judgement. A
delivery that lies in the buffer as a whole is therefore cut out here; everything else, and every
delivery of an unusual shape, goes pika's way.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from pika import spec
from pika.adapters.select_connection import SelectConnection
from pika.channel import Channel
from pika.frame import Header
from pika.spec import Basic, BasicProperties

logger = logging.getLogger(__name__)

_FRAME = struct.Struct(">BHL")  # kind, channel, size of what follows
_CONTENT = struct.Struct(">HHQ")  # class, weight, size of the body
_AROUND = _FRAME.size + spec.FRAME_END_SIZE  # what a frame has besides what it holds
_TAG = struct.Struct(">Q")
_DELIVER = struct.pack(">I", Basic.Deliver.INDEX)
_RECEIVE_BYTES = 64 * 1024  # pika asks the socket for 4 KiB at a time

_HEADER_LEAST = _FRAME.size + _CONTENT.size + 2  # with the flags of its properties

# A content type and a delivery mode, nothing of its own: such properties are read once for all.
_PLAIN = BasicProperties.FLAG_CONTENT_TYPE | BasicProperties.FLAG_DELIVERY_MODE
_PLAIN_KINDS_MAX = 256


class Delivery(NamedTuple):
    """One AMQP message and the way it came. Its properties may be shared: change nothing."""

    body: bytes
    properties: BasicProperties
    exchange: str
    tag: int
    channel: Channel


class SturdyConnection(SelectConnection):  # type: ignore[misc]
    """Gives a message whose properties cannot be read none at all: it is judged by its body.

    It overrides private names of pika: the version is pinned, and tests send such messages and
    compare what is read both ways.
    """

    # Told of whole deliveries, as many as came at once; set by the one consumer of a connection.
    on_deliveries: Callable[[list[Delivery]], None] | None = None

    def _proto_connection_made(self, transport: Any) -> None:
        transport._MAX_RECV_BYTES = _RECEIVE_BYTES  # noqa: SLF001
        super()._proto_connection_made(transport)

    def _on_data_available(self, data_in: bytes) -> None:
        self._frame_buffer += data_in
        while self._frame_buffer:
            is_waiting = self._take_deliveries()
            if is_waiting or not self._frame_buffer:
                return
            consumed, frame = self._read_frame()
            if not frame:
                return
            self._trim_frame_buffer(consumed)
            self._process_frame(frame)

    def _read_frame(self) -> tuple[int, Any]:
        try:
            frame: tuple[int, Any] = super()._read_frame()
        except Exception as problem:
            bare = _without_properties(self._frame_buffer)
            if bare is None:
                raise
            logger.warning("properties cannot be read: %s", type(problem).__name__)
            return bare
        return frame

    def _take_deliveries(self) -> bool:
        """Take the deliveries that the buffer begins with; whether the next is not all there."""
        if self.on_deliveries is None:
            return False
        taken: list[Delivery] = []
        buffer, at = self._frame_buffer, 0
        while (end := _end_of_delivery(buffer, at)) > 0:
            channel = self._channels.get(_FRAME.unpack_from(buffer, at)[1])
            if channel is None or not channel.is_open:
                end = _OTHER
                break
            taken.append(_read_delivery(buffer, at, channel))
            at = end
        if taken:
            self._trim_frame_buffer(at)
            self.on_deliveries(taken)
        return end == _NOT_ALL_THERE


_OTHER, _NOT_ALL_THERE = 0, -1


def _end_of_delivery(buffer: bytes, at: int) -> int:
    """Where the delivery that begins at `at` ends, if its body is one frame; else _OTHER."""
    there = len(buffer)
    if buffer[at + _FRAME.size : at + _FRAME.size + 4] != _DELIVER:
        return _OTHER
    kind, _, size = _FRAME.unpack_from(buffer, at)
    header = at + _AROUND + size
    if kind != spec.FRAME_METHOD or there < header + _HEADER_LEAST:
        return _NOT_ALL_THERE if kind == spec.FRAME_METHOD else _OTHER
    _, _, size = _FRAME.unpack_from(buffer, header)
    body_size = _CONTENT.unpack_from(buffer, header + _FRAME.size)[2]
    body = header + _AROUND + size
    if there < body + _FRAME.size:
        return _NOT_ALL_THERE if body_size else _OTHER
    kind, _, size = _FRAME.unpack_from(buffer, body)
    end = body + _AROUND + size
    if kind != spec.FRAME_BODY or size != body_size:
        return _OTHER
    if there < end:
        return _NOT_ALL_THERE
    is_sound = buffer[header - 1] == buffer[body - 1] == buffer[end - 1] == spec.FRAME_END
    return end if is_sound else _OTHER


def _read_delivery(buffer: bytes, at: int, channel: Channel) -> Delivery:
    header = at + _AROUND + _FRAME.unpack_from(buffer, at)[2]
    body = header + _AROUND + _FRAME.unpack_from(buffer, header)[2]
    body_size = _FRAME.unpack_from(buffer, body)[2]
    tag = at + _FRAME.size + 4  # behind the method's number: consumer tag, delivery tag, flags
    tag += 1 + buffer[tag]
    exchange = tag + _TAG.size + 1
    begin = body + _FRAME.size
    return Delivery(
        buffer[begin : begin + body_size],
        _properties(buffer[header + _FRAME.size + _CONTENT.size : body - 1]),
        buffer[exchange + 1 : exchange + 1 + buffer[exchange]].decode("utf-8", "replace"),
        _TAG.unpack_from(buffer, tag)[0],
        channel,
    )


def _properties(encoded: bytes) -> BasicProperties:
    try:
        if int.from_bytes(encoded[:2], "big") & ~_PLAIN == 0:
            return _plain_properties(encoded)
        return BasicProperties().decode(encoded)
    except Exception as problem:  # noqa: BLE001 - whatever pika makes of what a partner wrote
        logger.warning("properties cannot be read: %s", type(problem).__name__)
        return BasicProperties()


@lru_cache(_PLAIN_KINDS_MAX)
def _plain_properties(encoded: bytes) -> BasicProperties:
    return BasicProperties().decode(encoded)


def _without_properties(buffer: bytes) -> tuple[int, Header] | None:
    """The header frame that `buffer` begins with (it is there as a whole), without properties."""
    kind, channel, size = _FRAME.unpack_from(buffer)
    if kind != spec.FRAME_HEADER or size < _CONTENT.size:
        return None
    _, _, body_size = _CONTENT.unpack_from(buffer, _FRAME.size)
    consumed = _FRAME.size + size + spec.FRAME_END_SIZE
    return consumed, Header(channel, body_size, spec.BasicProperties())

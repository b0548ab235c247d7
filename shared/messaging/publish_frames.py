"""The frames of Basic.Publish, byte for byte pika's own, but made quickly and sent together.

pika builds three frame objects for a message and gives each to the socket by itself: three
system calls, three TCP segments. Verdicts go one a message, thousands a second, and that was a
quarter of intake's time and a part of the broker's. Here pika makes once what many messages have
in common; the rest is copied in between, and a batch leaves in a few writes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache

from pika import spec
from pika.frame import Body, Header, Method
from pika.spec import Basic, BasicProperties

WRITE_BYTES = 64 * 1024  # about so much is joined into one write
_WAYS_MAX = 4096  # exchanges and routing keys whose frame is remembered

_size_of_body = struct.Struct(">Q").pack
_start_of_body = struct.Struct(">BHL").pack
_END = bytes([spec.FRAME_END])
_OVERHEAD = 128  # of the three frames of a message, roughly

# exchange, routing key, content type, delivery mode, body
Published = tuple[str, str, str, int, bytes]


def writes(channel: int, body_max: int, messages: Iterable[Published]) -> list[bytes]:
    """All frames of the messages in their order, in pieces of about WRITE_BYTES; each message is
    mandatory. `body_max`: bytes of a body that a frame may hold. Raises what pika raises when
    a name is too long for the protocol; nothing has been sent then.
    """
    found: list[bytes] = []
    parts: list[bytes] = []
    waiting = 0
    for exchange, routing_key, content_type, mode, body in messages:
        size = len(body)
        before, after = _header(channel, content_type, mode)
        parts += (_method(channel, exchange, routing_key), before, _size_of_body(size), after)
        if 0 < size <= body_max:
            parts += (_start_of_body(spec.FRAME_BODY, channel, size), body, _END)
        else:
            parts += _split(channel, body, body_max)
        waiting += size + _OVERHEAD
        if waiting >= WRITE_BYTES:
            found.append(b"".join(parts))
            parts, waiting = [], 0
    if parts:
        found.append(b"".join(parts))
    return found


def _split(channel: int, body: bytes, body_max: int) -> list[bytes]:
    starts = range(0, len(body), body_max)
    return [Body(channel, body[at : at + body_max]).marshal() for at in starts]


@lru_cache(_WAYS_MAX)
def _method(channel: int, exchange: str, routing_key: str) -> bytes:
    publish = Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=True)
    return bytes(Method(channel, publish).marshal())


@lru_cache(_WAYS_MAX)
def _header(channel: int, content_type: str, mode: int) -> tuple[bytes, bytes]:
    """What comes before and after the size of the body in a header frame."""
    properties = BasicProperties(content_type=content_type, delivery_mode=mode)
    frame = bytes(Header(channel, 0, properties).marshal())
    at = spec.FRAME_HEADER_SIZE + 4  # behind the class and its weight, two bytes each
    return frame[:at], frame[at + 8 :]

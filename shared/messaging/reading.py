"""A connection that no message can break.

The broker takes properties that pika cannot read: a moment in the year 300,000, a float that is
no number, tables a thousand deep. pika then raises in the middle of its loop, the connection is
gone, the message is delivered again, and so for ever: one partner would shut the door for all.
"""

from __future__ import annotations

import logging
import struct
from typing import Any

from pika import spec
from pika.adapters.select_connection import SelectConnection
from pika.frame import Header

logger = logging.getLogger(__name__)

_FRAME = struct.Struct(">BHL")  # kind, channel, size of what follows
_CONTENT = struct.Struct(">HHQ")  # class, weight, size of the body


class SturdyConnection(SelectConnection):  # type: ignore[misc]
    """Gives a message whose properties cannot be read none at all: it is judged by its body.

    It overrides one of pika's private names: the version is pinned, and a test sends such messages.
    """

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


def _without_properties(buffer: bytes) -> tuple[int, Header] | None:
    """The header frame that `buffer` begins with (it is there as a whole), without properties."""
    kind, channel, size = _FRAME.unpack_from(buffer)
    if kind != spec.FRAME_HEADER or size < _CONTENT.size:
        return None
    _, _, body_size = _CONTENT.unpack_from(buffer, _FRAME.size)
    consumed = _FRAME.size + size + spec.FRAME_END_SIZE
    return consumed, Header(channel, body_size, spec.BasicProperties())

"""Identifiers made here: UUID version 7 (RFC 9562), so that rows made later sort later."""

from __future__ import annotations

import os
import time
import uuid


def uuid7() -> uuid.UUID:
    """48 bits of Unix milliseconds, then 74 random bits with version and variant set."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def uuid7_at(unix_s: float) -> uuid.UUID:
    """The smallest UUID of version 7 that could be made at this instant (Unix seconds)."""
    return uuid.UUID(int=int(unix_s * 1000) << 80 | 0x7 << 76 | 0x2 << 62)

"""Named points at which a crash test may kill this process, to prove that nothing is lost.

LINLI_FAULT_POINT=name or name:n kills the process (SIGKILL, no clean-up) when it reaches that
point for the n-th time. Without the setting every point is a no-op.
"""

from __future__ import annotations

import os
import signal

from shared import config

POINTS = (
    "transaction.before_commit",
    "transaction.after_commit",
    "subscriber.before_ack",
    "subscriber.after_ack",
    "relay.before_publish",
    "relay.after_publish",
    "relay.after_delete",
    "task.before_send",
    "task.after_send",
    "task.before_ack",
)

_armed, _, _count = config.read("LINLI_FAULT_POINT", "").partition(":")
_left = int(_count or 1)


def reach(point: str) -> None:
    """Die here if the test asked for it."""
    if point == _armed:
        _die_at_last()


def _die_at_last() -> None:
    global _left  # noqa: PLW0603 - counts how often this process came by
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

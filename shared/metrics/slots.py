"""Gives each process of a service a small, reused number for its metric files.

prometheus_client names the files of multiprocess mode after process ids and never removes those
of counters, so each restart would add files for ever. A slot is the lowest number whose lock file
nobody holds: a restarted process takes over the files of the one that died, and counts go on.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from prometheus_client import values
from prometheus_client.values import MultiProcessValue

from shared import config

SLOTS_MAX = 256

_held: dict[int, tuple[int, int]] = {}  # process id -> (slot, descriptor that holds the lock)


def directory() -> str:
    """Where the metric files live; empty when this process exposes its own metrics."""
    return config.read("PROMETHEUS_MULTIPROC_DIR", "")


def install() -> None:
    """Must run before any metric is made: the kind of value is fixed when a metric is made."""
    if directory():
        Path(directory()).mkdir(parents=True, exist_ok=True)
        make = MultiProcessValue(process_identifier=_slot)  # type: ignore[no-untyped-call]
        values.ValueClass = make


def _slot() -> int:
    process = os.getpid()  # asked anew each time, because a fork inherits the module's state
    if process not in _held:
        _held[process] = _claim()
    return _held[process][0]


def _claim() -> tuple[int, int]:
    for slot in range(SLOTS_MAX):
        path = Path(directory()) / f"slot-{slot}.lock"
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            continue
        for stale in Path(directory()).glob(f"gauge_live*_{slot}.db"):
            stale.unlink(missing_ok=True)
        return slot, descriptor
    raise RuntimeError(f"more than {SLOTS_MAX} processes write metrics to {directory()}")

"""CPU and memory of processes and their children, as the kernel counts them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1024


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = [], [pid]
    while queue:
        each = queue.pop()
        found.append(each)
        queue.extend(children.get(each, []))
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, its descendants, and those of them that have ended."""
    ticks = 0
    for each in tree(pid):
        if fields := _stat(each):
            ticks += sum(int(value) for value in fields[11:15])
    return ticks / _TICKS


class Meter:
    """CPU that named processes use from now on; `done` events are behind us already."""

    def __init__(self, pids: Mapping[str, int], done: int = 0) -> None:
        self._pids = pids
        self._done = done
        self._before = {name: cpu_s(pid) for name, pid in pids.items()}

    def per_event(self, done: int) -> dict[str, float]:
        """Microseconds an event, by name; nothing when there was no event to measure."""
        count = done - self._done
        if count <= 0:
            return {}
        return {
            f"cpu_us_{name}": (cpu_s(pid) - self._before[name]) / count * 1e6
            for name, pid in self._pids.items()
        }


def memory(pids: Iterable[int]) -> dict[str, int]:
    """Bytes: `rss` counts a page for each process that has it, `pss` shares it among them."""
    totals = {"rss": 0, "pss": 0}
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, value = line.partition(":")
            if name in ("Rss", "Pss"):
                totals[name.lower()] += int(value.split()[0]) * _KIB
    return totals


def _stat(pid: int) -> list[str]:
    # From the state on, which follows the name in parentheses.
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()

"""What has become of the sends so far; filled by both doors' threads, read by the narrator."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from deploy.month.parcels import Parcel

ERRORS_KEPT = 20


class Tally:
    """Counts, guarded by one lock; `changed` wakes whoever waits for verdicts.

    A parcel is handed in, then answered (HTTP), confirmed (AMQP: replies follow), refused at the
    door, or failed. Counts of refusals and failures are of sends, not of parcels.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.handed = 0
        self.done = 0
        self.sends = 0
        self.refused: Counter[str] = Counter()  # sends by partner
        self.refusals: dict[str, str] = {}  # partner -> what the door said
        self.verdicts: Counter[str] = Counter()  # as heard at the doors
        self.accepted: Counter[str] = Counter()  # verdicts the log must hold, by partner
        self.replies_due: Counter[str] = Counter()  # verdicts to come by reply queue, by partner
        self.replies: Counter[str] = Counter()  # that came
        self.failures = 0
        self.errors: list[str] = []
        self.resent = 0
        self.progress_at_s = time.monotonic()

    def hand(self, parcel: Parcel) -> None:
        """A parcel goes to its door."""
        with self.changed:
            self.handed += 1
            self.sends += len(parcel.lines)

    def answer(self, parcel: Parcel, verdicts: list[dict[str, Any]]) -> None:
        """The HTTP door answered with verdicts."""
        with self.changed:
            self.accepted[parcel.partner] += len(verdicts)
            self.verdicts.update(_name(verdict) for verdict in verdicts)
            self._finish()

    def confirm(self, parcel: Parcel) -> None:
        """The broker has a parcel; its verdicts come by the reply queue."""
        with self.changed:
            self.accepted[parcel.partner] += parcel.expects
            self.replies_due[parcel.partner] += parcel.expects
            self._finish()

    def reply(self, partner: str, verdict: dict[str, Any]) -> None:
        """A verdict came by the reply queue."""
        with self.changed:
            self.replies[partner] += 1
            self.verdicts[_name(verdict)] += 1
            self._progress()

    def refuse(self, parcel: Parcel, why: str) -> None:
        """The door refused a whole parcel: each of its sends counts."""
        with self.changed:
            self.refused[parcel.partner] += len(parcel.lines)
            self.refusals.setdefault(parcel.partner, why)
            self._finish()

    def fail(self, parcel: Parcel, why: str) -> None:
        """A parcel could not be brought in; this is loud."""
        with self.changed:
            self.failures += len(parcel.lines)
            if len(self.errors) < ERRORS_KEPT:
                self.errors.append(f"{_lines(parcel.lines)} ({parcel.partner}): {why}")
            self._finish()

    def resend(self, parcel: Parcel) -> None:
        """A connection was lost before the broker confirmed: sent again, maybe a duplicate."""
        with self.changed:
            self.resent += len(parcel.lines)

    def heard(self) -> int:
        """Verdicts, refusals and failures so far, for a progress bar."""
        with self.changed:
            return self.verdicts.total() + self.refused.total() + self.failures

    def replies_missing(self) -> list[str]:
        """Partners whose reply queues still owe verdicts; call with `changed` held."""
        return [p for p, due in self.replies_due.items() if self.replies[p] < due]

    def _finish(self) -> None:
        self.done += 1
        self._progress()

    def _progress(self) -> None:
        self.progress_at_s = time.monotonic()
        self.changed.notify_all()


def _name(verdict: dict[str, Any]) -> str:
    if verdict.get("verdict") == "rejected":
        return f"rejected:{verdict.get('reason')}"
    return str(verdict.get("verdict"))


def _lines(lines: Iterable[int]) -> str:
    numbers = list(lines)
    shown = ", ".join(map(str, numbers[:5]))
    return f"第 {shown}{' …' if len(numbers) > 5 else ''} 行 / line {shown}"

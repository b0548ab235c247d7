"""A process of its own that publishes what it reads from its standard input, as fast as it can.

The input is one JSON list of consignments; the answer, one JSON object, tells when the first
message left, when the last was confirmed, and the CPU time in between. Each consignment goes by a
thread and a connection of its own, with pipelined confirms.
"""

from __future__ import annotations

import resource
import sys
import threading
import time
from typing import Any

import orjson

from shared.messaging.publisher import Outgoing, Publisher

WINDOW = 200  # messages published before their confirms are awaited


class _Line(threading.Thread):
    """One consignment: url, exchange, routing_key, content_type, bodies."""

    def __init__(self, consignment: dict[str, Any], together: threading.Barrier) -> None:
        super().__init__(daemon=True)
        self._publisher = Publisher(consignment["url"], name="bench")
        self._together = together
        self._batches = list(_batches(consignment))
        self.first_at = 0.0
        self.last_at = 0.0
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            self._publisher._connected()  # noqa: SLF001 - the connection is not part of the figure
        except BaseException as problem:  # noqa: BLE001 - told by the main thread
            self.problem = problem
            self._together.abort()
            return
        try:
            self._together.wait()
            self.first_at = time.time()
            for batch in self._batches:
                self._send(batch)
            self.last_at = time.time()
        except BaseException as problem:  # noqa: BLE001 - told by the main thread
            self.problem = problem
        finally:
            self._publisher.close()

    def _send(self, batch: list[Outgoing]) -> None:
        outcome = self._publisher.publish(batch)
        if len(outcome.confirmed) < len(batch):
            raise RuntimeError(f"not confirmed: {len(batch) - len(outcome.confirmed)} messages")


def _batches(consignment: dict[str, Any]) -> list[list[Outgoing]]:
    messages = [
        Outgoing(
            key=place,
            exchange=consignment["exchange"],
            routing_key=consignment["routing_key"],
            body=body.encode(),
            content_type=consignment["content_type"],
        )
        for place, body in enumerate(consignment["bodies"])
    ]
    return [messages[at : at + WINDOW] for at in range(0, len(messages), WINDOW)]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Read, publish, tell; exits with 1 when a message was not confirmed."""
    consignments = orjson.loads(sys.stdin.buffer.read())
    together = threading.Barrier(len(consignments))
    lines = [_Line(each, together) for each in consignments]
    before_s = _cpu_s()
    for line in lines:
        line.start()
    for line in lines:
        line.join()
    problems = [repr(line.problem) for line in lines if line.problem is not None]
    if problems:
        sys.exit("; ".join(problems))
    told = {
        "first_at": min(line.first_at for line in lines),
        "last_at": max(line.last_at for line in lines),
        "cpu_s": _cpu_s() - before_s,
    }
    sys.stdout.write(orjson.dumps(told).decode())


if __name__ == "__main__":
    main()

"""The AMQP door: each partner on a connection of its own, as its own user, all in one thread.

Publishes to `in.<slug>` with pipelined confirms and the mandatory flag, and reads verdicts from
`out.<slug>`. A partner that the broker turns away is refused at the door; a connection that is
merely lost is made again, and what was not confirmed is sent again.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import pika
from pika.adapters.select_connection import IOLoop

from deploy.month.amqp_line import Line
from deploy.month.credentials import UNKNOWN, Credentials
from deploy.month.parcels import Parcel
from deploy.month.tally import Tally

HANDED_MAX = 2000  # parcels that wait here; whoever puts more is held until some are confirmed


class AmqpDoor:
    """All partners' connections to the broker. `put` from any one thread."""

    def __init__(self, url: str, credentials: Credentials, tally: Tally) -> None:
        self._url = url
        self._credentials = credentials
        self._tally = tally
        self._loop = IOLoop()
        self._lines: dict[str, Line] = {}
        self._inbox: deque[Parcel] = deque()
        self._room = threading.BoundedSemaphore(HANDED_MAX)
        self._thread = threading.Thread(target=self._run, name="amqp-door", daemon=True)
        self._started = False
        self.crashed: BaseException | None = None

    def put(self, parcel: Parcel) -> None:
        """Send a parcel; returns when there is room for it, not when it is confirmed."""
        if not self._started:
            self._started = True
            self._thread.start()
        self._room.acquire()
        self._inbox.append(parcel)
        self._loop.add_callback_threadsafe(self._drain)

    def close(self) -> None:
        """Close all connections and end the thread."""
        if self._thread.is_alive():
            self._loop.add_callback_threadsafe(self._close_lines)
            self._thread.join(10)
        if not self._thread.is_alive():
            self._loop.close()

    # Everything below runs in the door's thread.

    def _run(self) -> None:
        try:
            self._loop.start()
        except BaseException as problem:  # noqa: BLE001 - whoever waits must hear of it
            self.crashed = problem
            with self._tally.changed:
                self._tally.changed.notify_all()

    def _drain(self) -> None:
        while self._inbox:
            parcel = self._inbox.popleft()
            line = self._lines.get(parcel.partner)
            if line is None:
                line = self._lines[parcel.partner] = self._make_line(parcel.partner)
            line.put(parcel)

    def _make_line(self, partner: str) -> Line:
        parameters = pika.URLParameters(self._url)
        password = self._credentials.get(partner, UNKNOWN).amqp_password
        parameters.credentials = pika.PlainCredentials(partner, password)
        parameters.heartbeat = 60
        parameters.client_properties = {"connection_name": f"month of {partner}"}
        return Line(partner, parameters, self._loop, self._tally, self._room.release)

    def _close_lines(self) -> None:
        still: list[Callable[[], bool]] = [line.close() for line in self._lines.values()]
        left = 50  # tenths of a second

        def look() -> None:
            nonlocal left
            left -= 1
            if left <= 0 or all(closed() for closed in still):
                self._loop.stop()
            else:
                self._loop.call_later(0.1, look)

        look()

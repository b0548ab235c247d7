"""A partner's HTTP client that costs little: one kept connection, requests as bytes."""

from __future__ import annotations

import socket
import threading
import time
from urllib.parse import urlsplit

from deploy.bench.figures import percentile
from deploy.bench.shipping import ONE
from deploy.local.processes import StackError
from deploy.month.credentials import Credentials

ACCEPTED = b"HTTP/1.1 202"
TIMEOUT_S = 30.0


class Connection:
    """A kept connection, for one thread."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._socket = self._connect()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._address, timeout=TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def close(self) -> None:
        """Let go of the connection."""
        self._socket.close()

    def send(self, request: bytes) -> bytes:
        """A whole request as bytes; its whole answer."""
        self._socket.sendall(request)
        return self._read()

    def _read(self) -> bytes:
        answer, wanted = b"", 0
        while not wanted or len(answer) < wanted:
            part = self._socket.recv(65536)
            if not part:
                raise StackError("the door closed the connection")
            answer += part
            if not wanted and (end := answer.find(b"\r\n\r\n")) >= 0:
                wanted = end + 4 + _length(answer[:end])
        return answer


class Client(Connection):
    """A partner at the door of events."""

    def post(self, key: str, event: str) -> None:
        """Send one event; raises StackError when the answer is not 202."""
        body = event.encode()
        head = (
            f"POST /events HTTP/1.1\r\nHost: {self._address[0]}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: {ONE}\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode("ascii")
        answer = self.send(head + body)
        if not answer.startswith(ACCEPTED):
            raise StackError(f"the door answered {answer[:200]!r}")


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise StackError("the door gave no length")


class _Caller(threading.Thread):
    def __init__(self, base_url: str, sent: list[tuple[str, str]]) -> None:
        super().__init__(daemon=True)
        self._client = Client(base_url)
        self._sent = sent  # (key, event)
        self.took_s: list[float] = []
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            for key, event in self._sent:
                begun = time.perf_counter()
                self._client.post(key, event)
                self.took_s.append(time.perf_counter() - begun)
        except BaseException as problem:  # noqa: BLE001 - told by the main thread
            self.problem = problem
        finally:
            self._client.close()


class _Steady(threading.Thread):
    """Sends each of its events when it is due, and notes when that was."""

    def __init__(self, base_url: str, sent: list[tuple[float, str, str, str]]) -> None:
        super().__init__(daemon=True)
        self._client = Client(base_url)
        self._sent = sent  # (seconds of the monotonic clock, code, key, event)
        self.due_at: dict[str, float] = {}
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            for due_s, code, key, event in self._sent:
                time.sleep(max(due_s - time.monotonic(), 0.0))
                # Counted from when it was due: a late start is waiting, too.
                self.due_at[code] = time.time() - (time.monotonic() - due_s)
                self._client.post(key, event)
        except BaseException as problem:  # noqa: BLE001 - told by the main thread
            self.problem = problem
        finally:
            self._client.close()


def post_steadily(
    base_url: str,
    credentials: Credentials,
    events: list[tuple[str, str, str]],
    rate: int,
    clients: int,
) -> dict[str, float]:
    """`rate` events a second, (partner, code, event); Unix seconds when each was due, by code."""
    start_s = time.monotonic() + 0.2
    planned = [
        (start_s + number / rate, code, credentials[partner].api_key, event)
        for number, (partner, code, event) in enumerate(events)
    ]
    callers = [_Steady(base_url, planned[place::clients]) for place in range(clients)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
        if caller.problem is not None:
            raise caller.problem
    return {code: at for caller in callers for code, at in caller.due_at.items()}


def door_rate(
    base_url: str, credentials: Credentials, sent: list[tuple[str, str]], clients: int
) -> dict[str, float]:
    """Requests a second of so many clients that each wait for their answer; (partner, event)."""
    with_keys = [(credentials[partner].api_key, event) for partner, event in sent]
    callers = [_Caller(base_url, with_keys[place::clients]) for place in range(clients)]
    begun = time.perf_counter()
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    passed_s = time.perf_counter() - begun
    for caller in callers:
        if caller.problem is not None:
            raise caller.problem
    took_s = [each for caller in callers for each in caller.took_s]
    return {
        "rate": len(took_s) / passed_s,
        "p50_ms": percentile(took_s, 0.5) * 1000,
        "p99_ms": percentile(took_s, 0.99) * 1000,
    }

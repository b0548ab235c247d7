"""The HTTP door: `POST /events` with each partner's key, a few threads with kept connections."""

from __future__ import annotations

import http.client
import itertools
import queue
import threading
import time
from collections.abc import Mapping
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

import orjson

from deploy.month.credentials import UNKNOWN, Credentials
from deploy.month.parcels import Parcel, http_header
from deploy.month.tally import Tally

THREADS = 6
WAITING_MAX = 500  # parcels a thread
TIMEOUT_S = 60
IDLE_MAX_S = 1.0  # a server may close an idle connection just as we send: rather make a new one
TRIES_MAX = 20  # and at least PATIENCE_S: a whole district takes a while to come back
PATIENCE_S = 120.0
PAUSE_DEFAULT_S = 1.0
PAUSE_MAX_S = 60.0

_BUSY = (429, 503)
_TURNED_AWAY = (401, 403)
_ACCEPTED = 202


class Caller:
    """Calls one address on one kept connection; for one thread."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._secure = parts.scheme == "https"
        self._host = parts.netloc
        self._prefix = parts.path.rstrip("/")
        self._connection: http.client.HTTPConnection | None = None
        self._used_at_s = 0.0

    def call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, Message, bytes]:
        """Status, headers, body; a connection lost while it was idle is made again once."""
        fresh = self._fresh()
        try:
            return self._once(method, path, headers, body)
        except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
            self.close()
            if fresh:
                raise
            return self._once(method, path, headers, body)
        except (http.client.HTTPException, OSError):
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _fresh(self) -> bool:
        if self._connection is not None and time.monotonic() - self._used_at_s > IDLE_MAX_S:
            self.close()
        return self._connection is None

    def _once(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, Message, bytes]:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            self._connection = kind(self._host, timeout=TIMEOUT_S)
        self._connection.request(method, self._prefix + path, body, dict(headers))
        response = self._connection.getresponse()
        content = response.read()
        self._used_at_s = time.monotonic()
        return response.status, response.headers, content


class HttpDoor:
    """Threads that post; a partner's parcels all go by one of them, in order."""

    def __init__(self, base_url: str, credentials: Credentials, tally: Tally) -> None:
        self._base_url = base_url
        self._credentials = credentials
        self._tally = tally
        self._queues: list[queue.Queue[Parcel | None]] = []
        self._threads: list[threading.Thread] = []
        self._thread_of: dict[str, int] = {}

    def put(self, parcel: Parcel) -> None:
        """Send a parcel; returns when there is room for it."""
        place = self._thread_of.setdefault(parcel.partner, len(self._thread_of) % THREADS)
        while len(self._queues) <= place:
            waiting: queue.Queue[Parcel | None] = queue.Queue(WAITING_MAX)
            thread = threading.Thread(
                target=self._run, args=(waiting,), name="http-door", daemon=True
            )
            self._queues.append(waiting)
            self._threads.append(thread)
            thread.start()
        self._queues[place].put(parcel)

    def close(self) -> None:
        """Send what waits and end the threads."""
        for waiting in self._queues:
            waiting.put(None)
        for thread in self._threads:
            thread.join(10)

    def _run(self, waiting: queue.Queue[Parcel | None]) -> None:
        caller = Caller(self._base_url)
        while (parcel := waiting.get()) is not None:
            try:
                self._send(caller, parcel)
            except Exception as problem:  # noqa: BLE001 - a thread that dies would hang the month
                self._tally.fail(parcel, repr(problem))
        caller.close()

    def _send(self, caller: Caller, parcel: Parcel) -> None:
        key = self._credentials.get(parcel.partner, UNKNOWN).api_key
        headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        if parcel.content_type is not None:
            headers["Content-Type"] = parcel.content_type
        for name, value in parcel.attributes.items():
            headers[f"ce-{name}"] = http_header(value)
        until_s = time.monotonic() + PATIENCE_S
        for attempt in itertools.count(1):
            is_last = attempt >= TRIES_MAX and time.monotonic() > until_s
            try:
                status, answered, content = caller.call("POST", "/events", headers, parcel.body)
            except (http.client.HTTPException, OSError) as problem:
                if is_last:
                    raise
                if not isinstance(problem, ConnectionRefusedError):
                    self._tally.resend(parcel)
                time.sleep(min(0.2 * 2 ** min(attempt, 10), 5.0))
                continue
            if status not in _BUSY or is_last:
                break
            time.sleep(_pause_s(answered))
        self._settle(parcel, status, content)

    def _settle(self, parcel: Parcel, status: int, content: bytes) -> None:
        if status in _TURNED_AWAY:
            self._tally.refuse(parcel, f"HTTP {status}")
            return
        if status != _ACCEPTED:
            self._tally.fail(parcel, f"HTTP {status}: {content[:300].decode(errors='replace')}")
            return
        verdicts = verdicts_in(content)
        if len(verdicts) != parcel.expects:
            self._tally.fail(
                parcel, f"HTTP 202 with {len(verdicts)} verdicts for {parcel.expects} events"
            )
            return
        self._tally.answer(parcel, verdicts)


def verdicts_in(content: bytes) -> list[dict[str, Any]]:
    """The verdicts of an answer: a list, an object that has `verdicts`, or one verdict alone."""
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError:
        return []
    if isinstance(said, dict):
        said = said.get("verdicts", [said])
    return [each for each in said if isinstance(each, dict)] if isinstance(said, list) else []


def _pause_s(answered: Message) -> float:
    try:
        return min(max(float(answered.get("Retry-After", PAUSE_DEFAULT_S)), 0.05), PAUSE_MAX_S)
    except ValueError:
        return PAUSE_DEFAULT_S

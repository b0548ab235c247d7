"""Another district's points, over HTTP. What it answers proves nothing until it is verified."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import requests

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 20.0
ANSWER_BYTES_MAX = 64 * 1024
PATH = "/points/api/v1/time-bank/transfers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One message to a district: `url` is where it answers; without an envelope it only asks."""

    url: str
    path: str
    envelope: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """Status 0: there was no answer, so whether the message arrived is not known."""

    status: int
    body: bytes = b""
    problem: str = ""


class OtherDistrict(Protocol):
    """Whoever carries a message to another district."""

    def ask(self, call: Call) -> Reply:
        """One message and its answer; never raises for what the network or the peer does."""


class HttpDistrict:
    """requests; no redirect is followed, no proxy of the machine's is used."""

    def __init__(self) -> None:
        self._of_thread = threading.local()  # requests' sessions are not made for several

    def ask(self, call: Call) -> Reply:
        """Connect within 5 s, each read within 20 s, at most 64 KiB of an answer."""
        body = None if call.envelope is None else orjson.dumps(call.envelope)
        try:
            with self._session().request(
                "GET" if body is None else "POST",
                call.url + call.path,
                data=body,
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = response.raw.read(ANSWER_BYTES_MAX + 1, decode_content=True)
        except Exception as problem:  # noqa: BLE001 - urllib3 raises its own kinds while reading
            return Reply(0, problem=type(problem).__name__)
        if len(answer) > ANSWER_BYTES_MAX:
            return Reply(0, problem="answer_too_large")
        return Reply(response.status_code, answer)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            self._of_thread.session = session
        return session

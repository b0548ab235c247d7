"""The HTTP door's answers: verdicts, refusals, waits and what is loud."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest

from deploy.month import verdict_log
from deploy.month.credentials import Credential
from deploy.month.doors import Doors
from deploy.month.parcels import pack
from deploy.month.read import Send
from deploy.month.tally import Tally
from deploy.month.verdict_log import VerdictLog

Answer = tuple[int, dict[str, str], object]
CREDENTIALS = {"a": Credential("pw", "key-a")}
NO_BROKER = "amqp://nobody:nothing@127.0.0.1:1/partners"


@contextmanager
def web(answer: Callable[[str, str, bytes], Answer]) -> Iterator[str]:
    """A web server on a free port; `answer` gets method, path and body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *_args: Any) -> None:
            """Quiet."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, said = answer(self.command, self.path, body)
            content = orjson.dumps(said)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _play(url: str, partner: str = "a", sends: int = 1) -> Tally:
    tally = Tally()
    doors = Doors(NO_BROKER, url, CREDENTIALS, tally)
    parcels = [
        pack(Send(n + 1, partner, "http", "structured", {"id": str(n)}, None)) for n in range(sends)
    ]
    try:
        doors.play([partner], parcels)
    finally:
        doors.close()
    return tally


def _log_of(count: Callable[[], int]) -> Answer:
    rows = [{"seq": n + 1} for n in range(count())]
    return 200, {}, {"verdicts": rows, "next": None}


def test_verdicts_are_counted_and_found_in_the_log() -> None:
    given = 0

    def answer(method: str, path: str, _body: bytes) -> Answer:
        nonlocal given
        if method == "GET":
            after = int(path.partition("after=")[2] or 0)
            return (
                200,
                {},
                {"verdicts": [{"seq": n + 1} for n in range(after, given)], "next": None},
            )
        given += 1
        return 202, {}, {"verdicts": [{"verdict": "rejected", "reason": "schema"}]}

    with web(answer) as url:
        tally = _play(url, sends=5)
    assert tally.verdicts == {"rejected:schema": 5}
    assert (tally.sends, tally.failures, tally.accepted["a"]) == (5, 0, 5)


def test_a_busy_door_is_tried_again() -> None:
    asked: list[int] = []

    def answer(method: str, _path: str, _body: bytes) -> Answer:
        if method == "GET":
            return _log_of(lambda: len(asked) // 3)
        asked.append(1)
        if len(asked) < 3:
            return (429, 503)[len(asked) - 1], {"Retry-After": "0.05"}, {}
        return 202, {}, [{"verdict": "accepted"}]

    with web(answer) as url:
        tally = _play(url)
    assert tally.verdicts == {"accepted": 1}


def test_a_door_that_is_shut_for_a_while_is_tried_until_it_opens() -> None:
    asked: list[int] = []

    def answer(method: str, _path: str, _body: bytes) -> Answer:
        if method == "GET":
            return _log_of(lambda: len(asked) // 30)
        asked.append(1)
        if len(asked) < 30:
            return 503, {"Retry-After": "0.05"}, {}
        return 202, {}, [{"verdict": "accepted"}]

    with web(answer) as url:
        tally = _play(url)
    assert (tally.errors, tally.verdicts) == ([], {"accepted": 1})


@pytest.mark.parametrize("status", [401, 403])
def test_a_partner_without_credentials_knocks_and_is_refused(status: int) -> None:
    keys = []

    def answer(method: str, _path: str, _body: bytes) -> Answer:
        keys.append(method)
        return status, {}, {}

    with web(answer) as url:
        tally = _play(url, partner="nobody", sends=3)
    assert tally.refused == {"nobody": 3}
    assert keys == ["POST"] * 3


@pytest.mark.parametrize(
    ("status", "said"),
    [(500, {}), (400, {"title": "no"}), (202, {"verdicts": []}), (202, "nonsense"), (200, [{}])],
)
def test_anything_else_is_loud(status: int, said: object) -> None:
    def answer(method: str, _path: str, _body: bytes) -> Answer:
        return _log_of(lambda: 0) if method == "GET" else (status, {}, said)

    with web(answer) as url:
        tally = _play(url)
    assert tally.failures == 1
    assert "line 1" in tally.errors[0]


def test_one_who_is_suspended_meanwhile_is_not_waited_for() -> None:
    posts = 0

    def answer(method: str, _path: str, _body: bytes) -> Answer:
        nonlocal posts
        if method == "GET":
            return (403, {}, {}) if posts else _log_of(lambda: 0)
        posts += 1
        return (403, {}, {}) if posts > 2 else (202, {}, [{"verdict": "accepted"}])

    with web(answer) as url:
        tally = _play(url, sends=3)
    assert (tally.accepted["a"], tally.refused["a"]) == (2, 1)


def test_the_log_is_read_page_by_page_from_where_it_stood() -> None:
    rows = 5

    def answer(_method: str, path: str, _body: bytes) -> Answer:
        after = int(path.partition("after=")[2] or 0)
        page = [{"seq": n + 1} for n in range(after, min(after + 2, rows))]
        return 200, {}, {"verdicts": page, "next": page[-1]["seq"] if len(page) == 2 else None}

    with web(answer) as url:
        log = VerdictLog(url, CREDENTIALS)
        assert log.open("a")
        assert not log.open("nobody")
        assert log.count("a") == 0
        rows = 12
        assert log.count("a") == 7
        assert log.count("a") == 7
        assert log.count("a", again=True) == 7
        log.close()


def test_a_log_that_is_away_for_a_while_is_read_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verdict_log, "PAUSE_MAX_S", 0.01)
    asked: list[int] = []

    def answer(_method: str, _path: str, _body: bytes) -> Answer:
        asked.append(1)
        if len(asked) < 20:
            return 503, {}, {}
        if len(asked) == 20:  # its server is ended while it answers
            return 200, {"Content-Length": "999", "Connection": "close"}, {}
        return _log_of(lambda: 3)

    with web(answer) as url:
        log = VerdictLog(url, CREDENTIALS)
        assert log.open("a")
        log.close()
    assert len(asked) == 21

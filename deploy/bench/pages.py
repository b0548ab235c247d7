"""Reads pages as a clerk's browser does, from the real web process of a service."""

from __future__ import annotations

import http.client
import time
from collections.abc import Iterator
from contextlib import contextmanager

import flask

from deploy.bench.stage import Stage
from deploy.local.ports import HOST
from deploy.local.processes import StackError
from deploy.local.programs import LINLI, environment
from shared.web import auth
from shared.web.settings import WebSettings

READY_S = 60.0
OK = 200


class Reader:
    """One kept connection of somebody signed in."""

    def __init__(self, port: int, cookie: str) -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=30)
        self._cookie = cookie

    def read(self, resident_no: str) -> float:
        """Seconds until a passbook's whole page was read; raises StackError."""
        begun = time.perf_counter()
        status, page = self.get(f"/passbooks/{resident_no}")
        took_s = time.perf_counter() - begun
        if status != OK or resident_no.encode() not in page:
            raise StackError(f"the passbook answered {status}: {page[:300]!r}")
        return took_s

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        self._connection.request("GET", path, headers={"Cookie": self._cookie})
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


@contextmanager
def passbook_pages(stage: Stage, database_url: str) -> Iterator[Reader]:
    """The web process of points on this database, and a clerk's browser."""
    with web_pages(stage, "points", database_url) as reader:
        yield reader


@contextmanager
def web_pages(stage: Stage, service: str, database_url: str) -> Iterator[Reader]:
    """The web process of a service on this database, and a clerk's browser."""
    port = stage.stack.ports.choose(f"bench_{service}_web")
    env = environment(stage.stack) | {
        f"{service.upper()}_DATABASE_URL": database_url,
        "LINLI_HTTP_HOST": HOST,
        "LINLI_HTTP_PORT": str(port),
        "PROMETHEUS_MULTIPROC_DIR": str(stage.directory / "bench-metrics"),
    }
    child = stage.child(f"web-{service}", [*LINLI, "web", service], env)
    reader = Reader(port, _cookie(stage.settings["LINLI_SESSION_KEY"]))
    try:
        _wait_ready(stage, reader)
        yield reader
    finally:
        reader.close()
        stage.drop(child)


def _wait_ready(stage: Stage, reader: Reader) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        stage.watch()
        try:
            if reader.get("/readyz")[0] == OK:
                return
        except OSError:
            reader.close()
        time.sleep(0.1)
    raise StackError("the web process was not ready in time")


def _cookie(session_key: str) -> str:
    """What the browser of a signed-in clerk sends."""
    app = flask.Flask("bench")
    auth.install(app, WebSettings(session_key=session_key))
    with app.test_request_context():
        auth.sign_in(auth.Account(account_no="bench", role="staff", subject=""))
        answer = app.make_response("")
        app.session_interface.save_session(app, flask.session, answer)
    return answer.headers["Set-Cookie"].partition(";")[0]

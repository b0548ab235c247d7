"""The light HTTP client against a server of the standard library."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.bench.partner_http import Client, door_rate
from deploy.local.processes import StackError
from deploy.month.credentials import Credential


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.headers["Authorization"], body))
        self.send_response(202 if body != b"bad" else 422)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def door() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    seen: list[tuple[str, bytes]] = []
    handler = type("Door", (_Door,), {"seen": seen})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", seen
    server.shutdown()
    thread.join()
    server.server_close()


def test_events_go_over_one_connection(door: tuple[str, list[tuple[str, bytes]]]) -> None:
    client = Client(door[0])
    client.post("k", "一")
    client.post("k", "two")
    client.close()
    assert door[1] == [("Bearer k", "一".encode()), ("Bearer k", b"two")]


def test_a_refusal_is_an_error(door: tuple[str, list[tuple[str, bytes]]]) -> None:
    client = Client(door[0])
    with pytest.raises(StackError, match="422"):
        client.post("k", "bad")
    client.close()


def test_several_clients_share_the_work(door: tuple[str, list[tuple[str, bytes]]]) -> None:
    sent = [("p", str(n)) for n in range(20)]
    found = door_rate(door[0], {"p": Credential("", "k")}, sent, clients=4)
    assert sorted(body for _, body in door[1]) == sorted(b"%d" % n for n in range(20))
    assert found["rate"] > 0
    assert found["p50_ms"] <= found["p99_ms"]

"""Two districts as they run: two web processes, each with its database, and HTTP between them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from services.points.clients import PATH, Call, HttpDistrict
from services.points.rules.lots import NEVER
from tests.integration.points.districts import Side, key_of, two_districts

ROOT = Path(__file__).resolve().parents[3]
START_MAX_S = 120


@pytest.fixture(scope="module")
def pair(
    service_stack: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Side, Side]]:
    with ExitStack() as closing:
        sides = closing.enter_context(two_districts(uuid.uuid4().hex[:8]))
        addresses = [
            closing.enter_context(_serving(side, service_stack, tmp_path_factory.mktemp("log")))
            for side in sides
        ]
        east, west = sides
        east.register(west, url=addresses[1])
        west.register(east, url=addresses[0])
        yield sides


@contextmanager
def _serving(side: Side, settings: dict[str, str], directory: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        **{name: value for name, value in settings.items() if name.startswith("LINLI_")},
        "POINTS_DATABASE_URL": side.ledger.url,
        "LINLI_DISTRICT_CODE": side.code,
        "POINTS_TIME_BANK_KEY": key_of(side.code),
        "LINLI_HTTP_HOST": "127.0.0.1",
        "LINLI_HTTP_PORT": str(port),
    }
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", "web", "points"],
            cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(process, f"{url}{PATH}/{uuid.uuid4()}?from=NOBODY", directory / "log")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + START_MAX_S
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text("utf-8")
        try:
            assert requests.get(url, timeout=30).status_code == 404
        except requests.RequestException:
            time.sleep(0.2)
        else:
            return
    pytest.fail(log.read_text("utf-8"))


def test_coins_go_there_and_back(pair: tuple[Side, Side]) -> None:
    east, west = pair
    wire = HttpDistrict()
    giver, receiver = east.resident([(NEVER, 50)]), west.resident([])
    there = east.depart(giver, receiver, west, 30)
    east.send(there, wire)
    assert (east.state(there), east.coins(giver), west.coins(receiver)) == ("done", 20, 30)
    back = west.depart(receiver, giver, east, 10)
    west.send(back, wire)
    assert (west.state(back), east.coins(giver), west.coins(receiver)) == ("done", 30, 20)
    refused = east.depart(giver, "R-NOBODY", west, 30)
    east.send(refused, wire)
    assert (east.state(refused), east.coins(giver)) == ("refused", 30)
    for side in pair:
        assert side.total(("escrow",)) == 0
        assert not any(side.ledger.reconcile().values())


def test_a_district_that_is_away_is_asked_again_when_it_is_back(pair: tuple[Side, Side]) -> None:
    east, west = pair
    giver, receiver = east.resident(), west.resident([])
    there = east.depart(giver, receiver, west, 5)
    wire = HttpDistrict()

    class Away:
        def ask(self, call: Call) -> object:
            return wire.ask(replace(call, url="http://127.0.0.1:9"))

    east.send(there, Away())  # type: ignore[arg-type]
    assert (east.state(there), east.coins("WEST", "escrow")) == ("proposed", 5)
    east.cancel(there)
    east.send(there, wire)
    assert (east.state(there), east.coins(giver), west.coins(receiver)) == ("refused", 100, 0)

"""How many requests a second come in by Open311 POST, each answered after its commit.

The web face is as deployed: gunicorn with two processes; intake's worker relays and dispatches
meanwhile. The clients have kept connections, wait for each answer, and share the machine.
"""

from __future__ import annotations

import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from sqlalchemy.orm import sessionmaker

from deploy.bench.counting import CountWrong
from deploy.bench.figures import percentile
from deploy.bench.partner_http import Connection
from deploy.bench.processes import Meter
from deploy.bench.sizes import Sizes
from deploy.bench.stage import Say, Stage
from deploy.local.ports import HOST
from deploy.local.processes import Child, StackError
from deploy.local.programs import LINLI, environment
from services.intake.actions.open311.keys import PER_MINUTE_MAX, add_key
from shared.db.session import make_engine
from shared.messaging.transaction import transaction

PROCESSES: Final = 2
READY_S: Final = 90.0
WARM_UP: Final = 300
KEYS: Final = 4
_OK: Final = b"HTTP/1.1 200"
_LAT, _LON = 31.20, 121.40
_BUILDINGS = (
    "INSERT INTO buildings (building_no, grid_code, number, label, kind, address, lat, lon)"
    " SELECT code || lpad(n::text, 5, '0'), code, lpad(n::text, 5, '0'), n::text, 'dwelling',"
    " n || '号楼', %(lat)s + random() * 0.1, %(lon)s + random() * 0.1"
    " FROM areas, generate_series(90001, 90050) n WHERE kind = 'grid' ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class Posted:
    """Requests a second, and how long a client waited for its answer (milliseconds)."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: dict[str, float]


def measure(stage: Stage, sizes: Sizes, say: Say) -> Posted:
    """Post different requests; raises CountWrong when not each of them is there once."""
    say(f"  Open311 POST / {sizes.open311:,} requests, {sizes.open311_clients} clients")
    stage.ledgers.on("intake").execute(_BUILDINGS, {"lat": _LAT, "lon": _LON})
    keys = _keys(stage)
    before = _count(stage)
    with stage.workers("intake") as workers, _web(stage) as (web, port):
        _post_all(port, keys, "warm", WARM_UP, sizes.open311_clients)
        meter = Meter(stage.pids({**workers, "web": web}))
        begun = time.perf_counter()
        took_s = _post_all(port, keys, "bench", sizes.open311, sizes.open311_clients)
        passed_s = time.perf_counter() - begun
        cpu_us = meter.per_event(sizes.open311)
    if (made := _count(stage) - before) != sizes.open311 + WARM_UP:
        raise CountWrong(f"{made} requests of {sizes.open311 + WARM_UP}")
    found = Posted(
        len(took_s) / passed_s,
        percentile(took_s, 0.5) * 1000,
        percentile(took_s, 0.99) * 1000,
        cpu_us,
    )
    say(f"    {found.rate:,.0f}/s, p50 {found.p50_ms:.1f} ms, p99 {found.p99_ms:.1f} ms")
    return found


def _keys(stage: Stage) -> list[str]:
    engine = make_engine(stage.settings["INTAKE_DATABASE_URL"], pool_size=1)
    try:
        with transaction(sessionmaker(engine)) as tx:
            return [
                add_key(tx, f"bench {n}", by="bench", per_minute=PER_MINUTE_MAX)[1]
                for n in range(KEYS)
            ]
    finally:
        engine.dispose()


def _count(stage: Stage) -> int:
    row = stage.ledgers.on("intake").execute("SELECT count(*) FROM open311_reports").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _web(stage: Stage) -> Iterator[tuple[Child, int]]:
    port = stage.stack.ports.choose("bench_open311")
    settings = environment(stage.stack) | {
        "LINLI_HTTP_HOST": HOST,
        "LINLI_HTTP_PORT": str(port),
        "LINLI_WEB_WORKERS": str(PROCESSES),
    }
    child = stage.child("web-open311", [*LINLI, "web", "intake"], settings)
    try:
        until = time.monotonic() + READY_S
        while not _is_ready(port):
            stage.watch()
            if time.monotonic() > until:
                raise StackError(f"the web face is not ready:\n{child.tail()}")
            time.sleep(0.1)
        yield child, port
    finally:
        stage.drop(child)


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class _Caller(threading.Thread):
    def __init__(self, port: int, key: str, numbers: list[int], tag: str) -> None:
        super().__init__(daemon=True)
        self._connection = Connection(f"http://{HOST}:{port}")
        self._bodies = [_body(key, tag, number) for number in numbers]
        self.took_s: list[float] = []
        self.problem: BaseException | None = None

    def run(self) -> None:
        try:
            for body in self._bodies:
                begun = time.perf_counter()
                answer = self._connection.send(body)
                self.took_s.append(time.perf_counter() - begun)
                _check(answer)
        except BaseException as problem:  # noqa: BLE001 - told by the main thread
            self.problem = problem
        finally:
            self._connection.close()


def _check(answer: bytes) -> None:
    if not answer.startswith(_OK):
        raise StackError(f"the door answered {answer[:300]!r}")


def _post_all(port: int, keys: list[str], tag: str, count: int, clients: int) -> list[float]:
    numbers = list(range(count))
    callers = [
        _Caller(port, keys[place % len(keys)], numbers[place::clients], tag)
        for place in range(clients)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
        if caller.problem is not None:
            raise caller.problem
    return [each for caller in callers for each in caller.took_s]


def _body(key: str, tag: str, number: int) -> bytes:
    form = urlencode(
        {
            "api_key": key,
            "service_code": "0404",
            "lat": f"{_LAT + number % 997 / 10_000:.6f}",
            "long": f"{_LON + number % 991 / 10_000:.6f}",
            "description": f"三单元门口的下水道堵了，污水漫到路上，已经两天。{tag} {number}",
            "first_name": "王芳",
            "phone": f"139{number:08d}",
            "attribute[fixmystreet_id]": f"{tag}-{number}",
        }
    ).encode()
    head = (
        f"POST /open311/v2/requests.json HTTP/1.1\r\nHost: {HOST}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(form)}\r\n\r\n"
    )
    return head.encode("ascii") + form

"""What we compare ourselves with: dramatiq's no-op actors, pgbench, bare pika."""

from __future__ import annotations

import re
import subprocess
import sys
import time

from deploy.bench.shipping import ONE, Consignment, ship
from deploy.bench.stage import VHOST, Stage
from deploy.local.processes import StackError
from deploy.local.programs import ROOT
from shared import config
from shared.messaging.management import Management

PROCESSES, THREADS = 1, 8
SCALES = (1, 50)
CLIENTS = 20
LIMIT_S = 180.0

_QUEUE = "raw"
_TPS = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


def dramatiq_rate(stage: Stage, kind: str, messages: int) -> dict[str, float]:
    """No-op actors a second of one worker process, first message to last; `kind` is the broker."""
    result = stage.directory / f"dramatiq-{kind}"
    result.unlink(missing_ok=True)
    env = config.environment() | {
        "BENCH_URL": stage.stack.rabbitmq.url(VHOST),
        "BENCH_BROKER": kind,
        "BENCH_MESSAGES": str(messages),
        "BENCH_RESULT": str(result),
    }
    filled = [sys.executable, "-m", "deploy.bench.noop"]
    subprocess.run(filled, env=env, cwd=ROOT, check=True, timeout=LIMIT_S)
    command = [sys.executable, "-m", "dramatiq", "deploy.bench.noop"]
    command += ["-p", str(PROCESSES), "-t", str(THREADS)]
    worker = stage.child(f"dramatiq-{kind}", command, env)
    until = time.monotonic() + LIMIT_S
    while not result.exists():
        stage.watch()
        if time.monotonic() > until:
            raise StackError(f"dramatiq did not get through its messages:\n{worker.tail()}")
        time.sleep(0.05)
    stage.drop(worker)
    first, last, count = result.read_text(encoding="ascii").split()
    return {"rate": (int(count) - 1) / (float(last) - float(first))}


def prepare_pgbench(stage: Stage) -> None:
    """Make the database of each scale, if it is not there."""
    server = stage.ledgers.on("postgres")
    for scale in SCALES:
        name = f"tpcb{scale}"
        if server.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
            continue
        server.execute(f"CREATE DATABASE {name}")
        _pgbench(stage, "-i", "-q", "-s", str(scale), f"tpcb{scale}")


def pgbench_rate(stage: Stage, scale: int, seconds: int) -> dict[str, float]:
    """TPC-B-like transactions a second with 20 clients, over TCP as our services connect."""
    told = _pgbench(stage, "-c", str(CLIENTS), "-j", "2", "-T", str(seconds), f"tpcb{scale}")
    found = _TPS.search(told)
    if found is None:
        raise StackError(f"pgbench said no rate:\n{told}")
    return {"rate": float(found[1])}


def _pgbench(stage: Stage, *words: str) -> str:
    postgres = stage.stack.postgres
    done = subprocess.run(
        [str(postgres.psql.with_name("pgbench")), *words],
        env=postgres.psql_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StackError(f"pgbench failed:\n{done.stderr}")
    return done.stdout


def pika_rate(stage: Stage, bodies: list[str]) -> dict[str, float]:
    """Messages a second out of a quorum queue that was filled before."""
    management = Management(stage.settings["LINLI_RABBITMQ_MANAGEMENT_URL"])
    management.put_queue(VHOST, _QUEUE, {"x-queue-type": "quorum"})
    url = stage.stack.rabbitmq.url(VHOST)
    ship([Consignment(url=url, exchange="", routing_key=_QUEUE, content_type=ONE, bodies=bodies)])
    done = subprocess.run(
        [sys.executable, "-m", "deploy.bench.consume", url, _QUEUE, str(len(bodies))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if done.returncode != 0:
        raise StackError(f"the reader failed:\n{done.stderr}")
    return {"rate": float(done.stdout)}

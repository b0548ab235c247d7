"""What machine and which versions a run was measured on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import requests

from deploy.bench.figures import percentile
from deploy.bench.stage import Stage

_SYNCS = 200
_PAGE = 8192


def collect(stage: Stage) -> dict[str, object]:
    """Everything needed to judge, or to repeat, the run."""
    load = round(os.getloadavg()[0], 2)  # of the last minute: our own start is part of it
    row = stage.ledgers.on("postgres").execute("SHOW server_version").fetchone()
    overview = requests.get(
        f"{stage.settings['LINLI_RABBITMQ_MANAGEMENT_URL']}/api/overview", timeout=10
    ).json()
    return {
        "load_before": load,
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu_model(),
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        "system": _system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": str(row[0]) if row else "?",
        "rabbitmq": overview["rabbitmq_version"],
        "erlang": overview["erlang_version"],
        "dramatiq": version("dramatiq"),
        "pika": version("pika"),
        **_sync_times(stage.directory),
    }


def is_busy(facts: Mapping[str, object]) -> bool:
    """Whether others use the machine as well."""
    load, cores = facts["load_before"], facts["cores"]
    return isinstance(load, float) and isinstance(cores, int) and load > cores + 1


def _sync_times(directory: Path) -> dict[str, object]:
    """How long the disk takes to promise that a page is kept."""
    took_s = []
    probe = directory / "sync-probe"
    with probe.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            file.seek(0)
            file.write(os.urandom(_PAGE))
            begun = time.perf_counter()
            os.fdatasync(file.fileno())
            took_s.append(time.perf_counter() - begun)
    probe.unlink()
    return {
        "fdatasync_p50_ms": round(percentile(took_s, 0.5) * 1000, 3),
        "fdatasync_p99_ms": round(percentile(took_s, 0.99) * 1000, 3),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.platform()

"""What runs on a local stack: which processes, with which settings, and when they are ready."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from deploy.local.ports import HOST
from deploy.local.stack import ROOT, LocalStack
from deploy.postgres.bootstrap import SERVICES

LINLI = (sys.executable, "-m", "deploy.cli")

# What our processes may see of the environment of whoever started us.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "TERM", "COLUMNS", "NO_COLOR",
              "LINLI_LOG_LEVEL", "LINLI_WEB_WORKERS")  # fmt: skip


@dataclass(frozen=True)
class Program:
    """A process to keep running, and the address that answers 200 once it works."""

    name: str
    argv: tuple[str, ...]
    env: dict[str, str]
    ready_url: str


def environment(stack: LocalStack) -> dict[str, str]:
    """Settings of the stack, and the little that a process needs of its surroundings."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # Threads would otherwise each get an arena of their own, most of it never used.
    return {**passed_on, "MALLOC_ARENA_MAX": "2", "PYTHONUNBUFFERED": "1", **stack.settings()}


def programs(stack: LocalStack) -> list[Program]:
    """Simulator, workers and the web face of all four services; chooses their ports."""
    shared = environment(stack)
    sms, web = str(stack.ports.choose("sms")), str(stack.ports.choose("web"))
    shared |= stack.settings()
    chosen = [
        Program(
            "sms-simulator",
            (sys.executable, "-m", "deploy.simulators.sms", "--host", HOST, "--port", sms),
            shared,
            "",
        )
    ]
    for service in SERVICES:
        port = str(stack.ports.choose(f"metrics_{service}"))
        chosen.append(
            Program(
                f"worker-{service}",
                (*LINLI, "worker", service),
                {**shared, "LINLI_METRICS_PORT": port},
                f"http://{HOST}:{port}/metrics",
            )
        )
    own = {
        "LINLI_HTTP_HOST": HOST,
        "LINLI_HTTP_PORT": web,
        "PROMETHEUS_MULTIPROC_DIR": str(stack.directory / "metrics"),
    }
    ready = f"http://{HOST}:{web}/readyz"
    return [*chosen, Program("web", (*LINLI, "web"), {**shared, **own}, ready)]


def waiting_for(all_of_them: list[Program]) -> Callable[[], list[str]]:
    """A question to ask again and again: the names of those that are not ready yet."""
    waiting = {program.name: program.ready_url for program in all_of_them if program.ready_url}

    def ask() -> list[str]:
        for name, url in list(waiting.items()):
            if _answers_ok(url):
                del waiting[name]
        return list(waiting)

    return ask


def log_of(directory: Path, name: str) -> Path:
    """Where a process of this name writes."""
    return directory / "log" / f"{name}.log"


def _answers_ok(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


__all__ = ["LINLI", "ROOT", "Program", "environment", "log_of", "programs", "waiting_for"]

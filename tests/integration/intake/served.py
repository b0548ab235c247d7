"""Intake's web face as it is deployed: gunicorn, two processes, a real socket."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from deploy.local.ports import HOST, Ports
from deploy.local.processes import Child, stop_all, until
from deploy.local.programs import LINLI, ROOT

READY_S = 90.0
PROCESSES = 2


@contextmanager
def served(directory: Path, settings: Mapping[str, str]) -> Iterator[str]:
    """The address of the running site; stopped at the end."""
    port = Ports(directory / "ports.json").choose("web")
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        **settings,
        "LINLI_HTTP_HOST": HOST,
        "LINLI_HTTP_PORT": str(port),
        "LINLI_WEB_WORKERS": str(PROCESSES),
        "LINLI_LOG_LEVEL": "WARNING",
    }
    child = Child(
        "web",
        [*LINLI, "web", "intake"],
        directory / "web.log",
        directory / "pids",
        env=environment,
        cwd=ROOT,
    )
    child.start()
    address = f"http://{HOST}:{port}"
    try:
        assert until(lambda: not child.alive() or _is_ready(address), READY_S), child.tail(25)
        assert child.alive(), child.tail(25)
        yield address
    finally:
        stop_all([child], 20.0)


def _is_ready(address: str) -> bool:
    try:
        return requests.get(f"{address}/readyz", timeout=20).ok
    except requests.RequestException:
        return False

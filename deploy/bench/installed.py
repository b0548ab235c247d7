"""The whole of Linli as `make run` runs it, on the data of the bench."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.bench import processes
from deploy.bench.stage import Stage
from deploy.local.processes import Child, StackError
from deploy.local.programs import ROOT, log_of
from deploy.local.stack import LocalStack

READY_S = 120.0
STOP_S = 40.0
_READY = "按 Ctrl-C 停止"
_NOT_OURS = ("rabbitmq", "postgres", "epmd")


@dataclass(frozen=True)
class Installed:
    """A running installation: its settings, and its supervisor."""

    directory: Path
    settings: dict[str, str]
    supervisor: Child

    def watch(self) -> None:
        """Raises StackError when the supervisor has ended."""
        if not self.supervisor.alive():
            raise StackError(f"the installation has ended:\n{self.supervisor.tail(25)}")

    def memory(self) -> dict[str, dict[str, int]]:
        """Bytes (rss, pss) by name of process, each with its children."""
        named = {"supervisor": [self.supervisor.pid] if self.supervisor.pid else []}
        for note in sorted((self.directory / "pids").iterdir()):
            pid = int(json.loads(note.read_text(encoding="utf-8"))["pid"])
            named[note.name] = processes.tree(pid)
        return {name: processes.memory(pids) for name, pids in named.items()}


@contextlib.contextmanager
def installed(stage: Stage) -> Iterator[Installed]:
    """Stop the stage's own broker and database, and let `make run` start them with everything."""
    stage.ledgers.close()
    stage.stack.stop()
    # It plays the example month where this file is missing.
    (stage.directory / "loaded").write_text("bench\n", encoding="utf-8")
    words = ["run", "--directory", str(stage.directory), "--data", str(stage.data)]
    supervisor = Child(
        "run",
        [sys.executable, "-m", "deploy.local.run", *words],
        log_of(stage.directory, "run"),
        stage.directory / "bench-pids",  # it ends whatever it finds noted in `pids`
        cwd=ROOT,
    )
    supervisor.start()
    try:
        _wait_ready(supervisor)
        # Ports may have changed: read them again.
        yield Installed(stage.directory, LocalStack(stage.directory).settings(), supervisor)
    finally:
        supervisor.stop(STOP_S)


def _wait_ready(supervisor: Child) -> None:
    until = time.monotonic() + READY_S
    while _READY not in supervisor.tail():
        if not supervisor.alive() or time.monotonic() > until:
            raise StackError(f"the installation did not start:\n{supervisor.tail(25)}")
        time.sleep(0.1)


def ours(memory: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """Only the processes that are Linli's own."""
    return {name: each for name, each in memory.items() if name not in _NOT_OURS}

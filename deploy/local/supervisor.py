"""Keeps processes running: logs of bounded size, restarts with back-off, an orderly end."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.processes import Child, StackError, stop_all

RESTARTS_MAX = 5
RESTARTS_WINDOW_S = 60.0
BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
LOG_BYTES_MAX = 20 * 1024 * 1024
_LOG_CHECK_S = 5.0


@dataclass
class _Program:
    child: Child
    deaths: list[float] = field(default_factory=list)
    due: float | None = None


class Supervisor:
    """Children by name. Call `watch_once` often (or `watch`), from the thread that started them.

    A child that dies is started again, at most RESTARTS_MAX times within RESTARTS_WINDOW_S; after
    that, StackError with the end of its log. Logs are cut at LOG_BYTES_MAX, one older part kept.
    """

    def __init__(
        self, directory: Path, *, told: Callable[[str], None] = print, restart: bool = True
    ) -> None:
        self._directory = directory
        self._told = told
        self._restart = restart
        self._programs: dict[str, _Program] = {}
        self._logs_due = 0.0

    def start(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], cwd: Path | None = None
    ) -> Child:
        """Start a child under a name that also names its log."""
        child = Child(
            name,
            list(argv),
            self._directory / "log" / f"{name}.log",
            self._directory / "pids",
            env=dict(env),
            cwd=cwd,
        )
        child.start()
        self._programs[name] = _Program(child)
        return child

    def child(self, name: str) -> Child:
        """The child of this name, running or not."""
        return self._programs[name].child

    def children(self) -> list[Child]:
        """All of them, in the order in which they were started."""
        return [program.child for program in self._programs.values()]

    def watch_once(self) -> None:
        """Start again what has died and is due, and cut logs."""
        now = time.monotonic()
        for name, program in self._programs.items():
            if program.child.alive():
                continue
            if program.due is None:
                self._plan(name, program, now)
            elif now >= program.due:
                program.due = None
                program.child.start()
        if now >= self._logs_due:
            self._logs_due = now + _LOG_CHECK_S
            for log in (self._directory / "log").glob("*.log"):
                cut(log)

    def watch(self, until: Callable[[], bool], pause_s: float = 0.2) -> None:
        """Watch until told otherwise."""
        while not until():
            self.watch_once()
            time.sleep(pause_s)

    def stop(self, grace_s: float = 6.0) -> None:
        """End all at once, within `grace_s` seconds and what a kill takes; none is left."""
        children = self.children()
        self._programs.clear()
        stop_all(children, grace_s)

    def _plan(self, name: str, program: _Program, now: float) -> None:
        code = program.child.process.returncode if program.child.process else None
        program.child.kill()  # what it left in its group would be in the way of the next
        program.deaths = [at for at in program.deaths if now - at < RESTARTS_WINDOW_S] + [now]
        if not self._restart or len(program.deaths) > RESTARTS_MAX:
            raise StackError(
                f"进程 {name} 反复退出（代码 {code}） / process {name} keeps ending (code {code}):\n"
                f"{program.child.tail()}"
            )
        wait_s = BACKOFF_S[min(len(program.deaths), len(BACKOFF_S)) - 1]
        program.due = now + wait_s
        self._told(
            f"进程 {name} 退出（代码 {code}），{wait_s:g} 秒后重启"
            f" / process {name} ended (code {code}), starting it again in {wait_s:g} s"
        )


def cut(log: Path) -> None:
    """Move a log that has grown too long aside; its writers append and go on from the start."""
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)

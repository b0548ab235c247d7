"""Child processes that never outlive us, and what is left of those of a run that crashed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_GUARD = Path(__file__).with_name("guard.py")


class StackError(Exception):
    """Something of the local stack cannot be had; the text says what to do."""


@dataclass(frozen=True)
class Account:
    """The operating system's user that a process runs as."""

    name: str
    uid: int
    gid: int


@dataclass
class Child:
    """One process in its own process group, with its output in a file.

    `stop_signal` asks for an orderly end, also when we die without asking (Linux).
    Start it from the main thread: the kernel ties that signal to the thread that forked.
    """

    name: str
    argv: Sequence[str]
    log: Path
    pids: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it and note its process id, so that a later run can clear it away."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        guard = [sys.executable, "-SE", str(_GUARD), str(os.getpid()), str(int(self.stop_signal))]
        as_other = self.account is not None
        if as_other:  # this interpreter may lie where the other user cannot reach it
            guard = _system_guard(self.stop_signal)
        separator = ["--"] if guard else []
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*guard, *separator, *self.argv],
                env=dict(self.env) if self.env is not None else None,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if as_other else None,
            )
        self.pids.mkdir(parents=True, exist_ok=True)
        note = {"pid": self.process.pid, "mark": start_mark(self.process.pid)}
        (self.pids / self.name).write_text(json.dumps(note), encoding="utf-8")

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self.process.pid if self.process and self.alive() else None

    def alive(self) -> bool:
        """Whether it runs; reaps it when it has ended."""
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Send the orderly signal and return at once."""
        if self.alive() and self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(self.stop_signal)

    def stop(self, grace_s: float = 8.0) -> None:
        """Ask, wait up to `grace_s` seconds, then kill its whole group."""
        self.ask_to_stop()
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=max(grace_s, 0.01))
        self.kill()

    def kill(self) -> None:
        """End the process and whatever it left in its group, at once and without mercy."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)
        (self.pids / self.name).unlink(missing_ok=True)

    def tail(self, lines: int = 15) -> str:
        """The end of its output, for an error message."""
        return tail(self.log, lines)


def _system_guard(stop_signal: signal.Signals) -> list[str]:
    """`setpriv` (util-linux) does the guard's work where our interpreter cannot be reached."""
    tool = next((p for p in ("/usr/bin/setpriv", "/bin/setpriv") if os.access(p, os.X_OK)), None)
    if tool is None:
        return []
    return [tool, "--pdeathsig", stop_signal.name.removeprefix("SIG")]


def start_mark(pid: int) -> str:
    """When a process started, as the system tells it; empty when there is no such process.

    Together with the id it names one process for ever, though ids are used again.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return text.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        if Path("/proc/self/stat").exists():
            return ""
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def clear_stale(pids: Path) -> list[str]:
    """Kill what a crashed run left running; returns the names of those that were."""
    cleared = []
    for note in sorted(pids.glob("*")) if pids.is_dir() else []:
        with contextlib.suppress(OSError, ValueError, KeyError):
            told = json.loads(note.read_text(encoding="utf-8"))
            pid, mark = int(told["pid"]), str(told["mark"])
            if mark and start_mark(pid) == mark:
                os.killpg(pid, signal.SIGKILL)
                until(lambda pid=pid, mark=mark: start_mark(pid) != mark, 5.0)  # type: ignore[misc]
                cleared.append(note.name)
        note.unlink(missing_ok=True)
    return cleared


def stop_all(children: Iterable[Child], grace_s: float) -> None:
    """Ask all of them at once, then wait for each within one shared limit (seconds)."""
    together = list(children)
    for child in together:
        child.ask_to_stop()
    deadline = time.monotonic() + grace_s
    for child in together:
        child.stop(deadline - time.monotonic())


def until(ready: Callable[[], bool], limit_s: float, pause_s: float = 0.05) -> bool:
    """Ask again and again until `ready` says yes; False after `limit_s` seconds."""
    deadline = time.monotonic() + limit_s
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause_s)
    return True


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a file that may not exist."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])

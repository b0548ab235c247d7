"""Children are started again when they die, and none outlives whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.local import supervisor as supervising
from deploy.local.ports import Ports
from deploy.local.processes import Child, StackError, clear_stale, start_mark, until
from deploy.local.supervisor import Supervisor

_ROOT = Path(__file__).resolve().parents[3]
_PARENT = """
import os, sys, time
from pathlib import Path
from deploy.local.supervisor import Supervisor
supervisor = Supervisor(Path(sys.argv[1]))
print(supervisor.start("orphan", ["sleep", "300"], os.environ).pid, flush=True)
time.sleep(300)
"""


def _gone(pid: int) -> bool:
    return until(lambda: not start_mark(pid) or _is_zombie(pid), 30.0)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_child_that_dies_is_started_again(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, told=lambda _text: None)
    child = supervisor.start("one", ["sleep", "300"], os.environ)
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    supervisor.watch(lambda: child.pid not in (None, first), 0.02)
    second = child.pid
    assert second is not None
    supervisor.stop()
    assert _gone(second)


def test_a_child_that_keeps_dying_is_given_up_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "BACKOFF_S", (0.01,))
    supervisor = Supervisor(tmp_path, told=lambda _text: None)
    supervisor.start("broken", ["sh", "-c", "echo last words; exit 3"], os.environ)
    with pytest.raises(StackError, match="last words"):
        supervisor.watch(lambda: False, 0.01)
    runs = (tmp_path / "log" / "broken.log").read_text().count("last words")
    assert runs == supervising.RESTARTS_MAX + 1


def test_stop_is_bounded_and_takes_grandchildren_along(tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 300 & echo $!; while :; do sleep 0.1; done"
    supervisor = Supervisor(tmp_path)
    child = supervisor.start("stubborn", ["sh", "-c", script], os.environ)
    assert until(lambda: child.log.read_text().strip() != "", 30.0)
    pids = [child.pid or 0, int(child.log.read_text())]
    began = time.monotonic()
    supervisor.stop(grace_s=0.3)
    assert time.monotonic() - began < 30  # its children would go on for 300
    assert all(_gone(pid) for pid in pids)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of a parent's death")
def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(tmp_path)], cwd=_ROOT, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline())
        parent.kill()
    assert _gone(orphan)


def test_what_a_crashed_run_left_is_cleared_but_nobody_else(tmp_path: Path) -> None:
    child = Child("left", ["sleep", "300"], tmp_path / "log", tmp_path / "pids", env=os.environ)
    child.start()
    stranger = f'{{"pid": {os.getpid()}, "mark": "another process had this id"}}'
    (tmp_path / "pids" / "stranger").write_text(stranger)
    assert child.pid is not None
    left = child.pid
    assert clear_stale(tmp_path / "pids") == ["left"]
    assert _gone(left)
    assert not child.alive()
    assert list((tmp_path / "pids").iterdir()) == []


def test_a_log_is_cut_while_its_writer_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervising, "LOG_BYTES_MAX", 10)
    log = tmp_path / "a.log"
    with log.open("ab") as writer:
        writer.write(b"something long enough\n")
        writer.flush()
        supervising.cut(log)
        writer.write(b"more\n")
    assert log.read_bytes() == b"more\n"
    assert log.with_suffix(".log.1").read_bytes() == b"something long enough\n"


def test_a_port_is_kept_until_somebody_else_has_it(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    port = Ports(path).choose("web")
    assert Ports(path).choose("web") == port
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            assert until(lambda: Ports(path).choose("web") != port, 30.0)
        finally:
            server.kill()
    assert Ports(path).get("web") != port

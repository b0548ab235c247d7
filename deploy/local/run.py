"""The whole of Linli on one machine: `make run`, `make demo`, `make stop`, `make clean`."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from deploy.local.processes import StackError, clear_stale, tail, until
from deploy.local.programs import LINLI, environment, log_of, programs, waiting_for
from deploy.local.stack import ROOT, LocalStack, holder, remove
from deploy.local.supervisor import Supervisor
from deploy.postgres.bootstrap import BootstrapError

READY_LIMIT_S = 90.0
PASSWORDS = "first-passwords.txt"
STOP_LIMIT_S = 30.0
_STARTED = time.monotonic()


def say(text: str) -> None:
    """One step, with the seconds since the start."""
    print(f"[{time.monotonic() - _STARTED:5.1f} s] {text}", flush=True)


def run(directory: Path, data: Path) -> int:
    """Start everything, load the month once, and stay up until interrupted."""
    stack = LocalStack(directory)
    loaded = directory / "loaded"
    with _everything(stack) as supervisor:
        if not loaded.exists():
            if _play(stack, supervisor, data, check=False) != 0:
                return 1
            _module(stack, supervisor, "accounts", data)
            loaded.write_text(f"{data.resolve()}\n", encoding="utf-8")
        address = stack.settings()["LINLI_PUBLIC_URL"]
        say(f"控制台 / console: {address}   日志 / logs: {directory / 'log'}")
        say(f"初始密码 / first passwords: {directory / 'secrets' / PASSWORDS}")
        say("按 Ctrl-C 停止 / press Ctrl-C to stop")
        supervisor.watch(lambda: False)
    return 0


def demo(data: Path) -> int:
    """The same once, from nothing on free ports; 0 when the outcome is the expected one."""
    directory = Path(tempfile.mkdtemp(prefix="linli-demo-"))
    directory.chmod(0o711)  # the account of the database must get through, and see no more
    stack = LocalStack(directory)
    code = 1
    try:
        with _everything(stack) as supervisor:
            code = _play(stack, supervisor, data, check=True)
    finally:
        if code != 0:
            kept = ROOT / ".run" / "demo-log"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(directory / "log", kept, dirs_exist_ok=True)
            say(f"日志保留在 / logs are kept in {kept}")
        stack.destroy()
    return code


def stop(directory: Path) -> int:
    """Stop what runs in `directory`, also what a crashed run left behind."""
    running = holder(directory)
    if running is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(running, signal.SIGTERM)
        if not until(lambda: holder(directory) is None, STOP_LIMIT_S, 0.1):
            raise StackError(f"进程 {running} 没有停止 / process {running} has not stopped")
    left = clear_stale(directory / "pids")
    if running is None and not left:
        say("没有在运行 / nothing is running")
    return 0


def clean(directory: Path) -> int:
    """Stop, and remove the directory with all data in it."""
    stop(directory)
    remove(directory)
    return 0


@contextlib.contextmanager
def _everything(stack: LocalStack) -> Iterator[Supervisor]:
    """The stack and our processes, ready to be used; all of it is stopped in the end."""
    supervisor = Supervisor(stack.directory, told=say)
    try:
        say("启动消息队列与数据库 / starting the broker and the database")
        stack.start(meanwhile=lambda: _command(stack, "migrate"))
        _command(stack, "topology", "apply")
        wanted = programs(stack)
        for program in wanted:
            supervisor.start(program.name, program.argv, program.env, ROOT)
        say("启动服务 / starting the services")
        _wait_ready(supervisor, waiting_for(wanted))
        say("全部就绪 / everything is ready")
        yield supervisor
    finally:
        _ignore_signals()
        if stack.children():
            say("正在停止 / stopping")
        supervisor.stop(grace_s=5.0)
        stack.stop()


def _wait_ready(supervisor: Supervisor, waiting: Callable[[], list[str]]) -> None:
    deadline = time.monotonic() + READY_LIMIT_S
    while names := waiting():
        supervisor.watch_once()
        if time.monotonic() > deadline:
            ends = "\n".join(f"— {name}\n{supervisor.child(name).tail()}" for name in names)
            raise StackError(
                f"{'、'.join(names)} 未就绪 / {', '.join(names)} did not become ready:\n{ends}"
            )
        time.sleep(0.1)


def _command(stack: LocalStack, *words: str) -> None:
    """Run one of our own commands to its end."""
    log = log_of(stack.directory, words[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(
            [*LINLI, *words],
            env=environment(stack),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        name = f"linli {' '.join(words)}"
        raise StackError(f"{name} 失败 / {name} failed:\n{tail(log, 25)}")


def _play(stack: LocalStack, supervisor: Supervisor, data: Path, *, check: bool) -> int:
    """Load and post the month."""
    words = ["--base-url", stack.settings()["LINLI_PUBLIC_URL"], *(["--check"] if check else [])]
    return _module(stack, supervisor, "month", data, *words)


def _module(stack: LocalStack, supervisor: Supervisor, name: str, data: Path, *words: str) -> int:
    """Run deploy.local.<name> as a process of its own, and keep an eye on the others meanwhile."""
    keys = stack.directory / "secrets"
    argv = [sys.executable, "-m", f"deploy.local.{name}", "--data", str(data.resolve())]
    argv += ["--keys", str(keys), *words]
    child = subprocess.Popen(argv, env=environment(stack), cwd=ROOT)
    try:
        supervisor.watch(lambda: child.poll() is not None, 0.1)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    return child.returncode


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _heed_signals() -> None:
    signal.signal(signal.SIGINT, _interrupt)  # a shell's background jobs inherit it ignored
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup is meant
        signal.signal(signal.SIGHUP, _interrupt)


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def main() -> None:
    """Entry point of the Makefile."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.run")
    parser.add_argument("action", choices=["run", "demo", "stop", "clean"])
    parser.add_argument("--data", type=Path, default=ROOT / "examples" / "demo-district")
    parser.add_argument("--directory", type=Path, default=ROOT / ".run")
    options = parser.parse_args()
    actions = {
        "run": lambda: run(options.directory, options.data),
        "demo": lambda: demo(options.data),
        "stop": lambda: stop(options.directory),
        "clean": lambda: clean(options.directory),
    }
    if options.action in ("run", "demo") and not options.data.is_dir():
        sys.exit(f"没有这个目录：{options.data} / no such directory: {options.data}")
    _heed_signals()
    try:
        code = actions[options.action]()
    except KeyboardInterrupt:
        code = 0 if options.action == "run" else 130
    except (StackError, BootstrapError) as problem:
        sys.exit(str(problem))
    sys.exit(code)


if __name__ == "__main__":
    main()

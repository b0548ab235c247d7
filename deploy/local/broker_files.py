"""Finds the programs of RabbitMQ on this machine, and gets them where they are missing."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.processes import StackError

_SCRIPT = Path(__file__).with_name("system-package.sh")
_NAMES = (
    "apt=rabbitmq-server",
    "dnf=rabbitmq-server",
    "yum=rabbitmq-server",
    "apk=rabbitmq-server",
    "zypper=rabbitmq-server",
    "pacman=rabbitmq",
    "brew=rabbitmq",
)
_USUAL_PLACES = (
    "/usr/lib/rabbitmq/bin",
    "/usr/lib/rabbitmq/lib/*/sbin",
    "/usr/local/lib/rabbitmq/*/sbin",
    "/opt/rabbitmq*/sbin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
)
_MISSING = (
    "找不到 RabbitMQ，也无法自动安装：请让管理员安装软件包 rabbitmq-server（3.10 或更新），再运行一次。"
    " / RabbitMQ is missing and cannot be installed from here: ask an administrator to install"
    " the package rabbitmq-server (3.10 or newer), then run this again."
)


@dataclass(frozen=True)
class BrokerFiles:
    """Where the start script, `erl` and `epmd` are, and the environment they need."""

    server: Path
    epmd: Path
    path: str
    environment: dict[str, str] = field(default_factory=dict)


def find_or_install(tools: Path) -> BrokerFiles:
    """The programs from PATH or the usual places, else installed, else unpacked under `tools`.

    Raises StackError with the remedy when there is no way to have them.
    """
    if found := find(tools):
        return found
    installed = subprocess.run([str(_SCRIPT), "install", *_NAMES], check=False)
    if installed.returncode == 0 and (found := find(tools)):
        return found
    root = tools / "rabbitmq"
    draft = tools / "rabbitmq.part"
    shutil.rmtree(draft, ignore_errors=True)
    unpacked = subprocess.run([str(_SCRIPT), "unpack", str(draft), "rabbitmq-server"], check=False)
    if unpacked.returncode == 0:
        draft.replace(root)  # whole or not at all: an interrupted download is done again
        if found := find(tools):
            return found
    raise StackError(_MISSING)


def find(tools: Path) -> BrokerFiles | None:
    """What is there already."""
    system_path = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/usr/bin:/bin"
    if (scripts := _scripts(Path("/"), system_path)) and (
        epmd := shutil.which("epmd", path=system_path)
    ):
        return BrokerFiles(scripts / "rabbitmq-server", Path(epmd), system_path)
    root = tools / "rabbitmq"
    scripts = _scripts(root, None) if root.is_dir() else None
    return _unpacked(root, scripts, system_path) if scripts else None


def _scripts(root: Path, path: str | None) -> Path | None:
    """The directory with the real scripts: Debian's in /usr/sbin insists on its own user."""
    places = [found for usual in _USUAL_PLACES for found in sorted(root.glob(usual.lstrip("/")))]
    if path and (server := shutil.which("rabbitmq-server", path=path)):
        places.append(Path(server).resolve().parent)
    return next((p for p in places if (p / "rabbitmq-env").exists()), None)


def _unpacked(root: Path, scripts: Path, system_path: str) -> BrokerFiles | None:
    """Programs that were unpacked, not installed: Erlang must be told where it lies."""
    erlang = root / "usr/lib/erlang"
    runtime = next(iter(sorted(erlang.glob("erts-*/bin"))), None)
    if runtime is None:
        return None
    own = root / "bin"
    own.mkdir(exist_ok=True)
    words = {"ROOTDIR": erlang, "BINDIR": runtime, "EMU": "beam", "PROGNAME": "erl"}
    exports = "\n".join(f"export {name}={shlex.quote(str(at))}" for name, at in words.items())
    (own / "erl").write_text(f'#!/bin/sh\n{exports}\nexec "$BINDIR/erlexec" "$@"\n')
    (own / "erl").chmod(0o755)
    libraries = [str(found) for found in root.glob("usr/lib/*-linux-*")]
    libraries += [str(found) for found in root.glob("lib/*-linux-*")]
    return BrokerFiles(
        scripts / "rabbitmq-server",
        runtime / "epmd",
        f"{own}:{erlang / 'bin'}:{system_path}",
        {"LD_LIBRARY_PATH": ":".join(libraries)} if libraries else {},
    )

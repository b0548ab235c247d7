"""Finds hledger, or fetches it without root; asks it what a journal adds up to."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
_TOOLS = REPO / ".run/tools/hledger"
_FETCH = REPO / "deploy/local/system-package.sh"


@cache
def find_hledger() -> str:
    """The program's path. Skips with the reason where it cannot be had, and fails under CI."""
    if found := shutil.which("hledger"):
        return found
    program = _TOOLS / "bin/hledger"
    if not program.exists():
        _fetch()
    if not program.exists():
        reason = "hledger is not installed and this system has no apt to fetch it with"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return str(program)


def _fetch() -> None:
    # Renamed when whole: another worker of the tests may be fetching it too.
    _TOOLS.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_TOOLS.parent) as draft:
        subprocess.run([str(_FETCH), "unpack", draft, "hledger"], check=False)
        if (Path(draft) / "usr/bin/hledger").exists():
            with contextlib.suppress(OSError):  # the other was quicker
                (Path(draft) / "usr").rename(_TOOLS)


def hledger(journal: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it on a journal; the answer is in stdout, stderr and the exit code."""
    libraries = ":".join(str(path) for path in sorted(_TOOLS.glob("lib/*-linux-*")))
    return subprocess.run(
        [find_hledger(), "-f", str(journal), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LANG": "C.UTF-8", "LD_LIBRARY_PATH": libraries},
    )


def balances(journal: Path) -> dict[tuple[str, str], int]:
    """What hledger makes of a journal: (account, commodity) and its balance, none of them 0.

    hledger itself refuses a journal in which an assertion fails.
    """
    told = hledger(journal, "balance", "--flat", "--no-total", "-O", "csv", "--layout=bare")
    assert told.returncode == 0, told.stderr
    rows = csv.DictReader(io.StringIO(told.stdout))
    return {
        (row["account"], row["commodity"]): int(row["balance"])
        for row in rows
        if int(row["balance"])
    }

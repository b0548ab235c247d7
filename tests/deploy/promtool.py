"""Finds promtool, or fetches it without root; asks it about rules."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
RULES = sorted((REPO / "deploy/prometheus/rules").glob("*.yml"))
_TOOLS = REPO / ".run/tools/promtool"
_FETCH = REPO / "deploy/local/system-package.sh"
_PACKAGES = ("promtool", "prometheus")  # its own package in Debian 13, part of prometheus in 12


@cache
def find_promtool() -> str:
    """The program's path. Skips with the reason where it cannot be had, and fails under CI."""
    if found := shutil.which("promtool"):
        return found
    program = _TOOLS / "bin/promtool"
    for package in _PACKAGES:
        if program.exists():
            break
        _fetch(package)
    if not program.exists():
        reason = "promtool is not installed and this system has no apt to fetch it with"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return str(program)


def _fetch(package: str) -> None:
    # Renamed when whole: another worker of the tests may be fetching it too.
    _TOOLS.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_TOOLS.parent) as draft:
        subprocess.run([str(_FETCH), "unpack", draft, package], check=False)
        if (Path(draft) / "usr/bin/promtool").exists():
            with contextlib.suppress(OSError):  # the other was quicker
                (Path(draft) / "usr").rename(_TOOLS)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it; the answer is in stdout, stderr and the exit code."""
    return subprocess.run(
        [find_promtool(), *arguments], capture_output=True, text=True, check=False
    )

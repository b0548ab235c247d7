"""Finds promtool, or fetches it without root; asks it about rules."""

from __future__ import annotations

import os
import shutil
import subprocess
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
    program = _TOOLS / "usr/bin/promtool"
    for package in _PACKAGES:
        if program.exists():
            break
        subprocess.run([str(_FETCH), "unpack", str(_TOOLS), package], check=False)
    if not program.exists():
        reason = "promtool is not installed and this system has no apt to fetch it with"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return str(program)


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it; the answer is in stdout, stderr and the exit code."""
    return subprocess.run(
        [find_promtool(), *arguments], capture_output=True, text=True, check=False
    )

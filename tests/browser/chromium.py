"""Finds a Chromium on this machine, installs it where it is missing, and starts it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

_REPO = Path(__file__).resolve().parents[2]
_GET = _REPO / "deploy/local/system-package.sh"
_TOOLS = _REPO / ".run/tools"
# The shell is the same engine without a desktop's browser around it: half the processor's time.
_PACKAGES = ("chromium-headless-shell", "chromium")
_NAMES = (*_PACKAGES, "chromium-browser", "google-chrome")
_FONTS = "fonts-noto-cjk"
_MANAGERS = ("apt", "dnf", "apk", "zypper", "pacman")
_MISSING = "没有 Chromium，也装不上 / there is no Chromium, and it could not be installed"
_ARGUMENTS = [
    "--no-sandbox",  # tests may run as root, and open our own pages only
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def start(playwright: Playwright) -> Browser:
    """The browser. Skips with the reason where there can be none, and fails under CI."""
    program = _find()
    for package in _PACKAGES:
        if not program:
            _get(package)
            program = _find()
    if not program:
        is_ci = os.environ.get("CI", "").lower() in ("1", "true", "yes")
        (pytest.fail if is_ci else pytest.skip)(_MISSING)
    if not _has_chinese_font():
        _get(_FONTS)  # without them the pages work, but are not what a person sees
    environment = {**os.environ, **_unpacked()}
    return playwright.chromium.launch(executable_path=program, args=_ARGUMENTS, env=environment)


def _find() -> str | None:
    """The program: installed, or unpacked here."""
    for name in _NAMES:
        if installed := shutil.which(name):
            return installed
    for name in _PACKAGES:
        if (unpacked := _TOOLS / name / "usr/lib/chromium" / name).exists():
            return str(unpacked)
    return None


def _unpacked() -> dict[str, str | float | bool]:
    """What programs and fonts that were unpacked, not installed, need in the environment."""
    found: dict[str, str | float | bool] = {}
    libraries = [
        path
        for package in _PACKAGES
        for place in ("usr/lib", "lib")
        for path in (_TOOLS / package / place).glob("*-linux-*")
    ]
    if libraries:
        found["LD_LIBRARY_PATH"] = ":".join(map(str, libraries))
    if (_TOOLS / _FONTS).exists():
        found["XDG_DATA_HOME"] = str(_TOOLS / _FONTS / "usr/share")
    return found


def _has_chinese_font() -> bool:
    places = (Path("/usr/share/fonts"), Path.home() / ".local/share/fonts", _TOOLS / _FONTS)
    return any(next(place.rglob("*CJK*"), None) for place in places)


def _get(package: str) -> None:
    """Install it, or unpack it where that takes no root; what cannot be had stays missing."""
    choices = [f"{manager}={package}" for manager in _MANAGERS]
    if subprocess.run([str(_GET), "install", *choices], check=False).returncode == 0:
        return
    draft = _TOOLS / f"{package}.part"
    shutil.rmtree(draft, ignore_errors=True)
    if subprocess.run([str(_GET), "unpack", str(draft), package], check=False).returncode != 0:
        return
    draft.replace(_TOOLS / package)  # whole or not at all

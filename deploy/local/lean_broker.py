"""A home for RabbitMQ that holds only the plugins it needs.

Erlang looks for each of some thousand modules in every plugin's directory in turn. With all the
plugins of a full installation that search is most of the time a node takes to start.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

_ALWAYS = ("rabbit", "rabbitmq_prelaunch", "rabbitmq_management", "cuttlefish", "getopt")
_APPLICATIONS = re.compile(r"\{\s*(?:optional_)?applications\s*,\s*\[([^\]]*)\]")


def lean_home(server: Path, home: Path) -> dict[str, str]:
    """Link what is needed into `home`; the environment that makes the start script use it.

    Empty, so that the full installation is used, when that is laid out in another way.
    """
    full = server.resolve().parent.parent
    available = {
        found.name.rpartition("-")[0]: found
        for found in (full / "plugins").glob("*-[0-9]*")
        if (found / "ebin").is_dir()
    }
    if not available.keys() >= {"rabbit", "rabbitmq_prelaunch", "rabbitmq_management"}:
        return {}
    shutil.rmtree(home, ignore_errors=True)
    plugins = home / "plugins"
    plugins.mkdir(parents=True)
    for name in _needed(available):
        (plugins / available[name].name).symlink_to(available[name])
    for beside in full.iterdir():
        if beside.is_dir() and beside.name != "plugins":
            (home / beside.name).symlink_to(beside)
    return {
        "RABBITMQ_SCRIPTS_DIR": str(home / server.resolve().parent.name),
        "RABBITMQ_PLUGINS_DIR": str(plugins),
    }


def _needed(available: dict[str, Path]) -> set[str]:
    needed: set[str] = set()
    waiting = [name for name in _ALWAYS if name in available]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += [other for other in _uses(available[name], name) if other in available]
    return needed


def _uses(directory: Path, name: str) -> list[str]:
    text = (directory / "ebin" / f"{name}.app").read_text(encoding="utf-8", errors="replace")
    return [word for listed in _APPLICATIONS.findall(text) for word in re.findall(r"\w+", listed)]

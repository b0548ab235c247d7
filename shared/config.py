"""The only place that reads the environment.

Every setting NAME may instead be given as NAME_FILE, the path of a file that holds the value
(how Docker secrets arrive). A missing setting is named, with the remedy, and stops the start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


class MissingSetting(Exception):
    """A setting that has no default was not given."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"缺少配置 {name}：请设置环境变量 {name} 或 {name}_FILE。"
            f" / Setting {name} is missing: set {name} or {name}_FILE."
        )


def read(name: str, default: str | None = None, env: Mapping[str, str] | None = None) -> str:
    """The value of a setting; raises MissingSetting when it has neither a value nor a default."""
    source = os.environ if env is None else env
    if (value := source.get(name)) is not None:
        return value
    if (path := source.get(f"{name}_FILE")) is not None:
        return Path(path).read_text(encoding="utf-8").strip()
    if default is None:
        raise MissingSetting(name)
    return default


def read_int(name: str, default: int, env: Mapping[str, str] | None = None) -> int:
    """A whole number; raises ValueError naming the setting when it is not one."""
    text = read(name, str(default), env)
    try:
        return int(text)
    except ValueError as problem:
        raise ValueError(
            f"{name} 必须是整数，收到 {text!r} / {name} must be a whole number, got {text!r}"
        ) from problem


def environment() -> dict[str, str]:
    """A copy of the whole environment, for starting a child process with it."""
    return dict(os.environ)

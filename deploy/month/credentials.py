"""How partners prove who they are at the doors; kept in one file that only its owner may read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

FILE_NAME = "partner-credentials.json"


@dataclass(frozen=True, slots=True)
class Credential:
    """A partner's password at the broker (its user is the slug) and its key for HTTP."""

    amqp_password: str
    api_key: str

    def __repr__(self) -> str:
        return "Credential(…)"  # so that no log and no trace can hold one


# Nobody's: a partner without credentials still knocks, and is turned away by the door itself.
UNKNOWN = Credential("unknown-partner", "unknown-partner")

Credentials = Mapping[str, Credential]


def read(directory: Path) -> dict[str, Credential]:
    """What was kept; empty when nothing was."""
    path = directory / FILE_NAME
    if not path.exists():
        return {}
    return {slug: Credential(**each) for slug, each in orjson.loads(path.read_bytes()).items()}


def keep(directory: Path, credentials: Credentials) -> Path:
    """Add these to what is kept (mode 0600, replaced as a whole); the file."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = directory / FILE_NAME
    kept = {**read(directory), **credentials}
    draft = path.with_name(f".{FILE_NAME}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps({slug: asdict(each) for slug, each in kept.items()}))
    draft.replace(path)
    return path

"""The secrets of a local stack: made once, kept in files that only their owner may read."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def password() -> str:
    """192 random bits that need no quoting in a URL."""
    return secrets.token_urlsafe(24)


def key() -> str:
    """32 random bytes in base64."""
    return base64.b64encode(secrets.token_bytes(32)).decode("ascii")


class Keys:
    """Named secrets in a directory; a name is made when it is first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, name: str, make: Callable[[], str] = password) -> str:
        """The secret of this name; two processes that ask at once get the same one."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._directory / name
        if not path.exists():
            draft = path.with_name(f".{name}.{os.getpid()}")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(make())
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text(encoding="utf-8")

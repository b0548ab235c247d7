"""Free TCP ports on 127.0.0.1, remembered so that addresses stay the same from run to run."""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path

HOST = "127.0.0.1"

# Below the range from which systems take the port of an outgoing connection, so that a broker
# that restarts does not find its port used by one of its own clients.
_FIRST, _LAST = 15000, 32000


def is_free(port: int) -> bool:
    """Whether a server could listen on it now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Whether something accepts connections on it."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


class Ports:
    """Ports by name, kept in one file. A remembered port that is taken is replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._random = random.Random()  # noqa: S311 - its own, lest seeded tests repeat ports
        self._known: dict[str, int] = {}
        if path.exists():
            self._known = json.loads(path.read_text(encoding="utf-8"))

    def get(self, name: str) -> int:
        """The port remembered under this name, free or not."""
        return self._known.get(name) or self.choose(name)

    def choose(self, name: str) -> int:
        """A port that is free now: the remembered one if it is, another if not."""
        known = self._known.get(name)
        if known is None or not is_free(known):
            known = self._another()
            self._known[name] = known
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps(self._known, indent=1), encoding="utf-8")
        return known

    def _another(self) -> int:
        for _ in range(500):
            port = self._random.randint(_FIRST, _LAST)
            if port not in self._known.values() and is_free(port):
                return port
        raise OSError("没有空闲端口 / no free port between 15000 and 32000")

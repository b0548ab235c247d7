"""Runs bootstrap.sql, which makes the roles and databases of the services, with psql."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

SERVICES = ("intake", "points", "partners", "notify")
ROLES = tuple(role for service in SERVICES for role in (service, f"{service}_owner"))

_SQL = Path(__file__).with_name("bootstrap.sql")


class BootstrapError(Exception):
    """psql refused; the text is what it said."""


def bootstrap(psql: Path, server: Mapping[str, str], passwords: Mapping[str, str]) -> None:
    """Make roles and databases, or bring their passwords and rights up to date.

    `server` says how psql connects as a superuser (PGHOST, PGPORT, PGUSER, PGPASSWORD);
    `passwords` has one for each of ROLES, of letters, digits, `-` and `_` only. They go through a
    pipe: a command line can be read by everybody on the machine.
    """
    lines = [f"\\set {role}_password '{passwords[role]}'" for role in ROLES]
    done = subprocess.run(
        [str(psql), "-X", "-q"],
        input="\n".join([*lines, f"\\i '{_SQL}'", ""]),
        env={**os.environ, **server, "PGOPTIONS": "-c client_min_messages=warning"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BootstrapError(done.stderr.strip())

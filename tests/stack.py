"""One broker and one database for a whole test session, shared by all of its processes.

The process that pytest was started in owns them; xdist's workers are told where they are. Each
module that asks gets databases of its own, copied from a set that was migrated once.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import requests
from psycopg import sql

from deploy.local.stack import LocalStack
from deploy.postgres.bootstrap import SERVICES
from shared.db import migrations

SUPERUSER = "POSTGRES_SUPERUSER_URL"  # for the tests alone; no service knows it
_ADDRESSES = "LINLI_TEST_STACK"
_ROOT = Path(__file__).resolve().parents[1]


def start() -> LocalStack:
    """Start and migrate; the addresses are left where workers find them."""
    directory = Path(tempfile.mkdtemp(prefix="linli-test-"))
    directory.chmod(0o711)  # the account of the database must get through
    stack = LocalStack(directory, durable=False)
    try:
        stack.start(meanwhile=lambda: _migrate(stack.settings()))
        _close(stack.postgres.superuser_url)
    except BaseException:
        stack.destroy()
        raise
    told = {**stack.settings(), SUPERUSER: stack.postgres.superuser_url}
    os.environ[_ADDRESSES] = json.dumps(told)
    return stack


def settings() -> dict[str, str]:
    """Of the session's stack: the complete settings, and the superuser's URL."""
    told: dict[str, str] = json.loads(os.environ[_ADDRESSES])
    return told


def _migrate(settings: dict[str, str]) -> None:
    for service in SERVICES:
        if any((_ROOT / "services" / service / "migrations").glob("versions/*.py")):
            migrations.upgrade(service, settings[f"{service.upper()}_OWNER_DATABASE_URL"])


def _close(superuser_url: str) -> None:
    """Let nobody into the migrated set: it can be copied only while nobody is in it."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for service in SERVICES:
            _run(connection, "ALTER DATABASE {name} ALLOW_CONNECTIONS false", name=service)
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY(%s)",
            (list(SERVICES),),
        )


@contextmanager
def databases(suffix: str, services: Sequence[str] = SERVICES) -> Iterator[dict[str, str]]:
    """Fresh migrated databases `<service>_<suffix>`: their URL settings. Dropped afterwards."""
    told = settings()
    changed = {}
    with psycopg.connect(told[SUPERUSER], autocommit=True) as connection:
        for service in services:
            name = f"{service}_{suffix}"
            _run(connection, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)
            _run(
                connection,
                "CREATE DATABASE {name} OWNER {owner} TEMPLATE {template}",
                name=name,
                owner=f"{service}_owner",
                template=service,
            )
            _run(connection, "REVOKE ALL ON DATABASE {name} FROM PUBLIC", name=name)
            _run(connection, "GRANT CONNECT ON DATABASE {name} TO {role}", name=name, role=service)
            for key in (f"{service.upper()}_DATABASE_URL", f"{service.upper()}_OWNER_DATABASE_URL"):
                changed[key] = with_path(told[key], name)
    try:
        yield changed
    finally:
        with psycopg.connect(told[SUPERUSER], autocommit=True) as connection:
            for service in services:
                name = f"{service}_{suffix}"
                _run(connection, "DROP DATABASE IF EXISTS {name} WITH (FORCE)", name=name)


@contextmanager
def vhosts(suffix: str) -> Iterator[dict[str, str]]:
    """Fresh virtual hosts `linli_<suffix>` and `partners_<suffix>`: their URL settings."""
    told = settings()
    changed = {}
    names = {
        "LINLI_BROKER_URL": f"linli_{suffix}",
        "LINLI_PARTNER_BROKER_URL": f"partners_{suffix}",
    }
    for key, name in names.items():
        remove_vhost(name)
        broker(told, "PUT", f"/api/vhosts/{name}")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        broker(told, "PUT", f"/api/permissions/{name}/linli", everything)
        changed[key] = with_path(told[key], name)
    try:
        yield changed
    finally:
        for name in names.values():
            remove_vhost(name)


def remove_vhost(name: str) -> None:
    """With all that is in it; one that is not there is no problem."""
    broker(settings(), "DELETE", f"/api/vhosts/{name}", ok=(204, 404))


def broker(
    told: dict[str, str], method: str, path: str, body: object = None, ok: tuple[int, ...] = ()
) -> requests.Response:
    """One request to the broker's management API; fails on any other answer than `ok` or 2xx."""
    url = told["LINLI_RABBITMQ_MANAGEMENT_URL"] + path
    answer = requests.request(method, url, json=body, timeout=30)
    assert answer.ok or answer.status_code in ok, f"{method} {path}: {answer.status_code}"
    return answer


def with_path(url: str, name: str) -> str:
    """The same address, another database or virtual host."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _run(connection: psycopg.Connection, text: str, **names: str) -> None:
    identifiers = {key: sql.Identifier(name) for key, name in names.items()}
    connection.execute(sql.SQL(text).format(**identifiers))


def database_of(url: str) -> str:
    """The name of the database in a URL."""
    return urlsplit(url).path.removeprefix("/")

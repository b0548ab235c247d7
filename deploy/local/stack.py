"""The broker and the database of one directory, with their secrets and the settings they make."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.keys import Keys, key, password
from deploy.local.ports import HOST, Ports
from deploy.local.postgres import Postgres
from deploy.local.processes import Child, StackError, clear_stale
from deploy.local.rabbitmq import RabbitMQ
from deploy.postgres.bootstrap import ROLES, SERVICES, bootstrap

ROOT = Path(__file__).resolve().parents[2]

DISTRICT_CODE = "990101"  # of the example district, whose areas begin with it

_SECRETS: dict[str, Callable[[], str]] = {
    "LINLI_SESSION_KEY": key,
    "LINLI_CONTACT_KEY": key,
    "INTAKE_FIELD_KEY": key,
    "INTAKE_INDEX_KEY": key,
    "NOTIFY_FIELD_KEY": key,
    "NOTIFY_INDEX_KEY": key,
    "POINTS_TIME_BANK_KEY": key,
    "NOTIFY_SMS_ACCESS_KEY_ID": password,
    "NOTIFY_SMS_ACCESS_KEY_SECRET": password,
    "NOTIFY_SMS_RECEIPT_TOKEN": password,
}


class LocalStack:
    """A private RabbitMQ and PostgreSQL under `directory`, which one process at a time may use.

    Secrets, ports and data stay in the directory; what a crashed process left running is ended
    at the next start. Usable as a context manager. `tools` is where downloaded programs go.
    """

    def __init__(self, directory: Path, *, durable: bool = True, tools: Path | None = None) -> None:
        self.directory = directory.absolute()
        self.ports = Ports(self.directory / "ports.json")
        self.keys = Keys(self.directory / "secrets")
        self.rabbitmq = RabbitMQ(
            self.directory / "rabbitmq",
            ports=self.ports,
            keys=self.keys,
            tools=tools or ROOT / ".run" / "tools",
        )
        self.postgres = Postgres(
            self.directory / "postgres", ports=self.ports, keys=self.keys, durable=durable
        )
        self._lock: int | None = None

    def start(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Start both at once and make roles and databases; leaves nothing running if it fails.

        `meanwhile` is called when the database is ready and the broker, slower, is still starting.
        Raises StackError when another process uses the directory or a program cannot be had.
        """
        self._take_lock()
        clear_stale(self.directory / "pids")
        try:
            self.rabbitmq.launch()
            self.postgres.start()
            passwords = {role: self._role_password(role) for role in ROLES}
            bootstrap(self.postgres.psql, self.postgres.psql_environment, passwords)
            if meanwhile is not None:
                meanwhile()
            self.rabbitmq.wait_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both, within 10 s."""
        for child in self.children():
            child.ask_to_stop()
        self.rabbitmq.stop()
        self.postgres.stop()
        self._release_lock()

    def destroy(self) -> None:
        """End both without ceremony and remove the directory with all its data."""
        self.rabbitmq.kill()
        self.postgres.kill()
        self._release_lock()
        remove(self.directory)

    def children(self) -> list[Child]:
        """Every process of the stack."""
        return [*self.rabbitmq.children(), *self.postgres.children()]

    def settings(self) -> dict[str, str]:
        """Everything a process of ours reads from its environment, but what differs by process.

        Addresses are those of this start: ask again after a restart.
        """
        settings = {name: self.keys.get(name.lower(), make) for name, make in _SECRETS.items()}
        settings |= {
            "LINLI_BROKER_URL": self.rabbitmq.url("linli"),
            "LINLI_PARTNER_BROKER_URL": self.rabbitmq.url("partners"),
            "LINLI_RABBITMQ_MANAGEMENT_URL": self.rabbitmq.management_url,
            "LINLI_PUBLIC_URL": f"http://{HOST}:{self.ports.get('web')}",
            "NOTIFY_SMS_URL": f"http://{HOST}:{self.ports.get('sms')}",
            "LINLI_DISTRICT_CODE": DISTRICT_CODE,
        }
        for service in SERVICES:
            for role, name in ((service, ""), (f"{service}_owner", "_OWNER")):
                url = self.postgres.url(role, self._role_password(role), service)
                settings[f"{service.upper()}{name}_DATABASE_URL"] = url
        return settings

    def _role_password(self, role: str) -> str:
        return self.keys.get(f"postgres_{role}_password")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _take_lock(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        if self._lock is not None:
            return
        descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            os.close(descriptor)
            raise StackError(
                f"{self.directory} 正在被另一个进程使用：先执行 make stop。"
                f" / {self.directory} is in use by another process: run make stop first."
            ) from problem
        os.truncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode("ascii"))
        self._lock = descriptor

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def holder(directory: Path) -> int | None:
    """The id of the process that uses a stack's directory; None when nobody does."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return int(os.read(descriptor, 20) or 0) or None
    finally:
        os.close(descriptor)
    return None


def remove(directory: Path) -> None:
    """Remove a stack's directory, and the database where that lies elsewhere."""
    database = directory / "postgres"
    if database.is_symlink():
        shutil.rmtree(database.resolve(), ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)

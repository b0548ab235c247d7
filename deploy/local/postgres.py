"""A private PostgreSQL cluster: its own port, passwords and data, on 127.0.0.1 only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from deploy.local import database_files
from deploy.local.keys import Keys
from deploy.local.ports import HOST, Ports
from deploy.local.processes import Account, Child, StackError, until

SUPERUSER = "postgres"
START_LIMIT_S = 60.0

# What is committed stays committed (fsync and synchronous_commit keep their defaults); the rest
# suits a small machine that is shared with other programs.
_SETTINGS = {
    "shared_buffers": "256MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "log_min_duration_statement": "2s",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Of tests: nothing to lose, and several at once that race with dozens of connections each.
_NOT_DURABLE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "250",
}


class Postgres:
    """One cluster in `directory`. Data stay there from start to start; the port may change.

    `start` = `launch` + `wait_ready`, which may be called apart. After `kill` it can be started
    again and recovers. `durable=False` is for tests that do not cut the power.
    """

    def __init__(self, directory: Path, *, ports: Ports, keys: Keys, durable: bool = True) -> None:
        self.directory = directory.absolute()
        self._ports, self._keys, self._durable = ports, keys, durable
        self._server: Child | None = None
        self._programs: Path | None = None
        self.socket_directory: Path | None = None

    @property
    def port(self) -> int:
        """TCP on 127.0.0.1; the socket in `socket_directory` has this number too."""
        return self._ports.get("postgres")

    def url(self, user: str, password: str, database: str) -> str:
        """Where a role connects, with its password."""
        return f"postgresql://{user}:{password}@{HOST}:{self.port}/{database}"

    @property
    def superuser_url(self) -> str:
        """For bootstrap and tests; no service ever gets it."""
        return self.url(SUPERUSER, self._keys.get("postgres_password"), "postgres")

    @property
    def psql(self) -> Path:
        """The client program that came with the server; there is one once it was launched."""
        if self._programs is None:
            raise RuntimeError("launch() finds the programs first")
        return self._programs / "psql"

    @property
    def psql_environment(self) -> dict[str, str]:
        """How psql and its like connect as the superuser."""
        return {
            "PGHOST": HOST,
            "PGPORT": str(self.port),
            "PGUSER": SUPERUSER,
            "PGPASSWORD": self._keys.get("postgres_password"),
            "PGDATABASE": "postgres",
        }

    def children(self) -> list[Child]:
        """The processes to stop."""
        return [self._server] if self._server else []

    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self._server is not None and self._server.alive()

    def start(self) -> None:
        """Start and wait; raises StackError with the end of the log when it does not come up."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Make the cluster when there is none, start the server and return at once."""
        who = database_files.account()
        home = database_files.home(self.directory, who)
        data = home / "data"
        made_by = data / "PG_VERSION"
        version = made_by.read_text(encoding="ascii").strip() if made_by.exists() else None
        self._programs = database_files.programs(home, who, version)
        if version is None:
            self._make_cluster(home, data, who)
        self._ports.choose("postgres")
        self.socket_directory = _socket_directory(home)
        if who:
            os.chown(self.socket_directory, who.uid, who.gid)
        settings = {
            **_SETTINGS,
            **({} if self._durable else _NOT_DURABLE),
            "listen_addresses": HOST,
            "port": str(self.port),
            "unix_socket_directories": str(self.socket_directory),
        }
        flags = [word for item in settings.items() for word in ("-c", "=".join(item))]
        self._server = Child(
            "postgres",
            [str(self._programs / "postgres"), "-D", str(data), *flags],
            self.directory.parent / "log" / "postgres.log",
            self.directory.parent / "pids",
            env=_environment(home),
            cwd=home,
            account=who,
            stop_signal=signal.SIGINT,  # "fast": does not wait for clients to leave
        )
        self._server.start()

    def wait_ready(self) -> None:
        """Wait until it lets clients in."""
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            until(lambda: self._ready() or not self.alive(), START_LIMIT_S, 0.03)
            if self.alive():
                return
            told = self._server.tail() if self._server else ""
            if "shared memory block" not in told or self._server is None:
                break
            time.sleep(0.2)  # what a killed server left is still ending
            self._server.start()
        self.stop()
        raise StackError(f"PostgreSQL 没有启动 / PostgreSQL did not start:\n{told}")

    def stop(self, grace_s: float = 8.0) -> None:
        """Stop in order: sessions are ended, what they had committed is kept."""
        if self._server is not None:
            self._server.stop(grace_s)
        self._remove_socket()

    def kill(self) -> None:
        """End it as a power cut would; the next start recovers from the log."""
        for child in self.children():
            child.kill()
        self._remove_socket()

    def _remove_socket(self) -> None:
        if self.socket_directory is not None:
            shutil.rmtree(self.socket_directory, ignore_errors=True)

    def _ready(self) -> bool:
        """The server says so itself, in the last line of its process id file."""
        home = database_files.home(self.directory, None)
        try:
            lines = (home / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        pid = self._server.pid if self._server else None
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _make_cluster(self, home: Path, data: Path, who: Account | None) -> None:
        if self._programs is None:
            raise RuntimeError("launch() finds the programs first")
        shutil.rmtree(data, ignore_errors=True)  # what an interrupted attempt left
        password = home / "initial-password"
        descriptor = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(self._keys.get("postgres_password"))
        if who:
            os.chown(password, who.uid, who.gid)
        command = [str(self._programs / "initdb"), "-D", str(data), "-U", SUPERUSER]
        command += ["--auth=scram-sha-256", f"--pwfile={password}", "--encoding=UTF8"]
        command += ["--locale=C", "--no-instructions", "--no-sync"]
        made = subprocess.run(
            command,
            env=_environment(home),
            cwd=home,
            user=who.uid if who else None,
            group=who.gid if who else None,
            extra_groups=[] if who else None,
            capture_output=True,
            text=True,
            check=False,
        )
        password.unlink()
        if made.returncode != 0:
            raise StackError(f"无法建立数据库 / cannot make the database:\n{made.stderr}")


def _socket_directory(home: Path) -> Path:
    """In `home`, unless its path is too long for the name of a socket (107 bytes)."""
    own = home / "socket"
    if len(os.fsencode(own / ".s.PGSQL.12345.lock")) < 104:
        own.mkdir(mode=0o700, exist_ok=True)
        return own
    return Path(tempfile.mkdtemp(prefix="linli-"))


def _environment(home: Path) -> dict[str, str]:
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "HOME": str(home), "LC_ALL": "C", "TZ": "UTC"}

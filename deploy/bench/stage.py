"""The private broker and database of one run, and our worker processes on them, some at a time."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Self

import psycopg
from sqlalchemy.orm import sessionmaker

from deploy.bench import district
from deploy.bench.counting import CountWrong, Ledgers
from deploy.local.processes import Child, StackError, stop_all, tail
from deploy.local.programs import LINLI, ROOT, environment, log_of, programs, waiting_for
from deploy.local.stack import LocalStack
from deploy.month import credentials, load
from deploy.month.outcome import Books
from services.points.actions.reconciling import reconcile
from shared.db.session import make_engine
from shared.messaging.management import EVERYTHING, Management
from shared.messaging.transaction import transaction

VHOST = "bench"
KEPT = ROOT / ".run" / "bench-log"
READY_S = 60.0
STALLED_S = 60.0
LOOK_S = 0.1

Say = Callable[[str], None]


class Stage:
    """Use as a context manager; everything it made is gone afterwards."""

    def __init__(self, say: Say) -> None:
        self._say = say
        (ROOT / ".run").mkdir(exist_ok=True)
        # Not /tmp: that may be memory, where nothing has to be written to a disk.
        self.directory = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / ".run"))
        self.directory.chmod(0o711)  # the account of the database must get through
        self.stack = LocalStack(self.directory)
        self.ledgers = Ledgers(self.stack)
        self.data = self.directory / "district"
        self.settings: dict[str, str] = {}
        self.credentials: dict[str, credentials.Credential] = {}
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        try:
            self._set_up()
        except BaseException as problem:
            self.__exit__(type(problem))
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_problem: object) -> None:
        if kind is not None:
            self._keep_logs()
        stop_all(self._children, 6.0)
        self.ledgers.close()
        self.stack.destroy()

    def _keep_logs(self) -> None:
        shutil.rmtree(KEPT, ignore_errors=True)
        shutil.copytree(self.directory / "log", KEPT, dirs_exist_ok=True)
        self._say(f"日志保留在 / logs are kept in {KEPT}")

    # Set-up.

    def _set_up(self) -> None:
        self._say("启动消息队列与数据库 / starting the broker and the database")
        self.stack.start(meanwhile=self._prepare_database)
        self.command("topology", "apply")
        self.settings = self.stack.settings()
        management = Management(self.settings["LINLI_RABBITMQ_MANAGEMENT_URL"])
        management.put_vhost(VHOST)
        management.put_permission(VHOST, "linli", EVERYTHING)
        self._say("载入 3,000 名居民 / loading 3,000 residents")
        district.write(self.data)
        keys = self.directory / "secrets"
        with self.workers("intake", "points", "partners", "notify"):
            load.load(self.stack.settings(), self.data, keys)
            self.wait_relayed("intake", "partners")
        self.credentials = credentials.read(keys)

    def _prepare_database(self) -> None:
        # The database itself notes when each transaction was committed: see counting.py.
        with psycopg.connect(self.stack.postgres.superuser_url, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
        self.stack.postgres.stop()
        self.stack.postgres.start()
        self.command("migrate")

    def command(self, *words: str) -> None:
        """Run one of our own commands to its end; raises StackError."""
        log = log_of(self.directory, words[0])
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            done = subprocess.run(
                [*LINLI, *words],
                env=environment(self.stack),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode != 0:
            raise StackError(f"linli {' '.join(words)} failed:\n{tail(log, 25)}")

    # Processes.

    @contextlib.contextmanager
    def workers(self, *services: str) -> Iterator[dict[str, Child]]:
        """`linli worker SVC` of these services, ready; stopped at the end. By service."""
        wanted = [p for p in programs(self.stack) if p.name.removeprefix("worker-") in services]
        children = {}
        for program in wanted:
            child = self.child(program.name, list(program.argv), program.env)
            children[program.name.removeprefix("worker-")] = child
        try:
            ask = waiting_for(wanted)
            until = time.monotonic() + READY_S
            while names := ask():
                self.watch()
                if time.monotonic() > until:
                    raise StackError(f"not ready: {', '.join(names)}")
                time.sleep(0.05)
            yield children
        finally:
            stop_all(children.values(), 10.0)
            self._children = [c for c in self._children if c not in children.values()]

    def child(self, name: str, argv: list[str], env: dict[str, str]) -> Child:
        """Start a process that is watched and does not outlive us."""
        log, pids = log_of(self.directory, name), self.directory / "pids"
        child = Child(name, argv, log, pids, env=env, cwd=ROOT)
        child.start()
        self._children.append(child)
        return child

    def drop(self, child: Child) -> None:
        """Stop a process and no longer watch it."""
        child.stop()
        self._children.remove(child)

    def watch(self) -> None:
        """Raises StackError when one of our processes, the broker or the database has ended."""
        for child in (*self._children, *self.stack.children()):
            if child.name != "epmd" and not child.alive():
                raise StackError(f"{child.name} has ended:\n{child.tail()}")

    def pids(self, workers: Mapping[str, Child]) -> dict[str, int]:
        """Process ids of these workers, the broker and the database, by name."""
        named = {**workers, **{each.name: each for each in self.stack.children()}}
        return {name: child.pid for name, child in named.items() if child.pid and name != "epmd"}

    # Waiting.

    def wait(
        self,
        progress: Callable[[], int],
        goal: int = 0,
        watch: Callable[[], None] | None = None,
    ) -> None:
        """Until `progress` reaches the goal; raises CountWrong when it stands still before.

        `watch` (our own by default) raises when a process is gone.
        """
        look = watch or self.watch
        reached, moved_s = progress(), time.monotonic()
        while reached < goal:
            time.sleep(LOOK_S)
            look()
            now = progress()
            if now != reached:
                reached, moved_s = now, time.monotonic()
            elif time.monotonic() - moved_s > STALLED_S:
                raise CountWrong(f"stands still at {reached} of {goal}")

    def wait_relayed(self, *services: str) -> None:
        """Until the outboxes of these services are empty."""
        self.wait(lambda: -sum(self.ledgers.outbox(service) for service in services))

    def purge(self, vhost: str, *queues: str) -> None:
        """Throw away what nobody is there to read."""
        management = Management(self.settings["LINLI_RABBITMQ_MANAGEMENT_URL"])
        for queue in queues:
            management.purge_queue(vhost, queue)

    # The whole.

    @staticmethod
    def check_books(settings: Mapping[str, str]) -> None:
        """The ledger sums to zero and there is no dead letter; raises CountWrong."""
        engine = make_engine(settings["POINTS_DATABASE_URL"], pool_size=1)
        try:
            with transaction(sessionmaker(engine)) as tx:
                imbalance = reconcile(tx)
        finally:
            engine.dispose()
        if any(imbalance.values()):
            raise CountWrong(f"the ledger is out of balance: {imbalance}")
        with Books(settings) as books:
            dead: Counter[str] = books.outcome().dead_letters
        if dead.total():
            raise CountWrong(f"dead letters: {dict(dead)}")


__all__ = ["VHOST", "Say", "Stage"]

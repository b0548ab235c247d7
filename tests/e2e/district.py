"""A whole district of processes: started, killed, started again; a month is played through it.

The broker and the database are the test session's (virtual hosts and databases of its own), or a
stack of the district's own where they are to be killed too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, Self

import psycopg

from deploy.local.ports import HOST
from deploy.local.processes import Child, stop_all, until
from deploy.local.programs import ROOT, log_of, programs, waiting_for
from deploy.local.stack import LocalStack
from deploy.month import credentials
from deploy.month.check import Difference, check
from deploy.month.doors import Doors
from deploy.month.load import load
from deploy.month.outcome import SERVICES, Books, Outcome
from deploy.month.parcels import Parcel
from deploy.month.plan import plan
from deploy.month.read import Barrier, read, survey
from deploy.month.settle import Settled, settle
from deploy.month.tally import Tally
from shared.db import migrations
from shared.messaging import topology
from shared.messaging.management import Management
from tests import stack as session_stack

READY_S = 120.0
WEB, SMS = "web", "sms-simulator"
WORKERS = tuple(f"worker-{service}" for service in SERVICES)
_UNBALANCED: LiteralString = (
    "SELECT a.owner, a.asset, a.balance FROM accounts a WHERE a.owner_kind <> 'issuer' AND"
    " a.balance <> (SELECT coalesce(sum(CASE WHEN t.credit_account_id = a.id THEN t.amount"
    " ELSE -t.amount END), 0) FROM transfers t"
    " WHERE a.id IN (t.credit_account_id, t.debit_account_id))"
)
_GAPS: LiteralString = (
    "SELECT partner FROM verdicts GROUP BY 1 HAVING count(*) <> max(seq) OR min(seq) <> 1"
)
SHOWN = 15  # differences
ROUNDS = 4  # looks at the outcome, each after everything was quiet


class Guest(LocalStack):
    """Somebody else's broker and database, with ports and a directory of its own."""

    def __init__(self, directory: Path, given: dict[str, str]) -> None:
        super().__init__(directory)
        self._given = given

    def settings(self) -> dict[str, str]:
        """What was given, and our own addresses."""
        return {
            **self._given,
            "LINLI_PUBLIC_URL": f"http://{HOST}:{self.ports.get('web')}",
            "NOTIFY_SMS_URL": f"http://{HOST}:{self.ports.get('sms')}",
        }


@dataclass(frozen=True)
class Death:
    """A process that ended; `point` is the fault point it was armed with."""

    name: str
    point: str
    code: int


@dataclass(repr=False)
class Played:
    """What came out of a month, and where it is not as expected."""

    tally: Tally
    settled: Settled
    differences: list[Difference]

    @property
    def outcome(self) -> Outcome:
        """The services' own numbers."""
        return self.settled.outcome

    def __repr__(self) -> str:
        """What tells the cause when the numbers are wrong, the loudest first."""
        tally, settled = self.tally, self.settled
        return "\n".join(
            [
                f"failures={tally.failures} refused={dict(tally.refused)}"
                f" errors={tally.errors[:5]}",
                f"refusals={tally.refusals}",
                f"queues={dict(settled.queues)} in_time={settled.in_time}"
                f" handed={tally.handed} done={tally.done} resent={tally.resent}",
                f"dead_letters={dict(settled.outcome.dead_letters)}"
                f" outboxes={dict(settled.outcome.outboxes)}",
                f"{len(self.differences)} differences",
                *map(str, self.differences[:SHOWN]),
            ]
        )

    def assert_right(self) -> None:
        """Every send came in, all is done, and the numbers are the expected ones."""
        assert self.tally.failures == 0, str(self)
        assert self.settled.in_time, str(self)
        assert self.differences == [], str(self)


class District:
    """The processes of one district; a context manager that ends them all.

    Call `watch` often from the thread that made it: a process that died at a fault point it was
    armed with is started again, with the next point it is to die at if there is one. A process
    that ends in any other way fails the test.
    """

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self._programs = {each.name: each for each in programs(stack)}
        self.settings = stack.settings()
        self.base_url = self.settings["LINLI_PUBLIC_URL"]
        self.keys = stack.directory / "credentials"
        self._children: dict[str, Child] = {}
        self._armed: dict[str, str] = {}
        self._to_come: dict[str, deque[str]] = {}
        self.deaths: list[Death] = []

    def __enter__(self) -> Self:
        topology.apply(topology.read_settings(self.settings))
        try:
            for name in self._programs:
                self.start(name)
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_problem: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process, and take its partners off the broker."""
        for child in self._children.values():
            child.kill()
        self._children.clear()
        management = Management(self.settings["LINLI_RABBITMQ_MANAGEMENT_URL"])
        for slug in credentials.read(self.keys):
            with contextlib.suppress(Exception):
                management.delete_user(slug)

    # Processes.

    def start(self, name: str, point: str = "") -> None:
        """Start one, to die at a fault point if one is named."""
        program = self._programs[name]
        armed = {"LINLI_FAULT_POINT": point} if point else {}
        child = Child(
            name,
            list(program.argv),
            log_of(self.stack.directory, name),
            self.stack.directory / "pids",
            env={**program.env, **armed},
            cwd=ROOT,
        )
        child.start()
        self._children[name] = child
        self._armed[name] = point

    def kill(self, name: str) -> None:
        """SIGKILL, and whatever it left in its group."""
        self._children.pop(name).kill()

    def stop(self, *names: str, grace_s: float = 30.0) -> None:
        """SIGTERM to all of them, and wait for their ends."""
        stop_all([self._children.pop(name) for name in names], grace_s)

    def ask_to_stop(self, name: str) -> Child:
        """SIGTERM; who asked waits for its end."""
        child = self._children.pop(name)
        child.ask_to_stop()
        return child

    def kill_at(self, name: str, points: Iterable[str]) -> None:
        """Make it die at each of these fault points in turn, beginning now."""
        self._to_come[name] = deque(points)
        if name in self._children:
            self.kill(name)
        self._start_next(name)

    def still_to_die(self) -> dict[str, list[str]]:
        """Fault points that were not reached so far, by process."""
        left = {
            name: [*filter(None, [self._armed.get(name, "")]), *points]
            for name, points in self._to_come.items()
        }
        return {name: points for name, points in left.items() if points}

    def _start_next(self, name: str) -> None:
        points = self._to_come.get(name)
        self.start(name, points.popleft() if points else "")

    def watch(self) -> None:
        """Start again what died as it was told to; fail at anything else that ended."""
        for name, child in list(self._children.items()):
            if child.alive():
                continue
            code = child.process.returncode if child.process else 0
            point = self._armed[name]
            self.deaths.append(Death(name, point, code))
            assert point, f"{name} ended by itself with {code}:\n{child.tail(40)}"
            assert code == -signal.SIGKILL, f"{name} ended with {code}:\n{child.tail(40)}"
            child.kill()
            self._start_next(name)

    def wait_ready(self) -> None:
        """Until all that run answer as ready."""
        waiting = waiting_for([self._programs[name] for name in self._children])
        if not until(lambda: not waiting(), READY_S, 0.1):
            ends = "\n".join(
                f"— {n}\n{self._children[n].tail(25)}" for n in waiting() if n in self._children
            )
            raise AssertionError(f"not ready: {waiting()}\n{ends}")

    def pids(self) -> dict[str, int | None]:
        """Process ids by name."""
        return {name: child.pid for name, child in self._children.items()}

    def logs(self) -> dict[str, str]:
        """What each process wrote."""
        return {
            path.name: path.read_text(encoding="utf-8", errors="replace")
            for path in (self.stack.directory / "log").glob("*.log*")
        }

    # The month.

    def load(self, month: Path) -> None:
        """District, residents, partners and rules."""
        load(self.settings, month, self.keys)

    def play(
        self,
        month: Path,
        *,
        between: Callable[[int], None] = lambda _section: None,
        during: Callable[[Tally], None] = lambda _tally: None,
        finish: Callable[[], None] = lambda: None,
        crashes: bool = False,
    ) -> Played:
        """Load the month, send it, and wait until nothing moves.

        `between` is called after the n-th barrier, `during` again and again while it is sent,
        `finish` when all was sent. With `crashes`, what was delivered again may have been judged
        again: see `excused`.
        """
        self.load(month)
        events = month / "events.jsonl"
        tally = Tally()
        doors = Doors(
            self.settings["LINLI_PARTNER_BROKER_URL"],
            self.base_url,
            credentials.read(self.keys),
            tally,
        )

        def tick() -> None:
            self.watch()
            during(tally)

        try:
            doors.play(survey(events).partners, _in_sections(events, between), tick)
        finally:
            doors.close()
        finish()
        return self.outcome(month, tally, crashes=crashes)

    def outcome(self, month: Path, tally: Tally, *, crashes: bool = False) -> Played:
        """What came out, once nothing moves; with `crashes`, after a few looks if need be."""
        with Books(self.settings) as books:
            for _ in range(ROUNDS if crashes else 1):
                settled = settle(self.settings, books, lambda _outcome: self._while_settling())
                found = check(month, tally, settled, books.balances())
                if not (left := [each for each in found if not (crashes and excused(each))]):
                    break
        return Played(tally, settled, left)

    def _while_settling(self) -> None:
        self.watch()
        if self.deaths:
            self.let_leases_end()

    def let_leases_end(self) -> None:
        """What a killed worker had taken to send comes back after a minute: let it have passed."""
        with self.connect("notify") as connection:
            connection.execute(
                "UPDATE deliveries SET next_attempt_at = now() WHERE state = 'sending'"
                " AND next_attempt_at < now() + interval '50 s'"
            )

    # Looking inside.

    def connect(self, service: str) -> psycopg.Connection[tuple[Any, ...]]:
        """As the role that owns the service's tables, in autocommit."""
        url = self.settings[f"{service.upper()}_OWNER_DATABASE_URL"]
        return psycopg.connect(url, autocommit=True)

    def rows(self, service: str, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """The answer to one question."""
        with self.connect(service) as connection:
            return connection.execute(query, values).fetchall()

    def assert_books_sound(self) -> None:
        """Balances are the sums of their transfers, and verdicts are numbered without gaps."""
        assert self.rows("points", _UNBALANCED) == []
        assert self.rows("intake", _GAPS) == []


def excused(difference: Difference) -> bool:
    """Whether deliveries that came again explain it: more duplicates and refusals, nothing else."""
    name = difference.what
    return (
        name.startswith("verdicts.")
        and name not in {"verdicts.accepted", "verdicts.refused_at_door"}
        and isinstance(difference.expected, int)
        and isinstance(difference.found, int)
        and difference.found > difference.expected
    )


def _in_sections(events: Path, between: Callable[[int], None]) -> Iterator[Parcel | Barrier]:
    section = 0
    for each in plan(read(events)):
        yield each
        if isinstance(each, Barrier):  # whoever asks for the next has waited for all before it
            section += 1
            between(section)


@contextmanager
def visiting(directory: Path) -> Iterator[District]:
    """A district with databases and virtual hosts of its own on the session's stack."""
    suffix = uuid.uuid4().hex[:10]
    with session_stack.databases(suffix) as urls, session_stack.vhosts(suffix) as hosts:
        given = {**session_stack.settings(), **urls, **hosts}
        with District(Guest(directory, given)) as district:
            yield district


@contextmanager
def at_home() -> Iterator[District]:
    """A district on a broker and a database of its own, which keep what they were given."""
    directory = Path(tempfile.mkdtemp(prefix="linli-e2e-"))
    directory.chmod(0o711)  # the account of the database must get through
    stack = LocalStack(directory)
    try:
        stack.start(meanwhile=lambda: _migrate(stack.settings()))
        with District(stack) as district:
            yield district
    finally:
        stack.destroy()


def _migrate(settings: dict[str, str]) -> None:
    for service in SERVICES:
        migrations.upgrade(service, settings[f"{service.upper()}_OWNER_DATABASE_URL"])


def seconds_to_end(child: Child, limit_s: float) -> float:
    """How long a process that was asked to stop still took; kills it after the limit."""
    begun_s = time.monotonic()
    ended = until(lambda: not child.alive(), limit_s, 0.02)
    took_s = time.monotonic() - begun_s
    child.kill()
    assert ended, f"{child.name} had not ended after {limit_s:.0f} s (pid {os.getpid()})"
    return took_s

"""Processes, the broker and the database are killed in the middle of a month: the totals hold.

SIGKILL at every named fault point in turn, while the month goes on; whoever died is started again
as a supervisor would. What was delivered again may be judged again, as a duplicate or as refused
once more; that is all that may differ from the expected answer.
"""

from __future__ import annotations

import signal
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.processes import until
from deploy.month.tally import Tally
from shared.messaging.faults import POINTS
from tests.e2e.district import SMS, WEB, WORKERS, District, Played, at_home, visiting
from tests.e2e.months import paced_month

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(900)]

DEATH_WITHIN_S = 120.0

# The third time is in the middle of what waited while the process was down.
EVERYWHERE = (
    "subscriber.before_ack",
    "transaction.before_commit",
    "transaction.after_commit:3",
    "relay.after_publish",
    "transaction.before_commit:3",
    "subscriber.after_ack",
    "relay.before_publish",
    "relay.after_delete",
    "transaction.after_commit",
)
OF_TASKS = ("task.after_send", "task.before_send", "task.before_ack")


def points_of(worker: str) -> tuple[str, ...]:
    return (*EVERYWHERE, *OF_TASKS) if worker == "worker-notify" else EVERYWHERE


def assert_right(district: District, played: Played) -> None:
    played.assert_right()
    district.assert_books_sound()


def test_every_fault_point_is_died_at() -> None:
    named = {each.partition(":")[0] for worker in WORKERS for each in points_of(worker)}
    assert named == set(POINTS)


def test_workers_killed_at_every_fault_point(service_stack: dict[str, str], tmp_path: Path) -> None:
    month = paced_month(tmp_path / "month", seed=51, sends=600, pace=40)
    with visiting(tmp_path / "run") as district:

        def between(section: int) -> None:
            """Send on only when each has died as often as there were sections."""
            if section == 1:
                for worker in WORKERS:
                    district.kill_at(worker, points_of(worker))
                return
            reached = until(lambda: _died(district, section - 1), DEATH_WITHIN_S)
            assert reached, (section, district.deaths, district.still_to_die())

        def finish() -> None:
            def all_died() -> bool:
                district.watch()
                return not district.still_to_die()

            assert until(all_died, DEATH_WITHIN_S), district.still_to_die()

        played = district.play(month, between=between, finish=finish, crashes=True)
        assert_right(district, played)
        killed = Counter((each.name, each.point) for each in district.deaths)
        assert killed == {(worker, point): 1 for worker in WORKERS for point in points_of(worker)}
        assert {each.code for each in district.deaths} == {-signal.SIGKILL}


def _died(district: District, times: int) -> bool:
    district.watch()
    so_far = Counter(each.name for each in district.deaths)
    return all(so_far[worker] >= min(times, len(points_of(worker))) for worker in WORKERS)


class Blows:
    """Things to do in the middle of a month, each once so many parcels are on their way."""

    def __init__(self, *blows: tuple[int, Callable[[], None]]) -> None:
        self._left = list(blows)

    def __call__(self, tally: Tally) -> None:
        """Strike if it is time; the doors go on in their own threads meanwhile."""
        if self._left and tally.handed >= self._left[0][0]:
            _, strike = self._left.pop(0)
            strike()

    def assert_all_struck(self) -> None:
        assert not self._left


def test_web_broker_and_database_killed() -> None:
    """Everything heals by itself: no process but the one that was killed is started again."""
    with (
        tempfile.TemporaryDirectory() as directory,
        at_home() as district,
    ):
        month = paced_month(Path(directory) / "month", seed=52, sends=480, pace=60)
        rabbitmq, postgres = district.stack.rabbitmq, district.stack.postgres

        def web() -> None:
            district.kill(WEB)
            district.start(WEB)

        def broker() -> None:
            rabbitmq.kill()
            rabbitmq.start()

        def database() -> None:
            postgres.kill()
            postgres.start()

        def power_cut() -> None:
            for name in (*WORKERS, WEB, SMS):
                district.kill(name)
            rabbitmq.kill()
            postgres.kill()
            rabbitmq.launch()
            postgres.start()
            rabbitmq.wait_ready()
            for name in (SMS, *WORKERS, WEB):
                district.start(name)

        def healed(strike: Callable[[], None]) -> Callable[[], None]:
            def do() -> None:
                before = district.pids()
                strike()
                district.wait_ready()
                after = district.pids()
                if strike is not power_cut:
                    assert {n: p for n, p in after.items() if n != WEB} == {
                        n: p for n, p in before.items() if n != WEB
                    }

            return do

        blows = Blows(
            (30, web),
            (100, healed(broker)),
            (180, healed(database)),
            (230, web),
            (270, healed(power_cut)),
        )
        played = district.play(month, during=blows, crashes=True)
        blows.assert_all_struck()
        assert_right(district, played)
        assert district.deaths == []

"""The sums behind the table."""

from __future__ import annotations

import os

import pytest

from deploy.bench import processes
from deploy.bench.counting import Commits, CountWrong
from deploy.bench.figures import column, percentile, ratios, spread
from deploy.bench.processes import Meter

REPETITIONS = [
    {"dramatiq": {"rate": 1000.0}, "points": {"rate": 3000.0, "batches": 4.0}},
    {"dramatiq": {"rate": 500.0}, "points": {"rate": 1000.0}},
    {"dramatiq": {"rate": 800.0}},
]


def test_a_spread_has_the_middle_and_both_ends() -> None:
    found = spread([3.0, 1.0, 2.0])
    assert (found.median, found.low, found.high, found.count) == (2.0, 1.0, 3.0, 3)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)]
)
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], share) == expected


def test_ratios_are_made_within_a_repetition() -> None:
    assert ratios(REPETITIONS, "points", "dramatiq") == [3.0, 2.0]
    assert column(REPETITIONS, "points") == [3000.0, 1000.0]
    assert column(REPETITIONS, "points", "batches") == [4.0]


def test_the_first_batch_is_the_starting_line() -> None:
    commits = Commits([(10.0, 700), (11.0, 100), (12.0, 300)])
    assert commits.rows == 1100
    assert commits.last_at == 12.0
    assert commits.rate == 200.0
    assert commits.rate_until(14.0) == 100.0


def test_one_transaction_makes_no_rate() -> None:
    with pytest.raises(CountWrong):
        _ = Commits([(10.0, 700)]).rate


def test_processes_are_read_from_the_kernel() -> None:
    assert os.getpid() in processes.tree(os.getppid())
    memory = processes.memory([os.getpid()])
    assert 0 < memory["pss"] <= memory["rss"]
    assert processes.memory([0]) == {"rss": 0, "pss": 0}


def test_a_meter_counts_only_what_came_after_it() -> None:
    meter = Meter({"me": os.getpid()}, done=10)
    assert meter.per_event(10) == {}
    assert meter.per_event(11)["cpu_us_me"] >= 0

"""The table says what was reached, what was missed, and what was not measured."""

from __future__ import annotations

from typing import Any, cast

import orjson
import pytest

from deploy.bench import report
from deploy.bench.course import Course
from deploy.bench.growth import Growth
from deploy.bench.open311 import Posted
from deploy.bench.proving import Proved
from deploy.bench.resting import AtRest
from deploy.bench.sizes import DEFAULT, QUICK

REPETITIONS: list[dict[str, dict[str, float]]] = [
    {
        "dramatiq": {"rate": 1000.0},
        "points": {"rate": 2100.0, "relayed_rate": 2000.0, "cpu_us_points": 120.0},
        "walk": {"rate": 900.0, "cpu_us_intake": 80.0, "cpu_us_points": 110.0},
    }
]
LATENCY = {
    f"{name}_{label}_ms": 12.5
    for name in ("credited", "noticed")
    for label in ("p50", "p99", "max")
}
REST = AtRest(
    latency={"amqp": LATENCY, "http": {**LATENCY, "credited_p99_ms": 151.0}},
    http={"rate": 300.0, "p50_ms": 10.0, "p99_ms": 20.0},
    memory={"web": {"rss": 100.0, "pss": 90.0}},
    memory_ours={"rss": 100.0, "pss": 90.0},
    steady=LATENCY,
)
GROWN = Growth(
    award_us={10_000: 200.0, 5_000_000: 250.0},
    award_us_spread={10_000: (190.0, 210.0), 5_000_000: (240.0, 260.0)},
    transfers_over_tpcb=[4.5, 5.0],
    pages_ms={"p50": 10.0, "p99": 40.0, "max": 41.0},
    pages_entries=5_000_000,
)
FOUND = report.Found(
    REPETITIONS,
    REST,
    GROWN,
    proved=Proved(1_000_000, 20.0, 31.0),
    posted=Posted(rate=412.0, p50_ms=30.0, p99_ms=90.0, cpu_us={"cpu_us_web": 1800.0}),
)
NOTHING = report.Found([], None, None)


def test_targets_are_met_or_missed() -> None:
    met = [each.is_met for each in report.targets(FOUND)]
    assert met[:9] == [True, False, True, False, True, True, True, False, True]
    assert met[10:12] == [True, False]
    assert met[-1] is True


def test_what_was_not_measured_is_not_missed() -> None:
    assert {each.is_met for each in report.targets(NOTHING)} == {None}
    assert "not measured" in report.markdown("now", {"cores": 2}, NOTHING)


def test_the_table_holds_every_figure() -> None:
    table = report.markdown("now", {"cores": 2}, FOUND)
    for figure in (
        "2,100 (2,100–2,100)",
        "0.90",
        "✓ met",
        "✗ **missed**",
        "151.00",
        "cores 2",
        "1.25",
    ):
        assert figure in table
    row = next(line for line in table.splitlines() if line.startswith("| points |"))
    assert row == "| points | 120 | 110 |"


def test_the_record_is_json() -> None:
    made = report.record("now", QUICK.told(), {"cores": 2}, FOUND)
    again = orjson.loads(orjson.dumps(made))
    assert again["repetitions"] == REPETITIONS
    assert again["at_rest"]["memory_ours"]["rss"] == 100.0
    assert again["sizes"]["repetitions"] == 3


@pytest.mark.parametrize("sizes", [DEFAULT, QUICK])
def test_all_that_is_measured_has_a_line(sizes: Any) -> None:
    course = Course(cast("Any", None), cast("Any", None), sizes)
    assert set(course.steps()) == set(report.LABELS)

"""Is it the right answer? Compares with expected.json and expected_balances.csv, and looks for
what was left lying."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from deploy.month.outcome import Outcome
from deploy.month.settle import Settled
from deploy.month.tally import Tally
from shared.errors import Rejected

BALANCES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """Something is not as expected."""

    what: str
    expected: object
    found: object


def check(
    data: Path, tally: Tally, settled: Settled, balances: Mapping[str, tuple[int, int]]
) -> list[Difference]:
    """Every difference; empty when the answer is right. Raises Rejected for a broken file."""
    return [
        *_left_over(settled),
        *_numbers(data / "expected.json", found_numbers(tally, settled.outcome, balances)),
        *_balances(data / "expected_balances.csv", balances),
        *(Difference(f"line: {error}", "sent", "failed") for error in tally.errors),
    ]


def found_numbers(
    tally: Tally, outcome: Outcome, balances: Mapping[str, tuple[int, int]]
) -> dict[str, int]:
    """What came out, under the names of expected.json, flat."""
    verdicts = {f"verdicts.{name}": count for name, count in outcome.verdicts.items()}
    if refused := tally.refused.total():
        verdicts["verdicts.refused_at_door"] = refused
    return {
        "events": tally.sends,
        **verdicts,
        "points.residents_with_points": sum(1 for points, _ in balances.values() if points),
        "points.total": outcome.totals["resident:points"],
        "points.partner_total": outcome.totals["partner:partner_contribution"],
        "service_minutes_total": outcome.totals["resident:service_minutes"],
        "requests": outcome.requests,
        "notices.wish": outcome.notices["wish"],
        "notices.request_receipt": outcome.notices["request_receipt"],
    }


def _left_over(settled: Settled) -> Iterator[Difference]:
    outcome = settled.outcome
    for name, count in settled.queues.items():
        yield Difference(f"队列 / queue {name}", 0, count)
    for service, count in outcome.outboxes.items():
        if count:
            yield Difference(f"发件箱 / outbox {service}", 0, count)
    for name, count in outcome.dead_letters.items():
        yield Difference(f"死信 / dead letters {name}", 0, count)
    for name, count in outcome.deliveries.items():
        if name.endswith(("pending", "sending")):
            yield Difference(f"未发出的通知 / deliveries {name}", 0, count)


def _numbers(path: Path, found: Mapping[str, int]) -> Iterator[Difference]:
    try:
        expected = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as problem:
        raise Rejected(
            "no_expected", f"读不到 {path}：{problem}", f"cannot read {path}: {problem}"
        ) from problem
    wanted = dict(_flat(expected))
    for name in sorted({*wanted, *found}):
        default = 0 if name.startswith(("verdicts.", "notices.")) else None
        said, came = wanted.get(name, default), found.get(name, default)
        if said != came:
            yield Difference(name, said, came)


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix, value


def _balances(path: Path, found: Mapping[str, tuple[int, int]]) -> Iterator[Difference]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            wanted = {
                row["resident_no"]: (int(row["points"]), int(row["service_minutes"]))
                for row in csv.DictReader(file)
            }
    except (OSError, KeyError, TypeError, ValueError) as problem:
        raise Rejected(
            "no_expected_balances",
            f"读不到 {path}：{problem!r}",
            f"cannot read {path}: {problem!r}",
        ) from problem
    wrong = 0
    for resident in sorted({*wanted, *found}):
        said, came = wanted.get(resident, (0, 0)), found.get(resident, (0, 0))
        if said != came:
            wrong += 1
            if wrong <= BALANCES_SHOWN:
                yield Difference(f"{resident} (points, minutes)", said, came)
    if wrong > BALANCES_SHOWN:
        yield Difference("居民余额 / balances that differ", 0, wrong)

"""The oracle gives exactly what the example month says."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from tests.oracle.answer import answer

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "demo-district"


def test_the_example_month_comes_out_as_it_says() -> None:
    found = answer(EXAMPLE)
    assert found.expected == json.loads((EXAMPLE / "expected.json").read_text(encoding="utf-8"))


def test_every_balance_of_the_example_month() -> None:
    with (EXAMPLE / "expected_balances.csv").open(encoding="utf-8", newline="") as file:
        said = {
            row["resident_no"]: (int(row["points"]), int(row["service_minutes"]))
            for row in csv.DictReader(file)
        }
    assert answer(EXAMPLE).balances == said

"""Random months: the same for the same seed, with every verdict there is, and playable by form."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from deploy.month.plan import plan
from deploy.month.read import Barrier, read
from tests.oracle.answer import answer, read_sends
from tests.oracle.months import make_month

VERDICTS = {
    "accepted",
    "duplicate",
    "refused_at_door",
    *(
        f"rejected:{reason}"
        for reason in [
            "too_large",
            "malformed",
            "source_mismatch",
            "unsupported_type",
            "in_future",
            "agreement_inactive",
            "not_entitled",
            "schema",
            "unknown_resident",
            "id_conflict",
        ]
    ),
}


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_month(tmp_path_factory.mktemp("month"), seed=5, sends=1500)


def test_the_same_seed_gives_the_same_month(month: Path, tmp_path: Path) -> None:
    again = make_month(tmp_path, seed=5, sends=1500)
    for path in month.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes()


def test_every_verdict_by_both_doors_and_in_all_modes(month: Path) -> None:
    found = answer(month)
    assert set(found.expected["verdicts"]) == VERDICTS
    assert found.expected["events"] == 1500
    modes = Counter((send["via"], send["mode"], "raw" in send) for send in read_sends(month))
    assert len(modes) == 12


def test_the_order_within_a_section_changes_nothing(month: Path, tmp_path: Path) -> None:
    sections: list[list[str]] = [[]]
    for line in (month / "events.jsonl").read_text(encoding="utf-8").splitlines():
        sections[-1].append(line)
        if json.loads(line).get("barrier"):
            sections.append([])
    turned = [
        line
        for section in sections
        for line in sorted(section, key=lambda each: ("barrier" in json.loads(each), each[::-1]))
    ]
    for path in month.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "events.jsonl").write_text("\n".join(turned) + "\n", encoding="utf-8")
    assert answer(tmp_path).expected == answer(month).expected
    assert answer(tmp_path).balances == answer(month).balances


def test_nothing_races_that_no_barrier_parts(month: Path) -> None:
    lines = list(read(month / "events.jsonl"))
    said = sum(isinstance(each, Barrier) for each in lines)
    assert said == 3
    assert sum(isinstance(each, Barrier) for each in plan(lines)) == said

"""The comparison: right is empty, and each kind of wrong is named."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from deploy.month import settle as settling
from deploy.month.check import check
from deploy.month.outcome import Latency, Outcome
from deploy.month.parcels import pack
from deploy.month.read import Send
from deploy.month.settle import Settled, settle
from deploy.month.summary import tell, tell_differences
from deploy.month.tally import Tally

EXPECTED: dict[str, Any] = {
    "events": 3,
    "verdicts": {"accepted": 2, "refused_at_door": 1},
    "points": {"residents_with_points": 1, "total": 7, "partner_total": 5},
    "service_minutes_total": 60,
    "requests": 0,
    "notices": {"wish": 1, "request_receipt": 0},
}
BALANCES = {"R1": (7, 60), "R2": (0, 0)}


def _outcome() -> Outcome:
    return Outcome(
        verdicts=Counter(accepted=2),
        contributions=Counter(activity=1, wish=1),
        awards=Counter(activity=1, wish=1),
        totals=Counter(
            {
                "resident:points": 7,
                "resident:service_minutes": 60,
                "partner:partner_contribution": 5,
            }
        ),
        partner_points_heard=5,
        notices=Counter(wish=1, points_credited=1),
    )


def _tally() -> Tally:
    tally = Tally()
    for line in range(3):
        parcel = pack(Send(line, "a", "http", "structured", {}, None))
        tally.hand(parcel)
    tally.refuse(parcel, "HTTP 401")
    return tally


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "expected.json").write_text(json.dumps(EXPECTED), encoding="utf-8")
    (tmp_path / "expected_balances.csv").write_text(
        "resident_no,points,service_minutes\nR1,7,60\n", encoding="utf-8"
    )
    return tmp_path


def _check(
    data: Path,
    outcome: Outcome,
    queues: Counter[str] | None = None,
    balances: dict[str, tuple[int, int]] | None = None,
) -> dict[str, tuple[object, object]]:
    settled = Settled(outcome, queues or Counter(), in_time=True)
    found = check(data, _tally(), settled, balances or BALANCES)
    return {each.what: (each.expected, each.found) for each in found}


def test_the_right_answer_differs_in_nothing(data: Path) -> None:
    assert _check(data, _outcome()) == {}


def test_each_wrong_number_is_named(data: Path) -> None:
    outcome = _outcome()
    outcome.verdicts = Counter({"accepted": 1, "rejected:schema": 1})
    outcome.requests = 2
    assert _check(data, outcome) == {
        "verdicts.accepted": (2, 1),
        "verdicts.rejected:schema": (0, 1),
        "requests": (0, 2),
    }


def test_a_number_that_is_not_known_is_not_passed_over(data: Path) -> None:
    expected = {**EXPECTED, "certificates": 4}
    (data / "expected.json").write_text(json.dumps(expected), encoding="utf-8")
    assert _check(data, _outcome()) == {"certificates": (4, None)}


def test_every_resident_counts_also_one_who_should_have_nothing(data: Path) -> None:
    wrong = {"R1": (7, 59), "R3": (1, 0)}
    assert _check(data, _outcome(), balances=wrong) == {
        "R1 (points, minutes)": ((7, 60), (7, 59)),
        "R3 (points, minutes)": ((0, 0), (1, 0)),
        "points.residents_with_points": (1, 2),
    }


def test_what_is_left_lying_is_named(data: Path) -> None:
    outcome = _outcome()
    outcome.outboxes = Counter({"notify": 2, "intake": 0})
    outcome.dead_letters = Counter({"points:open": 1})
    outcome.deliveries = Counter({"sms:delivered": 5, "sms:pending": 1})
    found = _check(data, outcome, Counter({"linli/points.tasks.XQ": 3}))
    assert {what.rpartition(" ")[2]: said for what, said in found.items()} == {
        "linli/points.tasks.XQ": (0, 3),
        "notify": (0, 2),
        "points:open": (0, 1),
        "sms:pending": (0, 1),
    }


class _Books:
    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)

    def outcome(self) -> Outcome:
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[Counter[str]]:
    """Time runs fast, and the broker says what the returned list holds, the last for ever."""
    queues: list[Counter[str]] = [Counter()]

    class Queues:
        def __init__(self, _settings: object) -> None:
            pass

        def waiting(self) -> Counter[str]:
            return queues.pop(0) if len(queues) > 1 else queues[0]

    monkeypatch.setattr(settling, "Queues", Queues)
    for name, value in {
        "LOOK_EVERY_S": 0.01,
        "QUIET_S": 0.05,
        "SILENCE_S": 0.3,
        "STUCK_S": 1.0,
    }.items():
        monkeypatch.setattr(settling, name, value)
    return queues


def _settle(*outcomes: Outcome) -> Settled:
    return settle({}, _Books(*outcomes))  # type: ignore[arg-type]


def test_it_waits_until_all_is_credited_and_told(quick: list[Counter[str]]) -> None:
    early, later = _outcome(), _outcome()
    early.awards = Counter(activity=1)
    later.outboxes = Counter(points=1)
    quick[:] = [Counter({"linli/notify.events": 1}), Counter()]
    settled = _settle(early, later, _outcome())
    assert settled.in_time
    assert settled.outcome == _outcome()
    assert not settled.queues


def test_it_ends_when_something_was_lost(quick: list[Counter[str]]) -> None:
    lost = _outcome()
    lost.awards = Counter(activity=1)
    assert _settle(lost).in_time


def test_it_gives_up_on_what_never_moves(quick: list[Counter[str]]) -> None:
    stuck = _outcome()
    stuck.deliveries = Counter({"sms:pending": 1})
    assert not _settle(stuck).in_time


def test_the_summary_can_be_told(data: Path) -> None:
    console = Console(record=True, width=100, force_terminal=False)
    settled = Settled(_outcome(), Counter(), in_time=False)
    tell(console, _tally(), settled, Latency(0.02, 1.5, None), sent_s=1, walked_s=2)
    tell_differences(console, check(data, _tally(), settled, {}))
    text = console.export_text()
    assert "20 ms, 1.50 s" in text
    assert "HTTP 401" in text
    assert "gave up" in text

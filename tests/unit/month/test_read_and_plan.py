"""Lines of a month: what is wrong is named, batch sends travel together, races are parted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.month.parcels import Parcel
from deploy.month.plan import BATCH_ITEMS_MAX, plan
from deploy.month.read import BadLine, Barrier, Send, read, survey
from shared.errors import Rejected


def _write(path: Path, *lines: Any) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("\n".join(texts), encoding="utf-8")
    return path


def _line(event: Any = None, **said: Any) -> dict[str, Any]:
    return {"as": "a", "via": "http", "mode": "batch", "event": event or {"id": "1"}, **said}


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[1]",
        '"text"',
        {"via": "http", "mode": "batch", "event": {}},
        {**_line(), "as": ""},
        {**_line(), "via": "pigeon"},
        {**_line(), "mode": "cubic"},
        {**_line(), "event": None},
        {**_line(), "event": "x"},
        {**_line(), "raw": "both"},
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: Any) -> None:
    path = _write(tmp_path / "events.jsonl", _line(), "", line)
    with pytest.raises(BadLine) as problem:
        survey(path)
    assert problem.value.line == 3
    assert "第 3 行" in problem.value.zh
    assert "line 3" in problem.value.en


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=r"events\.jsonl"):
        survey(tmp_path / "events.jsonl")


def test_what_a_month_may_hold(tmp_path: Path) -> None:
    path = _write(
        tmp_path / "events.jsonl",
        {"barrier": True},
        _line(),
        {"n": 9, "barrier": True},
        '{"as":"b","via":"amqp","mode":"structured","raw":"\\ud800"}',
        {"as": "b", "via": "amqp", "event": {}},
    )
    first, sent, second, raw, bare = read(path)
    assert isinstance(first, Barrier)
    assert isinstance(second, Barrier)
    assert isinstance(sent, Send)
    assert sent.event == {"id": "1"}
    assert isinstance(raw, Send)
    assert raw.raw == b"\xed\xa0\x80"
    assert isinstance(bare, Send)
    assert bare.mode == "structured"
    assert survey(path).partners == {"a": 1, "b": 2}


def _sends(*sends: tuple[str, str, str, dict[str, Any]]) -> list[Send | Barrier]:
    return [
        Send(line, partner, via, mode, event, None)
        for line, (partner, via, mode, event) in enumerate(sends, 1)
    ]


def _parcels(planned: list[Parcel | Barrier]) -> list[Any]:
    return ["|" if isinstance(each, Barrier) else each.lines for each in planned]


def test_batch_sends_of_one_partner_and_door_go_together() -> None:
    planned = plan(
        _sends(
            ("a", "http", "batch", {"id": "1"}),
            ("a", "http", "structured", {"id": "2"}),
            ("b", "http", "batch", {"id": "1"}),
            ("a", "amqp", "batch", {"id": "3"}),
            ("a", "http", "batch", {"id": "4"}),
        )
    )
    assert _parcels(list(planned)) == [(2,), (1, 5), (3,), (4,)]


def test_a_batch_has_an_end() -> None:
    many = [("a", "http", "batch", {"id": str(n)}) for n in range(BATCH_ITEMS_MAX + 1)]
    assert [len(lines) for lines in _parcels(list(plan(_sends(*many))))] == [BATCH_ITEMS_MAX, 1]
    large = [("a", "http", "batch", {"id": str(n), "data": "x" * 200_000}) for n in range(2)]
    assert _parcels(list(plan(_sends(*large)))) == [(1,), (2,)]


def test_two_bodies_of_one_id_are_parted() -> None:
    planned = plan(
        _sends(
            ("a", "http", "batch", {"id": "1", "data": 1}),
            ("a", "amqp", "binary", {"data": 1, "id": "1"}),
            ("b", "amqp", "binary", {"id": "1", "data": 2}),
            ("a", "amqp", "binary", {"id": "1", "data": 2}),
            ("a", "http", "binary", {"id": "1", "data": 2}),
            ("a", "http", "binary", {"id": "1", "data": 1}),
        )
    )
    assert _parcels(list(planned)) == [(2,), (3,), (1,), "|", (4,), (5,), "|", (6,)]


def test_a_barrier_sends_what_was_held() -> None:
    lines = [*_sends(("a", "http", "batch", {"id": "1"})), Barrier(2)]
    assert _parcels(list(plan(lines))) == [(1,), "|"]

"""Reads a month: `events.jsonl`, one send or barrier a line, any order, any mixture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from shared.errors import Rejected

VIAS = ("amqp", "http")
MODES = ("structured", "binary", "batch")


class BadLine(Rejected):
    """A line of events.jsonl that says nothing we could do."""

    def __init__(self, path: Path, line: int, zh: str, en: str) -> None:
        super().__init__("bad_line", f"{path} 第 {line} 行：{zh}", f"{path} line {line}: {en}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Send:
    """One send: `event` to be encoded in this mode, or the very body (`raw`)."""

    line: int
    partner: str
    via: str
    mode: str
    event: dict[str, Any] | None
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class Barrier:
    """Everything before it must have its verdict before anything after it is sent."""

    line: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What a month holds: how many sends, and by whom."""

    sends: int
    partners: dict[str, int]


def read(path: Path) -> Iterator[Send | Barrier]:
    """The lines in order; raises BadLine at the first one that is wrong."""
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _understand(path, number, line)
    except OSError as problem:
        raise Rejected(
            "no_events",
            f"读不到 {path}：请给出含 events.jsonl 的目录",
            f"cannot read {path} ({problem.strerror}): name a directory that has events.jsonl",
        ) from problem


def survey(path: Path) -> Survey:
    """Read it all once, before anything is sent; raises BadLine."""
    partners: dict[str, int] = {}
    for each in read(path):
        if isinstance(each, Send):
            partners[each.partner] = partners.get(each.partner, 0) + 1
    return Survey(sum(partners.values()), partners)


def _understand(path: Path, number: int, line: bytes) -> Send | Barrier:
    said = _parse(path, number, line)
    if not isinstance(said, dict):
        raise BadLine(path, number, "须为 JSON 对象", "must be a JSON object")
    if said.get("barrier"):
        return Barrier(number)
    partner, via, mode = said.get("as"), said.get("via"), said.get("mode", "structured")
    if not isinstance(partner, str) or not partner:
        raise BadLine(path, number, "as 须为合伙人代号", "as must be a partner's slug")
    if via not in VIAS:
        raise BadLine(path, number, "via 须为 amqp 或 http", "via must be amqp or http")
    if mode not in MODES:
        raise BadLine(
            path,
            number,
            "mode 须为 structured、binary 或 batch",
            "mode must be structured, binary or batch",
        )
    event, raw = said.get("event"), said.get("raw")
    if isinstance(raw, str) and event is None:
        # a lone surrogate becomes bytes that are no UTF-8, which a partner may well send
        return Send(number, partner, via, mode, None, raw.encode("utf-8", "surrogatepass"))
    if isinstance(event, dict) and raw is None:
        return Send(number, partner, via, mode, event, None)
    raise BadLine(
        path,
        number,
        "须有 event（对象）或 raw（文字）之一",
        "must have either event (an object) or raw (text)",
    )


def _parse(path: Path, number: int, line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        try:  # orjson refuses lone surrogates, which a raw body may hold on purpose
            return json.loads(line)
        except ValueError as problem:
            zh, en = f"不是 JSON：{problem}", f"not JSON: {problem}"
            raise BadLine(path, number, zh, en) from problem

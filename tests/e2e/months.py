"""Months for whole districts: marked, because partners are users of a broker that others use."""

from __future__ import annotations

import json
import random
import uuid
from pathlib import Path

from tests.oracle.months import make_month


def marked_month(directory: Path, *, seed: int, sends: int, barriers: int = 4) -> Path:
    """A random month whose partners nobody else has."""
    return make_month(directory, seed=seed, sends=sends, barriers=barriers, mark=_mark())


def paced_month(directory: Path, *, seed: int, sends: int, pace: int) -> Path:
    """A random month whose outcome no order can change, with a barrier every `pace` sends.

    Nothing in it contradicts anything else, so it may also be delivered twice in part.
    """
    make_month(directory, seed=seed, sends=sends, barriers=0, mark=_mark())
    events = directory / "events.jsonl"
    paced: list[str] = []
    for place, line in enumerate(events.read_text(encoding="utf-8").splitlines(), 1):
        paced.append(line)
        if place % pace == 0:
            paced.append('{"barrier": true}')
    events.write_text("\n".join(paced) + "\n", encoding="utf-8")
    return directory


def shuffled(month: Path, directory: Path, *, seed: int) -> Path:
    """The same month with the sends between two barriers in another order."""
    sections: list[list[str]] = [[]]
    for line in (month / "events.jsonl").read_text(encoding="utf-8").splitlines():
        if json.loads(line).get("barrier"):
            sections.append([])
        else:
            sections[-1].append(line)
    chance = random.Random(seed)
    for section in sections:
        chance.shuffle(section)
    directory.mkdir()
    for path in month.iterdir():
        (directory / path.name).write_bytes(path.read_bytes())
    text = '\n{"barrier": true}\n'.join("\n".join(section) for section in sections)
    (directory / "events.jsonl").write_text(text + "\n", encoding="utf-8")
    return directory


def _mark() -> str:
    return f"-{uuid.uuid4().hex[:6]}"

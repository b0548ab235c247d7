"""Random months of the example's form, with every kind of fault, and their right answer.

`make_month(directory, seed=7, sends=2000)` writes a directory that can be loaded and played. The
same seed gives the same month. Nothing in a month depends on when it is played, as long as it is
played after the month and before 2099.
"""

from __future__ import annotations

import csv
import json
import random
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from tests.oracle import answer
from tests.oracle.judge import ATTENDED, EVIDENCE, FULFILLED, KINDS, SUBMITTED
from tests.oracle.sends import Writer

MONTHS = ((2024, 2), (2025, 12), (2026, 1), (2026, 3), (2026, 10))
TYPES = [ATTENDED, FULFILLED, SUBMITTED]
GRIDS = [f"99020100100{community}00{grid}" for community in (1, 2) for grid in (1, 2)]

_FAMILIES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨欧阳"
_GIVEN = "安宁和静明远思源一二子轩雨桐建国秀英"


@dataclass(frozen=True)
class Plan:
    """The month and everybody in it."""

    first: date
    last: date
    residents: list[str]
    busy: list[str]
    partners: list[dict[str, Any]]
    rules: dict[str, Any]


def make_month(
    directory: Path,
    *,
    seed: int,
    sends: int,
    residents: int = 80,
    barriers: int = 3,
    fault_share: float = 0.25,
    month: tuple[int, int] | None = None,
    mark: str = "",
) -> Path:
    """Write district, residents, partners, rules, events and expected answer; the directory.

    `fault_share` of the sends are faulty. `month` (year, month) is drawn unless it is given.
    `mark` ends every slug: partners are users of the whole broker, which several tests may share.
    """
    chance = random.Random(f"linli {seed}")
    directory.mkdir(parents=True, exist_ok=True)
    year, number = month or chance.choice(MONTHS)
    plan = _plan(chance, year, number, residents, mark)
    _write_json(directory / "district.json", _district())
    _write_json(directory / "partners.json", plan.partners)
    _write_json(directory / "rules.json", plan.rules)
    _write_residents(directory / "residents.csv", chance, plan.residents)
    writer = Writer(chance, plan.partners, plan.residents, plan.busy, plan.first, plan.last)
    lines = writer.lines(sends, barriers, fault_share)
    with (directory / "events.jsonl").open("w", encoding="utf-8") as file:
        for place, line in enumerate(lines, 1):
            # a lone surrogate can only be written as an escape
            text = json.dumps({"n": place, **line}, ensure_ascii=chance.random() < 0.2)
            try:
                text.encode()
            except UnicodeEncodeError:
                text = json.dumps({"n": place, **line})
            file.write(text + "\n")
    answer.write(directory, answer.answer(directory))
    return directory


def _plan(chance: random.Random, year: int, number: int, residents: int, mark: str) -> Plan:
    first, last = date(year, number, 1), date(year, number, monthrange(year, number)[1])
    names = [f"R{place:05d}" for place in range(1, residents + 1)]
    return Plan(
        first,
        last,
        names,
        chance.sample(names, max(2, residents // 12)),
        _partners(chance, first, last, mark),
        _rules(chance),
    )


def _partners(chance: random.Random, first: date, last: date, mark: str) -> list[dict[str, Any]]:
    day = timedelta(days=1)
    whole = (first - 90 * day, last + 90 * day)
    inner = (first + chance.randint(1, 9) * day, last - chance.randint(1, 9) * day)
    one_day = first + chance.randint(5, 20) * day
    terms: list[tuple[str, tuple[date, date], list[str], str]] = [
        ("enterprise-a", whole, TYPES, "active"),
        ("merchant-b", whole, TYPES, "active"),
        ("talent-c", whole, [ATTENDED], "active"),
        ("team-d", inner, TYPES, "active"),
        ("office-e", (one_day, one_day), TYPES, "active"),
        ("month-f", (first, last), [FULFILLED, SUBMITTED], "active"),
        ("past-g", (first - 300 * day, first - day), TYPES, "active"),
        ("future-h", (last + day, last + 300 * day), TYPES, "active"),
        ("nothing-i", whole, [], "active"),
        ("suspended-j", whole, TYPES, "suspended"),
        ("7-7", whole, TYPES, "active"),
    ]
    kinds = ("enterprise", "merchant", "talent", "volunteer_team", "government")
    return [
        {
            "slug": slug + mark,
            "name": f"合伙人 {slug}",
            "kind": chance.choice(kinds),
            "agreement": {
                "no": f"HX-{first.year}-{place:03d}",
                "from": dates[0].isoformat(),
                "to": dates[1].isoformat(),
                "event_types": types,
            },
            "status": status,
            "system": chance.choice(("main", "hr-2", "app.v3", "s_1")),
        }
        for place, (slug, dates, types, status) in enumerate(terms, 1)
    ]


def _rules(chance: random.Random) -> dict[str, Any]:
    return {
        "programme": "random-bank",
        "version": chance.randint(1, 9),
        "valid_from": "2020-01-01",
        "timezone": "Asia/Shanghai",
        "activity": {
            "points_per_hour": {kind: chance.randint(0, 9) for kind in KINDS},
            "credited_minutes_max_per_activity": chance.choice((60, 90, 120, 240)),
            "evidence": {kind: {"points": kind != "backfill", "hours": True} for kind in EVIDENCE},
            "rounding": "floor",
            "minutes_min": 10,
            "minutes_max": 720,
        },
        "caps": {
            "person_day_points": chance.choice((5, 10, 20)),
            "person_month_points": chance.choice((30, 60, 200)),
            "over_cap": "credit what is left",
        },
        "wish": {
            "partner_contribution_points": {
                "goods_blue": chance.randint(1, 20),
                "convenience_yellow": chance.randint(1, 20),
                "urgent_red": chance.randint(1, 20),
            }
        },
    }


def _district() -> dict[str, Any]:
    return {
        "code": "990201",
        "name": "随机区",
        "streets": [
            {
                "code": "990201001",
                "name": "随机街道",
                "communities": [
                    {
                        "code": f"99020100100{community}",
                        "name": f"第{community}社区",
                        "grids": [
                            {"code": code, "name": f"网格 {code[-3:]}"}
                            for code in GRIDS
                            if code.startswith(f"99020100100{community}")
                        ],
                    }
                    for community in (1, 2)
                ],
            }
        ],
    }


def _write_residents(path: Path, chance: random.Random, residents: list[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(
            ["resident_no", "household_no", "name", "phone", "birth_year", "grid_code", "language"]
        )
        for place, resident in enumerate(residents):
            name = chance.choice(_FAMILIES) + "".join(chance.choices(_GIVEN, k=2))
            phone = f"170{chance.randint(0, 99_999_999):08d}"
            grid = GRIDS[place // 2 % len(GRIDS)]
            year = chance.randint(1930, 2018)
            language = chance.choice(("zh", "zh", "zh", "en"))
            rows.writerow((resident, f"H{place // 2:05d}", name, phone, year, grid, language))


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")

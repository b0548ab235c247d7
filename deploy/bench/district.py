"""What the bench plays with: the example district's residents, partners and events of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import orjson

from deploy.local.stack import ROOT
from deploy.month.load import read_residents
from shared import clock
from shared.clock import DISTRICT_TIMEZONE
from shared.ids import uuid7
from shared.schemas import make, wire
from shared.schemas.envelope import encode
from shared.schemas.intake import CONTRIBUTION_RECORDED

EXAMPLE = ROOT / "examples" / "demo-district"
PARTNERS = tuple(f"enterprise-{n:02d}" for n in range(1, 7))
QUOTA = 1_000_000_000

COMMUNITY = "990101001001"  # what intake would have said; the ledger only keeps it

_FROM, _TO = "2015-01-01", "2099-12-31"
_EVIDENCE = ("self_check",) * 16 + ("organiser",) * 3 + ("backfill",)
_DAYS = 28
_MONTHS_BACK_MAX = 100


def write(directory: Path) -> None:
    """A directory that can be loaded: rules and agreements hold for every month we invent."""
    directory.mkdir(parents=True)
    for name in ("district.json", "residents.csv"):
        shutil.copyfile(EXAMPLE / name, directory / name)
    rules = orjson.loads((EXAMPLE / "rules.json").read_bytes())
    rules["valid_from"] = _FROM
    (directory / "rules.json").write_bytes(orjson.dumps(rules))
    (directory / "partners.json").write_bytes(orjson.dumps([_partner(slug) for slug in PARTNERS]))


def residents(directory: Path) -> list[str]:
    """The numbers of all residents."""
    return [str(row["resident_no"]) for row in read_residents(directory / "residents.csv")]


def _partner(slug: str) -> dict[str, Any]:
    return {
        "slug": slug,
        "name": f"合伙人 {slug}",
        "kind": "enterprise",
        "system": "main",
        "status": "active",
        "agreement": {
            "no": f"BENCH-{slug}",
            "from": _FROM,
            "to": _TO,
            "event_types": [wire.ACTIVITY_ATTENDED],
        },
        "quota": {"per_minute": QUOTA, "per_day": QUOTA},
    }


class Invention:
    """Accepted activities; each call of `activities` has a month to itself.

    So no repetition finds the monthly caps used up by the one before it. `seed` makes the same
    events again but for their ids and months.
    """

    def __init__(self, numbers: Sequence[str], seed: int = 7) -> None:
        self._numbers = numbers
        self._random = Random(seed)  # noqa: S311 - realistic, not secret
        self._month = 0

    def activities(self, tag: str, count: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """(partner, code, data as a partner says it); the codes are `<tag>-<number>`."""
        self._month += 1
        first = _month_start(self._month)
        order = list(self._numbers)
        self._random.shuffle(order)
        for place in range(count):
            begin = first + timedelta(
                days=self._random.randrange(_DAYS), minutes=self._random.randrange(8 * 60, 19 * 60)
            )
            end = begin + timedelta(minutes=self._random.randrange(30, 241))
            code = f"{tag}-{place:06d}"
            yield (
                PARTNERS[place % len(PARTNERS)],
                code,
                {
                    "activity_code": code,
                    "activity_kind": self._random.choice(wire.ACTIVITY_KINDS),
                    "resident_no": order[place % len(order)],
                    "checked_in_at": begin.isoformat(),
                    "checked_out_at": end.isoformat(),
                    "evidence": self._random.choice(_EVIDENCE),
                },
            )


def _month_start(back: int) -> datetime:
    today = clock.now().astimezone(DISTRICT_TIMEZONE)
    months = today.year * 12 + today.month - 1 - (back % _MONTHS_BACK_MAX)
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=DISTRICT_TIMEZONE)


def wire_event(partner: str, code: str, data: dict[str, Any]) -> str:
    """A CloudEvent as the partner's system writes it (JSON text)."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"{partner}-{code}",
            "source": f"/partners/{partner}/main",
            "type": wire.ACTIVITY_ATTENDED,
            "time": data["checked_out_at"],
            "datacontenttype": "application/json",
            "data": data,
        }
    ).decode()


def recorded_event(partner: str, code: str, data: dict[str, Any]) -> str:
    """The same activity as intake says it after accepting it (JSON text)."""
    contribution_id: UUID = uuid7()
    begin, end = (datetime.fromisoformat(data[f"checked_{way}_at"]) for way in ("in", "out"))
    event = make(
        CONTRIBUTION_RECORDED,
        {
            **data,
            "household_no": f"H-{data['resident_no']}",
            "community_code": COMMUNITY,
            "contribution_id": contribution_id,
            "partner": partner,
            "source_event_id": f"{partner}-{code}",
            "minutes": wire.whole_minutes(begin, end),
            "accepted_at": clock.now(),
        },
        source="/linli/intake",
        correlationid=f"{partner}-{code}",
        causationid=f"{partner}-{code}",
    )
    return encode(event).decode()

"""Draws the sends of a random month: good events at awkward moments, faults, repeats."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from tests.oracle import faults
from tests.oracle.judge import (
    ATTENDED,
    BYTES_MAX,
    COLOURS,
    DISTRICT,
    EVIDENCE,
    FULFILLED,
    KINDS,
    SUBMITTED,
    URGENCIES,
    compact,
)

VIAS = ("amqp", "http")
MODES = ("structured", "binary", "batch")
MINUTES = (10, 10, 11, 29, 59, 60, 61, 119, 120, 121, 240, 241, 719, 720)
OFFSETS_MIN = (480, 480, 480, 0, 0, 330, -300, 840, -720)

_ODD_IDS = ("ë中文 {}", "100%25 {}", 'a"b {}', "a/b?c=d&{}", "🙂{}", "+{}", "ce-{}", "  {}")
_TITLES = ("路灯不亮", "楼道堆物", "噪声扰民", "Broken lamp 🙂", "积水")


class Writer:
    """Makes lines of events.jsonl, without their numbers."""

    def __init__(
        self,
        chance: random.Random,
        partners: list[dict[str, Any]],
        residents: list[str],
        busy: list[str],
        first: date,
        last: date,
    ) -> None:
        self.chance = chance
        self.partners = partners
        self.residents = residents
        self.busy = busy
        self._first, self._last = first, last
        self._count: Counter[str] = Counter()
        # Most of what comes, comes from partners whose agreement covers the month.
        self._often = [
            each
            for each in partners
            if each["status"] == "active"
            and each["agreement"]["event_types"]
            and each["agreement"]["from"] <= last.isoformat()
            and each["agreement"]["to"] >= first.isoformat()
        ]
        self._borders = self._find_borders()

    def lines(self, sends: int, barriers: int, fault_share: float) -> list[dict[str, Any]]:
        """All lines in order. What must not race with something lies behind a barrier."""
        sections = barriers + 1
        lines: list[dict[str, Any]] = []
        sent: list[dict[str, Any]] = []
        for section in range(sections):
            wanted = sends // sections + (section < sends % sections)
            drawn = [self._draw(sent, fault_share) for _ in range(wanted)]
            doubles = [self._again(self.chance.choice(drawn)) for _ in range(wanted // 25)]
            mixed = [*drawn[: wanted - len(doubles)], *doubles]
            self.chance.shuffle(mixed)
            lines += mixed
            sent += mixed
            if section < barriers:
                lines.append({"barrier": True})
        return lines

    def partner(self) -> dict[str, Any]:
        """Who sends."""
        return self.chance.choice(self._often if self.chance.random() < 0.93 else self.partners)

    def event(self, partner: dict[str, Any], kind: str | None = None) -> dict[str, Any]:
        """A sound event of a partner, of a type its agreement names if it names any."""
        chance = self.chance
        named = partner["agreement"]["event_types"] or [ATTENDED]
        kind = kind or chance.choice([*named, named[0]])
        at = self.moment()
        event: dict[str, Any] = {
            "specversion": "1.0",
            "id": self._new_id(partner["slug"]),
            "source": f"/partners/{partner['slug']}/{partner['system']}",
            "type": kind,
            "time": self.spell(at, seconds=True),
            "datacontenttype": "application/json",
            "data": self._data(kind, at),
        }
        if chance.random() < 0.05:
            del event["datacontenttype"]
        if chance.random() < 0.05:
            event["subject"] = "活动 100%"
        if chance.random() < 0.05:
            event["data"]["unknown_field"] = chance.choice([None, 1, [], {"a": 1}, "邻里"])
        return event

    def moment(self) -> datetime:
        """An instant in or near the month, often at or next to a border."""
        chance = self.chance
        if chance.random() < 0.35:
            by = chance.choice((-60, -1, 0, 0, 1, 60))
            return chance.choice(self._borders) + timedelta(seconds=by)
        begin = _midnight(self._first)
        span = (self._last - self._first).days * 86_400
        return begin + timedelta(seconds=chance.randint(-40_000, span + 120_000))

    def spell(self, at: datetime, *, seconds: bool = False) -> str:
        """An instant as text, in one of several offsets; `seconds` may not be left out."""
        chance = self.chance
        if chance.random() < 0.15:
            at = at.replace(microsecond=chance.choice((1, 500_000, 999_999)))
        local = at.astimezone(timezone(timedelta(minutes=chance.choice(OFFSETS_MIN))))
        if not seconds and not local.second and not local.microsecond and chance.random() < 0.1:
            return local.isoformat(timespec="minutes")
        text = local.isoformat()
        return text.replace("+00:00", "Z") if chance.random() < 0.7 else text

    def send(
        self, partner: str, event: dict[str, Any], via: str | None = None, mode: str | None = None
    ) -> dict[str, Any]:
        """A line that sends an event."""
        return {
            "as": partner,
            "via": via or self.chance.choice(VIAS),
            "mode": mode or self.chance.choice(MODES),
            "event": event,
        }

    def _draw(self, sent: list[dict[str, Any]], fault_share: float) -> dict[str, Any]:
        chance = self.chance
        if chance.random() < fault_share:
            if sent and chance.random() < 0.25:
                # each only once: two new bodies for one id would race
                return self._after_barrier(sent.pop(chance.randrange(len(sent))))
            fault: Callable[[Writer], dict[str, Any]] = chance.choice(faults.FAULTS)
            return fault(self)
        line = self.send("", {})
        partner = self.partner()
        line["as"], line["event"] = partner["slug"], self.event(partner)
        if chance.random() < 0.02:
            self.pad(line, BYTES_MAX)
        elif chance.random() < 0.03:  # a batch as a partner wrote it, spaces and all
            texts = [compact(self.event(partner)).decode() for _ in range(chance.randint(0, 3))]
            del line["event"]
            line |= {"mode": "batch", "raw": "[ " + " , ".join(texts) + " ]"}
        return line

    def pad(self, line: dict[str, Any], size: int) -> None:
        """Make what is measured of this send exactly `size` bytes long."""
        event = line["event"]
        measured = event["data"] if line["mode"] == "binary" else event
        event["data"]["padding"] = self.chance.choice(("", "邻里"))
        event["data"]["padding"] += "x" * (size - len(compact(measured)))

    def _again(self, line: dict[str, Any]) -> dict[str, Any]:
        """The same once more, perhaps by the other door or in another mode."""
        if "event" not in line:
            return dict(line)
        event = copy.deepcopy(line["event"])
        if self.chance.random() < 0.5:
            event = dict(self.chance.sample(list(event.items()), len(event)))
        if len(compact(event)) > BYTES_MAX // 2:  # its size would count differently
            return {**line, "via": self.chance.choice(VIAS)}
        return self.send(line["as"], event)

    def _after_barrier(self, line: dict[str, Any]) -> dict[str, Any]:
        """Another body under an id that was sent before, or the same again."""
        again = self._again(line)
        data = again.get("event", {}).get("data")
        if isinstance(data, dict) and self.chance.random() < 0.7:
            data["resident_no"] = self.chance.choice(self.residents)
        return again

    def _data(self, kind: str, at: datetime) -> dict[str, Any]:
        chance = self.chance
        resident = chance.choice(self.busy if chance.random() < 0.6 else self.residents)
        if kind == FULFILLED:
            return {
                "wish_code": f"WISH-{chance.randint(1, 9999)}",
                "resident_no": resident,
                "colour": chance.choice(COLOURS),
                "cost_fen": chance.choice((0, 1, 4999, 10**8)),
            }
        if kind == SUBMITTED:
            return {
                "title": chance.choice(_TITLES),
                "description": "在 3 号楼前，\n请处理。",
                "category": chance.choice(("light", "noise")),
                "resident_no": chance.choice((resident, resident, None)),
                "grid_code": "990201001001001",
                "urgency": chance.choice(URGENCIES),
            }
        minutes = chance.choice((*MINUTES, chance.randint(10, 720)))
        begun = at - timedelta(minutes=chance.choice((0, minutes)))
        ended = begun + timedelta(minutes=minutes)
        begun_text = self.spell(begun.replace(microsecond=0))
        spent = timedelta(seconds=chance.choice((0, 0, 59)), milliseconds=chance.choice((0, 999)))
        if "." in begun_text:  # a fraction of a second more at the start is one less in between
            spent = timedelta(seconds=1)
        return {
            "activity_code": f"ACT-{chance.randint(1, 999)}",
            "activity_kind": chance.choice(KINDS),
            "resident_no": resident,
            "checked_in_at": begun_text,
            "checked_out_at": _spell_exactly(ended.replace(microsecond=0) + spent),
            "evidence": chance.choice(EVIDENCE),
        }

    def _new_id(self, slug: str) -> str:
        # Partners do not know each other's ids, so several may use the same.
        self._count[slug] += 1
        if self.chance.random() < 0.1:
            return self.chance.choice(_ODD_IDS).format(self._count[slug])
        return f"e-{self._count[slug]:07d}"

    def _find_borders(self) -> list[datetime]:
        days = {self._first, self._last + timedelta(days=1), self._first + timedelta(days=10)}
        for partner in self.partners:
            for day, by in (("from", 0), ("to", 1)):
                days.add(date.fromisoformat(partner["agreement"][day]) + timedelta(days=by))
        near = [day for day in days if abs((day - self._first).days) < 40]
        return [_midnight(day) for day in sorted(near)]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=DISTRICT)


def _spell_exactly(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")

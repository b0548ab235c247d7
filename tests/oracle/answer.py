"""What must come out of a month: the verdicts, then points and minutes under the caps."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tests.oracle.judge import (
    ATTENDED,
    DISTRICT,
    FULFILLED,
    SUBMITTED,
    Gate,
    Partner,
    instant,
    minutes_of,
)


@dataclass
class Book:
    """What one resident did; totals do not depend on the order of arrival.

    With a cap a day and a cap a month, crediting what is left under both gives a day
    min(sum, cap a day) until the month's cap is reached, whatever came first.
    """

    minutes: int = 0
    points_by_day: Counter[date] = field(default_factory=Counter)

    def points(self, caps: dict[str, Any]) -> int:
        """Points after the caps."""
        months: Counter[tuple[int, int]] = Counter()
        for day, points in self.points_by_day.items():
            months[day.year, day.month] += min(points, caps["person_day_points"])
        return sum(min(points, caps["person_month_points"]) for points in months.values())


@dataclass
class Answer:
    """Verdicts by line number, expected.json and expected_balances.csv as values."""

    verdicts: list[tuple[int, str]]
    expected: dict[str, Any]
    balances: dict[str, tuple[int, int]]


def read_sends(directory: Path) -> Iterator[dict[str, Any]]:
    """The lines of events.jsonl that send something."""
    with (directory / "events.jsonl").open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip() and not (parsed := json.loads(line)).get("barrier"):
                yield {"n": number, **parsed}


def read_gate(directory: Path, now: datetime | None) -> Gate:
    """The gate as the directory's partners and residents set it up."""
    listed = json.loads((directory / "partners.json").read_text(encoding="utf-8"))
    with (directory / "residents.csv").open(encoding="utf-8", newline="") as rows:
        residents = frozenset(row["resident_no"] for row in csv.DictReader(rows))
    partners = {each["slug"]: _partner(each) for each in listed}
    return Gate(partners, residents, now or datetime.now(UTC))


def _partner(listed: dict[str, Any]) -> Partner:
    agreement = listed["agreement"]
    return Partner(
        slug=listed["slug"],
        source=f"/partners/{listed['slug']}/{listed['system']}",
        active=listed["status"] == "active",
        first_day=date.fromisoformat(agreement["from"]),
        last_day=date.fromisoformat(agreement["to"]),
        types=frozenset(agreement["event_types"]),
    )


def answer(directory: Path, *, now: datetime | None = None) -> Answer:
    """The right answer for a directory; `now` matters only for what is in the future."""
    rules = json.loads((directory / "rules.json").read_text(encoding="utf-8"))
    gate = read_gate(directory, now)
    return answer_for(gate, rules, read_sends(directory))


def answer_for(gate: Gate, rules: dict[str, Any], sends: Iterable[dict[str, Any]]) -> Answer:
    """The right answer for sends in their order."""
    verdicts: list[tuple[int, str]] = []
    count = 0
    books: defaultdict[str, Book] = defaultdict(Book)
    totals: Counter[str] = Counter()
    for send in sends:
        count += 1
        for verdict, event in gate.judge(send):
            verdicts.append((send["n"], verdict))
            if verdict == "accepted":
                _take(event, rules, books, totals)
    balances = {no: (book.points(rules["caps"]), book.minutes) for no, book in books.items()}
    expected = {
        "events": count,
        "verdicts": dict(sorted(Counter(verdict for _, verdict in verdicts).items())),
        "points": {
            "residents_with_points": sum(1 for points, _ in balances.values() if points),
            "total": sum(points for points, _ in balances.values()),
            "partner_total": totals["partner"],
        },
        "service_minutes_total": sum(minutes for _, minutes in balances.values()),
        "requests": totals["requests"],
        "notices": {"wish": totals["wish"], "request_receipt": totals["request_receipt"]},
    }
    return Answer(verdicts, expected, dict(sorted(balances.items())))


def _take(
    event: dict[str, Any],
    rules: dict[str, Any],
    books: defaultdict[str, Book],
    totals: Counter[str],
) -> None:
    data = event["data"]
    if event["type"] == ATTENDED:
        _take_activity(books[data["resident_no"]], data, rules["activity"])
    elif event["type"] == FULFILLED:
        totals["partner"] += rules["wish"]["partner_contribution_points"][data["colour"]]
        totals["wish"] += 1
    elif event["type"] == SUBMITTED:
        totals["requests"] += 1
        totals["request_receipt"] += data["resident_no"] is not None


def _take_activity(book: Book, data: dict[str, Any], rule: dict[str, Any]) -> None:
    minutes = minutes_of(data)
    counts = rule["evidence"][data["evidence"]]
    if counts["hours"]:
        book.minutes += minutes
    if counts["points"]:
        credited = min(minutes, rule["credited_minutes_max_per_activity"])
        day = instant(data["checked_in_at"]).astimezone(DISTRICT).date()
        book.points_by_day[day] += credited * rule["points_per_hour"][data["activity_kind"]] // 60


def write(directory: Path, found: Answer) -> None:
    """Write expected.json and expected_balances.csv, in the form of the example month."""
    (directory / "expected.json").write_text(
        json.dumps(found.expected, indent=1) + "\n", encoding="utf-8"
    )
    with (directory / "expected_balances.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("resident_no", "points", "service_minutes"))
        rows.writerows((no, *balance) for no, balance in found.balances.items())

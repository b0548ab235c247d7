"""Counting what somebody did by how many years ago it was, for a rating to look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from services.points.rules.rating import Facts, years_ago


@dataclass(frozen=True, slots=True)
class Served:
    """A day of service: how long, and whether somebody signed in and out in person."""

    on_date: date
    minutes: int
    self_checked: bool


def facts_of(
    served: Iterable[Served],
    honours: Mapping[date, int],
    donated: Mapping[date, int],
    on: date,
) -> Facts:
    """By attribute, then by whole years before a day. A month counts once, by its last service."""
    found: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    months: dict[tuple[int, int], date] = {}
    for one in served:
        years = years_ago(one.on_date, on)
        found["service_minutes"][years] += one.minutes
        found["service_days"][years] += 1
        found["self_checked_days"][years] += one.self_checked
        month = (one.on_date.year, one.on_date.month)
        months[month] = max(one.on_date, months.get(month, one.on_date))
    for last in months.values():
        found["active_months"][years_ago(last, on)] += 1
    for name, amounts in (("honour_points", honours), ("donated_points", donated)):
        for day, amount in amounts.items():
            found[name][years_ago(day, on)] += amount
    return {name: dict(by_year) for name, by_year in found.items()}

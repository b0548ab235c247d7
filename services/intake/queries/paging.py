"""Pages of a list: the rows, and the place where the next page begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from shared.errors import Rejected

PAGE = 50
_ID_MAX = 2**63 - 1


class Page(NamedTuple):
    """Some rows, newest first, and the place to give as `before` for older ones."""

    rows: list[dict[str, Any]]
    next: str | None


def chosen(known: Mapping[str, str], filters: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in filters.items() if value and name in known}


def conditions(known: Mapping[str, str], filters: Mapping[str, object]) -> str:
    return "".join(f" AND {known[name]}" for name in filters)


def page_of(
    rows: list[dict[str, Any]],
    limit: int,
    place: Callable[[dict[str, Any]], tuple[datetime, *tuple[Any, ...]]],
) -> Page:
    if len(rows) <= limit:
        return Page(rows, None)
    at, *others = place(rows[limit - 1])
    return Page(rows[:limit], ",".join([at.isoformat(), *map(str, others)]))


def place_of(before: str, parts: int) -> tuple[Any, ...]:
    """What `page_of` wrote: an instant, perhaps a slug, a number."""
    given = before.split(",")
    try:
        at, number = datetime.fromisoformat(given[0]), int(given[-1])
    except ValueError as problem:
        raise _odd_place() from problem
    if at.tzinfo is None or len(given) != parts or not 0 <= number <= _ID_MAX:
        raise _odd_place()
    return (at, *given[1:-1], number)


def _odd_place() -> Rejected:
    return Rejected(
        "before", "翻页位置无效，请从第一页开始", "this place is not one of ours: start anew"
    )

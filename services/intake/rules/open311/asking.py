"""What a client asks to see, read: filters, windows and pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.intake.rules.open311.faults import Fault, bad
from services.intake.rules.open311.moments import read_moment
from services.intake.rules.open311.statuses import STATUSES
from services.intake.rules.requests import read_public_code

WINDOW: Final = timedelta(days=90)
ROWS_MAX: Final = 1000
IDS_MAX: Final = 1000
CODES_MAX: Final = 200
SKIPPED_MAX: Final = 100_000  # rows before a page: further back, ask for a window
UPDATES_WINDOW: Final = timedelta(hours=2)
_DIGITS_MAX: Final = 7
_TRUE: Final = ("true", "1", "yes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which requests. With `codes` (their public codes) nothing else counts.

    Both ends of the window are in it.
    """

    codes: tuple[str, ...] | None = None
    service_codes: tuple[str, ...] | None = None
    start: datetime
    end: datetime
    statuses: frozenset[str] = frozenset(STATUSES)
    jurisdiction: str | None = None
    page: int = 1
    page_size: int = ROWS_MAX
    with_extensions: bool = False

    @property
    def skipped(self) -> int:
        """Rows before the page."""
        return (self.page - 1) * self.page_size


def read_asked(query: Mapping[str, str], now: datetime) -> tuple[Asked, list[Fault]]:
    """The filters and what is wrong with them; an empty parameter is none."""
    given = {name: value.strip() for name, value in query.items() if value.strip()}
    faults: list[Fault] = []
    codes = None
    if "service_request_id" in given:
        # It overrides all others: a fault of theirs is none.
        codes = _codes(given["service_request_id"], faults)
        given = {name: given[name] for name in ("jurisdiction_id", "extensions") if name in given}
    start, end = _window(given, now, WINDOW, faults)
    asked = Asked(
        codes=codes,
        service_codes=_service_codes(given.get("service_code"), faults),
        start=start,
        end=end,
        statuses=_statuses(given.get("status"), faults),
        jurisdiction=given.get("jurisdiction_id"),
        page=_count(given, "page", 1, SKIPPED_MAX, faults),
        page_size=_count(given, "page_size", ROWS_MAX, ROWS_MAX, faults),
        with_extensions=given.get("extensions", "").lower() in _TRUE,
    )
    if asked.skipped > SKIPPED_MAX:
        faults.append(
            bad(
                "page",
                f"至多翻到第 {SKIPPED_MAX} 行，请用 start_date 和 end_date 缩小范围",
                f"leads beyond row {SKIPPED_MAX}: narrow it by start_date and end_date",
            )
        )
    return asked, faults


def read_updates_window(
    query: Mapping[str, str], now: datetime
) -> tuple[datetime, datetime, list[Fault]]:
    """The window of updates: both dates or neither; without them the last two hours."""
    given = {name: value.strip() for name, value in query.items() if value.strip()}
    faults: list[Fault] = []
    if ("start_date" in given) != ("end_date" in given):
        lacking = "end_date" if "start_date" in given else "start_date"
        faults.append(bad(lacking, "起止时间须同时给出", "give both dates or neither"))
    start, end = _window(given, now, UPDATES_WINDOW, faults)
    return start, end, faults


def _codes(text: str, faults: list[Fault]) -> tuple[str, ...]:
    asked = [one for one in (part.strip() for part in text.split(",")) if one]
    if len(asked) > IDS_MAX:
        faults.append(bad("service_request_id", f"至多 {IDS_MAX} 个", f"at most {IDS_MAX}"))
        return ()
    codes = (read_public_code(one) for one in asked)
    return tuple(dict.fromkeys(code for code in codes if code is not None))


def _service_codes(text: str | None, faults: list[Fault]) -> tuple[str, ...] | None:
    if text is None:
        return None
    codes = tuple(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))
    if len(codes) > CODES_MAX:
        faults.append(bad("service_code", f"至多 {CODES_MAX} 个", f"at most {CODES_MAX}"))
    return codes


def _statuses(text: str | None, faults: list[Fault]) -> frozenset[str]:
    if text is None:
        return frozenset(STATUSES)
    asked = frozenset(one.strip().lower() for one in text.split(",") if one.strip())
    if not asked or not asked <= set(STATUSES):
        faults.append(bad("status", "须为 open、closed 或两者", "must be open, closed or both"))
        return frozenset(STATUSES)
    return asked


def _window(
    given: Mapping[str, str], now: datetime, usual: timedelta, faults: list[Fault]
) -> tuple[datetime, datetime]:
    start, end = _moment(given, "start_date", faults), _moment(given, "end_date", faults)
    if start is None and end is None:
        return now - usual, now
    if start is None and end is not None:
        return end - usual, end
    if start is not None and end is None:
        return start, min(start + WINDOW, max(now, start))
    assert start is not None and end is not None  # noqa: PT018 - for the type checker
    if end < start:
        faults.append(bad("end_date", "不得早于 start_date", "must not be before start_date"))
    elif end - start > WINDOW:
        faults.append(
            bad(
                "end_date",
                f"起止相距不得超过 {WINDOW.days} 天，请分段查询",
                f"at most {WINDOW.days} days after start_date: ask in parts",
            )
        )
    return start, end


def _moment(given: Mapping[str, str], name: str, faults: list[Fault]) -> datetime | None:
    text = given.get(name)
    if text is None:
        return None
    at = read_moment(text)
    if at is None:
        example = "2026-11-22T09:30:00+08:00"
        faults.append(bad(name, f"须为带时区的时间，如 {example}", f"must be like {example}"))
    return at


def _count(given: Mapping[str, str], name: str, usual: int, most: int, faults: list[Fault]) -> int:
    text = given.get(name)
    if text is None:
        return usual
    sound = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
    if not sound or not 1 <= int(text) <= most:
        faults.append(bad(name, f"须为 1 至 {most} 的整数", f"must be from 1 to {most}"))
        return usual
    return int(text)

"""A reward's terms as a form gives them: text in, Terms out, or the first field that is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime

from services.points.rules.rewards import Terms
from shared.clock import DISTRICT_TIMEZONE
from shared.errors import Rejected

FIELDS = (
    *("kind", "title", "about", "place", "community_code", "partner", "asset", "price", "value"),
    *("minutes", "venue_code", "min_service_hours", "limit_count", "limit_span", "month_days"),
    *("exchange_from", "exchange_to", "active_from", "active_to", "pickup_hours"),
)

_DIGITS_MAX = 9
_split = re.compile(r"[\s,，、;；]+").split
_amount = re.compile(r"([0-9]{1,7})(?:\.([0-9]{1,2}))?").fullmatch


def read_terms(form: Mapping[str, str], weekdays: list[str], today: date) -> Terms:
    """What was filled in; raises Rejected naming the field. `weekdays` as `1` (Monday) to `7`."""
    given = {name: form.get(name, "").strip() for name in FIELDS}
    return Terms(
        kind=given["kind"],
        title=given["title"],
        about=given["about"],
        place=given["place"],
        community_code=given["community_code"] or None,
        partner=given["partner"] or None,
        asset=given["asset"] or "points",
        price=_needed(given, "price"),
        value_fen=_fen(given["value"]),
        minutes=whole(given["minutes"], "minutes"),
        venue_code=given["venue_code"] or None,
        min_service_minutes=(whole(given["min_service_hours"], "min_service_hours") or 0) * 60,
        limit_count=whole(given["limit_count"], "limit_count"),
        limit_span=given["limit_span"] or None,
        month_days=_days(given["month_days"], "month_days"),
        weekdays=_days(" ".join(weekdays), "weekdays"),
        exchange_from=_day(given["exchange_from"], "exchange_from"),
        exchange_to=_day(given["exchange_to"], "exchange_to"),
        active_from=_day(given["active_from"], "active_from") or today,
        active_to=_day(given["active_to"], "active_to"),
        pickup_hours=_needed(given, "pickup_hours"),
    )


def form_of(terms: Terms) -> dict[str, str]:
    """The same the other way round, to be changed."""
    shown = {
        name: "" if (value := getattr(terms, name, "")) is None else str(value) for name in FIELDS
    }
    fen = terms.value_fen
    return shown | {
        "value": "" if fen is None else f"{fen // 100}.{fen % 100:02d}",
        "min_service_hours": str(terms.min_service_minutes // 60),
        "month_days": ", ".join(map(str, terms.month_days)),
    }


def whole(given: str, field: str) -> int | None:
    """A whole number, which may be negative; None for nothing. Raises Rejected."""
    if not given:
        return None
    digits = given.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX):
        raise Rejected("bad_number", "请填写整数", "give a whole number", pointer=f"/{field}")
    return int(given)


def moment(given: str, field: str) -> datetime:
    """An instant as a form gives it, in the district's time: 2026-10-01T09:00. Raises Rejected."""
    try:
        return datetime.fromisoformat(given).replace(tzinfo=DISTRICT_TIMEZONE)
    except ValueError:
        raise Rejected(
            "bad_time",
            "请填写日期和时间，例如 2026-10-01 09:00",
            "give a day and a time, such as 2026-10-01 09:00",
            pointer=f"/{field}",
        ) from None


def _needed(given: Mapping[str, str], field: str) -> int:
    value = whole(given[field], field)
    if value is None:
        raise Rejected("bad_number", "请填写此项", "this is needed", pointer=f"/{field}")
    return value


def _days(given: str, field: str) -> tuple[int, ...]:
    days = {whole(one, field) for one in _split(given) if one}
    return tuple(sorted(day for day in days if day is not None))


def _day(given: str, field: str) -> date | None:
    if not given:
        return None
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise Rejected(
            "bad_day",
            "请填写日期，例如 2026-10-01",
            "give a day, such as 2026-10-01",
            pointer=f"/{field}",
        ) from None


def _fen(given: str) -> int | None:
    if not given:
        return None
    found = _amount(given)
    if found is None:
        raise Rejected(
            "bad_amount",
            "请填写金额，例如 12.50",
            "give an amount, such as 12.50",
            pointer="/value",
        )
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))

"""The one seam through which time enters. Tests move it; nothing else may ask the machine."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

DISTRICT_TIMEZONE = ZoneInfo("Asia/Shanghai")

_offset = timedelta(0)
_frozen: datetime | None = None


def now() -> datetime:
    """This instant, in UTC."""
    if _frozen is not None:
        return _frozen + _offset
    return datetime.now(UTC) + _offset


def today() -> date:
    """The calendar day in the district."""
    return local_date(now())


def local_date(at: datetime) -> date:
    """The district's calendar day of an instant (Asia/Shanghai)."""
    return at.astimezone(DISTRICT_TIMEZONE).date()


def freeze(at: datetime | None) -> None:
    """Tests only: stop the clock at `at`; None lets it run again."""
    global _frozen, _offset  # noqa: PLW0603 - this module is the seam, so it holds the state
    _frozen = at
    _offset = timedelta(0)


def advance(by: timedelta) -> None:
    """Tests only: move the clock forward."""
    global _offset  # noqa: PLW0603 - as above
    _offset += by

"""Instants as the standard writes them: ISO 8601 with a zone, without fractions."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from shared.clock import DISTRICT_TIMEZONE

# A `+` that was not encoded in a query arrives as a blank.
_MOMENT = re.compile(
    r"((?:19|20|21)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d{1,9})?(Z|[+\- ]\d\d:\d\d)", re.ASCII
)


def read_moment(text: str) -> datetime | None:
    """The instant in UTC; None for anything else, also for one without a zone."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    zone = "+00:00" if found[2] == "Z" else found[2].replace(" ", "+")
    try:
        return datetime.fromisoformat(found[1] + zone).astimezone(UTC)
    except ValueError:
        return None


def written(at: datetime | None) -> str | None:
    """2026-11-22T18:00:00+08:00, the district's time."""
    if at is None:
        return None
    return at.astimezone(DISTRICT_TIMEZONE).replace(microsecond=0).isoformat()

"""Reading instants from text, strictly: an instant without an offset is no instant.

Two spellings. Envelopes carry RFC 3339 (CloudEvents says so). Data fields may use the wider
ISO 8601 calendar form: seconds may be left out and the offset may be written +0800 or +08.
"""

from __future__ import annotations

import re
from datetime import MAXYEAR, MINYEAR, UTC, datetime

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_HOUR = r"(?:[01][0-9]|2[0-3])"
_RFC3339 = re.compile(
    rf"{_DAY}[Tt]{_HOUR}:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{{1,12}})?(?:[Zz]|[+-]{_HOUR}:[0-5][0-9])"
)
_ISO8601 = re.compile(
    rf"{_DAY}[Tt]{_HOUR}:[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{{1,12}})?)?"
    rf"(?:[Zz]|[+-]{_HOUR}(?::?[0-5][0-9])?)"
)
_rfc3339 = _RFC3339.fullmatch
_iso8601 = _ISO8601.fullmatch
_read = datetime.fromisoformat

_EDGE_YEARS = (MINYEAR, MAXYEAR)

YEAR_MIN = 1900
YEAR_MAX = 9998  # a year of room, so that no time zone can push an instant over the calendar's end


def parse_time(text: str) -> datetime:
    """An RFC 3339 instant, its offset kept; ValueError or TypeError if it is anything else.

    A leap second (:60) is refused, because neither Python nor PostgreSQL can hold one.
    """
    if _rfc3339(text) is None:
        raise ValueError("not an RFC 3339 time with an offset")
    # fromisoformat reads an upper-case Z only
    moment = _read(text if text[-1] != "z" else text[:-1] + "Z")
    if moment.year in _EDGE_YEARS:
        try:
            moment.astimezone(UTC)
        except OverflowError as problem:
            raise ValueError("outside the calendar once it is moved to UTC") from problem
    return moment


def parse_moment(text: str) -> datetime:
    """An ISO 8601 instant of a data field, offset kept, year 1900 to 9998; ValueError otherwise."""
    if _iso8601(text) is None:
        raise ValueError("not an ISO 8601 time with an offset")
    moment = _read(text if text[-1] != "z" else text[:-1] + "Z")
    if not YEAR_MIN <= moment.year <= YEAR_MAX:
        raise ValueError(f"the year must be {YEAR_MIN} to {YEAR_MAX}")
    return moment

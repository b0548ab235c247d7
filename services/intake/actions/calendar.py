"""Takes in days of the working calendar and office hours; what is stored of requests stays."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text

from services.intake.models.catalogue import SETUP
from services.intake.models.clocks import CalendarLoad
from services.intake.queries import worktime
from services.intake.rules.worktime import (
    Day,
    Hours,
    read_days,
    read_hours,
    write_days,
    write_hours,
)
from shared import clock
from shared.db.arrays import literal
from shared.errors import Rejected
from shared.messaging.transaction import Transaction

SEEDS = Path(__file__).parent.parent / "seeds"
BYTES_MAX = 1024 * 1024

# Two who load at once come one after the other, so that the last digest is of what is there.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('linli calendar'))")
_DAYS = text(
    "INSERT INTO calendar_days AS d (day, kind, name_zh, name_en) SELECT * FROM"
    " unnest(CAST(:days AS date[]), CAST(:kinds AS text[]), CAST(:zh AS text[]),"
    " CAST(:en AS text[])) ON CONFLICT (day) DO UPDATE SET kind = excluded.kind,"
    " name_zh = excluded.name_zh, name_en = excluded.name_en"
)
_NO_HOURS = text("DELETE FROM office_hours WHERE valid_from = ANY(CAST(:days AS date[]))")
_HOURS = text(
    "INSERT INTO office_hours (valid_from, opens, closes) SELECT * FROM"
    " unnest(CAST(:days AS date[]), CAST(:opens AS time[]), CAST(:closes AS time[]))"
)


def set_up(tx: Transaction) -> bool:
    """Take in the calendar and the hours that come with Linli where there are none."""
    if worktime.calendar_loads(tx.session, 1):
        return False
    days = (SEEDS / "calendar.csv").read_text(encoding="utf-8")
    hours = (SEEDS / "office_hours.csv").read_text(encoding="utf-8")
    load(tx, days=read_days(days), hours=read_hours(hours), by=SETUP)
    return True


def read_text(body: bytes) -> str:
    """A file's text; raises Rejected when it is too large or not UTF-8."""
    if len(body) > BYTES_MAX:
        raise Rejected("calendar", "日历文件不得超过 1 MiB", "the file is at most 1 MiB")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Rejected(
            "calendar",
            "日历文件不是 UTF-8，请另存为 CSV UTF-8",
            "the file is not UTF-8: save it as CSV UTF-8",
        ) from None


def load(tx: Transaction, *, days: Sequence[Day] = (), hours: Sequence[Hours] = (), by: str) -> int:
    """Add days, replacing those that are there, and office hours by their first day.

    Returns the number of the load. Raises Rejected when days would be missing between what is
    there and what comes. Deadlines that are stored stay: see `actions/deadlines.py`.
    """
    session = tx.session
    session.execute(_LOCK)
    if days:
        session.execute(
            _DAYS,
            {
                "days": literal(each.day for each in days),
                "kinds": literal(each.kind for each in days),
                "zh": literal(each.name_zh for each in days),
                "en": literal(each.name_en for each in days),
            },
        )
    if hours:
        spans = [(each.valid_from, *span) for each in hours for span in each.spans]
        session.execute(_NO_HOURS, {"days": literal(each.valid_from for each in hours)})
        session.execute(
            _HOURS,
            {
                "days": literal(day for day, _, _ in spans),
                "opens": literal(opens for _, opens, _ in spans),
                "closes": literal(closes for _, _, closes in spans),
            },
        )
    all_days = worktime.days(session)
    written = write_days(all_days)
    read_days(written)  # whole, without a gap
    digest = hashlib.sha256((written + write_hours(worktime.hours(session))).encode()).hexdigest()
    row = CalendarLoad(
        loaded_by=by,
        loaded_at=clock.now(),
        first_day=all_days[0].day,
        last_day=all_days[-1].day,
        digest=digest,
    )
    session.add(row)
    session.flush()
    return row.load_no

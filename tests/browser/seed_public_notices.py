"""A community whose rules ask for public notice: one that has ended, one with an objection that
waits for a decision, and awards that no notice shows yet.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import text

from services.points.actions import public_notices
from services.points.actions.crediting import credit_activities
from services.points.actions.posting_notices import post_ended
from services.points.actions.rules import publish
from services.points.rules.public_notices import Period, month_of
from shared import clock
from shared.ids import uuid7
from shared.messaging.handlers import Heard
from shared.messaging.transaction import Transaction
from shared.schemas import decode, load, make
from shared.schemas.envelope import encode
from shared.schemas.wire import ACTIVITY_KINDS

COMMUNITY = "990201001009"  # nobody else's
_LINES = 60

_AFTER_ALL = text(
    "SELECT CAST(date_trunc('month', greatest((SELECT max(on_date) FROM awards),"
    " (SELECT max(valid_from) FROM rule_sets))) + interval '1 month' AS date)"
)
_RULES = text("SELECT body FROM rule_sets ORDER BY valid_from, programme, version LIMIT 1")


def shown(tx: Transaction, resident: str) -> dict[str, str]:
    """`resident` has lines in all of them; what addresses name."""
    now = datetime.now(UTC)
    first_day: date = tx.session.execute(_AFTER_ALL).scalar_one()
    asked = {
        "programme": "first-shown",
        "version": 1,
        "valid_from": first_day.isoformat(),
        "notice": {"days": 7},
        "communities": [COMMUNITY],
    }
    publish(tx, tx.session.execute(_RULES).scalar_one() | asked)
    heard = [_attended(number, first_day, resident) for number in range(_LINES)]
    tx.emit(credit_activities(tx, heard))
    try:
        clock.freeze(now - timedelta(days=9))
        ended = _publish(tx, first_day, 0, 8)
        _object(tx, ended, 3)
        public_notices.decide(
            tx,
            notice_no=ended,
            line_no=3,
            outcome="upheld",
            decision="组织者确认当天没有此人签到",
            by="manager-of-another-street",
        )
        clock.freeze(now - timedelta(days=1))
        current = _publish(tx, first_day, 9, 18)
        _object(tx, current, 1)
        post_ended(tx)
    finally:
        clock.freeze(None)
    last_day = month_of(first_day).last
    return {
        "notice": current,
        "waiting": f"community={COMMUNITY}&first={first_day}&last={last_day}&days=",
    }


def _publish(tx: Transaction, first_day: date, begins: int, ends: int) -> str:
    return public_notices.publish_notice(
        tx,
        community_code=COMMUNITY,
        period=Period(first_day + timedelta(days=begins), first_day + timedelta(days=ends)),
        days=None,
        by="manager-who-left",
    )


def _object(tx: Transaction, notice_no: str, line_no: int) -> None:
    public_notices.raise_objection(
        tx,
        notice_no=notice_no,
        line_no=line_no,
        reason="not_done",
        why="这一天的活动因下雨取消了，楼下的通知栏里有说明，请社区再核对一下签到表。",
        by="clerk-at-the-counter",
        role="staff",
    )


def _attended(number: int, first_day: date, resident: str) -> Heard:
    on = first_day + timedelta(days=number % 28)
    day = datetime(on.year, on.month, on.day, 1, 0, tzinfo=UTC)
    resident_no = resident if number % 7 == 0 else f"R9{number:05d}"
    data: dict[str, Any] = {
        "contribution_id": uuid7(),
        "partner": "volunteers-of-the-lane",
        "source_event_id": f"shown-{number}",
        "activity_code": "敬老-重阳节-0358" if number % 3 else f"A{day:%m%d}",
        "activity_kind": ACTIVITY_KINDS[number % len(ACTIVITY_KINDS)],
        "resident_no": resident_no,
        "household_no": f"H{resident_no[1:]}",
        "community_code": COMMUNITY,
        "checked_in_at": day,
        "checked_out_at": day + timedelta(minutes=90),
        "minutes": 90,
        "evidence": "organiser",
        "accepted_at": datetime.now(UTC),
    }
    event = make(
        "linli.contribution.recorded.v1", data, source="/linli/intake", correlationid=str(uuid7())
    )
    wired = decode(orjson.loads(encode(event)))
    return wired, load(wired.type, wired.data)

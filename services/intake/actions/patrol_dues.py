"""When each spot is due: levels, intervals and visits move it, and missed visits are told once.

Everybody who moves the due list takes its rows in the order of their codes, so that a level's
switch, a visit and the clock never wait for each other in a circle.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import text

from services.intake.queries.alerts import LEVELS
from services.intake.rules.alerts import Level
from services.intake.rules.patrols import KINDS, check_minutes
from shared import clock, metrics
from shared.errors import Conflict, Rejected
from shared.messaging.transaction import Transaction

ALARMS_MAX = 500  # in one run of the clock

_LOCK = text("SELECT 1 FROM patrol_dues ORDER BY spot_code FOR UPDATE")
# What every active spot should be under now: its area's level and the interval in force.
_WANTED = (
    f"WITH RECURSIVE {LEVELS}, wanted AS (SELECT s.spot_code, l.level, i.minutes"
    " FROM patrol_spots s JOIN levels l ON l.code = s.grid_code"
    " JOIN LATERAL (SELECT minutes FROM patrol_intervals WHERE kind = s.kind"
    " AND level = l.level AND valid_from <= :now ORDER BY valid_from DESC LIMIT 1) i ON true"
    " WHERE s.is_active)"
)
# Law: last visit + interval, never later than now + interval. What is overdue by the switch
# itself is told at once, and as what it is: nobody missed anything.
_DUE = "least(d.counted_from, :now) + make_interval(mins => w.minutes)"
_FOLLOW = text(
    f"{_WANTED} UPDATE patrol_dues d SET level = w.level, minutes = w.minutes, due_at = {_DUE},"
    f" alarm_at = greatest({_DUE}, :now),"
    f" alarm_cause = CASE WHEN {_DUE} <= :now THEN 'raised' ELSE 'missed' END"
    " FROM wanted w WHERE w.spot_code = d.spot_code"
    " AND (d.level, d.minutes) IS DISTINCT FROM (w.level, w.minutes)"
)
_ADD = text(
    f"{_WANTED} INSERT INTO patrol_dues (spot_code, level, minutes, counted_from, due_at, alarm_at,"
    " alarm_cause) SELECT spot_code, level, minutes, :now, :now + make_interval(mins => minutes),"
    " :now + make_interval(mins => minutes), 'missed' FROM wanted ORDER BY spot_code"
    " ON CONFLICT (spot_code) DO NOTHING"
)
_DROP = text(
    "DELETE FROM patrol_dues d USING patrol_spots s"
    " WHERE s.spot_code = d.spot_code AND NOT s.is_active"
)
_RAISE = text(
    "WITH late AS (SELECT spot_code, level, minutes, alarm_at, alarm_cause FROM patrol_dues"
    " WHERE alarm_at <= :now ORDER BY spot_code LIMIT :most FOR UPDATE),"
    " moved AS (UPDATE patrol_dues d SET alarm_cause = 'missed',"
    " alarm_at = late.alarm_at + make_interval(mins => late.minutes)"
    " FROM late WHERE d.spot_code = late.spot_code)"
    " INSERT INTO patrol_alarms (spot_code, due_at, level, cause, raised_at)"
    " SELECT spot_code, alarm_at, level, alarm_cause, :now FROM late"
    " ON CONFLICT (spot_code, due_at) DO NOTHING RETURNING cause"
)
_OPEN = text("SELECT count(*) FROM patrol_alarms WHERE settled_at IS NULL")
_APPLY = text(
    "UPDATE patrol_intervals SET applied_at = :now"
    " WHERE applied_at IS NULL AND valid_from <= :now RETURNING kind"
)
_SET = text(
    "INSERT INTO patrol_intervals (kind, level, valid_from, minutes, set_by, applied_at)"
    " VALUES (:kind, :level, :valid_from, :minutes, :by, CASE WHEN :is_now THEN :now END)"
    " ON CONFLICT (kind, level, valid_from) DO NOTHING RETURNING kind"
)


def lock(tx: Transaction) -> None:
    """Take every row of the due list, in the one order."""
    tx.session.execute(_LOCK)


def follow(tx: Transaction) -> int:
    """Make the due list follow levels and intervals as they are now; how many spots moved.

    One statement over all spots; call `lock` first.
    """
    moved = tx.session.execute(_FOLLOW, {"now": clock.now()})
    return int(moved.rowcount)  # type: ignore[attr-defined]  # what an UPDATE returns has it


def add_missing(tx: Transaction) -> None:
    """Give active spots their row, counted from now, and take it from those no longer seen."""
    lock(tx)
    tx.session.execute(_DROP)
    tx.session.execute(_ADD, {"now": clock.now()})


def set_interval(
    tx: Transaction, kind: str, level: str, minutes: int | None, *, since: datetime | None, by: str
) -> None:
    """How often spots of a kind are seen under a level, from `since` (now without it) on.

    Raises Rejected naming the field, Conflict when that instant has one already.
    """
    now = clock.now()
    if kind not in KINDS or level not in set(Level):
        raise Rejected(
            "patrol",
            "level：没有这种点位或级别",
            "level: there is no such kind of spot or level",
            pointer="/level",
        )
    if since is not None and since < now:
        raise Rejected(
            "patrol",
            "since：不能早于现在，已过去的不改",
            "since: lies in the past, which is not changed",
            pointer="/since",
        )
    values = {
        "kind": kind,
        "level": level,
        "valid_from": since or now,
        "minutes": check_minutes(minutes),
        "by": by,
        "is_now": since is None,
        "now": now,
    }
    lock(tx)
    if tx.session.execute(_SET, values).scalar() is None:
        raise Conflict(
            "interval_taken",
            "同一时刻已有一项设定，请换一个生效时间",
            "that instant has an interval already: choose another",
            pointer="/since",
        )
    follow(tx)


def watch(tx: Transaction) -> int:
    """The clock's job: intervals whose time has come take effect, missed visits become alarms.

    Cheap when nothing is due: both look at an index by time. How many alarms were raised.
    """
    now = clock.now()
    if tx.session.execute(_APPLY, {"now": now}).first() is not None:
        lock(tx)
        follow(tx)
    causes = tx.session.execute(_RAISE, {"now": now, "most": ALARMS_MAX}).scalars().all()
    for cause, count in Counter(causes).items():
        metrics.patrol_alarms.labels(cause).inc(count)
    metrics.patrol_alarms_open.set(tx.session.execute(_OPEN).scalar_one())
    return len(causes)

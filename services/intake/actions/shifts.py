"""值班: who is on duty, and the relay from one shift to the next.

Law: a shift stays on duty until the next has acknowledged what was handed over; no clock ends it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import insert, select, text

from services.intake.models import PatrolAlarm, PatrolHandover, PatrolShift, PatrolShiftMember
from services.intake.queries.patrols import IN_AREA
from shared import clock
from shared.db.arrays import literal
from shared.errors import Conflict, Forbidden, Missing, Rejected
from shared.messaging.transaction import Transaction

LENGTH_MAX = timedelta(hours=36)
MEMBERS_MAX = 50
NOTES_CHARACTERS_MAX = 2000

_LOGINS = text(
    "SELECT login, account_no FROM accounts WHERE login = ANY(CAST(:logins AS text[]))"
    " AND is_active AND role IN ('staff', 'manager')"
)
_AREA = text("SELECT 1 FROM areas WHERE code = :code")
_ALARMS = text(
    f"WITH RECURSIVE {IN_AREA} SELECT a.id FROM patrol_alarms a"
    " JOIN patrol_spots s ON s.spot_code = a.spot_code"
    " WHERE a.settled_at IS NULL AND s.grid_code IN (SELECT code FROM inside) ORDER BY a.id"
)


def plan(
    tx: Transaction,
    area_code: str,
    starts_at: datetime,
    ends_at: datetime,
    head: str,
    members: Iterable[str],
) -> int:
    """Put a shift on the roster, by login names; its number. Raises Rejected naming the field."""
    logins = {head, *members}
    if not timedelta(0) < ends_at - starts_at <= LENGTH_MAX:
        raise _wrong("ends_at", "须在开始之后 36 小时之内", "within 36 hours after the beginning")
    if len(logins) > MEMBERS_MAX:
        raise _wrong("members", f"最多 {MEMBERS_MAX} 人", f"at most {MEMBERS_MAX} people")
    if tx.session.execute(_AREA, {"code": area_code}).scalar() is None:
        raise _wrong("area_code", "没有这个地区", "there is no such area")
    rows = tx.session.execute(_LOGINS, {"logins": literal(logins)})
    known = {row.login: row.account_no for row in rows}
    if unknown := sorted(logins - known.keys()):
        field = "head" if head in unknown else "members"
        listed = "、".join(unknown)
        raise _wrong(field, f"没有这些工作人员账号：{listed}", f"no such staff accounts: {listed}")
    shift = PatrolShift(area_code=area_code, starts_at=starts_at, ends_at=ends_at, head=known[head])
    tx.session.add(shift)
    tx.session.flush()
    tx.session.execute(
        insert(PatrolShiftMember),
        [{"shift_id": shift.id, "account_no": known[login]} for login in sorted(logins)],
    )
    return shift.id


def begin(tx: Transaction, shift_id: int, by: str) -> None:
    """The first shift of an area goes on duty; the others take over from the one before.

    Raises Missing, Forbidden for who is not in it, Conflict when another is on duty.
    """
    shift = _shift(tx, shift_id)
    _check_member(tx, shift_id, by)
    if shift.begun_at is not None:
        raise Conflict("begun", "这一班已经开始", "This shift has begun already")
    on_duty = tx.session.scalar(
        select(PatrolShift.id)
        .where(PatrolShift.area_code == shift.area_code)
        .where(PatrolShift.begun_at.is_not(None), PatrolShift.relieved_at.is_(None))
    )
    if on_duty is not None:
        raise Conflict(
            "on_duty",
            "上一班仍在岗，请由上一班交班、本班接班",
            "Another shift is on duty: let it hand over to this one",
        )
    shift.begun_at = clock.now()
    tx.session.flush()


def hand_over(tx: Transaction, from_id: int, to_id: int, notes: str, by: str) -> int:
    """Leave notes and the open alarms to the next shift; the number of the hand-over.

    Raises Missing, Forbidden for who is not in the shift, Conflict when it is not on duty, when
    the other belongs elsewhere or has begun, or when it was handed over already.
    """
    shifts = _shifts(tx, from_id, to_id)
    before, after = shifts[from_id], shifts[to_id]
    _check_member(tx, from_id, by)
    if before.begun_at is None or before.relieved_at is not None:
        raise Conflict("not_on_duty", "这一班不在岗，不能交班", "This shift is not on duty")
    if after.area_code != before.area_code or after.begun_at is not None:
        raise Conflict(
            "not_next",
            "接班的须是同一地区、尚未开始的班次",
            "The next shift must be of the same area and not have begun",
            pointer="/to_shift",
        )
    if len(notes) > NOTES_CHARACTERS_MAX or "\x00" in notes:
        raise _wrong(
            "notes",
            f"不得超过 {NOTES_CHARACTERS_MAX} 个字符",
            f"at most {NOTES_CHARACTERS_MAX} characters",
        )
    waiting = tx.session.scalar(
        select(PatrolHandover.id).where(
            PatrolHandover.from_shift == from_id, PatrolHandover.acknowledged_at.is_(None)
        )
    )
    if waiting is not None:
        raise Conflict("handed_over", "已经交班，等待接班确认", "It waits to be acknowledged")
    alarms = tx.session.execute(_ALARMS, {"area": before.area_code}).scalars()
    handover = PatrolHandover(
        from_shift=from_id,
        to_shift=to_id,
        notes=notes.strip(),
        alarms=list(alarms),
        handed_at=clock.now(),
        handed_by=by,
    )
    tx.session.add(handover)
    tx.session.flush()
    return handover.id


def acknowledge(tx: Transaction, handover_id: int, by: str) -> None:
    """The next shift has read it and is on duty; only now the one before is relieved.

    Raises Missing, Forbidden for who is not in the next shift or handed over, Conflict.
    """
    handover = tx.session.get(PatrolHandover, handover_id)
    if handover is None:
        raise Missing("no_handover", "没有这次交班", "There is no such hand-over")
    shifts = _shifts(tx, handover.from_shift, handover.to_shift)
    tx.session.refresh(handover)
    _check_member(tx, handover.to_shift, by)
    if handover.handed_by == by:
        raise Forbidden(
            "own_handover",
            "交班人不能自己接班，请由接班的同事确认",
            "Whoever hands over does not acknowledge it: a colleague of the next shift does",
        )
    if handover.acknowledged_at is not None:
        raise Conflict("acknowledged", "已经接班", "It has been acknowledged already")
    now = clock.now()
    handover.acknowledged_at, handover.acknowledged_by = now, by
    shifts[handover.from_shift].relieved_at = now
    tx.session.flush()  # one of an area at a time: the first must be off duty before the next is on
    shifts[handover.to_shift].begun_at = now
    tx.session.flush()


def acknowledge_alarm(tx: Transaction, alarm_id: int, by: str) -> None:
    """Somebody has seen it and acts. It stays open until the spot is visited. Raises Missing."""
    alarm = tx.session.get(PatrolAlarm, alarm_id, with_for_update=True)
    if alarm is None:
        raise Missing("no_alarm", "没有这条告警", "There is no such alarm")
    if alarm.acknowledged_at is None:
        alarm.acknowledged_at, alarm.acknowledged_by = clock.now(), by
        tx.session.flush()


def _shift(tx: Transaction, shift_id: int) -> PatrolShift:
    return _shifts(tx, shift_id)[shift_id]


def _shifts(tx: Transaction, *ids: int) -> dict[int, PatrolShift]:
    """Locked in the order of their numbers; raises Missing."""
    found = tx.session.scalars(
        select(PatrolShift)
        .where(PatrolShift.id.in_(ids))
        .order_by(PatrolShift.id)
        .with_for_update(),
        execution_options={"populate_existing": True},
    )
    shifts = {shift.id: shift for shift in found}
    if len(shifts) < len(set(ids)):
        raise Missing("no_shift", "没有这个班次", "There is no such shift")
    return shifts


def _check_member(tx: Transaction, shift_id: int, account_no: str) -> None:
    if tx.session.get(PatrolShiftMember, (shift_id, account_no)) is None:
        raise Forbidden(
            "not_in_shift",
            "您不在这一班，请由班内人员操作",
            "You are not in this shift: somebody who is must do it",
        )


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("shift", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")

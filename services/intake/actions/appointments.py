"""Times at the hall's windows: offered, booked without overbooking, cancelled, reminded of."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from sqlalchemy import text

from services.intake.actions.hall import tell
from services.intake.queries.hall import matter_of
from services.intake.queries.tea_stalls import known_residents
from services.intake.rules.hall import AppointmentState
from shared import clock
from shared.clock import DISTRICT_TIMEZONE, local_date
from shared.db.arrays import literal
from shared.errors import Conflict, Missing, Rejected
from shared.messaging.transaction import Transaction

REMIND_BEFORE = timedelta(days=1)
SLOTS_MAX = 96  # offered at once
REMINDED_AT_ONCE = 500
CAPACITY_MAX = 100

_OFFER = text(
    "INSERT INTO hall_slots (place, starts_at, ends_at, capacity, taken) SELECT :place, starts,"
    " ends, :capacity, 0 FROM unnest(CAST(:starts AS timestamptz[]), CAST(:ends AS timestamptz[]))"
    " AS s (starts, ends) ON CONFLICT (place, starts_at) DO NOTHING RETURNING id"
)
_TAKE = text(
    "UPDATE hall_slots SET taken = taken + 1 WHERE id = :id AND taken < capacity"
    " AND starts_at > :now RETURNING starts_at"
)
_GIVE = text("UPDATE hall_slots SET taken = taken - 1 WHERE id = :id")
_BOOK = text(
    "INSERT INTO hall_appointments (appointment_no, form_token, slot_id, matter_code, resident_no,"
    " state, made_by, made_at, remind_at) VALUES (:token, :token, :slot, :matter, :resident,"
    " 'booked', :by, :now, :remind_at) RETURNING id"
)
_NUMBER = text("UPDATE hall_appointments SET appointment_no = :no WHERE id = :id")
_BY_TOKEN = text("SELECT appointment_no FROM hall_appointments WHERE form_token = :token")
_HAS = text(
    "SELECT EXISTS (SELECT 1 FROM hall_appointments WHERE slot_id = :slot"
    " AND resident_no = :resident AND state = 'booked')"
)
_LOCK_RESIDENT = text("SELECT pg_advisory_xact_lock(hashtextextended('hall ' || :resident, 0))")
_LOCKED = text(
    "SELECT a.id, a.slot_id, a.state, a.resident_no, s.starts_at FROM hall_appointments a"
    " JOIN hall_slots s ON s.id = a.slot_id WHERE a.appointment_no = :no FOR UPDATE OF a"
)
_END = text("UPDATE hall_appointments SET state = :state, ended_at = :now WHERE id = :id")
_REMIND = text(
    "UPDATE hall_appointments a SET reminded_at = :now FROM (SELECT id FROM hall_appointments"
    " WHERE state = 'booked' AND reminded_at IS NULL AND remind_at <= :now ORDER BY remind_at"
    " LIMIT :limit FOR UPDATE SKIP LOCKED) AS due, hall_slots s"
    " WHERE a.id = due.id AND s.id = a.slot_id"
    " RETURNING a.appointment_no, a.resident_no, s.starts_at"
)


def offer_slots(
    tx: Transaction,
    *,
    place: str,
    on: date,
    opens: time,
    closes: time,
    minutes: int,
    capacity: int,
) -> int:
    """Cut a day's opening into slots; how many are new. Raises Rejected naming the field."""
    place = " ".join(place.split())
    if not 1 <= len(place) <= 80:
        raise _wrong("place", "须为 1 至 80 个字符", "1 to 80 characters")
    if not 5 <= minutes <= 480:
        raise _wrong("minutes", "须为 5 至 480 分钟", "5 to 480 minutes")
    if not 1 <= capacity <= CAPACITY_MAX:
        raise _wrong("capacity", f"须为 1 至 {CAPACITY_MAX}", f"1 to {CAPACITY_MAX}")
    begin = datetime.combine(on, opens, DISTRICT_TIMEZONE)
    end, step = datetime.combine(on, closes, DISTRICT_TIMEZONE), timedelta(minutes=minutes)
    count = (end - begin) // step
    if not 1 <= count <= SLOTS_MAX:
        raise _wrong(
            "closes", f"须得出 1 至 {SLOTS_MAX} 个时段", f"must make 1 to {SLOTS_MAX} slots"
        )
    starts = [begin + step * number for number in range(count)]
    values = {
        "place": place,
        "capacity": capacity,
        "starts": literal(starts),
        "ends": literal(each + step for each in starts),
    }
    return len(tx.session.execute(_OFFER, values).all())


def book(
    tx: Transaction, *, token: str, slot_id: int, matter_code: str, resident_no: str, by: str
) -> str:
    """The number of an appointment; the same token again is the same one.

    Raises Conflict when the slot is full, over, or has this resident already, and Missing for an
    unknown matter or resident.
    """
    tx.session.execute(_LOCK_RESIDENT, {"resident": resident_no})
    known = tx.session.execute(_BY_TOKEN, {"token": token}).scalar_one_or_none()
    if known is not None:
        return str(known)
    if matter_of(tx.session, matter_code) is None:
        raise Missing("no_matter", "没有这个事项", "There is no such matter")
    if not known_residents(tx.session, [resident_no]):
        raise Missing("no_resident", "查无此居民", "There is no such resident")
    if tx.session.execute(_HAS, {"slot": slot_id, "resident": resident_no}).scalar_one():
        raise _full("这个时段您已预约", "you have an appointment at this time already")
    now = clock.now()
    starts_at = tx.session.execute(_TAKE, {"id": slot_id, "now": now}).scalar_one_or_none()
    if starts_at is None:
        raise _full(
            "这个时段已约满或已开始，请另选", "this time is full or has begun: choose another"
        )
    values = {
        "token": token,
        "slot": slot_id,
        "matter": matter_code,
        "resident": resident_no,
        "by": by,
        "now": now,
        "remind_at": max(starts_at - REMIND_BEFORE, now),
    }
    made = tx.session.execute(_BOOK, values).scalar_one()
    number = f"Y{clock.today():%Y%m%d}-{made:06d}"
    tx.session.execute(_NUMBER, {"no": number, "id": made})
    return number


def end(
    tx: Transaction, number: str, state: AppointmentState, *, resident_no: str | None = None
) -> None:
    """Cancel an appointment, or say whether somebody came; a cancelled place is free again.

    With `resident_no`, only one's own. Raises Missing, and Conflict when it has ended.
    """
    row = tx.session.execute(_LOCKED, {"no": number}).one_or_none()
    if row is None or (resident_no is not None and row.resident_no != resident_no):
        raise Missing("no_appointment", "没有这个预约", "There is no such appointment")
    if row.state == state:
        return
    has_begun = row.starts_at <= clock.now()
    may_be = {
        AppointmentState.CANCELLED: not has_begun,
        AppointmentState.MISSED: has_begun,
        # Who comes early has come.
        AppointmentState.ATTENDED: local_date(row.starts_at) <= clock.today(),
    }
    if row.state != AppointmentState.BOOKED or not may_be.get(state):
        raise Conflict(
            "illegal_step",
            "这个预约已不能这样处理，请刷新后再看",
            "This can no longer be done to the appointment: reload and look again",
        )
    tx.session.execute(_END, {"state": state, "id": row.id, "now": clock.now()})
    if state is AppointmentState.CANCELLED:
        tx.session.execute(_GIVE, {"id": row.slot_id})


def remind(tx: Transaction) -> int:
    """Remind those whose time is near, each once, at most 500; how many."""
    values = {"now": clock.now(), "limit": REMINDED_AT_ONCE}
    rows = tx.session.execute(_REMIND, values).all()
    tell(
        tx,
        (
            (row.appointment_no, row.resident_no, "hall_reminded", local_date(row.starts_at))
            for row in rows
        ),
    )
    return len(rows)


def _full(zh: str, en: str) -> Conflict:
    return Conflict("slot", f"slot_id：{zh}", f"slot_id: {en}", pointer="/slot_id")


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("slot", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")

"""What intake says of the one-stop hall: an application moved, an appointment is near."""

from __future__ import annotations

from shared.schemas.fields import Choice, Day, EventData, Moment, Text

HALL_MOVED = "linli.hall.moved.v1"
WAYS = ("hall_missing", "hall_accepted", "hall_done", "hall_refused", "hall_reminded")


class HallMoved(EventData):
    """Neither the matter nor why: what somebody applies for stays in intake."""

    about = "大厅事项有了进展 / something happened at the one-stop hall"

    hall_no = Text("申请或预约的编号 / number of the application or the appointment", 1, 32)
    resident_no = Text("听者的居民编号 / resident number of who hears it", 1, 32)
    way = Choice(
        "发生了什么：须补材料、已受理、已办结、不予办理、预约提醒 / what happened: documents missing,"
        " accepted, done, refused, reminder of an appointment",
        *WAYS,
    )
    on_date = Day("当天；受理时为承诺办结日，提醒时为预约日 / the day of it: promised, or booked")
    moved_at = Moment("发生时间 / when it happened")


SCHEMAS: dict[str, EventData] = {HALL_MOVED: HallMoved()}

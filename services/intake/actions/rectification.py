"""集中整治 moves: items are found, fixed, checked by somebody else, seen again, and may come back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import insert, select, text, update

from services.intake.models import (
    Rectification,
    RectificationItem,
    RectificationPicture,
    RectificationStep,
    Reinspection,
)
from services.intake.rules import pictures
from services.intake.rules.rectification import (
    Action,
    State,
    after,
    check_checker,
    check_text,
    recheck_dates,
)
from shared import clock
from shared.clock import local_date
from shared.errors import Conflict, Missing, Rejected
from shared.messaging.transaction import Transaction

_PLACES = text(
    "SELECT (SELECT kind FROM areas WHERE code = :area) AS area,"
    " (SELECT 1 FROM units WHERE unit_code = :unit AND is_active) AS unit"
)
_BEFORE = text(
    "SELECT picture FROM rectification_pictures WHERE item_id = :item AND kind = 'before'"
    " ORDER BY step_no DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """What a rectification is about."""

    title: str
    area_code: str
    unit_code: str
    starts_on: date
    ends_on: date
    recheck_days: Sequence[int]


def open_drive(tx: Transaction, drive: Drive, by: str) -> int:
    """Begin a rectification; its number. Raises Rejected naming the field."""
    title = check_text("title", drive.title)
    if drive.starts_on > drive.ends_on:
        raise _wrong("ends_on", "不得早于开始日期", "must not be before the first day")
    known = tx.session.execute(_PLACES, {"area": drive.area_code, "unit": drive.unit_code}).one()
    if known.area is None:
        raise _wrong("area_code", "没有这个地区", "there is no such area")
    if known.unit is None:
        raise _wrong("unit_code", "没有这个责任单位", "there is no such unit")
    made = Rectification(
        title=title,
        area_code=drive.area_code,
        unit_code=drive.unit_code,
        starts_on=drive.starts_on,
        ends_on=drive.ends_on,
        recheck_days=list(drive.recheck_days),
        made_by=by,
        made_at=clock.now(),
    )
    tx.session.add(made)
    tx.session.flush()
    return made.id


def find(
    tx: Transaction, drive_id: int, *, what: str, place: str, grid_code: str, photo: bytes, by: str
) -> int:
    """Add an item with its picture before; its number. Raises Rejected, Missing."""
    if tx.session.get(Rectification, drive_id) is None:
        raise Missing("no_rectification", "没有这次整治", "There is no such rectification")
    words = {"what": check_text("what", what), "place": check_text("place", place)}
    if tx.session.execute(_PLACES, {"area": grid_code, "unit": ""}).one().area != "grid":
        raise _wrong("grid_code", "没有这个网格", "there is no such grid")
    item = RectificationItem(
        rectification_id=drive_id,
        **words,
        grid_code=grid_code,
        state=State.FOUND,
        found_at=clock.now(),
        recurred_count=0,
        step_count=1,
    )
    picture = pictures.make(photo)
    tx.session.add(item)
    tx.session.flush()
    _write(tx, item, Action.FIND, by, "", ("before", picture.jpeg))
    return item.id


def fix(tx: Transaction, item_id: int, *, photo: bytes, note: str, by: str) -> None:
    """It is put right, as the picture after shows. Raises Rejected for the picture before again."""
    item = _locked(tx, item_id)
    to = after(Action.FIX, State(item.state))
    picture = pictures.make(photo)
    before = tx.session.execute(_BEFORE, {"item": item_id}).scalar()
    if before is not None:
        likeness = pictures.make(bytes(before)).likeness
        if pictures.distance(likeness, picture.likeness) <= pictures.SAME_WITHIN:
            raise _wrong(
                "photo",
                "与整改前是同一张照片，请拍整改后的现场",
                "is the picture before once more: show the place as it is now",
            )
    item.fixed_by, item.fixed_at = by, clock.now()
    _step(tx, item, Action.FIX, to, by, note, ("after", picture.jpeg))


def approve(tx: Transaction, item_id: int, *, note: str, by: str) -> None:
    """Somebody else finds it good; from now on it is seen again on the drive's days.

    Raises Forbidden for who fixed it.
    """
    item = _locked(tx, item_id)
    to = after(Action.APPROVE, State(item.state))
    check_checker(item.fixed_by, by)
    now = clock.now()
    item.checked_by, item.good_at = by, now
    _step(tx, item, Action.APPROVE, to, by, note, None)
    drive = tx.session.get_one(Rectification, item.rectification_id)
    tx.session.execute(
        insert(Reinspection),
        [
            {"item_id": item.id, "due_on": day}
            for day in recheck_dates(local_date(now), drive.recheck_days)
        ],
    )


def send_back(tx: Transaction, item_id: int, *, note: str, by: str) -> None:
    """It is not good yet; the note says why. Raises Rejected, Forbidden for who fixed it."""
    item = _locked(tx, item_id)
    to = after(Action.SEND_BACK, State(item.state))
    check_checker(item.fixed_by, by)
    check_text("note", note)
    _step(tx, item, Action.SEND_BACK, to, by, note, None)


def recheck(
    tx: Transaction, item_id: int, *, is_good: bool, photo: bytes, note: str, by: str
) -> None:
    """Somebody has looked again. One that came back is open again, and counted.

    Every re-inspection that was due by today is done by this look. Raises Conflict when none is.
    """
    item = _locked(tx, item_id)
    action = Action.RECHECK if is_good else Action.RECUR
    to = after(action, State(item.state))
    due = tx.session.scalars(
        select(Reinspection.id).where(
            Reinspection.item_id == item_id,
            Reinspection.done_at.is_(None),
            Reinspection.due_on <= clock.today(),
        )
    ).all()
    if is_good and not due:
        raise Conflict(
            "not_due", "还没到复查日期", "No re-inspection of it is due yet", pointer="/due_on"
        )
    kind = "recheck" if is_good else "before"  # what came back is what the next fix is held against
    shown = (kind, pictures.make(photo).jpeg) if photo else None
    if not is_good and shown is None:
        raise _wrong("photo", "反弹须附照片", "send a picture of what came back")
    now = clock.now()
    tx.session.execute(
        update(Reinspection)
        .where(Reinspection.id.in_(due))
        .values(done_at=now, done_by=by, outcome="good" if is_good else "recurred")
    )
    if not is_good:
        # The days that were to come belong to a state that is over; new ones follow the next fix.
        tx.session.execute(
            update(Reinspection)
            .where(Reinspection.item_id == item_id, Reinspection.done_at.is_(None))
            .values(done_at=now, done_by=by, outcome="dropped")
        )
        item.recurred_count += 1
        item.fixed_by = item.fixed_at = item.checked_by = item.good_at = None
    _step(tx, item, action, to, by, note, shown)


def _locked(tx: Transaction, item_id: int) -> RectificationItem:
    item = tx.session.get(RectificationItem, item_id, with_for_update=True, populate_existing=True)
    if item is None:
        raise Missing("no_item", "没有这个问题点", "There is no such item")
    return item


def _step(
    tx: Transaction,
    item: RectificationItem,
    action: Action,
    to: State,
    by: str,
    note: str,
    shown: tuple[str, bytes] | None,
) -> None:
    item.state = to
    item.step_count += 1
    tx.session.flush()
    _write(tx, item, action, by, note, shown)


def _write(
    tx: Transaction,
    item: RectificationItem,
    action: Action,
    by: str,
    note: str,
    shown: tuple[str, bytes] | None,
) -> None:
    tx.session.execute(
        insert(RectificationStep),
        {
            "item_id": item.id,
            "step_no": item.step_count,
            "at": clock.now(),
            "action": action,
            "to_state": item.state,
            "by": by,
            "note": check_text("note", note, least=0),
        },
    )
    if shown is not None:
        kind, picture = shown
        tx.session.execute(
            insert(RectificationPicture),
            {"item_id": item.id, "step_no": item.step_count, "kind": kind, "picture": picture},
        )


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("rectification", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")

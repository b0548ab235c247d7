"""领单: residents take places in what a request needs done, wait for one, and give it up.

One order of locks: the opening first, then the residents by number. Each transaction locks one
opening only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.intake.actions.steps import Step, locked, take
from services.intake.models import Request
from services.intake.queries.standing import standing_of
from services.intake.rules.claims import (
    ROLES,
    NewOpening,
    check_minutes,
    check_opening,
    may_lead,
    read_skills,
)
from services.intake.rules.states import OPEN, Action, Actor, State
from shared import clock
from shared.clock import local_date
from shared.db.arrays import literal
from shared.errors import Conflict, Forbidden, Missing
from shared.messaging.transaction import Transaction

_OPEN = text(
    "INSERT INTO claim_openings (request_id, about, place, places, skills, starts_at, ends_at,"
    " state, opened_by, opened_at) VALUES (:request_id, :about, :place, :places,"
    " CAST(:skills AS text[]), :starts_at, :ends_at, 'open', :by, :now) RETURNING id"
)
_LOCK = text(
    "SELECT o.id, o.request_id, o.places, o.skills, o.starts_at, o.ends_at, o.state,"
    " r.state AS request_state, r.grid_code, g.parent_code AS community, c.parent_code AS street,"
    " s.parent_code AS district FROM claim_openings o JOIN requests r ON r.id = o.request_id"
    " LEFT JOIN areas g ON g.code = r.grid_code LEFT JOIN areas c ON c.code = g.parent_code"
    " LEFT JOIN areas s ON s.code = c.parent_code WHERE o.id = :id FOR UPDATE OF o"
)
_PERSON = text(
    "SELECT (SELECT array_agg(skill) FROM resident_skills k WHERE k.resident_no = p.resident_no)"
    " AS skills, EXISTS (SELECT 1 FROM resident_roles o WHERE o.resident_no = p.resident_no"
    " AND o.role = ANY(:roles) AND o.area_code = ANY(:areas) AND o.since <= :today"
    " AND (o.until IS NULL OR o.until >= :today)) AS may FROM residents p"
    " WHERE p.resident_no = :resident FOR NO KEY UPDATE OF p"
)
_LIVE = text(
    "SELECT id, state, queue_no FROM claims WHERE opening_id = :opening"
    " AND resident_no = :resident AND state <> 'withdrawn'"
)
_ELSEWHERE = text(
    "SELECT 1 FROM claims WHERE resident_no = :resident AND state IN ('holding', 'done')"
    " AND span && tstzrange(:starts_at, :ends_at) LIMIT 1"
)
_CLAIM = text(
    "INSERT INTO claims (opening_id, resident_no, state, queue_no, span, claimed_at, changed_at)"
    " SELECT :opening, :resident, CASE WHEN count(*) FILTER (WHERE state IN ('holding', 'done'))"
    " < :places THEN 'holding' ELSE 'waiting' END, coalesce(max(queue_no), 0) + 1,"
    " tstzrange(:starts_at, :ends_at), :now, :now FROM claims WHERE opening_id = :opening"
    " RETURNING id, state, queue_no"
)
_OPENING_OF = text("SELECT opening_id FROM claims WHERE id = :id")
_ONE = text("SELECT resident_no, state FROM claims WHERE id = :id")
_WITHDRAW = text("UPDATE claims SET state = 'withdrawn', changed_at = :now WHERE id = :id")
_DONE = text(
    "UPDATE claims SET state = 'done', minutes = :minutes, confirmed_by = :by, changed_at = :now"
    " WHERE id = :id"
)
_CLOSE = text("UPDATE claim_openings SET state = 'closed' WHERE id = :id")
# Everybody who waits is locked, so that nobody of them gets a place elsewhere meanwhile.
_WAITING = text(
    "SELECT p.resident_no FROM residents p JOIN claims c USING (resident_no)"
    " WHERE c.opening_id = :opening AND c.state = 'waiting'"
    " ORDER BY p.resident_no FOR NO KEY UPDATE OF p"
)
_FREE = (
    "NOT EXISTS (SELECT 1 FROM claims e WHERE e.resident_no = c.resident_no"
    " AND e.state IN ('holding', 'done') AND e.span && c.span)"
)
_PROMOTE = text(
    "UPDATE claims SET state = 'holding', changed_at = :now WHERE id IN (SELECT c.id FROM claims c"
    f" WHERE c.opening_id = :opening AND c.state = 'waiting' AND {_FREE} ORDER BY c.queue_no LIMIT"
    " greatest(0, :places - (SELECT count(*) FROM claims h WHERE h.opening_id = :opening"
    " AND h.state IN ('holding', 'done')))) RETURNING resident_no, queue_no"
)
_PROMOTABLE = text(
    "SELECT o.id FROM claim_openings o WHERE o.state = 'open' AND o.ends_at > :now"
    " AND o.places > (SELECT count(*) FROM claims h WHERE h.opening_id = o.id"
    " AND h.state IN ('holding', 'done')) AND EXISTS (SELECT 1 FROM claims c"
    f" WHERE c.opening_id = o.id AND c.state = 'waiting' AND {_FREE}) ORDER BY o.id LIMIT 1"
)
_FORGET_SKILLS = text("DELETE FROM resident_skills WHERE resident_no = :resident")
_NOTE_SKILLS = text(
    "INSERT INTO resident_skills (resident_no, skill, noted_by, since)"
    " SELECT :resident, n, :by, :now FROM unnest(CAST(:skills AS text[])) AS n"
)
_RESIDENT = text("SELECT 1 FROM residents WHERE resident_no = :resident FOR NO KEY UPDATE")


@dataclass(frozen=True, slots=True)
class Claimed:
    """What became of a claim: `holding` a place, or `waiting` with a number in the queue."""

    id: int
    state: str
    queue_no: int


def open_claims(tx: Transaction, request_id: int, new: NewOpening, *, account_no: str) -> int:
    """Open a request's work for claiming; the opening's number.

    Raises Rejected naming the field, Forbidden for who is not of the unit or the area's desk, and
    Conflict when nothing is left to do for the request.
    """
    now = clock.now()
    skills = read_skills(new.skills)
    check_opening(new, now)
    request = locked(tx, {request_id})[request_id]
    _check_staff(tx, request, account_no)
    if State(request.state) not in OPEN:
        raise _ended()
    values = {
        "request_id": request_id,
        "about": new.about.strip(),
        "place": new.place.strip(),
        "places": new.places,
        "skills": literal(skills),
        "starts_at": new.starts_at,
        "ends_at": new.ends_at,
        "by": account_no,
        "now": now,
    }
    opening_id = int(tx.session.execute(_OPEN, values).scalar_one())
    _tell(
        tx,
        request_id,
        {"claims": "opened", "opening": opening_id, "places": new.places},
        account_no,
    )
    return opening_id


def claim(tx: Transaction, opening_id: int, resident_no: str) -> Claimed:
    """A place where there is one, else a number in the queue. Safe to repeat.

    Raises Missing, Forbidden for who may not claim or lacks a skill, and Conflict when the
    resident is promised elsewhere at that time or it is too late.
    """
    opening = _locked(tx, opening_id)
    if opening.state != "open" or State(opening.request_state) not in OPEN:
        raise _ended()
    _check_ahead(opening.ends_at)
    _check_person(tx, opening, resident_no)
    asked = {"opening": opening_id, "resident": resident_no}
    known = tx.session.execute(_LIVE, asked).one_or_none()
    if known is not None:
        return Claimed(known.id, known.state, known.queue_no)
    window = {**asked, "starts_at": opening.starts_at, "ends_at": opening.ends_at}
    if tx.session.execute(_ELSEWHERE, window).first() is not None:
        raise _double()
    values = {**window, "places": opening.places, "now": clock.now()}
    try:
        row = tx.session.execute(_CLAIM, values).one()
    except IntegrityError as refused:
        if "ex_claims_one_place_at_once" not in str(refused):
            raise
        raise _double() from refused
    return Claimed(row.id, row.state, row.queue_no)


def withdraw(tx: Transaction, claim_id: int, resident_no: str) -> list[str]:
    """Give a claim up; who gets the place instead, by number.

    Raises Missing for another's claim, and Conflict for one that is over.
    """
    opening = _locked(tx, _opening_of(tx, claim_id))
    row = tx.session.execute(_ONE, {"id": claim_id}).one()
    if row.resident_no != resident_no:
        raise _missing()
    if row.state == "withdrawn":
        return []
    if row.state == "done":
        raise _ended()
    _check_ahead(opening.ends_at)
    tx.session.execute(_WITHDRAW, {"id": claim_id, "now": clock.now()})
    return _promote(tx, opening) if row.state == "holding" else []


def promote(tx: Transaction) -> list[str]:
    """The clock's: give one opening's free places to who waits for them and is free by now.

    One opening a run: it locks in the order that everybody else does.
    """
    found = tx.session.execute(_PROMOTABLE, {"now": clock.now()}).scalar_one_or_none()
    return [] if found is None else _promote(tx, _locked(tx, found))


def close_claims(tx: Transaction, opening_id: int, *, account_no: str) -> None:
    """Let nobody else claim; who holds a place keeps it, the queue ends."""
    opening = _locked(tx, opening_id)
    request = tx.session.get_one(Request, opening.request_id)
    _check_staff(tx, request, account_no)
    tx.session.execute(_CLOSE, {"id": opening_id})


def confirm(tx: Transaction, claim_id: int, minutes: int, *, account_no: str) -> None:
    """Staff confirm that a claimant did it, and for how long.

    Raises Rejected for more minutes than there were, Conflict before it begins or for a claim
    without a place.
    """
    opening = _locked(tx, _opening_of(tx, claim_id))
    request = tx.session.get_one(Request, opening.request_id)
    _check_staff(tx, request, account_no)
    row = tx.session.execute(_ONE, {"id": claim_id}).one()
    if row.state != "holding" or clock.now() < opening.starts_at:
        raise Conflict(
            "not_claimed",
            "只能在开始之后确认有名额的人",
            "only who holds a place is confirmed, and not before it begins",
            pointer="/minutes",
        )
    check_minutes(minutes, opening.starts_at, opening.ends_at)
    values = {"id": claim_id, "minutes": minutes, "by": account_no, "now": clock.now()}
    tx.session.execute(_DONE, values)
    facts = {"claims": "done", "claim": claim_id, "minutes": minutes}
    _tell(tx, opening.request_id, facts, account_no)


def note_skills(tx: Transaction, resident_no: str, skills: Iterable[str], *, by: str) -> None:
    """Write down all that a resident can do; what is not listed is forgotten."""
    listed = read_skills(skills)
    if tx.session.execute(_RESIDENT, {"resident": resident_no}).first() is None:
        raise Missing("no_resident", "查无此居民", "no such resident")
    tx.session.execute(_FORGET_SKILLS, {"resident": resident_no})
    values = {"resident": resident_no, "skills": literal(listed), "by": by, "now": clock.now()}
    tx.session.execute(_NOTE_SKILLS, values)


def _locked(tx: Transaction, opening_id: int) -> Any:
    row = tx.session.execute(_LOCK, {"id": opening_id}).one_or_none()
    if row is None:
        raise _missing()
    return row


def _opening_of(tx: Transaction, claim_id: int) -> int:
    found = tx.session.execute(_OPENING_OF, {"id": claim_id}).scalar_one_or_none()
    if found is None:
        raise _missing()
    return int(found)


def _promote(tx: Transaction, opening: Any) -> list[str]:
    if opening.state != "open" or State(opening.request_state) not in OPEN:
        return []
    tx.session.execute(_WAITING, {"opening": opening.id}).all()
    values = {"opening": opening.id, "places": opening.places, "now": clock.now()}
    rows = tx.session.execute(_PROMOTE, values).all()
    return [row.resident_no for row in sorted(rows, key=lambda row: int(row.queue_no))]


def _check_person(tx: Transaction, opening: Any, resident_no: str) -> None:
    areas = [opening.grid_code, opening.community, opening.street, opening.district]
    values = {
        "resident": resident_no,
        "roles": list(ROLES),
        "areas": [area for area in areas if area is not None],
        "today": local_date(clock.now()),
    }
    person = tx.session.execute(_PERSON, values).one_or_none()
    if person is None or not person.may:
        raise Forbidden(
            "no_claimant",
            "本片区登记的党员和志愿者可以领单，请到社区登记",
            "party members and volunteers of the area may claim: register with the community",
        )
    if missing := set(opening.skills) - set(person.skills or ()):
        listed = "、".join(sorted(missing))
        raise Forbidden(
            "no_skill",
            f"需要会：{listed}；会的话请到社区登记",
            f"it needs {', '.join(sorted(missing))}: have it noted by the community if you can",
        )


def _check_staff(tx: Transaction, request: Request, account_no: str) -> None:
    about = {"grid_code": request.grid_code, "unit_code": request.unit_code}
    if not may_lead(standing_of(tx.session, account_no, about)):
        raise Forbidden(
            "not_your_unit",
            "须由承办单位或所属片区的人员办理",
            "only people of the unit that has it or of the area's desk may",
        )


def _check_ahead(ends_at: datetime) -> None:
    if clock.now() >= ends_at:
        raise _ended()


def _tell(tx: Transaction, request_id: int, facts: dict[str, Any], account_no: str) -> None:
    step = Step(request_id=request_id, action=Action.NOTE, facts=facts)
    take(tx, [step], Actor("account", account_no))


def _missing() -> Missing:
    return Missing("no_claim", "没有这个领单", "There is no such claim")


def _ended() -> Conflict:
    return Conflict("claims_over", "领单已结束", "it can no longer be claimed")


def _double() -> Conflict:
    return Conflict(
        "double_booking",
        "您在这段时间已领了别的单，请先退出那一件",
        "you hold a place elsewhere at that time: give that up first",
    )

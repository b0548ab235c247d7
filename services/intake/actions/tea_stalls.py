"""茶摊: open a sitting, take what was typed at it, and make one campaign of alike requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import text

from services.intake.actions import photos
from services.intake.actions.opening import Opened, Seals, open_requests
from services.intake.actions.steps import Step, take
from services.intake.queries import tea_stalls as stalls
from services.intake.rules.requests import NewRequest, check
from services.intake.rules.states import Action, Actor
from services.intake.rules.tea_stalls import check_place, read_who, stall_no, title_of
from shared import clock
from shared.db.arrays import literal
from shared.errors import Conflict, LinliError, Rejected
from shared.messaging.transaction import Transaction

DOOR = "tea_stall"
CAMPAIGN_MAX = 200  # what one request may stand for

_OPEN = text(
    "INSERT INTO tea_stalls (stall_no, form_token, place, held_on, grid_code, host, opened_at)"
    " VALUES (:draft, :token, :place, :held_on, :grid, :host, :now)"
    " ON CONFLICT (form_token) DO NOTHING RETURNING id"
)
_NUMBER = text("UPDATE tea_stalls SET stall_no = :no WHERE id = :id")
_BY_TOKEN = text("SELECT stall_no FROM tea_stalls WHERE form_token = :token")
_BELONG = text(
    "INSERT INTO tea_stall_requests (request_id, stall_id, is_campaign)"
    " SELECT id, :stall, :is_campaign FROM unnest(CAST(:ids AS bigint[])) AS id"
    " ON CONFLICT (request_id) DO NOTHING"
)
_MEMBERS = text(
    "SELECT r.id, r.request_no, r.category"
    " FROM tea_stall_requests t"
    " JOIN requests r ON r.id = t.request_id WHERE t.stall_id = :stall AND NOT t.is_campaign"
    " AND r.request_no = ANY(CAST(:numbers AS text[])) ORDER BY r.id"
)
# Whom each brought is written down, so that one that is taken out again takes its own along.
_FOLLOW = text(
    "INSERT INTO followers (request_id, resident_no, because_of, since)"
    " SELECT :into, resident_no, min(id), :now FROM (SELECT r.id, r.resident_no FROM requests r"
    " WHERE r.id = ANY(CAST(:ids AS bigint[])) AND r.resident_no IS NOT NULL UNION ALL"
    " SELECT f.request_id, f.resident_no FROM followers f"
    " WHERE f.request_id = ANY(CAST(:ids AS bigint[]))) AS h (id, resident_no)"
    " GROUP BY resident_no ORDER BY resident_no ON CONFLICT (request_id, resident_no) DO NOTHING"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line as it was typed; `client_id` is the device's own id of it: safe to send again."""

    client_id: str
    kind: str
    text: str
    who: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of an entry: the request it is, or why it is none."""

    client_id: str
    opened: Opened | None = None
    problem: LinliError | None = None


def open_stall(
    tx: Transaction, *, token: str, place: str, held_on: date, grid_code: str, host: str
) -> str:
    """The number of a new sitting; the same token again is the same one. Raises Rejected."""
    if grid_code not in {code for code, _ in stalls.grids(tx.session)}:
        raise Rejected(
            "grid",
            f"grid_code：没有这个网格 {grid_code}",
            f"grid_code: no such grid {grid_code}",
            pointer="/grid_code",
        )
    values = {
        "draft": token,  # until the row has its number
        "token": token,
        "place": check_place(place),
        "held_on": held_on,
        "grid": grid_code,
        "host": host,
        "now": clock.now(),
    }
    made = tx.session.execute(_OPEN, values).scalar_one_or_none()
    if made is None:
        return str(tx.session.execute(_BY_TOKEN, {"token": token}).scalar_one())
    number = stall_no(held_on, made)
    tx.session.execute(_NUMBER, {"no": number, "id": made})
    return number


def keep_entries(
    tx: Transaction,
    stall: Mapping[str, Any],
    entries: Sequence[Entry],
    actor: Actor,
    seals: Seals,
) -> list[Judged]:
    """Open a request for each sound entry; the answer is in the order of `entries`.

    An entry that was kept before is answered with its request. A faulty one harms no other.
    """
    sound, judged = _read(tx, stall, entries, seals)
    if sound:
        judged |= _opened(tx, sound, actor, seals)
    ids = literal(one.opened.id for one in judged.values() if one.opened)
    tx.session.execute(_BELONG, {"stall": stall["id"], "is_campaign": False, "ids": ids})
    return [judged[entry.client_id] for entry in entries]


def _read(
    tx: Transaction, stall: Mapping[str, Any], entries: Sequence[Entry], seals: Seals
) -> tuple[dict[str, NewRequest], dict[str, Judged]]:
    read: dict[str, Any] = {}
    judged: dict[str, Judged] = {}
    for entry in entries:
        try:
            read[entry.client_id] = read_who(entry.who)
        except Rejected as problem:
            judged[entry.client_id] = Judged(entry.client_id, problem=problem)
    phones = {each.phone: seals.index.of(each.phone) for each in read.values() if each.phone}
    by_phone = stalls.residents_by_phone(tx.session, list(phones.values()))
    known = stalls.known_residents(
        tx.session, [each.resident_no for each in read.values() if each.resident_no]
    )
    sound: dict[str, NewRequest] = {}
    for entry in entries:
        who = read.get(entry.client_id)
        if who is None:
            continue
        try:
            if who.resident_no and who.resident_no not in known:
                raise _unknown(who.resident_no)
            resident = who.resident_no or by_phone.get(phones.get(who.phone, b""))
            contact = {"name": who.name, "phone": who.phone}
            given = {name: value for name, value in contact.items() if value}
            new = _request(stall, entry, resident, given)
            check(new)
            sound[entry.client_id] = new
        except Rejected as problem:
            judged[entry.client_id] = Judged(entry.client_id, problem=problem)
    return sound, judged


def _unknown(resident_no: str) -> Rejected:
    return Rejected(
        "who",
        f"who：查无此居民 {resident_no}",
        f"who: no such resident {resident_no}",
        pointer="/who",
    )


def _request(
    stall: Mapping[str, Any], entry: Entry, resident: str | None, contact: dict[str, str]
) -> NewRequest:
    return NewRequest(
        door=DOOR,
        client_id=entry.client_id,
        title=title_of(entry.text),
        description=entry.text.strip(),
        category=entry.kind or "other",
        grid_code=stall["grid_code"],
        resident_no=resident,
        contact=None if resident or not contact else contact,
        address=entry.address.strip() or None,
        opened_at=clock.now(),
        facts={"stall_no": stall["stall_no"]},
    )


def _opened(
    tx: Transaction, sound: Mapping[str, NewRequest], actor: Actor, seals: Seals
) -> dict[str, Judged]:
    try:
        with tx.session.begin_nested():
            made = open_requests(tx, list(sound.values()), actor, seals)
    except Conflict:
        # Rare: somebody changed an entry that had come already. Find out which, the rest is kept.
        return {name: _opened_alone(tx, name, new, actor, seals) for name, new in sound.items()}
    return {name: Judged(name, opened=one) for name, one in zip(sound, made, strict=True)}


def _opened_alone(
    tx: Transaction, client_id: str, new: NewRequest, actor: Actor, seals: Seals
) -> Judged:
    try:
        with tx.session.begin_nested():
            (one,) = open_requests(tx, [new], actor, seals)
    except LinliError as problem:
        return Judged(client_id, problem=problem)
    return Judged(client_id, opened=one)


def keep_photos(tx: Transaction, taken: Sequence[tuple[Judged, bytes]], actor: Actor) -> None:
    """Keep the photo of each entry that has one; the same photo again is kept once."""
    for one, data in taken:
        if one.opened and data:
            photos.keep(tx, one.opened.id, "before", data, by=actor)


def make_campaign(
    tx: Transaction,
    stall: Mapping[str, Any],
    *,
    token: str,
    title: str,
    description: str,
    request_nos: Sequence[str],
    actor: Actor,
    seals: Seals,
) -> Opened:
    """One request for many alike ones of a sitting; their askers follow it.

    Each stays as it was said and is merged into the campaign. The same token again is the same
    campaign. Raises Rejected for fewer than two, and Conflict when one was merged meanwhile.
    """
    if len(request_nos) > CAMPAIGN_MAX:
        raise _choose(f"一次最多 {CAMPAIGN_MAX} 件", f"at most {CAMPAIGN_MAX} at once")
    rows = tx.session.execute(
        _MEMBERS, {"stall": stall["id"], "numbers": literal(request_nos)}
    ).all()
    if len(rows) < max(2, len(set(request_nos))):
        raise _choose("请至少选择本场两件诉求", "choose at least two requests of this sitting")
    new = NewRequest(
        door=DOOR,
        client_id=f"campaign:{token}",
        title=title.strip(),
        description=description.strip(),
        category=rows[0].category,
        grid_code=stall["grid_code"],
        opened_at=clock.now(),
        facts={"stall_no": stall["stall_no"], "grouped": len(rows)},
    )
    (one,) = open_requests(tx, [new], actor, seals)
    if not one.is_new:
        return one
    tx.session.execute(_BELONG, {"stall": stall["id"], "is_campaign": True, "ids": [one.id]})
    steps = [
        Step(
            request_id=row.id,
            action=Action.MERGE,
            facts={"into": one.request_no, "stall_no": stall["stall_no"]},
            change={"merged_into": one.id},
        )
        for row in rows
    ]
    take(tx, steps, actor)
    values = {"into": one.id, "ids": literal(row.id for row in rows), "now": clock.now()}
    tx.session.execute(_FOLLOW, values)
    return one


def _choose(zh: str, en: str) -> Rejected:
    return Rejected("request_no", f"request_no：{zh}", f"request_no: {en}", pointer="/request_no")

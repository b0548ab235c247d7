"""Takes in households as they were found at their doors: each entry once, none over another's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from services.intake.actions import buildings
from services.intake.actions.people import give_consents
from services.intake.actions.register import load_residents
from services.intake.rules.census import ENTRIES_MAX, Member, Visit, read_visit
from services.intake.rules.homes import HomeRow, RoomRow
from shared import clock
from shared.crypto import BlindIndex, FieldCipher, mask_name, mask_phone
from shared.db.arrays import literal
from shared.errors import Conflict, LinliError, Rejected
from shared.messaging.transaction import Transaction

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 21))")
_KNOWN = text("SELECT body_hash FROM census_entries WHERE client_id = :client_id")
_REMEMBER = text(
    "INSERT INTO census_entries (client_id, body_hash, household_no, account_no, at)"
    " VALUES (:client_id, :body_hash, :household_no, :account_no, :now)"
)
_BUILDING = text(
    "SELECT building_no, grid_code, micro_grid_code FROM buildings WHERE building_no = :building_no"
)
# The room is locked by its building: two first households of one room wait for each other.
_AT_DOOR = text(
    "SELECT household_no FROM households WHERE building_no = :building_no AND unit = :unit"
    " AND room = :room"
)
_HOUSEHOLD = text("SELECT revision FROM households WHERE household_no = :household_no FOR UPDATE")
_MEMBERS = text(
    "SELECT resident_no, household_no, name_sealed, phone_sealed, language, grid_code,"
    " birth_year FROM residents WHERE resident_no = ANY(CAST(:numbers AS text[]))"
)
_VISITED = text(
    "UPDATE households SET visited_at = :now, visited_by = :by, revision = revision + 1"
    " WHERE household_no = :household_no"
)
_WHEREABOUTS = text(
    "UPDATE residents r SET whereabouts = n.whereabouts, micro_grid_code = :micro_grid FROM"
    " unnest(CAST(:numbers AS text[]), CAST(:whereabouts AS text[]))"
    " AS n (resident_no, whereabouts)"
    " WHERE r.resident_no = n.resident_no AND (r.whereabouts, r.micro_grid_code)"
    " IS DISTINCT FROM (n.whereabouts, :micro_grid)"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """What seals and finds names; `contact` seals what notify alone may open."""

    cipher: FieldCipher
    index: BlindIndex
    contact: FieldCipher


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one entry: accepted, duplicate, conflict or refused, and why."""

    client_id: str
    verdict: str
    zh: str = ""
    en: str = ""
    household_no: str = ""


def take(
    tx: Transaction, keys: Keys, entries: Sequence[tuple[str, Mapping[str, Any]]], by: str
) -> list[Taken]:
    """Judge each (client_id, body) by itself, in order; one that is wrong leaves no trace."""
    if len(entries) > ENTRIES_MAX:
        raise Rejected(
            "too_many_entries",
            f"entries：一次最多 {ENTRIES_MAX} 条",
            f"entries: at most {ENTRIES_MAX} at once",
            pointer="/entries",
        )
    # One order for everybody, so that two devices that send the same never wait in a ring.
    for key in sorted({_door_of(body) for _, body in entries} | {each for each, _ in entries}):
        tx.session.execute(_LOCK, {"key": key})
    return [_take_one(tx, keys, client_id, body, by) for client_id, body in entries]


def _take_one(
    tx: Transaction, keys: Keys, client_id: str, body: Mapping[str, Any], by: str
) -> Taken:
    try:
        with tx.session.begin_nested():
            household_no = _write_once(tx, keys, client_id, body, by)
    except Conflict as problem:
        return Taken(client_id, "conflict", problem.zh, problem.en)
    except LinliError as problem:
        return Taken(client_id, "refused", problem.zh, problem.en)
    if household_no is None:
        return Taken(client_id, "duplicate")
    return Taken(client_id, "accepted", household_no=household_no)


def _write_once(
    tx: Transaction, keys: Keys, client_id: str, body: Mapping[str, Any], by: str
) -> str | None:
    """The household; None when this very entry is there already."""
    entry = _entry_id(client_id)
    content = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    # Keyed: a plain digest of a name and a phone could be guessed.
    body_hash = keys.index.of(content.decode())
    known = tx.session.execute(_KNOWN, {"client_id": entry}).scalar_one_or_none()
    if known is not None:
        if bytes(known) == body_hash:
            return None
        raise Rejected(
            "id_conflict",
            "client_id：此编号已用于另一份内容，请重新填写后再保存",
            "client_id: this id was used for other content: enter it anew",
            pointer="/client_id",
        )
    visit = read_visit(body, clock.today().year)
    household_no = _write(tx, keys, visit, by)
    values = {"client_id": entry, "body_hash": body_hash, "household_no": household_no}
    tx.session.execute(_REMEMBER, {**values, "account_no": by, "now": clock.now()})
    return household_no


def _entry_id(client_id: str) -> UUID:
    try:
        return UUID(client_id)
    except ValueError as problem:
        raise Rejected(
            "client_id", "client_id：须为 UUID", "client_id: must be a UUID", pointer="/client_id"
        ) from problem


def _write(tx: Transaction, keys: Keys, visit: Visit, by: str) -> str:
    building = tx.session.execute(_BUILDING, {"building_no": visit.building_no}).one_or_none()
    if building is None:
        raise Rejected(
            "no_building",
            f"building_no：没有楼栋 {visit.building_no}",
            f"building_no: there is no building {visit.building_no}",
            pointer="/building_no",
        )
    household_no = _household(tx, visit)
    numbered = _numbered(tx, visit)
    rows = _rows(tx, keys.cipher, visit, numbered, household_no, building.grid_code)
    buildings.put_rooms(tx, [RoomRow(visit.building_no, visit.unit, visit.room, visit.usage)])
    home = HomeRow(
        household_no, visit.building_no, visit.unit, visit.room, visit.residence, visit.origin
    )
    buildings.put_homes(tx, [home])
    load_residents(tx, rows, cipher=keys.cipher, index=keys.index, contact_cipher=keys.contact)
    values = {"now": clock.now(), "by": by, "household_no": household_no}
    tx.session.execute(_VISITED, values)
    tx.session.execute(
        _WHEREABOUTS,
        {
            "numbers": literal(number for number, _ in numbered),
            "whereabouts": literal(member.whereabouts for _, member in numbered),
            "micro_grid": building.micro_grid_code,
        },
    )
    if visit.has_consent:
        give_consents(tx, [number for number, _ in numbered], "register", "spoken", by)
    return household_no


def _household(tx: Transaction, visit: Visit) -> str:
    """The number of the household, when nobody else has written it since the page was made."""
    if not visit.household_no:
        door = {"building_no": visit.building_no, "unit": visit.unit, "room": visit.room}
        there = set(tx.session.execute(_AT_DOOR, door).scalars())
        if there - visit.seen:
            raise Conflict(
                "household_appeared",
                "您离线期间，别人已在这一户室登记了住户；请打开核对后再保存",
                "somebody else has registered a household here meanwhile: compare, then save again",
            )
        return buildings.new_household_no(tx)
    found = {"household_no": visit.household_no}
    revision = tx.session.execute(_HOUSEHOLD, found).scalar_one_or_none()
    if revision is None:
        raise Rejected(
            "no_household",
            f"household_no：没有户 {visit.household_no}",
            f"household_no: there is no household {visit.household_no}",
            pointer="/household_no",
        )
    if revision != visit.revision:
        raise Conflict(
            "household_changed",
            "您打开之后，别人已修改了这一户；请打开核对后再保存",
            "somebody else has changed this household meanwhile: compare, then save again",
        )
    return visit.household_no


def _numbered(tx: Transaction, visit: Visit) -> list[tuple[str, Member]]:
    """The people with their numbers; those who are new get one."""
    fresh = [member for member in visit.members if not member.resident_no]
    made = iter(buildings.new_resident_nos(tx, len(fresh)) if fresh else ())
    return [(member.resident_no or next(made), member) for member in visit.members]


def _rows(
    tx: Transaction,
    cipher: FieldCipher,
    visit: Visit,
    numbered: Sequence[tuple[str, Member]],
    household_no: str,
    grid_code: str,
) -> list[dict[str, Any]]:
    numbers = [member.resident_no for member in visit.members if member.resident_no]
    found = tx.session.execute(_MEMBERS, {"numbers": literal(numbers)})
    known = {row.resident_no: row for row in found}
    rows = []
    for number, member in numbered:
        row = known.get(number)
        if member.resident_no and (row is None or row.household_no != household_no):
            raise Rejected(
                "not_of_household",
                f"第 {member.line} 人：{number} 不是这一户的居民",
                f"person {member.line}: {number} is not of this household",
                pointer=f"/member_resident_no/{member.line - 1}",
            )
        rows.append(
            {
                "resident_no": number,
                "household_no": household_no,
                "name": _kept(
                    member.name, row.name_sealed if row else None, cipher, number, mask_name
                ),
                "phone": _kept(
                    member.phone, row.phone_sealed if row else None, cipher, number, mask_phone
                ),
                "birth_year": member.birth_year,
                "grid_code": grid_code,
                "language": row.language if row else "zh",
            }
        )
    return rows


def _kept(
    typed: str,
    sealed: str | None,
    cipher: FieldCipher,
    number: str,
    mask: Callable[[str], str],
) -> str:
    """What was typed; where that is the mask that was shown, what is behind it."""
    if "*" not in typed:
        return typed
    plain = cipher.decrypt(sealed, bound_to=number) if sealed else ""
    if not plain or mask(plain) != typed:
        raise Rejected(
            "half_masked",
            f"{number}：已遮盖的姓名、电话要么不动，要么完整重填",
            f"{number}: leave what is masked as it is, or enter the whole of it",
        )
    return plain


def _door_of(body: Mapping[str, Any]) -> str:
    return "|".join(str(body.get(name, "")) for name in ("building_no", "unit", "room"))

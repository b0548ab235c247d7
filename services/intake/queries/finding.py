"""Finds residents by what a clerk types: initials, a door, four digits, a phone, a number."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.doors import Door, read_door
from services.intake.rules.tokens import TAIL_DIGITS, initials_token, name_token, tail_token
from shared.crypto import BlindIndex, FieldCipher, mask_name, mask_phone

LIMIT = 20
TYPED_CHARACTERS_MAX = 64

_number = re.compile(r"[A-Za-z0-9_-]{1,32}").fullmatch
_letters = re.compile(r"[A-Za-z]{1,12}").fullmatch
_digits = re.compile(r"\+?[0-9]{4,20}").fullmatch
_letter = re.compile(r"[^\W\d_]").search

# Each way to be found is a part of its own, so that each is one index scan that ends early.
_BY_NUMBER = "SELECT resident_no, 1 AS place FROM residents WHERE resident_no = ANY(:numbers)"
_BY_PHONE = "SELECT resident_no, 2 AS place FROM residents WHERE phone_index = :phone LIMIT :limit"
_BY_DOOR = (
    "SELECT r.resident_no, 3 AS place FROM buildings b"
    " JOIN households h ON h.building_no = b.building_no"
    " AND h.room = :room AND (h.unit = :unit OR :unit = '') JOIN residents r"
    " ON r.household_no = h.household_no WHERE b.label = :label"
    " ORDER BY r.resident_no LIMIT :limit"
)
_BY_DIGEST = (
    "SELECT resident_no, 4 AS place FROM resident_tokens WHERE token = ANY(:tokens)"
    " ORDER BY resident_no LIMIT :limit"
)
_SHOWN = (
    "WITH found AS (SELECT resident_no, min(place) AS place FROM (%s) AS ways"
    " GROUP BY resident_no ORDER BY 2, 1 LIMIT :limit)"
    " SELECT r.resident_no, r.household_no, r.name_sealed, r.phone_sealed, r.grid_code,"
    " g.name AS grid_name, r.whereabouts, h.building_no, b.address,"
    " nullif(concat_ws('-', b.label, nullif(h.unit, ''), h.room), '') AS door"
    " FROM found f JOIN residents r USING (resident_no)"
    " JOIN households h ON h.household_no = r.household_no"
    " JOIN areas g ON g.code = r.grid_code LEFT JOIN buildings b ON b.building_no = h.building_no"
    " ORDER BY f.place, r.resident_no"
)


@dataclass(slots=True)
class _Ways:
    """What the typed text may mean; several at once, because people do not say which."""

    parts: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    tokens: list[bytes] = field(default_factory=list)


def find_residents(
    session: Session, cipher: FieldCipher, index: BlindIndex, typed: str, limit: int = LIMIT
) -> list[dict[str, Any]]:
    """At most `limit` residents, names and phones masked, the surest way of being found first.

    `typed` is a resident number, a phone or its last four digits, a door such as 3-1-502, a whole
    name, or the initials of one (wxy). Anything else finds nobody.
    """
    ways = _read(index, typed)
    if not ways.parts:
        return []
    union = " UNION ALL ".join(f"({part})" for part in ways.parts)
    found = session.execute(text(_SHOWN % union), {"limit": limit, **ways.values})
    return [_masked(dict(row), cipher) for row in found.mappings()]


def _read(index: BlindIndex, typed: str) -> _Ways:
    plain = unicodedata.normalize("NFKC", typed).strip()
    ways = _Ways()
    if not plain or len(plain) > TYPED_CHARACTERS_MAX:
        return ways
    if _number(plain):
        ways.parts.append(_BY_NUMBER)
        ways.values["numbers"] = sorted({plain, plain.upper()})
    digits = re.sub(r"[ ()-]", "", plain)
    if _digits(digits):
        if len(digits) == TAIL_DIGITS:
            ways.tokens.append(tail_token(index, digits))
        else:
            ways.parts.append(_BY_PHONE)
            ways.values["phone"] = index.of(digits)
    _read_names(index, plain, ways)
    if (door := read_door(plain)) is not None:
        ways.parts.append(_BY_DOOR)
        ways.values.update(_of_door(door))
    if ways.tokens:
        ways.parts.append(_BY_DIGEST)
        ways.values["tokens"] = ways.tokens
    return ways


def _read_names(index: BlindIndex, plain: str, ways: _Ways) -> None:
    if _letters(plain):
        ways.tokens.append(initials_token(index, plain))
    if _letter(plain):
        ways.tokens.append(name_token(index, plain))


def _of_door(door: Door) -> dict[str, str]:
    return {"label": door.label, "unit": door.unit, "room": door.room}


def _masked(row: dict[str, Any], cipher: FieldCipher) -> dict[str, Any]:
    name, phone, place = row.pop("name_sealed"), row.pop("phone_sealed"), row["resident_no"]
    row["name"] = mask_name(cipher.decrypt(name, bound_to=place))
    row["phone"] = mask_phone(cipher.decrypt(phone, bound_to=place)) if phone else None
    return row

"""One request as a person types it: at the counter, for a caller, or by a resident's own hand."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from services.intake.actions.opening import Opened, Seals, open_requests
from services.intake.queries.counter import home_of
from services.intake.queries.kinds import kinds
from services.intake.rules.kinds import read_kind
from services.intake.rules.requests import NewRequest
from services.intake.rules.states import Actor
from services.intake.rules.tea_stalls import title_of
from shared import clock
from shared.errors import Rejected
from shared.messaging.transaction import Transaction

_PHONE = re.compile(r"\+?[0-9]{5,20}")
NAME_CHARACTERS_MAX = 40
ADDRESS_CHARACTERS_MAX = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The fields of the form as they came; `client_id` is the form's token: safe to send again."""

    door: str
    client_id: str
    text: str
    category: str = ""
    resident_no: str = ""
    name: str = ""
    phone: str = ""
    grid_code: str = ""
    address: str = ""
    nature: str = "help"
    urgency: str = "normal"
    lat: float | None = None
    lon: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def open_typed(tx: Transaction, typed: Typed, actor: Actor, seals: Seals) -> Opened:
    """Open it; the same token again is the same request. Raises Rejected naming the field.

    Where no place is given, it is where the resident lives.
    """
    home = home_of(tx.session, seals.cipher, typed.resident_no) if typed.resident_no else None
    door = home["door"] if home else None
    address = typed.address.strip() or door
    if address and len(address) > ADDRESS_CHARACTERS_MAX:
        raise _wrong(
            "address",
            f"不得超过 {ADDRESS_CHARACTERS_MAX} 个字符",
            f"at most {ADDRESS_CHARACTERS_MAX} characters",
        )
    grid_code = typed.grid_code or (home["grid_code"] if home else "")
    if not grid_code:
        raise _wrong("grid_code", "请选择网格", "choose a grid")
    if not typed.text.strip():
        raise _wrong("text", "请填写诉求内容", "say what is asked")
    new = NewRequest(
        door=typed.door,
        client_id=typed.client_id,
        title=title_of(typed.text),
        description=typed.text.strip(),
        category=read_kind(kinds(tx.session), typed.category),
        nature=typed.nature,
        urgency=typed.urgency,
        resident_no=typed.resident_no or None,
        contact=None if typed.resident_no else _contact(typed),
        grid_code=grid_code,
        building_no=home["building_no"] if home and address == door else None,
        address=address,
        lat=typed.lat,
        lon=typed.lon,
        opened_at=clock.now(),
        facts=typed.facts,
    )
    (one,) = open_requests(tx, [new], actor, seals)
    return one


def _contact(typed: Typed) -> dict[str, str] | None:
    name, phone = typed.name.strip(), re.sub(r"[ ()-]", "", typed.phone)
    if len(name) > NAME_CHARACTERS_MAX:
        raise _wrong(
            "name",
            f"不得超过 {NAME_CHARACTERS_MAX} 个字符",
            f"at most {NAME_CHARACTERS_MAX} characters",
        )
    if phone and not _PHONE.fullmatch(phone):
        raise _wrong("phone", "须为 5 至 20 位数字", "5 to 20 digits")
    given = {"name": name, "phone": phone}
    return {key: value for key, value in given.items() if value} or None


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("request", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")

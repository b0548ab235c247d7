"""Whether a post may come in: its key, its service, its place, its answers; all faults at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.intake.actions.open311.keys import digest
from services.intake.queries.open311.keys import ClientKey, client_keys
from services.intake.queries.open311.places import Found, found_places
from services.intake.queries.open311.services import Offered, ServiceList
from services.intake.rules.open311.attributes import check_answers
from services.intake.rules.open311.faults import (
    NO_KEY,
    WRONG_KEY,
    Fault,
    Refused,
    bad,
    missing,
    unknown,
)
from services.intake.rules.open311.posted import Posted
from services.intake.rules.open311.services import Service
from shared import clock
from shared.messaging.transaction import Transaction

TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Call:
    """One POST: the key it gave, what it says, and what its form alone is wrong in."""

    api_key: str | None
    posted: Posted | None
    faults: Sequence[Fault]
    photos: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Admitted:
    """A post that may come in, with all that was looked up for it."""

    call: Call
    posted: Posted
    key_no: int
    service: Service
    place: Found
    grid_code: str
    client_id: str | None

    @property
    def body_hash(self) -> bytes:
        """By which a second try with the same id is told from another request."""
        if self.posted.is_same_whatever_it_says and self.client_id:
            return self.client_id.encode()
        return self.posted.digest


def admit(
    tx: Transaction, calls: Sequence[Call], services: ServiceList
) -> list[Admitted | Refused]:
    """In the order of the calls; one that is refused says why, and nothing of it is kept."""
    now = clock.now()
    keys = client_keys(tx.session, [digest(call.api_key) for call in calls if call.api_key], now)
    offered = services.lately(tx.session, now)
    known = [call.posted for call in calls if call.posted is not None]
    places = iter(found_places(tx.session, known) if known else ())
    used: Counter[int] = Counter()
    answers: list[Admitted | Refused] = []
    for call in calls:
        place = next(places) if call.posted is not None else None
        key = keys.get(digest(call.api_key)) if call.api_key else None
        try:
            answers.append(_admit(call, key, offered, place, used))
        except Refused as refused:
            answers.append(refused)
    return answers


def _admit(
    call: Call,
    key: ClientKey | None,
    offered: Offered,
    place: Found | None,
    used: Counter[int],
) -> Admitted:
    if key is None:
        raise Refused([WRONG_KEY if call.api_key else NO_KEY])
    faults = list(call.faults)
    posted = call.posted
    if posted is None or place is None:
        raise Refused(faults or [missing("service_code")])
    service = offered.services.get(posted.service_code)
    if service is None:
        faults.append(
            unknown("service_code", posted.service_code, "没有这项服务", "there is no such service")
        )
    else:
        faults += check_answers(service.attributes, posted.answers)
    faults += _faults_of_place(posted, place)
    if faults or service is None or place.grid_code is None:
        raise Refused(faults)
    used[key.key_no] += 1
    if used[key.key_no] > key.minute_left:
        raise Refused([_TOO_MANY])
    client_id = f"{key.key_no}:{posted.same_as}" if posted.same_as else None
    return Admitted(call, posted, key.key_no, service, place, place.grid_code, client_id)


_TOO_MANY = Fault(
    TOO_MANY,
    "too_many",
    "这一分钟的配额已用完，请稍后重发",
    "the quota of this minute is used up: send it again a little later",
)


def _faults_of_place(posted: Posted, place: Found) -> list[Fault]:
    faults = []
    if not place.is_jurisdiction_known:
        faults.append(unknown_jurisdiction(posted.jurisdiction or ""))
    if not place.is_address_known:
        shown = (posted.address_id or "")[:64]
        faults.append(
            bad(
                "address_id",
                f"须为网格编码或楼栋编号，没有 {shown}",
                f"must be the code of a grid or a building; there is no {shown}",
            )
        )
    if place.is_outside:
        faults.append(
            bad("lat", "该地点不在本辖区，请核对经纬度", "the place is not in this district")
        )
    if place.grid_code is None:
        faults.append(
            bad("location", "本辖区尚未建立网格", "this district has no grids yet: ask it")
        )
    return faults


def unknown_jurisdiction(code: str) -> Fault:
    """For every call that names one."""
    return unknown("jurisdiction_id", code, "没有这个辖区", "there is no such jurisdiction")

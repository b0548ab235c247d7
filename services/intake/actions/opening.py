"""Opens requests, whatever door they came through: the rows, the first step, and the event."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text

from services.intake.rules.requests import NewRequest, check, new_public_code
from services.intake.rules.states import Actor
from shared import clock
from shared.clock import local_date
from shared.crypto import BlindIndex, FieldCipher
from shared.db.arrays import hex_literal, literal
from shared.errors import Conflict, Rejected
from shared.ids import uuid7_text
from shared.messaging.transaction import Transaction
from shared.schemas import intake as words
from shared.schemas import make

SOURCE = "/linli/intake"

_REQUEST_IDS = text(
    "SELECT nextval(pg_get_serial_sequence('requests', 'id')) FROM generate_series(1, :n)"
)
# One statement, so that a request and its first step are one round trip: the gate opens hundreds.
# A request whose door has the id already is not written; the caller reads what is there.
_OPEN = text(
    "WITH asked AS (SELECT * FROM ROWS FROM (unnest(CAST(:ids AS bigint[]),"
    " CAST(:numbers AS text[]), CAST(:codes AS text[]), CAST(:doors AS text[]),"
    " CAST(:client_ids AS text[]), CAST(:partners AS text[]), CAST(:event_ids AS text[]),"
    " CAST(:residents AS text[]), CAST(:titles AS text[]), CAST(:descriptions AS text[]),"
    " CAST(:categories AS text[]), CAST(:natures AS text[]), CAST(:tracks AS text[]),"
    " CAST(:scenes AS text[]), CAST(:grids AS text[]), CAST(:buildings AS text[]),"
    " CAST(:addresses AS text[]), CAST(:lats AS float8[]), CAST(:lons AS float8[]),"
    " CAST(:urgencies AS text[]), CAST(:opened AS timestamptz[]), CAST(:hashes AS bytea[]),"
    " CAST(:publics AS bool[]), CAST(:actor_kinds AS text[]), CAST(:actors AS text[])),"
    " jsonb_array_elements(CAST(:facts AS jsonb))) AS r (id, request_no, public_code, door,"
    " client_id, partner, source_event_id, resident_no, title, description, category, nature,"
    " track, scene, grid_code, building_no, address, lat, lon, urgency, opened_at, body_hash,"
    " is_public, actor_kind, actor, facts)),"
    " written AS (INSERT INTO requests (id, request_no, public_code, state, door, client_id,"
    " partner, source_event_id, resident_no, title, description, category, nature, track, scene,"
    " grid_code, building_no, address, lat, lon, urgency, opened_at, body_hash, is_public,"
    " returned_count, reopened_count, accepted_at, updated_at, step_count)"
    " OVERRIDING SYSTEM VALUE SELECT id, request_no, public_code, 'submitted', door, client_id,"
    " partner, source_event_id, resident_no, title, description, category, nature, track, scene,"
    " grid_code, building_no, address, lat, lon, urgency, opened_at, body_hash, is_public, 0, 0,"
    " :now, :now, 1 FROM asked ON CONFLICT (door, client_id) DO NOTHING RETURNING id),"
    " stepped AS (INSERT INTO request_steps (request_id, step_no, at, action, to_state,"
    " actor_kind, actor, facts) SELECT id, 1, :now, 'submit', 'submitted', actor_kind, actor,"
    " facts FROM asked JOIN written USING (id))"
    " SELECT id FROM written"
)
_KNOWN = text(
    "SELECT r.id, r.request_no, r.public_code, r.door, r.client_id, r.body_hash FROM requests r"
    " JOIN unnest(CAST(:doors AS text[]), CAST(:client_ids AS text[])) AS k (door, client_id)"
    " USING (door, client_id)"
)
_CONTACTS = text(
    "INSERT INTO request_contacts (request_id, sealed, phone_index) SELECT * FROM"
    " unnest(CAST(:ids AS bigint[]), CAST(:sealed AS text[]), CAST(:indexes AS bytea[]))"
)
_PLACES = text(
    "SELECT 'grid' AS kind, code AS name FROM areas WHERE kind = 'grid'"
    " AND code = ANY(CAST(:grids AS text[]))"
    " UNION ALL SELECT 'resident', resident_no FROM residents"
    " WHERE resident_no = ANY(CAST(:residents AS text[]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A request that passed its door's checks, with who brought it and what it answers to."""

    new: NewRequest
    actor: Actor
    partner: str | None = None
    source_event_id: str | None = None
    body_hash: bytes = b""
    correlationid: str | None = None
    causationid: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """The request that now stands for what was asked; `is_new` tells whether it did before."""

    id: int
    request_no: str
    public_code: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Seals:
    """What closes the contact data of people whom the register does not know."""

    cipher: FieldCipher
    index: BlindIndex


def open_requests(
    tx: Transaction, asked: Sequence[NewRequest], actor: Actor, seals: Seals
) -> list[Opened]:
    """Check and open; the answer is in the order of `asked`.

    A client id that its door has seen is answered with the request that it made. Raises Rejected
    naming the field, and Conflict when the same client id comes with another content.
    """
    for new in asked:
        check(new)
    _check_places(tx, asked)
    now = clock.now()
    openings = [Opening(new=new, actor=actor, body_hash=_hash(new)) for new in asked]
    opened = write(tx, openings, now)
    keep_contacts(tx, openings, opened, seals)
    return opened


def write(tx: Transaction, openings: Sequence[Opening], now: datetime) -> list[Opened]:
    """The rows and the events of requests that are sound; for the gate, which judged them."""
    ids = list(tx.session.execute(_REQUEST_IDS, {"n": len(openings)}).scalars())
    made = [Opened(each, request_no(now, each), new_public_code(), is_new=True) for each in ids]
    written = set(tx.session.execute(_OPEN, _columns(openings, made, now)).scalars())
    if len(written) < len(made):
        made = _with_known(tx, openings, made, written)
    tx.emit(
        make(
            words.REQUEST_OPENED,
            _said(opening, one, now),
            source=SOURCE,
            correlationid=opening.correlationid or uuid7_text(),
            causationid=opening.causationid,
            traceparent=opening.traceparent,
        )
        for opening, one in zip(openings, made, strict=True)
        if one.is_new
    )
    return made


def _columns(openings: Sequence[Opening], made: list[Opened], now: datetime) -> dict[str, Any]:
    news = [opening.new for opening in openings]
    return {
        "now": now,
        "ids": literal(one.id for one in made),
        "numbers": literal(one.request_no for one in made),
        "codes": literal(one.public_code for one in made),
        "doors": literal(new.door for new in news),
        "client_ids": literal(new.client_id for new in news),
        "partners": literal(each.partner for each in openings),
        "event_ids": literal(each.source_event_id for each in openings),
        "residents": literal(new.resident_no for new in news),
        "titles": literal(new.title for new in news),
        "descriptions": literal(new.description for new in news),
        "categories": literal(new.category for new in news),
        "natures": literal(new.nature for new in news),
        "tracks": literal(new.track for new in news),
        "scenes": literal(new.scene for new in news),
        "grids": literal(new.grid_code for new in news),
        "buildings": literal(new.building_no for new in news),
        "addresses": literal(new.address for new in news),
        "lats": literal(new.lat for new in news),
        "lons": literal(new.lon for new in news),
        "urgencies": literal(new.urgency for new in news),
        "opened": literal(new.opened_at for new in news),
        "hashes": hex_literal(each.body_hash for each in openings),
        "publics": literal(new.is_public for new in news),
        "actor_kinds": literal(each.actor.kind for each in openings),
        "actors": literal(each.actor.no for each in openings),
        "facts": orjson.dumps([new.facts for new in news]).decode(),
    }


def _with_known(
    tx: Transaction, openings: Sequence[Opening], made: list[Opened], written: set[int]
) -> list[Opened]:
    repeated = [o for o, one in zip(openings, made, strict=True) if one.id not in written]
    known = {
        (row.door, row.client_id): row
        for row in tx.session.execute(
            _KNOWN,
            {
                "doors": literal(each.new.door for each in repeated),
                "client_ids": literal(each.new.client_id for each in repeated),
            },
        )
    }
    answer = []
    for opening, one in zip(openings, made, strict=True):
        if one.id in written:
            answer.append(one)
            continue
        row = known[opening.new.door, opening.new.client_id]
        if bytes(row.body_hash or b"") != opening.body_hash:
            raise Conflict(
                "id_conflict",
                f"client_id：{opening.new.client_id} 已用于另一件诉求，请换一个编号",
                f"client_id: {opening.new.client_id} is another request's: use a new one",
                pointer="/client_id",
            )
        answer.append(Opened(row.id, row.request_no, row.public_code, is_new=False))
    return answer


def _said(opening: Opening, one: Opened, now: datetime) -> dict[str, Any]:
    # No title and no description: free text stays in intake.
    new = opening.new
    return {
        "request_no": one.request_no,
        "partner": opening.partner,
        "resident_no": new.resident_no,
        "category": new.category,
        "grid_code": new.grid_code,
        "urgency": new.urgency,
        "opened_at": new.opened_at,
        "accepted_at": now,
    }


def _check_places(tx: Transaction, asked: Sequence[NewRequest]) -> None:
    rows = tx.session.execute(
        _PLACES,
        {
            "grids": literal({new.grid_code for new in asked}),
            "residents": literal({new.resident_no for new in asked if new.resident_no}),
        },
    )
    known = {(row.kind, row.name) for row in rows}
    for new in asked:
        if ("grid", new.grid_code) not in known:
            raise _unknown("grid_code", new.grid_code, "没有这个网格", "there is no such grid")
        if new.resident_no and ("resident", new.resident_no) not in known:
            raise _unknown("resident_no", new.resident_no, "查无此居民", "no such resident")


def _unknown(name: str, value: str, zh: str, en: str) -> Rejected:
    return Rejected("request", f"{name}：{zh} {value}", f"{name}: {en} {value}", pointer=f"/{name}")


def _hash(new: NewRequest) -> bytes:
    content = asdict(new)
    del content["opened_at"]  # a second try is made a little later
    del content["is_public"]  # not what was said, but what the district made of it
    written = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(written.encode()).digest()


def keep_contacts(
    tx: Transaction, openings: Sequence[Opening], opened: Iterable[Opened], seals: Seals
) -> None:
    """Seal who asked, for those requests that are new; in the order of `openings`."""
    named = [
        (one, opening.new.contact)
        for opening, one in zip(openings, opened, strict=True)
        if one.is_new and opening.new.contact
    ]
    if not named:
        return
    tx.session.execute(
        _CONTACTS,
        {
            "ids": literal(one.id for one, _ in named),
            "sealed": literal(
                seals.cipher.encrypt(
                    json.dumps(contact, ensure_ascii=False), bound_to=one.public_code
                )
                for one, contact in named
            ),
            "indexes": [
                seals.index.of(contact["phone"]) if contact.get("phone") else None
                for _, contact in named
            ],
        },
    )


def request_no(accepted_at: datetime, request_id: int) -> str:
    """Q + the day in the district + a number that never repeats, such as Q20261003-000042."""
    return f"Q{local_date(accepted_at):%Y%m%d}-{request_id:06d}"

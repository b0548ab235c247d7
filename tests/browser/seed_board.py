"""Some weeks of requests that went well and less well, for the board and the pages of privacy."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import text

from services.intake.actions.exclusions import decide, propose
from services.intake.actions.opening import Seals, open_requests
from services.intake.actions.person_exports import give_out
from services.intake.actions.steps import Step, take
from services.intake.rules.requests import NewRequest
from services.intake.rules.states import Action, Actor
from shared import clock
from shared.crypto import BlindIndex, FieldCipher
from shared.messaging.transaction import Transaction

_STAFF = Actor("account", "seed-staff")
_SAID = (
    ("路灯不亮", "0103"), ("三单元下水道堵塞，污水漫到门口", "0404"), ("楼道堆放杂物", "0507"),
    ("夜里施工扰民", "0301"), ("垃圾桶满溢", "0102"), ("路面塌陷，老人走不过去", "0401"),
)  # fmt: skip
_UNITS = (
    ("seed-roads", "department", "市政管理科", "Roads"),
    ("seed-water", "department", "水务科", "Water"),
    ("seed-order", "department", "综合执法队", "Order"),
    ("seed-team", "team", "应急抢修队", "Emergency team"),
)
_REQUESTS = 90


@contextmanager
def _at(moment: datetime) -> Iterator[None]:
    """Let it be another time in this process."""
    clock.freeze(moment)
    try:
        yield
    finally:
        clock.freeze(None)


def went_on(tx: Transaction, resident: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Requests of the last two weeks in every state, verdicts, exclusions, one export."""
    seals = Seals(
        FieldCipher(settings["INTAKE_FIELD_KEY"]), BlindIndex(settings["INTAKE_INDEX_KEY"])
    )
    chance = random.Random(6)
    grids = list(
        tx.session.execute(text("SELECT code FROM areas WHERE kind = 'grid' ORDER BY 1")).scalars()
    )
    for row in _UNITS:
        tx.session.execute(
            text(
                "INSERT INTO units (unit_code, kind, name, name_en, area_code, is_fallback,"
                " is_active) VALUES (:code, :kind, :name, :name_en, :area, false, true)"
            ),
            {**dict(zip(("code", "kind", "name", "name_en"), row, strict=True)), "area": grids[0]},
        )
    now = clock.now()
    for number in range(_REQUESTS):
        since = now - timedelta(hours=chance.uniform(1, 14 * 24))
        _one(tx, seals, chance, number, since, chance.choice(grids[:12]), resident, now)
    numbers = tx.session.execute(
        text("SELECT request_no FROM requests WHERE unit_code LIKE 'seed-%' ORDER BY id LIMIT 2")
    ).scalars()
    first, second = numbers
    propose(tx, second, "not_true", "现场核实，井盖完好，照片已附。", "seed-staff")
    excluded = propose(tx, first, "policy", "产权属供电公司，已转告并向居民说明。", "seed-staff")
    decide(tx, excluded, "seed-head", is_approved=True)
    give_out(
        tx, seals.cipher, resident, account_no="seed-staff", form="pdf", reason="本人到窗口申请"
    )
    return {}


def _one(  # the life of one request, as far as time and chance let it go
    tx: Transaction,
    seals: Seals,
    chance: random.Random,
    number: int,
    since: datetime,
    grid: str,
    resident: str,
    now: datetime,
) -> None:
    title, category = chance.choice(_SAID)
    new = NewRequest(
        door="counter", title=title, description=f"{title}，请尽快处理。", category=category,
        grid_code=grid, opened_at=since, client_id=f"board-{number}", address="合心路 8 号",
        resident_no=resident if number == 0 else None,
    )  # fmt: skip
    unit = chance.choice(_UNITS)[0]
    with _at(since):
        (one,) = open_requests(tx, [new], _STAFF, seals)
        admit = Step(request_id=one.id, action=Action.ADMIT)
        dispatch = Step(request_id=one.id, action=Action.DISPATCH, change={"unit_code": unit})
        take(tx, [admit, dispatch], _STAFF)
    _limit(tx, one.id, since + timedelta(hours=chance.choice((30, 60, 120, 360))))
    went = [
        (timedelta(minutes=chance.randint(5, 50)), [Action.ACCEPT, Action.CONTACT]),
        (timedelta(hours=chance.randint(2, 90)), [Action.RESOLVE, Action.APPROVE]),
        (timedelta(hours=91), [Action.CLOSE]),
    ]
    for after, actions in went:
        if since + after > now or chance.random() < 0.06:
            return
        with _at(since + after):
            take(tx, [Step(request_id=one.id, action=each) for each in actions], _STAFF)
    tx.session.execute(
        text(
            "INSERT INTO resident_verdicts (request_id, round, solved, satisfied, way, at)"
            " VALUES (:id, 0, :solved, :satisfied, 'page', :at)"
        ),
        {
            "id": one.id,
            "solved": chance.choice(("solved", "solved", "solved", "partly", "unsolved")),
            "satisfied": chance.choice(("satisfied", "satisfied", "basically", "dissatisfied")),
            "at": now,
        },
    )


def _limit(tx: Transaction, request_id: int, due: datetime) -> None:
    told = {"id": request_id, "due": due}
    tx.session.execute(
        text(
            "UPDATE request_clocks SET due_at = :due WHERE request_id = :id AND kind = 'resolve'"
            " AND stopped_at IS NULL"
        ),
        told,
    )
    tx.session.execute(text("UPDATE requests SET due_at = :due WHERE id = :id"), told)

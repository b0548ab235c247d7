"""Requests being handled, waiting for a verdict and for a call-back, with photos."""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import insert, text

from services.intake.actions import photos
from services.intake.actions.asking import token_hash
from services.intake.actions.opening import Opened, Seals, open_requests
from services.intake.actions.steps import Step, take
from services.intake.models import Post, Unit, VerdictLink
from services.intake.rules.requests import NewRequest
from services.intake.rules.states import Action, Actor
from shared import clock
from shared.messaging.transaction import Transaction
from tests.unit.intake.camera import photo

# (name, role, address) of each page, for the list of the console.
PAGES = (
    ("request-handled", "staff", "/requests/{handled}"),
    ("request-own", "resident", "/requests/{judged}"),
    ("verdict-link", "", "/v/{verdict}"),
    ("tracking", "", "/t/{tracked}"),
    ("call-backs", "staff", "/desk/call-backs"),
)
UNIT = "closing-crew"
_BY = Actor("account", "A-seed")


def handled(tx: Transaction, resident: str, seals: Seals) -> dict[str, str]:
    """What addresses may name: {handled}, {judged}, {verdict} and {tracked}."""
    grid, community = tx.session.execute(
        text(
            "SELECT r.grid_code, g.parent_code FROM residents r JOIN areas g"
            " ON g.code = r.grid_code WHERE resident_no = :no"
        ),
        {"no": resident},
    ).one()
    _staff(tx, community)
    under_way = _opened(tx, resident, grid, seals, "井盖松动，车过有响声")
    for seed, kind in enumerate(("before", "after"), 1):
        photos.keep(tx, under_way.id, kind, photo(seed), by=_BY)
    judged = _opened(tx, resident, grid, seals, "楼道灯不亮")
    complaint = _opened(tx, resident, grid, seals, "夜间施工扰民", nature="complaint")
    done = {"outcome": "resolved", "handler": "A-1", "first_handler": "A-1"}
    for one in (judged, complaint):
        take(
            tx,
            [
                Step(request_id=one.id, action=Action.RESOLVE, note="已处理", change=done),
                Step(request_id=one.id, action=Action.APPROVE),
            ],
            _BY,
        )
    tx.session.execute(
        text("UPDATE verdict_waits SET stage = 'call_back', why = 'nature' WHERE request_id = :id"),
        {"id": complaint.id},
    )
    return {
        "handled": under_way.request_no,
        "judged": judged.request_no,
        "verdict": _link(tx, judged, resident),
        "tracked": under_way.public_code,
    }


def _staff(tx: Transaction, community: str) -> None:
    account_no = tx.session.execute(
        text("SELECT account_no FROM accounts WHERE login = 'staff'")
    ).scalar_one()
    unit = {
        "unit_code": UNIT,
        "kind": "team",
        "name": "市政抢修队",
        "name_en": "Street crew",
        "area_code": community,
        "parent_code": None,
        "is_fallback": False,
        "is_active": True,
    }
    tx.session.execute(insert(Unit), unit)
    tx.session.execute(
        insert(Post),
        [
            {
                "account_no": account_no,
                "unit_code": UNIT,
                "duty": duty,
                "since": clock.now(),
            }
            for duty in ("handler", "head", "clerk")
        ],
    )


def _opened(
    tx: Transaction, resident: str, grid: str, seals: Seals, title: str, nature: str = "help"
) -> Opened:
    new = NewRequest(
        door="counter",
        client_id=secrets.token_hex(8),
        title=title,
        description=title,
        category="0404",
        nature=nature,
        grid_code=grid,
        resident_no=resident,
        opened_at=clock.now() - timedelta(minutes=1),
    )
    one = open_requests(tx, [new], _BY, seals)[0]
    take(
        tx,
        [
            Step(request_id=one.id, action=Action.ADMIT),
            Step(request_id=one.id, action=Action.DISPATCH, change={"unit_code": UNIT}),
            Step(request_id=one.id, action=Action.ACCEPT),
        ],
        _BY,
    )
    return one


def _link(tx: Transaction, one: Opened, resident: str) -> str:
    token = secrets.token_urlsafe(18)
    now = clock.now()
    link = {
        "token_hash": token_hash(token),
        "request_id": one.id,
        "round": 0,
        "resident_no": resident,
        "made_at": now,
        "expires_at": now + timedelta(days=14),
        "used_at": None,
    }
    tx.session.execute(insert(VerdictLink), link)
    return token

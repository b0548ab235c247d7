"""What the pages of dispatch, claims and likeness show: something given back, a draft of rules,
work that may be claimed, and two requests that look alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from services.intake.actions import (
    catalogue,
    claims,
    desks,
    dispatch_rules,
    dispatch_units,
    dispatching,
    likeness,
    redispatching,
)
from services.intake.actions.accounts import add_account
from services.intake.actions.opening import Seals, open_requests
from services.intake.rules.claims import NewOpening
from services.intake.rules.requests import NewRequest
from services.intake.rules.states import Actor
from shared import clock
from shared.crypto import BlindIndex, FieldCipher
from shared.messaging.transaction import Transaction

LONG = "示范区幸福里街道综合行政执法与应急联动处置服务中心"
_ASKED = (
    ("三号楼下水道堵塞，污水漫到人行道上", "污水已经流了三天，老人和孩子都要绕路走。"),
    ("3号楼下水道又堵了，污水外溢", "污水漫到路上，老人孩子绕路走。"),
    ("说不清属于哪一类的事情", "先记下来，请受理台归类。"),
)


def dispatched(tx: Transaction, resident: str, settings: Mapping[str, str]) -> dict[str, str]:
    """The numbers that addresses name: `returned`, `dispatch_draft`."""
    place = _place(tx, resident)
    catalogue.set_up(tx)
    desks.make_missing(tx)
    seals = Seals(
        FieldCipher(settings["INTAKE_FIELD_KEY"]), BlindIndex(settings["INTAKE_INDEX_KEY"])
    )
    unit = f"{place['street']}-water"
    named = {"name": LONG, "name_en": "Drains and emergencies", "area_code": place["street"]}
    dispatch_units.keep(tx, [{"unit_code": unit, "kind": "department", **named}])
    dispatch_rules.install(tx, _rules(unit), by="setup")
    opened = open_requests(
        tx,
        [_new(title, about, resident, place["grid"], n) for n, (title, about) in enumerate(_ASKED)],
        Actor("account", "seed"),
        seals,
    )
    dispatching.triage(tx)
    likeness.propose(tx)
    worker, staff = _posts(tx, unit, f"desk-{place['community']}")
    redispatching.give_back(
        tx, opened[0].id, reason="wrong_place", note="管网属邻街道养护", account_no=worker
    )
    _claims(tx, opened[1].id, resident, place["community"], staff)
    manager = _account_no(tx, "manager")
    draft = dispatch_rules.begin(tx, by=manager)
    return {"returned": opened[0].request_no, "dispatch_draft": str(draft)}


def _rules(unit: str) -> dict[str, Any]:
    when = {"categories": ["0404"], "levels": ["orange", "red"], "begins": "18:00", "ends": "08:00"}
    reason = {"reason_zh": "排水设施由该中心负责", "reason_en": "It keeps the drains"}
    rule = {"unit": unit, "assist": ["desk"], **reason}
    return {
        "rules": [
            {"code": "flood-at-night", "priority": 10, "when": when, **rule},
            {"code": "drains", "priority": 20, "when": {"categories": ["0404"]}, **rule},
        ],
        "villages": [],
        "near_m": {"0404": 100},
    }


def _new(title: str, about: str, resident: str, grid: str, number: int) -> NewRequest:
    return NewRequest(
        door="phone",
        client_id=f"seed-dispatch-{number}",
        title=title,
        description=about,
        category="whatever" if number == 2 else "0404",
        grid_code=grid,
        resident_no=resident,
        opened_at=clock.now(),
        urgency="urgent",
    )


def _place(tx: Transaction, resident: str) -> dict[str, str]:
    row = tx.session.execute(
        text(
            "SELECT g.code AS grid, c.code AS community, c.parent_code AS street FROM residents r"
            " JOIN areas g ON g.code = r.grid_code JOIN areas c ON c.code = g.parent_code"
            " WHERE r.resident_no = :resident"
        ),
        {"resident": resident},
    )
    return dict(row.mappings().one())


def _posts(tx: Transaction, unit: str, desk: str) -> tuple[str, str]:
    add_account(
        tx,
        login="drains",
        role="staff",
        subject=None,
        display_name="排水班",
        password="Lantern-9-x!",
    )
    worker, staff = _account_no(tx, "drains"), _account_no(tx, "staff")
    for account_no, unit_code, duty in ((worker, unit, "handler"), (staff, desk, "dispatcher")):
        tx.session.execute(
            text(
                "INSERT INTO posts (account_no, unit_code, duty, since)"
                " VALUES (:account, :unit, :duty, :now) ON CONFLICT DO NOTHING"
            ),
            {"account": account_no, "unit": unit_code, "duty": duty, "now": clock.now()},
        )
    return worker, staff


def _account_no(tx: Transaction, login: str) -> str:
    found = tx.session.execute(
        text("SELECT account_no FROM accounts WHERE login = :login"), {"login": login}
    )
    return str(found.scalar_one())


def _claims(tx: Transaction, request_id: int, resident: str, community: str, staff: str) -> None:
    tx.session.execute(
        text(
            "INSERT INTO resident_roles (resident_no, role, area_code, since)"
            " VALUES (:resident, 'volunteer', :community, :today) ON CONFLICT DO NOTHING"
        ),
        {"resident": resident, "community": community, "today": clock.today()},
    )
    claims.note_skills(tx, resident, ["电工", "急救"], by=staff)
    at = clock.now() + timedelta(days=2)
    for place, (about, skills) in enumerate(
        (
            ("疏通三号楼下水道，清理人行道上的淤泥和垃圾", []),
            ("检修楼道照明", ["电工"]),
            ("驾驶吸污车", ["驾驶"]),
        )
    ):
        starts = at + timedelta(days=place)
        new = NewOpening(
            about=about,
            place="三号楼前的集合点",
            places=3,
            skills=skills,
            starts_at=starts,
            ends_at=starts + timedelta(hours=3),
        )
        opening_id = claims.open_claims(tx, request_id, new, account_no=staff)
        if place == 0:
            claims.claim(tx, opening_id, resident)

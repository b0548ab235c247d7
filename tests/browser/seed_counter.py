"""A sitting with alike requests, an application on its way, a booked window."""

from __future__ import annotations

import uuid
from datetime import time, timedelta

from sqlalchemy import text

from services.intake.actions import appointments, hall, tea_stalls
from services.intake.actions.hall import NewApplication
from services.intake.actions.opening import Seals
from services.intake.actions.tea_stalls import Entry
from services.intake.queries.tea_stalls import stall_of
from services.intake.rules.hall import HallAction
from services.intake.rules.states import Actor
from shared import clock
from shared.messaging.transaction import Transaction

# Name, role and address, as tests/browser/console.py has its own.
PAGES = (
    ("counter-requests", "staff", "/counter/requests"),
    ("tea-stalls", "staff", "/tea-stall"),
    ("tea-stall", "staff", "/tea-stall/{stall}"),
    ("tea-stall-groups", "staff", "/tea-stall/{stall}/groups"),
    ("tea-stall-sheet", "staff", "/tea-stall/{stall}/sheet"),
    ("paper", "staff", "/paper"),
    ("paper-scan", "staff", "/paper/scan"),
    ("hall", "", "/hall"),
    ("hall-matter", "", "/hall/matters/low-income"),
    ("hall-form", "resident", "/hall/matters/low-income/apply"),
    ("hall-booking", "resident", "/hall/matters/elder-card/appointment"),
    ("hall-applications", "resident", "/hall/applications"),
    ("hall-application", "staff", "/hall/applications/{application}"),
    ("hall-own-application", "resident", "/hall/applications/{application}"),
    ("hall-receipt", "resident", "/hall/applications/{application}/receipt"),
    ("hall-progress", "", "/h/{progress}"),
    ("hall-appointments", "staff", "/hall/appointments"),
    ("hall-slots", "staff", "/hall/slots"),
    ("own-request-new", "resident", "/requests/new"),
)
_SAID = (
    "小区停车位太少，晚上回来没地方停车",
    "停车位太少了，希望增加",
    "停车位不够，晚上没地方停车",
    "三单元楼道灯坏了",
)


def entered(tx: Transaction, resident: str, seals: Seals) -> dict[str, str]:
    """What the addresses of pages may name: {stall}, {application}, {progress}."""
    grid = tx.session.execute(
        text("SELECT grid_code FROM residents WHERE resident_no = :no"), {"no": resident}
    ).scalar_one()
    clerk = Actor("account", "A-seed")
    number = tea_stalls.open_stall(
        tx,
        token=str(uuid.uuid4()),
        place="小区门口的大榕树下",
        held_on=clock.today(),
        grid_code=grid,
        host=clerk.no,
    )
    stall = stall_of(tx.session, number)
    assert stall is not None
    entries = [
        Entry(client_id=str(uuid.uuid4()), kind="", text=said, who=resident if place < 2 else "")
        for place, said in enumerate(_SAID)
    ]
    tea_stalls.keep_entries(tx, stall, entries, clerk, seals)
    return {"stall": number, **_at_the_hall(tx, resident, seals)}


def _at_the_hall(tx: Transaction, resident: str, seals: Seals) -> dict[str, str]:
    facts = {
        "phone": "13911112222",
        "birth_year": "1950",
        "home_address": "合心路 8 号 3-1-502",
        "bank_account": "6222020000001234",
        "bank_name": "农商银行",
        "emergency_name": "欧阳小兰",
        "emergency_phone": "13600009999",
    }
    new = NewApplication(
        token=str(uuid.uuid4()), matter_code="elder-subsidy", resident_no=resident, facts=facts
    )
    own = Actor("resident", resident)
    number = hall.apply(tx, new, own, seals.cipher)
    hall.see_documents(tx, number, {"id_card": 0, "bank_card": 1}, "A-seed")
    hall.move(tx, number, HallAction.ASK, Actor("account", "A-seed"), "还缺户口簿和照片")
    tomorrow = clock.today() + timedelta(days=1)
    appointments.offer_slots(
        tx,
        place="大厅 1 号窗",
        on=tomorrow,
        opens=time(9),
        closes=time(11),
        minutes=30,
        capacity=2,
    )
    slot = tx.session.execute(text("SELECT min(id) FROM hall_slots")).scalar_one()
    appointments.book(
        tx,
        token=str(uuid.uuid4()),
        slot_id=slot,
        matter_code="elder-card",
        resident_no=resident,
        by=resident,
    )
    code = tx.session.execute(
        text("SELECT public_code FROM hall_applications WHERE application_no = :no"),
        {"no": number},
    ).scalar_one()
    return {"application": number, "progress": str(code)}

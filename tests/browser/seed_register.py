"""A building with homes, people with roles and consents, files and looks, for the browser."""

from __future__ import annotations

import io
from collections.abc import Mapping

from openpyxl import Workbook
from sqlalchemy import text
from sqlalchemy.orm import sessionmaker

from services.intake.actions import buildings, people, register_files, units
from services.intake.actions.census import Keys
from services.intake.actions.unmasking import write_down
from services.intake.rules.homes import BuildingRow, HomeRow, RoomRow
from services.intake.rules.register_sheets import columns_of
from shared.crypto import BlindIndex, FieldCipher
from shared.db.session import make_engine
from shared.messaging.transaction import Transaction

UNIT = "sanitation"


def lived_in(tx: Transaction, resident: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Names of what pages can show: building, household, unit and two checked files."""
    row = tx.session.execute(
        text("SELECT household_no, grid_code FROM residents WHERE resident_no = :resident"),
        {"resident": resident},
    ).one()
    building = _build(tx, row.grid_code, row.household_no)
    for purpose in ("register", "contact"):
        people.give_consent(tx, resident_no=resident, purpose=purpose, how="paper", by="staff")
    people.withdraw_consent(tx, resident_no=resident, purpose="contact", how="spoken", by="staff")
    people.take_role(tx, resident_no=resident, role="delegate", area_code=row.grid_code)
    people.take_role(tx, resident_no=resident, role="party_member", area_code=row.grid_code)
    account_no = tx.session.execute(
        text("SELECT account_no FROM accounts WHERE login = 'staff'")
    ).scalar_one()
    looks = [(resident, "phone"), (resident, "name")]
    write_down(tx, looks, reason="漏水急修，须电话联系住户", by=account_no)
    unit = {"unit_code": UNIT, "kind": "department", "name": "环卫所", "name_en": "Sanitation",
            "area_code": row.grid_code, "parent_code": None, "is_fallback": "0",
            "is_active": "1"}  # fmt: skip
    units.put_unit(tx, unit)
    units.put_post(tx, login="staff", unit_code=UNIT, duty="handler")
    return {
        "area": row.grid_code,
        "building": building,
        "household": row.household_no,
        "unit": UNIT,
        **_files(tx, row.grid_code, settings),
    }


def _build(tx: Transaction, grid: str, household_no: str) -> str:
    house = BuildingRow(grid, "00003", "3", "dwelling", "合心路 8 号", 30.1, 120.2, None)
    buildings.put_buildings(tx, [house])
    rooms = [
        RoomRow(house.building_no, unit, f"{floor}0{door}", "lived_in")
        for unit in ("1", "2")
        for floor in range(1, 4)
        for door in (1, 2)
    ]
    buildings.put_rooms(tx, rooms)
    home = HomeRow(household_no, house.building_no, "1", "102", "apart", "registered")
    buildings.put_homes(tx, [home])
    return house.building_no


def _files(tx: Transaction, grid: str, settings: Mapping[str, str]) -> dict[str, str]:
    keys = Keys(
        FieldCipher(settings["INTAKE_FIELD_KEY"]),
        BlindIndex(settings["INTAKE_INDEX_KEY"]),
        FieldCipher(settings["LINLI_CONTACT_KEY"]),
    )
    engine = make_engine(settings["INTAKE_DATABASE_URL"], pool_size=1)
    try:
        found = {}
        for name, number in (("register_good", "4"), ("register_bad", "x")):
            content = _workbook([grid, number, "4", "mixed", "合心路 10 号", None, None, None])
            sessions = sessionmaker(engine, expire_on_commit=False)
            found[name] = str(register_files.check_file(sessions, tx, keys, content, "manager"))
        return found
    finally:
        engine.dispose()


def _workbook(row: list[object]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("buildings 楼栋")
    sheet.append(columns_of("buildings"))
    sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()

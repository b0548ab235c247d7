"""Residents are found by what a clerk types; nothing readable of them is in the database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.intake.actions import buildings, findability
from services.intake.queries.finding import find_residents
from services.intake.rules.homes import BuildingRow, HomeRow, RoomRow
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, RESIDENTS, Intake

PEOPLE = [
    ("R000010", "H00010", "王秀英", "13512340001"),
    ("R000011", "H00010", "王晓燕", "13512340002"),
    ("R000012", "H00012", "单田芳", "13512340003"),
    ("R000013", "H00013", "Anna Li", None),
]
BUILDING = GRID + "00003"


@pytest.fixture
def full(intake: Intake) -> Intake:
    names = ("resident_no", "household_no", "name", "phone")
    others = [{**RESIDENTS[0], **dict(zip(names, row, strict=True))} for row in PEOPLE]
    intake.load([*RESIDENTS, *others])
    with transaction(intake.sessions) as tx:
        row = BuildingRow(GRID, "00003", "3", "dwelling", "合心路 8 号", None, None, None)
        buildings.put_buildings(tx, [row])
        buildings.put_rooms(tx, [RoomRow(BUILDING, "1", "502", "lived_in")])
        buildings.put_homes(tx, [HomeRow("H00010", BUILDING, "1", "502", None, None)])
    return intake


def found(intake: Intake, typed: str, limit: int = 20) -> list[str]:
    with intake.sessions() as session:
        rows = find_residents(session, intake.cipher, intake.index, typed, limit)
    return [row["resident_no"] for row in rows]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("wxy", ["R000010", "R000011"]),
        ("WXY", ["R000010", "R000011"]),
        ("stf", ["R000012"]),  # 单 as a family name is read shàn …
        ("dtf", ["R000012"]),  # … and elsewhere dān
        ("oyrl", ["R000001"]),
        ("al", ["R000013"]),
        ("王秀英", ["R000010"]),
        ("Anna Li", ["R000013"]),
        ("3-1-502", ["R000010", "R000011"]),
        ("３－１－５０２", ["R000010", "R000011"]),
        ("3号楼1单元502室", ["R000010", "R000011"]),
        ("3-502", ["R000010", "R000011"]),
        ("3-2-502", []),
        ("0003", ["R000012"]),
        ("135 1234 0003", ["R000012"]),
        ("R000010", ["R000010"]),
        ("r000010", ["R000010"]),
        ("wx", []),
        ("", []),
        ("%", []),
        ("x" * 65, []),
    ],
)
def test_who_is_found(full: Intake, typed: str, expected: list[str]) -> None:
    assert found(full, typed) == expected


def test_a_limit_holds_and_the_answer_is_masked(full: Intake) -> None:
    assert len(found(full, "wxy", limit=1)) == 1
    with full.sessions() as session:
        (row, _) = find_residents(session, full.cipher, full.index, "wxy", 5)
    assert (row["name"], row["phone"], row["door"]) == ("王**", "135****0001", "3-1-502")
    assert row["address"] == "合心路 8 号"


def test_who_changes_is_found_by_the_new_name_only(full: Intake) -> None:
    changed = {**RESIDENTS[0], "name": "李建国", "phone": "13600005555"}
    full.load([changed, RESIDENTS[1]])
    assert found(full, "ljg") == ["R000001"]
    assert found(full, "5555") == ["R000001"]
    assert found(full, "oyrl") == []
    assert found(full, "2222") == []


def test_those_of_before_become_findable_by_a_job(full: Intake) -> None:
    with transaction(full.sessions) as tx:
        tx.session.execute(text("DELETE FROM resident_tokens"))
        tx.session.execute(text("UPDATE residents SET token_version = 0"))
    assert found(full, "wxy") == []
    with transaction(full.sessions) as tx:
        assert findability.catch_up(tx, full.cipher, full.index) == 6
    with transaction(full.sessions) as tx:
        assert findability.catch_up(tx, full.cipher, full.index) == 0
    assert found(full, "wxy") == ["R000010", "R000011"]
    assert found(full, "0003") == ["R000012"]


# --- looking behind the mask


def unmask(intake: Intake, **form: str) -> tuple[int, str]:
    staff = intake.signed_in("staff")
    form = {"field": "phone", "reason": "漏水急修，须电话联系", **form}
    answer = staff.post("/residents/R000001/unmask", **form)
    return answer.status_code, answer.text


def test_every_look_has_a_row_and_nothing_is_shown_without(intake: Intake) -> None:
    staff = intake.signed_in("staff")
    assert "13911112222" not in staff.get("/residents/R000001").text
    for field, plain in (("phone", "13911112222"), ("name", "欧阳若兰")):
        status, page = unmask(intake, field=field)
        assert status == 200
        assert plain in page
    rows = intake.rows("SELECT resident_no, field, reason FROM unmaskings ORDER BY id")
    assert rows == [
        {"resident_no": "R000001", "field": field, "reason": "漏水急修，须电话联系"}
        for field in ("phone", "name")
    ]
    shown = intake.signed_in("auditor").get("/unmaskings")
    assert shown.text.count("漏水急修，须电话联系") == 2
    assert "13911112222" not in shown.text


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"reason": ""}, 422),
        ({"reason": "看看"}, 422),
        ({"reason": "核对电话 13911112222"}, 422),
        ({"reason": "欧阳若兰要求核对"}, 422),
        ({"field": "birth_year"}, 422),
    ],
)
def test_without_a_good_reason_nothing_is_shown_or_written(
    intake: Intake, form: dict[str, str], status: int
) -> None:
    got, page = unmask(intake, **form)
    assert got == status
    assert "13911112222" not in page.replace(form.get("reason", "-"), "")
    assert intake.one("SELECT count(*) FROM unmaskings") == 0


@pytest.mark.parametrize(
    "statement", ["UPDATE unmaskings SET reason = ''", "DELETE FROM unmaskings"]
)
def test_the_list_of_looks_only_grows(intake: Intake, statement: str) -> None:
    unmask(intake)
    with pytest.raises(ProgrammingError), intake.sessions() as session:
        session.execute(text(statement))


@pytest.mark.parametrize("role", ["operator", "auditor", "resident"])
def test_who_may_not_look(intake: Intake, role: str) -> None:
    browser = intake.signed_in(role, "R000001" if role == "resident" else None)
    answer = browser.post("/residents/R000001/unmask", field="name", reason="例行核对信息")
    assert answer.status_code == 403
    assert intake.one("SELECT count(*) FROM unmaskings") == 0


def test_no_name_and_no_phone_is_readable_in_the_whole_database(full: Intake) -> None:
    staff = full.signed_in("staff")
    unmask(full)
    staff.post("/residents", typed="王秀英")
    tables = full.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    secrets = [value for row in RESIDENTS for value in (row["name"], row["phone"])]
    secrets += [value for row in PEOPLE for value in row[2:] if value]
    # Bytes are written in hexadecimal where a dump shows them.
    secrets += [secret.encode().hex() for secret in secrets]
    for table in tables:
        name = table["tablename"]
        if name == "alembic_version":
            continue
        for secret in secrets:
            count = full.one(
                f'SELECT count(*) FROM "{name}" t WHERE strpos(CAST(t.* AS text), :secret) > 0',
                secret=secret,
            )
            assert count == 0, f"{name} holds what must be sealed"


# --- consents and roles


def test_a_consent_is_given_withdrawn_and_given_anew(intake: Intake) -> None:
    staff = intake.signed_in("staff")
    place = "/residents/R000001/consents"
    for form in (
        {"purpose": "contact", "how": "paper"},
        {"purpose": "contact", "how": "spoken"},
        {"purpose": "contact", "how": "spoken", "withdraw": "1"},
        {"purpose": "contact", "how": "online"},
    ):
        assert staff.post(place, **form).status_code == 303
    rows = intake.rows("SELECT how, withdrawn_how, given_by FROM consents ORDER BY id")
    assert [(row["how"], row["withdrawn_how"]) for row in rows] == [
        ("paper", "spoken"),
        ("online", None),
    ]
    assert staff.post(place, purpose="everything", how="paper").status_code == 422


def test_roles_begin_and_end(intake: Intake) -> None:
    staff = intake.signed_in("staff")
    place = "/residents/R000001/roles"
    assert staff.post(place, role="delegate", area_code=GRID).status_code == 303
    assert staff.post(place, role="party_member", area_code="990101001001").status_code == 303
    assert staff.post(place, role="delegate", end="1").status_code == 303
    page = staff.get("/residents/R000001").text
    assert "居民代表" in page
    rows = intake.rows("SELECT role, until IS NULL AS holds FROM resident_roles ORDER BY role")
    held: dict[str, Any] = {row["role"]: row["holds"] for row in rows}
    assert held == {"delegate": False, "party_member": True}
    assert staff.post(place, role="delegate", area_code="nowhere").status_code == 422


# --- pages of places


def test_the_tree_counts_what_is_below(full: Intake) -> None:
    staff = full.signed_in("staff")
    top = staff.get("/register").text
    assert "示范区" in top
    for path in (
        "/register?area=990101",
        f"/register?area={GRID}",
        f"/register/buildings/{BUILDING}",
        "/register/households/H00010",
    ):
        page = staff.get(path)
        assert page.status_code == 200, path
        assert "王秀英" not in page.text
    page = staff.get("/register?area=990101001001").text
    row = page[page.index(f"area={GRID}") :]
    cells = row[: row.index("</tr>")]
    assert [f">{n}</span>" in cells for n in (1, 4, 6)] == [True, True, True]
    assert staff.get("/register?area=nowhere").status_code == 404
    assert full.signed_in("auditor").get("/register").status_code == 200
    assert full.signed_in("auditor").get("/register/households/H00010").status_code == 403


def test_a_building_is_added_on_the_page_of_its_grid(intake: Intake) -> None:
    manager = intake.signed_in("manager")
    form = {
        "grid_code": GRID,
        "number": "7",
        "label": "7",
        "kind": "mixed",
        "address": "合心路 9 号",
    }
    assert manager.post("/register/buildings", **form).status_code == 303
    assert "合心路 9 号" in manager.get(f"/register?area={GRID}").text
    answer = manager.post("/register/buildings", **{**form, "number": "x"})
    assert answer.status_code == 422
    assert "须为 5 位数字" in answer.text
    assert (
        manager.post("/register/buildings", **{**form, "address": "合心路 11 号"}).status_code
        == 303
    )
    assert intake.one("SELECT address FROM buildings") == "合心路 11 号"
    assert intake.signed_in("staff").post("/register/buildings", **form).status_code == 403

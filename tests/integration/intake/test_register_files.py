"""The register out and in as a workbook: tried out first, all or nothing, again changes nothing."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from deploy.month import load as loading
from services.intake.rules.register_sheets import SHEETS, columns_of
from shared.messaging.transaction import transaction
from shared.schemas.intake import RESIDENT_REGISTERED
from tests.integration.intake.conftest import GRID, Browser, Intake

BUILDING = GRID + "00003"
EXAMPLE = Path(__file__).resolve().parents[3] / "examples/demo-district"
GOOD: dict[str, list[tuple[Any, ...]]] = {
    "micro_grids": [(GRID + "A", "一号微网格", GRID)],
    "buildings": [(GRID, 3, "3", "dwelling", "合心路 8 号", 30.1, 120.2, GRID + "A")],
    "rooms": [(BUILDING, 1, 502, "lived_in"), (BUILDING, None, "12a", "let")],
    "households": [("H00001", BUILDING, "1", "502", "together", None)],
    "residents": [
        ("R000001", "H00001", "欧***", "139****2222", 1985, GRID, "zh", "here", GRID + "A"),
        ("R000009", "H00009", "王秀英", 13512345678, None, GRID, None, None, None),
    ],
    "roles": [("R000009", "delegate", GRID, "2026-01-01", None)],
    "units": [("works", "department", "工程队", "Works", "990101001001", None, 0, 1)],
    "posts": [("staff-of-works", "works", "handler")],
}


def workbook(sheets: dict[str, list[tuple[Any, ...]]]) -> bytes:
    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(f"{name} {SHEETS[name].zh}")
        sheet.append([f"{column} 说明" for column in columns_of(name)])
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def upload(browser: Browser, content: bytes) -> tuple[str, str]:
    """Where the report is, and the report."""
    answer = browser.client.post(
        "/register/files",
        data={"csrf_token": browser.token(), "file": (io.BytesIO(content), "register.xlsx")},
        headers={"Accept": "text/html"},
    )
    assert answer.status_code == 303, answer.text
    place = answer.headers["Location"]
    return place, browser.get(place).text


def export(browser: Browser, **form: str) -> bytes:
    answer = browser.post("/register/files/export", area="990101", **form)
    assert answer.status_code == 200, answer.text
    return answer.data


def state(intake: Intake) -> dict[str, Any]:
    tables = ("areas", "buildings", "rooms", "households", "residents", "resident_tokens",
              "resident_roles", "units", "posts", "consents")  # fmt: skip
    return {name: intake.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in tables}


@pytest.fixture
def manager(intake: Intake) -> Browser:
    intake.account("staff", login="staff-of-works")
    return intake.signed_in("manager")


def test_a_dry_run_changes_nothing_and_then_all_is_written(
    intake: Intake, manager: Browser
) -> None:
    before = state(intake)
    place, report = upload(manager, workbook(GOOD))
    assert state(intake) == before
    assert len(intake.said(RESIDENT_REGISTERED)) == 2
    assert "检查无误" in report
    assert manager.post(f"{place}/write").status_code == 303
    assert intake.one("SELECT number FROM buildings") == "00003"
    assert intake.one("SELECT count(*) FROM rooms WHERE room = '12A' AND unit = ''") == 1
    home = intake.rows("SELECT building_no, residence FROM households WHERE household_no='H00001'")
    assert home == [{"building_no": BUILDING, "residence": "together"}]
    micro = "SELECT micro_grid_code FROM residents WHERE resident_no = 'R000001'"
    assert intake.one(micro) == GRID + "A"
    assert intake.one("SELECT duty FROM posts WHERE unit_code = 'works'") == "handler"
    told = [event["data"]["resident_no"] for event in intake.said(RESIDENT_REGISTERED)]
    assert told == ["R000001", "R000002", "R000009"]
    # The file is not kept, and pressing twice does nothing.
    assert intake.one("SELECT count(*) FROM register_imports WHERE content_sealed IS NOT NULL") == 0
    after = state(intake)
    assert manager.post(f"{place}/write").status_code == 303
    assert state(intake) == after


@pytest.mark.parametrize("form", [{}, {"plain": "1", "reason": "年度核对登记簿"}])
def test_importing_an_export_changes_nothing(
    intake: Intake, manager: Browser, form: dict[str, str]
) -> None:
    place, _ = upload(manager, workbook(GOOD))
    manager.post(f"{place}/write")
    before, said = state(intake), len(intake.said(RESIDENT_REGISTERED))
    place, report = upload(manager, export(manager, **form))
    assert "检查无误" in report
    assert set(re.findall(r'class="num"><span>([^<]*)</span>', report)) == {"0"}
    assert manager.post(f"{place}/write").status_code == 303
    assert state(intake) == before
    assert len(intake.said(RESIDENT_REGISTERED)) == said


def test_an_export_is_masked_unless_each_look_is_written_down(
    intake: Intake, manager: Browser
) -> None:
    masked = _cells(export(manager))
    assert "欧***" in masked
    assert "欧阳若兰" not in masked
    assert intake.one("SELECT count(*) FROM unmaskings") == 0
    refused = manager.post("/register/files/export", area="990101", plain="1", reason="")
    assert refused.status_code == 422
    assert "欧阳若兰" in _cells(export(manager, plain="1", reason="年度核对登记簿"))
    looks = intake.rows("SELECT resident_no, field FROM unmaskings ORDER BY 1, 2")
    assert [(row["resident_no"], row["field"]) for row in looks] == [
        (number, field) for number in ("R000001", "R000002") for field in ("name", "phone")
    ]


def _cells(content: bytes) -> set[object]:
    book = load_workbook(io.BytesIO(content))
    return {cell for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row}


@pytest.mark.parametrize(
    ("sheet", "row", "told"),
    [
        ("buildings", (GRID, "x", "3", "dwelling", "路", None, None, None), ("number", "5 位数字")),
        ("buildings", ("nope", 4, "4", "dwelling", "路", None, None, None), ("grid_code", "没有这个网格")),
        ("buildings", (GRID, 4, "4", "castle", "路", None, None, None), ("kind", "须为其中之一")),
        ("buildings", (GRID, 4, "4", "dwelling", "路", 30, None, None), ("lat", "须同时给出")),
        ("buildings", (GRID, 4, "4", "dwelling", "路", None, None, "M"), ("micro_grid_code", "微网格")),
        ("rooms", ("nope", "1", "502", "let"), ("building_no", "没有这栋楼")),
        ("rooms", (BUILDING, "1", "502", "let"), ("room", "重复出现")),
        ("households", ("H7", BUILDING, "9", "9", None, None), ("room", "没有这一户室")),
        ("residents", ("R7", "H7", "王*", None, None, GRID, None, None, None), ("name", "遮盖")),
        ("residents", ("R7", "H7", "王五", "1a", None, GRID, None, None, None), ("phone", "5 至 20")),
        ("roles", ("R77", "delegate", GRID, "2026-01-01", None), ("resident_no", "没有这位居民")),
        ("roles", ("R000009", "volunteer", GRID, "2026-02-01", "2026-01-01"), ("until", "不能早于")),
        ("units", ("u2", "desk", "窗口", "Desk", "nope", None, 0, 1), ("area_code", "没有这个区域")),
        ("posts", ("nobody", "works", "clerk"), ("login", "没有这个工作人员")),
    ],
    ids=lambda value: None if isinstance(value, tuple) and len(value) > 2 else str(value),
)  # fmt: skip
def test_one_fault_stops_all_and_is_named_by_row_and_field(
    intake: Intake, manager: Browser, sheet: str, row: tuple[Any, ...], told: tuple[str, str]
) -> None:
    before = state(intake)
    bad = {**GOOD, sheet: [*GOOD[sheet], row]}
    place, report = upload(manager, workbook(bad))
    assert "有 1 处问题" in report
    line = len(bad[sheet]) + 1
    for shown in (f"<span>{line}</span>", told[0], told[1]):
        assert shown in report
    assert manager.post(f"{place}/write").status_code == 409
    assert state(intake) == before


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no", b"resident_no,name\nR1,x\n"])
def test_what_is_no_workbook_is_refused(manager: Browser, content: bytes) -> None:
    answer = manager.client.post(
        "/register/files",
        data={"csrf_token": manager.token(), "file": (io.BytesIO(content), "x.xlsx")},
        headers={"Accept": "text/html"},
    )
    assert answer.status_code == 422


def test_a_missing_column_is_named(manager: Browser) -> None:
    book = Workbook()
    assert book.active is not None
    book.active.title = "rooms"
    book.active.append(["building_no", "unit", "usage"])
    file = io.BytesIO()
    book.save(file)
    answer = manager.client.post(
        "/register/files",
        data={"csrf_token": manager.token(), "file": (io.BytesIO(file.getvalue()), "x.xlsx")},
        headers={"Accept": "text/html"},
    )
    assert answer.status_code == 422
    assert "第 1 行缺少列 room" in answer.text


def test_the_example_district_loads_with_its_homes_and_again_changes_nothing(
    intake: Intake,
) -> None:
    settings = {
        "INTAKE_FIELD_KEY": intake.settings.field_key,
        "INTAKE_INDEX_KEY": intake.settings.index_key,
        "LINLI_CONTACT_KEY": intake.settings.contact_key,
    }
    district = loading.read_district(EXAMPLE)
    with transaction(intake.sessions) as tx:
        loading._register(tx, settings, district)
    before = state(intake)
    assert len(before["rooms"]) == 240
    assert intake.one("SELECT count(*) FROM households WHERE building_no IS NOT NULL") == 207
    with transaction(intake.sessions) as tx:
        _, changed = loading._register(tx, settings, district)
    assert changed == 0
    assert state(intake) == before


# --- units on their page


def test_units_and_posts_are_kept_on_their_page(intake: Intake, manager: Browser) -> None:
    form = {"unit_code": "works", "kind": "team", "name": "工程队", "name_en": "Works",
            "area_code": GRID, "is_fallback": "1", "is_active": "1"}  # fmt: skip
    assert manager.post("/units", **form).status_code == 303
    assert manager.post("/units", **form).status_code == 422  # the code is taken
    second = {**form, "unit_code": "second"}
    answer = manager.post("/units", **second)
    assert answer.status_code == 409
    assert "同一区域只能有一个兜底单位" in answer.text
    assert manager.post("/units/works", **{**form, "name": "新工程队"}).status_code == 303
    assert intake.one("SELECT name FROM units WHERE unit_code = 'works'") == "新工程队"
    post = {"login": "staff-of-works", "duty": "head"}
    assert manager.post("/units/works/posts", **post).status_code == 303
    assert manager.post("/units/works/posts", login="nobody", duty="head").status_code == 422
    assert manager.post("/units/nowhere/posts", **post).status_code == 404
    account_no = intake.one("SELECT account_no FROM posts")
    assert manager.post("/units/works/posts", end=account_no, duty="head").status_code == 303
    assert intake.one("SELECT count(*) FROM posts") == 0
    assert intake.signed_in("staff").get("/units").status_code == 403

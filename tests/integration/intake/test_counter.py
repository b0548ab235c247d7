"""The counter: one form, one request, a receipt; the same form again is the same request."""

from __future__ import annotations

import io
import uuid
from typing import Any

import pytest
from PIL import Image

from services.intake.actions import catalogue
from services.intake.rules.paper import Code, read_sheet
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, Browser, Intake
from tests.integration.intake.test_tea_stalls import Sitting
from tests.unit.intake.test_paper import code_image, jpeg, sheet_of

PATH = "/counter/requests"


@pytest.fixture
def clerk(intake: Intake) -> Browser:
    return intake.signed_in("staff")


def save(clerk: Browser, **form: str) -> Any:
    form.setdefault("client_id", str(uuid.uuid4()))
    form.setdefault("text", "三单元门口下水道堵了")
    return clerk.post(PATH, **form)


def test_a_resident_is_found_and_the_request_is_where_they_live(
    intake: Intake, clerk: Browser
) -> None:
    clerk.get(PATH)
    answer = clerk.client.post(
        "/counter/find", json={"typed": "R000001"}, headers={"X-CSRF-Token": clerk.token()}
    )
    (one,) = answer.json["residents"]  # type: ignore[index]
    assert one["resident_no"] == "R000001"
    assert one["name"] == "欧***"
    saved = save(clerk, resident_no="R000001", door="phone")
    assert saved.status_code == 201, saved.text
    (row,) = intake.rows("SELECT door, resident_no, grid_code, title, nature FROM requests")
    assert row == {"door": "phone", "resident_no": "R000001", "grid_code": GRID,
                   "title": "三单元门口下水道堵了", "nature": "help"}  # fmt: skip


def test_the_next_form_keeps_grid_address_and_door_but_nobody(clerk: Browser) -> None:
    page = save(
        clerk, resident_no="R000001", address="3号楼东侧", grid_code=GRID, door="phone"
    ).text
    assert 'value="3号楼东侧"' in page
    assert f'<option value="{GRID}" selected>' in page
    assert '<option value="phone" selected>' in page
    assert "R000001" not in page
    assert "下水道" not in page


def test_the_same_form_again_is_the_same_request(intake: Intake, clerk: Browser) -> None:
    token = str(uuid.uuid4())
    for _ in range(2):
        assert save(clerk, client_id=token, grid_code=GRID).status_code == 201
    assert intake.one("SELECT count(*) FROM requests") == 1


def test_somebody_who_is_not_in_the_register_gives_name_and_phone(
    intake: Intake, clerk: Browser
) -> None:
    assert save(clerk, name="过路人", phone="136 5555 6666", grid_code=GRID).status_code == 201
    (row,) = intake.rows("SELECT sealed, phone_index FROM request_contacts")
    assert "13655556666" not in row["sealed"]
    assert bytes(row["phone_index"]) == intake.index.of("13655556666")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"text": " "}, "text"),
        ({"grid_code": ""}, "grid_code"),
        ({"phone": "打不通"}, "phone"),
        ({"name": "长" * 41}, "name"),
        ({"category": "没有这种事"}, "category"),
        ({"address": "长" * 121}, "address"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    intake: Intake, clerk: Browser, form: dict[str, str], field: str
) -> None:
    publish_catalogue(intake)
    answer = save(clerk, **{"grid_code": GRID, "text": "路灯不亮", **form})
    assert answer.status_code == 422
    assert f'id="f-{field}-error"' in answer.text
    assert intake.one("SELECT count(*) FROM requests") == 0
    if field != "text":
        assert "路灯不亮" in answer.text


def test_without_scripts_the_clerk_chooses_who_is_meant(intake: Intake, clerk: Browser) -> None:
    answer = save(clerk, q="13911112222", grid_code=GRID)
    assert answer.status_code == 422
    assert 'name="resident_no" value="R000001" checked' in answer.text
    assert save(clerk, q="13911112222", resident_no="R000001").status_code == 201
    assert intake.one("SELECT resident_no FROM requests") == "R000001"


def publish_catalogue(intake: Intake) -> None:
    """The seeds, as a new district gets them."""
    with transaction(intake.sessions) as tx:
        catalogue.set_up(tx)


def test_a_category_is_given_by_its_initials(intake: Intake, clerk: Browser) -> None:
    publish_catalogue(intake)
    assert save(clerk, grid_code=GRID, category="bllj").status_code == 201
    assert intake.one("SELECT category FROM requests") == "0102"
    kinds = clerk.client.get("/counter/kinds.json").json
    assert {"0102", "0102-2"} <= {each["code"] for each in kinds["kinds"]}  # type: ignore[index]


def test_the_receipt_has_the_code_of_the_progress_page(intake: Intake, clerk: Browser) -> None:
    answer = save(clerk, resident_no="R000001", then="receipt")
    assert answer.status_code == 303
    page = clerk.get(answer.headers["Location"]).text
    code = intake.one("SELECT public_code FROM requests")
    assert f"/t/{code}" in page
    assert "<svg" in page
    assert "欧阳" not in page
    own = intake.signed_in("resident", "R000001").get(answer.headers["Location"])
    other = intake.signed_in("resident", "R000002").get(answer.headers["Location"])
    assert (own.status_code, other.status_code) == (200, 404)


def scanned(clerk: Browser, data: bytes) -> Any:
    return clerk.client.post(
        "/paper/scan",
        data={"sheet": (io.BytesIO(data), "sheet.jpg"), "csrf_token": clerk.token()},
        headers={"Accept": "text/html"},
    )


def printed(clerk: Browser, **form: str) -> str:
    answer = clerk.post("/paper/forms", **{"kind": "request", "count": "1", **form})
    assert answer.status_code == 200, answer.text
    assert 'role="img"' in answer.text
    return answer.text


def test_a_receipt_that_is_scanned_opens_its_request(intake: Intake, clerk: Browser) -> None:
    save(clerk, grid_code=GRID)
    code = intake.one("SELECT public_code FROM requests")
    number = intake.one("SELECT request_no FROM requests")
    sheet = jpeg(sheet_of(f"http://localhost/t/{code}").rotate(20, expand=True, fillcolor=255))
    for _ in range(2):
        answer = scanned(clerk, sheet)
        assert answer.headers["Location"] == f"/requests/{number}"
    assert intake.one("SELECT count(*) FROM scans") == 1
    assert intake.one("SELECT count(*) FROM scan_requests") == 1
    assert "纸表扫描件" in clerk.get(f"/requests/{number}").text


def test_an_empty_form_becomes_one_request_with_its_scan(intake: Intake, clerk: Browser) -> None:
    printed(clerk, grid_code=GRID)
    form_no = intake.one("SELECT form_no FROM paper_forms")
    address = f"http://localhost/p/{form_no}"
    assert read_sheet(jpeg(sheet_of(address))) == [Code("form", form_no)]
    first = scanned(clerk, jpeg(sheet_of(address)))
    begun = clerk.get(first.headers["Location"])
    assert f'name="form_no" value="{form_no}"' in begun.text
    scan_no = intake.one("SELECT scan_no FROM scans")
    save(clerk, form_no=form_no, scan_no=scan_no, grid_code=GRID)
    save(clerk, form_no=form_no, scan_no=scan_no, grid_code=GRID)
    number = intake.one("SELECT request_no FROM requests")
    again = scanned(clerk, jpeg(sheet_of(address, scale=6)))
    assert again.headers["Location"] == f"/requests/{number}"
    assert clerk.get(f"/p/{form_no}").headers["Location"] == f"/requests/{number}"
    assert intake.one("SELECT count(*) FROM scan_requests") == 2


def test_a_sheet_of_a_sitting_opens_the_sitting(intake: Intake) -> None:
    sitting = Sitting(intake)
    stall_no = sitting.path.rpartition("/")[2]
    printed(sitting.browser, kind="tea_stall", stall_no=stall_no)
    form_no = intake.one("SELECT form_no FROM paper_forms")
    answer = scanned(sitting.browser, jpeg(sheet_of(f"http://localhost/p/{form_no}")))
    assert answer.headers["Location"] == sitting.path


def test_several_codes_on_a_sheet_are_all_offered(intake: Intake, clerk: Browser) -> None:
    for _ in range(3):
        save(clerk, grid_code=GRID)
    rows = intake.rows("SELECT request_no, public_code FROM requests")
    addresses = [f"http://localhost/t/{row['public_code']}" for row in rows]
    answer = scanned(clerk, jpeg(sheet_of(*addresses)))
    assert answer.status_code == 200
    assert all(f'href="/requests/{row["request_no"]}"' in answer.text for row in rows)


def test_a_sheet_without_a_code_is_kept_for_a_new_request(intake: Intake, clerk: Browser) -> None:
    blank = Image.new("L", (400, 600), 230)
    blank.paste(code_image("https://elsewhere.example/x"), (20, 20))
    answer = scanned(clerk, jpeg(blank))
    scan_no = intake.one("SELECT scan_no FROM scans")
    assert f"/counter/requests?scan={scan_no}" in answer.text
    picture = clerk.get(f"/paper/scans/{scan_no}.jpg")
    assert picture.data.startswith(b"\xff\xd8")
    assert not intake.one("SELECT image_sealed FROM scans").startswith("/9j/")
    resident = intake.signed_in("resident", "R000001")
    assert resident.get(f"/paper/scans/{scan_no}.jpg").status_code == 403


def test_forms_are_printed_as_pdf_too(clerk: Browser) -> None:
    answer = clerk.post("/paper/forms", kind="request", count="3", **{"as": "pdf"})
    assert answer.data.startswith(b"%PDF-")
    for count in ("0", "51", "many"):
        assert clerk.post("/paper/forms", kind="request", count=count).status_code == 422

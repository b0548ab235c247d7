"""The hall's pages and a resident's own door, without scripts; another's affairs do not exist."""

from __future__ import annotations

import io
import re
import uuid
from typing import Any

import pytest

from services.intake.rules.hall import FACTS
from shared.web.access import undeclared_routes
from tests.integration.intake.conftest import GRID, Browser, Intake, later
from tests.integration.intake.test_hall import FACTS as TOLD
from tests.unit.intake.test_paper import code_image, jpeg

FORM = "/hall/matters/{}/apply"


@pytest.fixture
def resident(intake: Intake) -> Browser:
    return intake.signed_in("resident", "R000001")


@pytest.fixture
def clerk(intake: Intake) -> Browser:
    return intake.signed_in("staff")


def asked(page: str) -> set[str]:
    """The facts that a form's fields ask for."""
    return set(re.findall(r'id="f-(\w+)"', page)) & set(FACTS)


def apply(browser: Browser, code: str, **form: str) -> Any:
    page = browser.get(FORM.format(code))
    facts = {name: TOLD[name] for name in asked(page.text)}
    form.setdefault("form_token", str(uuid.uuid4()))
    return browser.post(FORM.format(code), **{**facts, **form})


def test_every_route_says_who_may_use_it(intake: Intake) -> None:
    assert undeclared_routes(intake.app) == []


def test_matters_are_found_by_anybody(intake: Intake) -> None:
    assert "low-income" in intake.get("/hall", {"Accept": "text/html"}).text
    found = intake.get("/hall?q=居住证明", {"Accept": "text/html"}).text
    assert "residence-proof" in found
    assert "low-income" not in found
    assert "elder-card" in intake.get("/hall?group=elder", {"Accept": "text/html"}).text
    guide = intake.get("/hall/matters/low-income", {"Accept": "text/html"}).text
    assert "收入证明" in guide
    assert intake.get("/hall/matters/nothing", {"Accept": "text/html"}).status_code == 404


def test_forms_show_what_is_known_and_ask_the_rest_once(resident: Browser) -> None:
    first = resident.get(FORM.format("low-income")).text
    assert not asked(first) & {"name", "phone", "birth_year"}
    assert "139****2222" in first
    assert apply(resident, "low-income").status_code == 303
    second = resident.get(FORM.format("elder-subsidy")).text
    assert asked(second) == {"emergency_name", "emergency_phone"}
    assert TOLD["bank_account"] not in second
    corrected = resident.get(FORM.format("elder-subsidy") + "?correct=bank_account").text
    assert "bank_account" in asked(corrected)


def test_a_form_that_is_wrong_keeps_what_was_typed(resident: Browser) -> None:
    answer = apply(resident, "low-income", household_size="many", bank_name="农商银行")
    assert answer.status_code == 422
    assert 'id="f-household_size-error"' in answer.text
    assert "农商银行" in answer.text


def test_an_application_is_its_residents_and_the_offices(intake: Intake, resident: Browser) -> None:
    path = apply(resident, "elder-card").headers["Location"]
    assert resident.get(path).status_code == 200
    assert resident.get(f"{path}/receipt").status_code == 200
    other = intake.signed_in("resident", "R000002")
    for page in (path, f"{path}/receipt"):
        assert other.get(page).status_code == 404
    assert other.post(f"{path}/steps", action="withdraw").status_code == 404
    assert path not in other.get("/hall/applications").text
    assert path in intake.signed_in("auditor").get("/hall/applications").text


def test_the_receipts_code_shows_progress_and_nobodys_name(
    intake: Intake, resident: Browser
) -> None:
    path = apply(resident, "elder-card").headers["Location"]
    code = intake.one("SELECT public_code FROM hall_applications")
    assert f"/h/{code}" in resident.get(f"{path}/receipt").text
    page = intake.get(f"/h/{code}", {"Accept": "text/html"})
    assert page.status_code == 200
    assert "欧" not in page.text
    assert "R000001" not in page.text
    assert intake.get("/h/AAAAAAAAAAAA", {"Accept": "text/html"}).status_code == 404


def test_a_clerk_acts_for_a_resident_and_carries_it_to_its_end(
    intake: Intake, clerk: Browser
) -> None:
    query = "?resident_no=r000001"
    page = clerk.get(FORM.format("elder-card") + query).text
    facts = {name: TOLD[name] for name in asked(page)}
    form = {**facts, "resident_no": "R000001", "form_token": "one"}
    assert clerk.post(FORM.format("elder-card"), **form).status_code == 422
    path = clerk.post(FORM.format("elder-card"), **form, consent_how="paper").headers["Location"]
    assert "书面委托" in clerk.get(path).text
    refused = clerk.post(f"{path}/steps", action="accept")
    assert refused.status_code == 422
    assert "身份证" in refused.text
    ticks = {"seen": ["id_card", "photo"], "copies_photo": "2"}
    assert clerk.post(f"{path}/documents", **ticks).status_code == 303  # type: ignore[arg-type]
    for action in ("accept", "review", "finish"):
        assert clerk.post(f"{path}/steps", action=action).status_code == 303
    assert clerk.post(f"{path}/steps", action="refuse", note="x").status_code == 409
    assert intake.one("SELECT state FROM hall_applications") == "done"


def test_nobody_is_refused_without_a_reason(resident: Browser, clerk: Browser) -> None:
    path = apply(resident, "elder-card").headers["Location"]
    answer = clerk.post(f"{path}/steps", action="refuse", note=" ")
    assert answer.status_code == 422
    assert clerk.post(f"{path}/steps", action="dance").status_code == 422
    assert clerk.post(f"{path}/steps", action="refuse", note="未满年龄").status_code == 303
    assert "未满年龄" in resident.get(path).text


def test_a_window_is_booked_cancelled_and_attended(
    intake: Intake, resident: Browser, clerk: Browser
) -> None:
    day = {"place": "1 号窗", "on": "2026-10-22", "opens": "09:00", "closes": "10:00"}
    assert clerk.post("/hall/slots", **day, minutes="30", capacity="1").status_code == 303
    assert clerk.post("/hall/slots", **day, minutes="0", capacity="1").status_code == 422
    slot = intake.one("SELECT min(id) FROM hall_slots")
    booking = "/hall/matters/elder-card/appointment"
    assert f'value="{slot}"' in resident.get(booking).text
    assert resident.post(booking, slot_id=str(slot)).status_code == 303
    full = intake.signed_in("resident", "R000002").post(booking, slot_id=str(slot))
    assert full.status_code == 409
    number = intake.one("SELECT appointment_no FROM hall_appointments")
    assert number in resident.get("/hall/appointments").text
    assert number in clerk.get("/hall/appointments").text
    assert resident.post(f"/hall/appointments/{number}", state="attended").status_code == 303
    assert intake.one("SELECT state FROM hall_appointments") == "booked"
    later(hours=21)
    clerk, resident = intake.signed_in("staff"), intake.signed_in("resident", "R000001")
    assert clerk.post(f"/hall/appointments/{number}", state="attended").status_code == 303
    assert intake.one("SELECT state FROM hall_appointments") == "attended"


def test_a_resident_asks_with_a_photo_and_once(intake: Intake, resident: Browser) -> None:
    token, photo = str(uuid.uuid4()), jpeg(code_image("https://x.example/photo"))

    def ask(**form: Any) -> Any:
        resident.get("/requests/new")
        data = {"csrf_token": resident.token(), "form_token": token, "text": "路灯不亮",
                "grid_code": GRID, "photo": (io.BytesIO(photo), "a.jpg"), **form}  # fmt: skip
        return resident.client.post("/requests/new", data=data, headers={"Accept": "text/html"})

    bad = ask(photo=(io.BytesIO(b"not a photo"), "a.jpg"))
    assert bad.status_code == 422
    assert "路灯不亮" in bad.text
    assert intake.one("SELECT count(*) FROM requests") == 0
    for _ in range(2):
        answer = ask()
        assert answer.status_code == 303, answer.text
    assert resident.get(answer.headers["Location"]).status_code == 200
    (row,) = intake.rows("SELECT door, resident_no, title FROM requests")
    assert row == {"door": "page", "resident_no": "R000001", "title": "路灯不亮"}
    assert intake.one("SELECT count(*) FROM photos") == 1
    assert ask(text=" ").status_code == 422
    assert intake.signed_in("staff").get("/requests/new").status_code == 403

"""Deadlines, the catalogue and the calendar as people see and change them."""

from __future__ import annotations

import io
import re

import orjson

from services.intake.models import Post
from services.intake.rules.states import Action
from shared import clock
from shared.messaging.transaction import transaction
from tests.integration.intake.clock_bench import UNIT, dispatched, due_of_request, step
from tests.integration.intake.conftest import PASSWORD, Browser, Intake, later


def staff_on(intake: Intake, duty: str, unit: str | None = None) -> str:
    """The login of somebody with a duty in the unit that gets the requests of these tests."""
    unit = unit or intake.one(UNIT)
    login = intake.account("staff")
    account_no = intake.one("SELECT account_no FROM accounts WHERE login = :login", login=login)
    with transaction(intake.sessions) as tx:
        tx.session.add(Post(account_no=account_no, unit_code=unit, duty=duty, since=clock.now()))
    return login


def seen_by(intake: Intake, login: str, path: str) -> str:
    """A page as somebody who has just signed in sees it."""
    browser = Browser(intake.app)
    assert browser.sign_in(login, PASSWORD).status_code == 303
    return browser.get(path).text


def on_post(intake: Intake, duty: str) -> Browser:
    browser = Browser(intake.app)
    assert browser.sign_in(staff_on(intake, duty), PASSWORD).status_code == 303
    return browser


def request_no(intake: Intake, request_id: int) -> str:
    return str(intake.one("SELECT request_no FROM requests WHERE id = :id", id=request_id))


def test_the_request_tells_its_deadlines_and_why(intake: Intake) -> None:
    request_id = dispatched(intake)
    page = intake.signed_in("staff").get(f"/requests/{request_no(intake, request_id)}").text
    for told in ("签收", "办结", "24 个紧急工作时", "2026-10-22 12:33", "立案条件规定的时限"):
        assert told in page
    own = intake.signed_in("resident", "R000001")
    page = own.get(f"/requests/{request_no(intake, request_id)}").text
    assert "2026-10-22 12:33" in page
    assert "签收" not in page


def test_a_handler_asks_for_time_and_the_head_grants_it(intake: Intake) -> None:
    request_id = dispatched(intake)
    place = f"/requests/{request_no(intake, request_id)}"
    handler, head = on_post(intake, "handler"), on_post(intake, "head")
    stranger = intake.signed_in("staff")
    assert "申请延期" not in stranger.get(place).text
    stranger.post(f"{place}/extension", amount="5", reason="我也要")
    assert intake.one("SELECT count(*) FROM extensions") == 0
    assert "申请延期" in handler.get(place).text
    assert handler.post(f"{place}/extension", amount="5", reason="等配件").status_code == 303
    assert "批准延期" not in handler.get(place).text
    number = intake.one("SELECT extension_no FROM extensions")
    answer = handler.post(f"/desk/due/extensions/{number}", answer="grant")
    assert answer.status_code == 404  # to somebody who may not decide there is no such thing
    assert "批准延期" in head.get("/desk/due").text
    answer = head.post(f"/desk/due/extensions/{number}", answer="grant", back="due")
    assert (answer.status_code, answer.location) == (303, "/desk/due")
    assert due_of_request(intake, request_id) == "10-22 17:33"
    assert "已延期 5 个紧急工作时" in head.get(place).text


def test_a_manager_decides_for_every_unit(intake: Intake) -> None:
    request_id = dispatched(intake)
    on_post(intake, "handler").post(
        f"/requests/{request_no(intake, request_id)}/extension", amount="5", reason="等配件"
    )
    manager = intake.signed_in("manager")
    assert "等候" not in manager.get("/desk/due").text
    number = intake.one("SELECT extension_no FROM extensions")
    manager.post(f"/desk/due/extensions/{number}", answer="refuse")
    assert intake.one("SELECT is_granted FROM extensions") is False
    assert due_of_request(intake, request_id) == "10-22 12:33"


def test_what_is_due_is_shown_to_its_unit_and_to_those_above(intake: Intake) -> None:
    request_id = dispatched(intake)
    step(intake, request_id, Action.ACCEPT, Action.CONTACT)
    district = intake.one(
        "SELECT u.unit_code FROM units u JOIN areas a ON a.code = u.area_code"
        " WHERE a.kind = 'district'"
    )
    worker = staff_on(intake, "handler")
    above, beside = (staff_on(intake, duty, district) for duty in ("secretary", "clerk"))
    assert "下水道堵了" not in seen_by(intake, worker, "/desk/due")
    later(hours=22)
    assert "下水道堵了" in seen_by(intake, worker, "/desk/due")
    assert "项时限已超期" not in seen_by(intake, worker, "/desk")
    later(hours=3)
    assert "超 1 小时" in seen_by(intake, above, "/desk/due")
    assert "下水道堵了" not in seen_by(intake, beside, "/desk/due")
    assert "1 项时限已超期" in seen_by(intake, worker, "/desk")
    step(intake, request_id, Action.RESOLVE)
    assert "下水道堵了" not in seen_by(intake, worker, "/desk/due")


def test_the_desk_warns_before_the_calendar_ends(intake: Intake) -> None:
    staff = intake.signed_in("staff")
    assert "工作日历只到" not in staff.get("/desk").text
    later(days=12)  # 60 days before the year's end
    staff = intake.signed_in("staff")
    assert "工作日历只到 2026-12-31" in staff.get("/desk").text


def test_everybody_reads_the_catalogue_and_finds_by_initials(intake: Intake) -> None:
    visitor = Browser(intake.app)
    page = visitor.get("/catalogue").text
    assert "下水道堵塞、污水外溢" in page
    assert "不声明符合" in page
    found = visitor.get("/catalogue?q=bllj").text
    assert "暴露垃圾" in found
    assert "下水道堵塞" not in found
    assert "版本" not in page.split("<main")[1].split("<h2")[0]
    document = orjson.loads(visitor.get("/catalogue.json").data)
    assert document["form"] == 1


def test_two_managers_change_a_limit_and_old_requests_keep_theirs(intake: Intake) -> None:
    old = dispatched(intake)
    first, second = intake.signed_in("manager"), intake.signed_in("manager")
    form = {"code": "0404-1", "clock": "resolve", "unit": "urgent_hours"}
    answer = first.post("/catalogue/versions/limit", **form, amount="6", valid_from="2026-10-22")
    place = answer.location
    assert re.fullmatch(r"/catalogue/versions/\d+", place)
    page = second.get(place).text
    assert "24 个紧急工作时" in page
    assert "6 个紧急工作时" in page
    first.post(f"{place}/publish")
    assert "待发布" in first.get("/catalogue/versions").text
    second.post(f"{place}/publish")
    later(days=1)
    version = int(place.rpartition("/")[2])
    new = dispatched(intake, "c-2")
    assert due_of_request(intake, old) == "10-22 12:33"
    assert due_of_request(intake, new) == "10-23 12:33"  # it names the version it came under
    step(intake, new, Action.RETURN)
    newer = dispatched(intake, "c-3", catalogue_version=version)
    assert due_of_request(intake, newer) == "10-22 18:33"


def test_a_file_is_uploaded_as_a_draft_and_its_faults_are_named(intake: Intake) -> None:
    manager = intake.signed_in("manager")
    document = orjson.loads(manager.get("/catalogue.json").data)
    document["valid_from"] = "2026-10-25"

    def upload(body: bytes) -> str:
        return manager.client.post(
            "/catalogue/versions",
            data={"csrf_token": manager.token(), "file": (io.BytesIO(body), "c.json")},
            headers={"Accept": "text/html"},
            follow_redirects=True,
        ).text

    assert "没有差别" in upload(orjson.dumps(document))
    document["groups"][0]["code"] = "1"
    assert "/groups/0/code" in upload(orjson.dumps(document))
    assert intake.one("SELECT count(*) FROM catalogue_versions") == 2
    assert intake.signed_in("staff").get("/catalogue/versions").status_code == 403


def test_a_manager_loads_a_calendar_and_reckons_anew_with_a_reason(intake: Intake) -> None:
    request_id = dispatched(intake)
    step(intake, request_id, Action.ASSIGN, condition_code="0101-2")
    manager = intake.signed_in("manager")

    def load(kind: str, body: str) -> str:
        return manager.client.post(
            "/calendar",
            data={
                "csrf_token": manager.token(),
                "kind": kind,
                "file": (io.BytesIO(body.encode()), "f.csv"),
            },
            headers={"Accept": "text/html"},
            follow_redirects=True,
        ).text

    page = load("days", "day,kind,name_zh,name_en\n2026-10-28,holiday,本地假日,Local\n")
    assert "已导入" in page
    assert "本地假日" in page
    assert "/1/kind" in load("days", "day,kind,name_zh,name_en\n2026-10-28,x,,\n")
    assert "14:30" in load("hours", "valid_from,opens,closes\n2027-06-01,14:30,18:00\n")
    assert due_of_request(intake, request_id) == "10-22 12:33"
    manager.post("/calendar/recalculate", reason=" ")
    assert due_of_request(intake, request_id) == "10-22 12:33"
    manager.post("/calendar/recalculate", reason="重新归类")
    assert due_of_request(intake, request_id) == "11-02 17:00"
    assert intake.signed_in("staff").get("/calendar?year=1999").status_code == 200
    assert Browser(intake.app).get("/calendar/days.csv").text.startswith("day,kind,")

"""The pages of patrols: the list of what is due, visits with and without scripts, the sheet."""

from __future__ import annotations

import base64
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text

from services.intake.actions import shifts
from shared import clock
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import Browser, Intake, later
from tests.integration.intake.patrolling import (
    COMMUNITY,
    DISTRICT,
    ROUTE,
    proclaimed,
    routed,
    spot,
    watched,
)

LATIN = {"Accept": "application/json", "Content-Type": "application/json"}


@pytest.fixture
def walked(intake: Intake) -> Intake:
    routed(intake, spot("S1", name="桥下", address="人民路涵洞"), spot("S2", kind="school"))
    return intake


def visit(browser: Browser, code: str = "S1", **form: str) -> Any:
    given = {"client_id": "c-00000001", "check_drain": "1", **form}
    return browser.post(f"/patrol/spots/{code}/visit", **given)


def entries(browser: Browser, *sent: dict[str, Any]) -> list[dict[str, str]]:
    answer = browser.client.post(
        "/patrol/visits",
        json={"entries": list(sent)},
        headers={**LATIN, "X-CSRF-Token": browser.token()},
    )
    assert answer.status_code == 200, answer.text
    verdicts: list[dict[str, str]] = json.loads(answer.text)["verdicts"]
    return verdicts


def test_the_due_list_shows_what_is_due_first(walked: Intake) -> None:
    proclaimed(walked, "orange")
    later(minutes=61)
    page = walked.signed_in("staff").get("/patrol").text
    assert "已超时 1 分" in page
    assert "Ⅱ级（橙）" in page
    assert page.index("桥下") < page.index("点位 S2")


def test_a_visit_without_scripts(walked: Intake) -> None:
    browser = walked.signed_in("staff")
    assert "积水深度" in browser.get("/patrol/spots/S1/visit").text
    answer = visit(browser, reading_water_depth="31", note="水在涨")
    assert (answer.status_code, answer.location) == (303, "/patrol")
    number = walked.one("SELECT request_no FROM requests")
    assert number in browser.get("/patrol").text
    page = browser.get("/patrol/spots/S1").text
    assert "31 cm" in page
    assert "未勾：警示牌完好" in page
    assert visit(browser, reading_water_depth="31", note="水在涨").status_code == 303
    assert walked.one("SELECT count(*) FROM patrol_visits") == 1


def test_a_faulty_visit_keeps_what_was_typed(walked: Intake) -> None:
    browser = walked.signed_in("staff")
    answer = visit(browser, reading_water_depth="深", note="没过脚踝")
    assert answer.status_code == 422
    assert "没过脚踝" in answer.text
    assert "readings/water_depth" in answer.text
    assert walked.one("SELECT count(*) FROM patrol_visits") == 0


def test_a_phone_sends_what_it_kept_and_each_entry_is_judged_alone(walked: Intake) -> None:
    browser = walked.signed_in("staff")
    at = (clock.now() - timedelta(minutes=50)).astimezone(UTC).isoformat()
    good = {"client_id": "entry-0001", "body": {"spot_code": "S1", "visited_at": at,
            "check_drain": "1", "reading_water_depth": "16", "photo": picture()}}  # fmt: skip
    odd = {"client_id": "entry-0002", "body": {"spot_code": "S1", "reading_water_depth": "x"}}
    lost = {"client_id": "entry-0003", "body": {"spot_code": "nowhere"}}
    first = entries(browser, good, odd, lost)
    assert [one["verdict"] for one in first] == ["accepted", "refused", "refused"]
    assert first[0]["path"].startswith("/requests/Q")
    assert first[1]["path"] == "/patrol/spots/S1/visit#entry=entry-0002"
    again = entries(browser, good)
    assert [one["verdict"] for one in again] == ["duplicate"]
    good["body"]["reading_water_depth"] = "17"  # type: ignore[index]
    assert entries(browser, good)[0]["verdict"] == "conflict"
    rows = walked.rows("SELECT visited_at, received_at FROM patrol_visits")
    assert [row["received_at"] - row["visited_at"] for row in rows] == [timedelta(minutes=50)]
    assert walked.one("SELECT count(*) FROM photos") == 1


def picture() -> str:
    drawn, image = io.BytesIO(), Image.new("RGB", (64, 48), "navy")
    image.paste("white", (10, 10, 30, 30))
    image.save(drawn, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(drawn.getvalue()).decode()


def test_a_photo_that_is_none_is_refused(walked: Intake) -> None:
    browser = walked.signed_in("staff")
    for photo in ("data:image/jpeg;base64,AAAA", "data:image/jpeg;base64,@@", "hello"):
        body = {"spot_code": "S1", "photo": photo}
        (told,) = entries(browser, {"client_id": "entry-0009", "body": body})
        assert told["verdict"] == "refused"
    assert walked.one("SELECT count(*) FROM patrol_visits") == 0


def test_the_sheet_leads_back_to_the_visit(walked: Intake) -> None:
    page = walked.signed_in("staff").get(f"/patrol/routes/{ROUTE}/sheet").text
    assert page.count('class="qr"') == 2
    assert "立即电话报告" in page


def test_only_heads_and_managers_proclaim(walked: Intake) -> None:
    form = {"area_code": DISTRICT, "level": "orange", "basis": "电话通知"}
    walker = walked.signed_in("staff")
    assert "发布，立即生效" not in walker.get("/patrol/level").text
    walker.post("/patrol/level", **form)
    assert "只有管理员" in walker.get("/patrol/level").text
    assert walked.rows("SELECT 1 FROM alert_levels") == []
    manager = walked.signed_in("manager")
    manager.post("/patrol/level", **form)
    page = manager.get("/patrol/level").text
    assert "2 个点位的巡查时间已调整" in page
    assert "电话通知" in page
    assert walked.signed_in("resident", "R000001").get("/patrol/level").status_code == 403


def test_a_head_of_a_unit_may_proclaim(walked: Intake) -> None:
    login = walked.account("staff")
    with transaction(walked.sessions) as tx:
        tx.session.execute(text(
            "INSERT INTO units VALUES ('U1', 'desk', '防汛办', 'Flood office', '990101', NULL,"
            " false, true)"
        ))  # fmt: skip
        tx.session.execute(
            text(
                "INSERT INTO posts SELECT account_no, 'U1', 'head', now() FROM accounts"
                " WHERE login = :login"
            ),
            {"login": login},
        )
    browser = Browser(walked.app)
    browser.sign_in(login)
    assert "发布，立即生效" in browser.get("/patrol/level").text
    browser.post("/patrol/level", area_code=DISTRICT, level="red", basis="街道电话")
    assert walked.one("SELECT level FROM alert_levels") == "red"


def test_the_head_of_the_shift_finds_the_alarm_on_the_desk(walked: Intake) -> None:
    login = walked.account("staff")
    number = walked.one("SELECT account_no FROM accounts WHERE login = :login", login=login)
    start = clock.now()
    with transaction(walked.sessions) as tx:
        one = shifts.plan(tx, COMMUNITY, start, start + timedelta(hours=8), login, [])
        shifts.begin(tx, one, number)
    proclaimed(walked, "red")
    later(minutes=31)
    watched(walked)
    head = Browser(walked.app)
    head.sign_in(login)
    assert "本班有 2 处漏巡" in head.get("/desk").text
    assert "漏巡" not in walked.signed_in("staff").get("/desk").text
    page = head.get("/patrol/alarms").text
    (first, *_) = re.findall(r"/patrol/alarms/(\d+)/acknowledge", page)
    head.post(f"/patrol/alarms/{first}/acknowledge")
    assert len(re.findall(r"/acknowledge", head.get("/patrol/alarms").text)) == 1


def test_a_manager_plans_shifts_and_sets_intervals(walked: Intake) -> None:
    walker = walked.account("staff", login="walker-one")
    manager = walked.signed_in("manager")
    manager.get("/patrol/shifts")
    manager.post(
        "/patrol/shifts",
        area_code=COMMUNITY,
        starts_at="2026-10-21T14:00",
        ends_at="2026-10-21T22:00",
        head=walker,
        members="",
    )
    (row,) = walked.rows("SELECT starts_at FROM patrol_shifts")
    assert row["starts_at"] == datetime(2026, 10, 21, 6, tzinfo=UTC)
    manager.post("/patrol/shifts", area_code=COMMUNITY, starts_at="soon", ends_at="", head=walker)
    assert "starts_at" in manager.get("/patrol/shifts").text
    manager.post("/patrol/intervals", kind="school", level="normal", minutes="60", since="")
    assert walked.one("SELECT minutes FROM patrol_dues WHERE spot_code = 'S2'") == 60
    with transaction(walked.sessions) as tx:
        tx.session.execute(text("DELETE FROM patrol_intervals WHERE set_by <> ''"))


def test_a_manager_adds_and_retires_a_spot(walked: Intake) -> None:
    manager = walked.signed_in("manager")
    manager.get(f"/patrol/routes/{ROUTE}")
    manager.post(
        f"/patrol/routes/{ROUTE}/spots",
        spot_code="S3",
        name="河口",
        kind="river",
        grid_code="990101001001002",
    )
    assert "河口" in manager.get(f"/patrol/routes/{ROUTE}").text
    manager.post("/patrol/spots/S3/retire")
    assert "河口" not in manager.get(f"/patrol/routes/{ROUTE}").text
    assert "已停用" in manager.get("/patrol/spots/S3").text


def test_what_is_not_there_is_missing(walked: Intake) -> None:
    browser = walked.signed_in("staff")
    for path in ("/patrol/spots/x", "/patrol/routes/x", "/patrol/spots/x/visit"):
        assert browser.get(path).status_code == 404

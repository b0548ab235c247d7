"""The desk, the rules and the panel of dispatch, as staff, managers and residents see them."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.intake.actions import desks, redispatching
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import Browser, Intake, later
from tests.integration.intake.dispatch_office import (
    DESK,
    dispatched,
    furnish,
    on_post,
    request_row,
)

DESK_PAGE = "/desk/dispatch"
RULES_PAGE = "/desk/dispatch/rules"
RULE = {
    "code": "litter-too",
    "priority": "20",
    "categories": "0102 0103",
    "areas": "",
    "track": "",
    "begins": "",
    "ends": "",
    "unit": "sanitation",
    "assist-1": "water",
    "assist-2": "team",
    "reason_zh": "社区保洁由环卫所负责",
    "reason_en": "The sanitation office cleans",
}


def signed_in(intake: Intake, unit: str, duty: str) -> Browser:
    login = f"{unit}-{duty}".lower()
    on_post(intake, unit, duty, login)
    browser = Browser(intake.app)
    assert browser.sign_in(login).status_code == 303
    return browser


def returned(intake: Intake) -> tuple[int, str]:
    request_id = dispatched(intake, title="下水道冒水")
    worker = on_post(intake, "water", "handler")
    with transaction(intake.sessions) as tx:
        redispatching.give_back(
            tx, request_id, reason="wrong_place", note="属邻区管网", account_no=worker
        )
    return request_id, str(request_row(intake, request_id)["request_no"])


def test_the_desk_lists_what_came_back_and_its_dispatcher_sends_it_on(intake: Intake) -> None:
    furnish(intake)
    request_id, request_no = returned(intake)
    dispatcher = signed_in(intake, DESK, "dispatcher")
    later(minutes=1)
    page = dispatcher.get(DESK_PAGE).text
    assert "下水道冒水" in page
    assert "不在本单位辖区" in page
    assert "属邻区管网" in page
    assert "近 30 天派单 1 次，退回 1 次" in page
    answer = dispatcher.post(
        f"/requests/{request_no}/send", back="desk", send_unit="sanitation", send_assist="team"
    )
    assert (answer.status_code, answer.location) == (303, DESK_PAGE)
    assert request_row(intake, request_id)["unit_code"] == "sanitation"
    assert "下水道冒水" not in dispatcher.get(DESK_PAGE).text


def test_a_dispatcher_of_another_street_sees_it_only_when_asking_for_all(intake: Intake) -> None:
    furnish(intake)
    returned(intake)
    with transaction(intake.sessions) as tx:
        tx.session.execute(
            text("INSERT INTO areas (code, kind, name) VALUES ('990102', 'district', '邻区')")
        )
        desks.make_missing(tx)
    other = signed_in(intake, "desk-990102", "dispatcher")
    assert "下水道冒水" not in other.get(DESK_PAGE).text
    assert "下水道冒水" in other.get(f"{DESK_PAGE}?all=1").text


def test_who_does_not_dispatch_for_the_area_sees_and_does_not_decide(intake: Intake) -> None:
    furnish(intake)
    request_id, request_no = returned(intake)
    other = signed_in(intake, "water", "handler")
    page = other.get(DESK_PAGE).text
    assert "下水道冒水" in page
    assert f'action="/requests/{request_no}/send"' not in page
    other.post(f"/requests/{request_no}/send", send_unit="sanitation")
    assert request_row(intake, request_id)["state"] == "pending"


def test_the_panel_tells_who_why_and_offers_to_return(intake: Intake) -> None:
    furnish(intake)
    request_id = dispatched(intake)
    path = f"/requests/{request_row(intake, request_id)['request_no']}"
    worker = signed_in(intake, "water", "handler")
    page = worker.get(path).text
    for word in ("water", "排水由水务所负责", "dispatch 1", "team"):
        assert word in page
    assert f'action="{path}/return"' in page
    assert f'action="{path}/send"' not in page
    worker.post(f"{path}/return", return_reason="not_our_duty", return_note="是小区内部管道")
    assert request_row(intake, request_id)["unit_code"] == DESK
    assert "不属于本单位职责" in worker.get(path).text


def test_a_resident_sees_the_unit_and_nothing_of_its_workings(intake: Intake) -> None:
    furnish(intake)
    request_id = dispatched(intake)
    path = f"/requests/{request_row(intake, request_id)['request_no']}"
    page = intake.signed_in("resident", "R000001").get(path).text
    assert "承办单位" in page
    assert "排水由水务所负责" not in page
    assert "/return" not in page


def test_an_assisting_unit_gets_a_form_to_note_and_none_to_return(intake: Intake) -> None:
    furnish(intake)
    request_id = dispatched(intake)
    path = f"/requests/{request_row(intake, request_id)['request_no']}"
    assistant = signed_in(intake, "team", "handler")
    page = assistant.get(path).text
    assert f'action="{path}/assist-note"' in page
    assert f'action="{path}/return"' not in page
    assistant.post(f"{path}/assist-note", assist_note="已设围挡")
    assert intake.one("SELECT note FROM step_notes") == "已设围挡"


def test_two_managers_make_rules(intake: Intake) -> None:
    furnish(intake, None)
    maker, checker = intake.signed_in("manager"), intake.signed_in("manager")
    place = maker.post(RULES_PAGE).location
    assert place is not None
    bad = maker.post(f"{place}/rule", revision="1", was="", **{**RULE, "priority": "first"})
    assert bad.status_code == 422
    assert "/rules/0/priority" in bad.text
    assert 'value="litter-too"' in bad.text  # what was typed is not lost
    assert maker.post(f"{place}/rule", revision="1", was="", **RULE).status_code == 303
    assert intake.one("SELECT body #> '{rules,0,assist}' FROM dispatch_rules") == ["water", "team"]
    editing = maker.get(f"{place}?edit=litter-too").text
    assert editing.count('name="assist-') == 3  # those that are there, and one more
    assert checker.post(f"{place}/drop", revision="2", was="litter-too").status_code == 403
    maker.post(f"{place}/rest", revision="2", villages="990101001001", near_m="0404=100\n05=50")
    assert "第 1 版" not in maker.get(RULES_PAGE).text
    maker.post(f"{place}/submit", revision="3")
    maker.post(f"{place}/publish", revision="3")
    assert intake.one("SELECT state FROM dispatch_rules") == "submitted"
    checker.post(f"{place}/publish", revision="3")
    assert "第 1 版" in maker.get(RULES_PAGE).text
    shown = intake.signed_in("staff").get(place).text
    assert "社区保洁由环卫所负责" in shown
    assert not re.search(r"<form[^>]*/rule", shown)
    request_id = dispatched(intake, category="0102")
    row = request_row(intake, request_id)
    assert (row["unit_code"], row["track"]) == ("sanitation", "village")


def test_a_draft_that_changed_since_is_refused(intake: Intake) -> None:
    maker, checker = intake.signed_in("manager"), intake.signed_in("manager")
    place = maker.post(RULES_PAGE).location
    maker.post(f"{place}/rule", revision="1", was="", **RULE)
    assert maker.post(f"{place}/rule", revision="1", was="", **RULE).status_code == 409
    maker.post(f"{place}/submit", revision="2")
    checker.post(f"{place}/reject", revision="2", reason="次序不对")
    assert intake.rows("SELECT state, reason FROM dispatch_rules") == [
        {"state": "rejected", "reason": "次序不对"}
    ]


def test_nobody_publishes_a_draft_of_their_own_even_past_the_code(intake: Intake) -> None:
    maker = intake.signed_in("manager")
    maker.post(RULES_PAGE)
    with intake.sessions() as session, pytest.raises(IntegrityError, match="four_eyes"):
        session.execute(text("UPDATE dispatch_rules SET checked_by = made_by"))

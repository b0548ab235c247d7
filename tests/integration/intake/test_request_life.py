"""The whole life of one request, from the resident's mouth to the resident's verdict, on pages."""

from __future__ import annotations

import io
import re
from typing import Any

import orjson
import pytest
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, encode_multipart

from services.intake.actions.opening import Opened
from services.intake.actions.steps import Step
from services.intake.rules.progress import reached
from services.intake.rules.states import Action, State
from shared.schemas.intake import REQUEST_MOVED
from tests.integration.intake.conftest import Browser, Intake, later
from tests.integration.intake.handling import (
    CREW,
    actions_of,
    dispatched,
    moved,
    opened,
    signed_in,
    staffed,
    state_of,
)
from tests.unit.intake.camera import photo


class District:
    """People in their browsers, around one request."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.logins = staffed(intake) | {"asker": intake.account("resident", "R000001")}
        self.browsers = {name: signed_in(intake, login) for name, login in self.logins.items()}

    def sees(self, name: str, one: Opened) -> str:
        path = f"/requests/{one.request_no}"
        answer = self.browsers[name].get(path)
        if answer.status_code == 303:  # away for longer than a session lasts
            self.browsers[name] = signed_in(self.intake, self.logins[name])
            answer = self.browsers[name].get(path)
        assert answer.status_code == 200
        return answer.text

    def does(self, name: str, one: Opened, action: str, **form: str) -> TestResponse:
        """Through the form that the page shows; there must be one."""
        page = self.sees(name, one)
        found = re.search(
            rf'name="action" value="{action}">\s*<input type="hidden" name="client_id"'
            r' value="([^"]+)"',
            page,
        )
        assert found, f"{name} is offered no {action}"
        named = {
            (f"{action}_{key}" if key in ("note", "reason") else key): value
            for key, value in form.items()
        }
        return self.browsers[name].post(
            f"/requests/{one.request_no}/steps", action=action, client_id=found[1], **named
        )

    def shows(self, name: str, one: Opened, kind: str, seed: int) -> None:
        self.sees(name, one)
        browser = self.browsers[name]
        form: MultiDict[str, Any] = MultiDict([("csrf_token", browser.token()), ("kind", kind)])
        form.add("photo", FileStorage(io.BytesIO(photo(seed)), "a.jpg"))
        boundary, body = encode_multipart(form)
        answer = browser.client.post(
            f"/requests/{one.request_no}/photos",
            data=body,
            content_type=f"multipart/form-data; boundary={boundary}",
        )
        assert answer.status_code == 303, answer.text


@pytest.fixture
def district(intake: Intake) -> District:
    return District(intake)


def last_link(intake: Intake) -> str:
    paths = [event["data"]["answer_path"] for event in intake.said(REQUEST_MOVED)]
    return str([each for each in paths if each][-1])


def test_from_asking_to_the_verdict_and_once_more(intake: Intake, district: District) -> None:
    one = opened(intake)
    district.shows("asker", one, "before", 1)
    assert district.does("clerk", one, "admit").status_code == 303
    moved(intake, Step(request_id=one.id, action=Action.DISPATCH, change={"unit_code": CREW}))
    assert "排水抢修队" in district.sees("asker", one)
    later(hours=1)
    district.does("handler", one, "accept")
    district.does("handler", one, "contact")
    district.does("handler", one, "ask", note="哪个单元？")
    assert "哪个单元？" in district.sees("asker", one)
    district.does("asker", one, "answer", note="三单元")
    district.shows("handler", one, "after", 2)
    district.does("handler", one, "resolve", outcome="resolved", note="已疏通")
    assert district.does("checker", one, "approve").status_code == 303
    # The resident is asked, and says no.
    visitor = Browser(intake.app)
    first = last_link(intake)
    visitor.get(first)
    visitor.post(first, solved="unsolved", words="又堵了")
    assert state_of(intake, one) == "in_progress"
    later(days=1)
    # Round two: the photo of round one proves nothing any more, where the catalogue asks for one.
    district.shows("handler", one, "after", 3)
    district.does("handler", one, "resolve", outcome="resolved", note="换了管子")
    district.does("checker", one, "send_back", reason="not_told", note="请告知居民")
    later(hours=1)
    district.shows("handler", one, "after", 4)
    district.does("handler", one, "resolve", outcome="resolved", note="已当面告知")
    district.does("checker", one, "approve")
    second = last_link(intake)
    assert second != first
    visitor.get(second)
    visitor.post(second, solved="solved", satisfied="satisfied")
    row = intake.rows("SELECT * FROM requests WHERE id = :id", id=one.id)[0]
    assert (row["state"], row["reopened_count"], row["outcome"]) == ("closed", 1, "resolved")
    assert actions_of(intake, one) == [
        "submit", "admit", "dispatch", "accept", "contact", "ask", "answer", "resolve", "approve",
        "rate", "reopen", "resolve", "send_back", "resolve", "approve", "rate", "close",
    ]  # fmt: skip
    verdicts = intake.rows("SELECT round, solved FROM resident_verdicts ORDER BY round")
    assert [tuple(each.values()) for each in verdicts] == [(0, "unsolved"), (1, "solved")]
    happened = [event["data"]["happened"] for event in intake.said(REQUEST_MOVED)]
    assert happened == ["asked", "resolved", "reopened", "resolved"]
    said = orjson.dumps(intake.said(REQUEST_MOVED)).decode()
    for private in ("又堵了", "三单元", "已疏通", "下水道", "欧阳"):
        assert private not in said


def test_the_history_on_the_page_is_the_log(intake: Intake, district: District) -> None:
    one = dispatched(intake)
    district.does("handler", one, "accept")
    district.does("handler", one, "note", note="内部记录")
    district.does("handler", one, "ask", note="几楼？")
    log = intake.rows(
        "SELECT step_no, action, to_state FROM request_steps WHERE request_id = :id"
        " ORDER BY step_no", id=one.id,
    )  # fmt: skip
    for name in ("handler", "asker"):
        page = district.sees(name, one)
        assert [int(each) for each in re.findall(r'id="step-(\d+)"', page)] == [
            row["step_no"] for row in log
        ]
    office, resident = district.sees("handler", one), district.sees("asker", one)
    assert "内部记录" in office
    assert "内部记录" not in resident
    assert "几楼？" in resident
    # A resident reads which unit did it, never who.
    history = resident[resident.index('id="history"') :]
    assert "排水抢修队" in history
    assert "A-" not in history
    assert "staff" not in history
    answer = district.browsers["handler"].get(f"/api/v1/requests/{one.request_no}/steps")
    steps = orjson.loads(answer.data)["steps"]
    assert [(each["step_no"], each["action"], each["to_state"]) for each in steps] == [
        tuple(row.values()) for row in log
    ]


def test_each_reader_is_offered_only_what_is_theirs(intake: Intake, district: District) -> None:
    one = dispatched(intake)

    def offered(name: str) -> set[str]:
        return set(re.findall(r'name="action" value="([a-z_]+)"', district.sees(name, one)))

    assert {"accept", "contact", "note"} <= offered("handler")
    assert offered("stranger") == set()
    assert offered("asker") == set()
    assert "accept" not in offered("clerk")
    assert "approve" not in offered("checker")


def test_what_was_typed_comes_back_with_what_is_wrong(intake: Intake, district: District) -> None:
    one = dispatched(intake)
    district.does("handler", one, "accept")
    answer = district.does("handler", one, "resolve", outcome="resolved", note="")
    assert answer.status_code == 422
    assert "请写明情况" in answer.text
    answer = district.does("handler", one, "ask", note="长" * 4001)
    assert answer.status_code == 422
    assert "长长长" in answer.text


def test_a_form_sent_twice_is_one_step(intake: Intake, district: District) -> None:
    one = dispatched(intake)
    browser = district.browsers["handler"]
    browser.get(f"/requests/{one.request_no}")
    for _ in range(2):
        answer = browser.post(
            f"/requests/{one.request_no}/steps", action="accept", client_id="form-7"
        )
        assert answer.status_code == 303
    assert actions_of(intake, one).count("accept") == 1


def test_programs_take_steps_too(intake: Intake, district: District) -> None:
    one = dispatched(intake)
    browser = district.browsers["handler"]
    path = f"/api/v1/requests/{one.request_no}/steps"
    headers = {"X-CSRF-Token": browser.token()}
    body = {"action": "accept", "client_id": "p-1"}
    for is_new in (True, False):
        answer = browser.client.post(path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        taken = orjson.loads(answer.data)
        assert (taken["state"], taken["is_new"]) == ("in_progress", is_new)
    wrong = {"action": "fly", "client_id": "p-2"}
    assert browser.client.post(path, json=wrong, headers=headers).status_code == 422
    stranger = district.browsers["stranger"]
    answer = stranger.client.post(
        path,
        json={"action": "note", "note": "x", "client_id": "p"},
        headers={"X-CSRF-Token": stranger.token()},
    )
    assert (answer.status_code, orjson.loads(answer.data)["code"]) == (403, "not_your_turn")


def test_every_state_is_one_of_five_steps_or_beside_them() -> None:
    beside = {State.DECLINED, State.REFERRED, State.MERGED, State.VOID}
    assert {state for state in State if reached(state) is None} == beside

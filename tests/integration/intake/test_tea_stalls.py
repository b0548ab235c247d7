"""茶摊: sixty lines arrive once, however often they are sent; alike ones become one campaign."""

from __future__ import annotations

import base64
import io
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image, ImageDraw
from werkzeug.test import TestResponse

from services.intake.actions.steps import Step, take
from services.intake.rules.states import Action, Actor
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import GRID, Browser, Intake

CLERK = Actor("account", "A-1")


class Sitting:
    """A host with the page of a sitting open."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.browser = intake.signed_in("staff")
        self.token = str(uuid.uuid4())
        self.path = self.open()

    def open(self) -> str:
        answer = self.browser.post(
            "/tea-stall",
            form_token=self.token,
            place="鹊舞广场",
            held_on="2026-10-21",
            grid_code=GRID,
        )
        assert answer.status_code == 303, answer.text
        return str(answer.headers["Location"])

    def send(self, entries: list[dict[str, Any]]) -> TestResponse:
        return self.browser.client.post(
            f"{self.path}/entries",
            json={"entries": entries},
            headers={"X-CSRF-Token": self.browser.token()},
        )

    def verdicts(self, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
        answer = self.send(entries)
        assert answer.status_code == 200, answer.text
        return list(answer.json["verdicts"])  # type: ignore[index]


def entry(text: str = "停车位太少", **body: str) -> dict[str, Any]:
    return {"client_id": str(uuid.uuid4()), "body": {"text": text, **body}}


def photo(colour: str = "teal") -> str:
    out = io.BytesIO()
    image = Image.new("RGB", (640, 480), colour)
    ImageDraw.Draw(image).ellipse((100, 60, 400, 300), fill="white")
    image.save(out, "JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()


@pytest.fixture
def sitting(intake: Intake) -> Sitting:
    return Sitting(intake)


def test_the_same_form_again_is_the_same_sitting(sitting: Sitting) -> None:
    assert sitting.open() == sitting.path
    assert sitting.path.startswith("/tea-stall/T20261021-")
    assert sitting.intake.one("SELECT count(*) FROM tea_stalls") == 1


def test_sixty_lines_sent_twice_and_in_parallel_are_sixty_requests(sitting: Sitting) -> None:
    entries = [entry(f"第{number}件：楼道灯坏了") for number in range(60)]
    batches = [entries[:20], entries[20:40], entries[40:]]
    told = [one["verdict"] for batch in batches for one in sitting.verdicts(batch)]
    assert told == ["accepted"] * 60
    with ThreadPoolExecutor(3) as pool:
        again = [one for batch in pool.map(sitting.verdicts, batches * 2) for one in batch]
    assert {one["verdict"] for one in again} == {"duplicate"}
    assert sitting.intake.one("SELECT count(*) FROM requests") == 60
    assert sitting.intake.one("SELECT count(*) FROM tea_stall_requests") == 60
    assert sitting.intake.one("SELECT count(*) FROM request_steps") >= 60


def test_a_faulty_line_harms_no_other(sitting: Sitting) -> None:
    good, stranger = entry(), entry(who="R999999")
    empty, odd = entry("   "), entry(photo="data:text/html;base64,AAAA")
    told = sitting.verdicts([good, stranger, empty, odd])
    assert [one["verdict"] for one in told] == ["accepted", "refused", "refused", "refused"]
    assert "R999999" in told[1]["zh"]
    assert all(one["zh"] and one["en"] for one in told[1:])
    assert sitting.intake.one("SELECT count(*) FROM requests") == 1


def test_a_line_that_was_changed_after_it_came_is_a_conflict(sitting: Sitting) -> None:
    first, other = entry(), entry("路灯不亮")
    sitting.verdicts([first])
    changed = {**first, "body": {"text": "停车位太多"}}
    assert [one["verdict"] for one in sitting.verdicts([changed, other])] == [
        "conflict",
        "accepted",
    ]
    assert sitting.intake.one("SELECT count(*) FROM requests") == 2


def test_who_said_it_is_found_in_the_register_or_sealed(sitting: Sitting) -> None:
    sitting.verdicts(
        [
            entry("甲", who="13911112222"),
            entry("乙", who="r000002"),
            entry("丙", who="过客 13600001111"),
        ]
    )
    rows = sitting.intake.rows("SELECT title, resident_no FROM requests ORDER BY id")
    assert [row["resident_no"] for row in rows] == ["R000001", "R000002", None]
    assert "13600001111" not in sitting.intake.one("SELECT sealed FROM request_contacts")
    page = sitting.browser.get(sitting.path).text
    assert "136****1111" in page
    assert "13600001111" not in page


def test_a_photo_comes_with_its_line_once(sitting: Sitting) -> None:
    one = entry(photo=photo())
    assert sitting.verdicts([one])[0]["verdict"] == "accepted"
    assert sitting.verdicts([one])[0]["verdict"] == "duplicate"
    assert sitting.intake.one("SELECT count(*) FROM photos") == 1


def test_without_scripts_the_form_is_a_plain_post(sitting: Sitting) -> None:
    token = str(uuid.uuid4())
    for _ in range(2):
        answer = sitting.browser.post(sitting.path, client_id=token, text="电梯异响", who="")
        assert answer.status_code == 303
    bad = sitting.browser.post(sitting.path, client_id=str(uuid.uuid4()), text="x", who="R999999")
    assert bad.status_code == 422
    assert "R999999" in bad.text
    assert sitting.intake.one("SELECT count(*) FROM requests") == 1


def test_alike_lines_become_one_campaign_whose_followers_hear(sitting: Sitting) -> None:
    said = [entry("小区停车位太少", who="R000001"), entry("停车位太少了", who="R000002"),
            entry("小区停车位太少，晚上没地方停"), entry("老人食堂几点开门")]  # fmt: skip
    numbers = [one["request_no"] for one in sitting.verdicts(said)]
    page = sitting.browser.get(f"{sitting.path}/groups").text
    assert all(number in page for number in numbers[:3])
    assert numbers[3] not in page
    form = {"form_token": "token-1", "title": "停车难专项", "request_no": numbers[:3]}
    for _ in range(2):
        answer = sitting.browser.post(f"{sitting.path}/campaigns", **form)  # type: ignore[arg-type]
        assert answer.status_code == 303, answer.text
    intake = sitting.intake
    assert intake.one("SELECT count(*) FROM requests") == 5
    campaign = intake.one("SELECT id FROM requests WHERE title = '停车难专项'")
    merged = intake.rows("SELECT state, merged_into FROM requests ORDER BY id LIMIT 4")
    assert [row["state"] for row in merged] == ["merged"] * 3 + ["submitted"]
    assert {row["merged_into"] for row in merged[:3]} == {campaign}
    followers = intake.rows(
        "SELECT resident_no, because_of FROM followers WHERE request_id = :id ORDER BY 1",
        id=campaign,
    )
    assert [(row["resident_no"], row["because_of"]) for row in followers] == [
        ("R000001", 1),
        ("R000002", 2),
    ]
    assert "停车难专项" in sitting.browser.get(f"{sitting.path}/sheet").text


def test_the_result_of_a_campaign_is_told_to_everybody_who_asked(sitting: Sitting) -> None:
    said = [entry("停车位太少", who="R000001"), entry("停车位太少", who="R000002")]
    numbers = [one["request_no"] for one in sitting.verdicts(said)]
    form: dict[str, Any] = {"form_token": "t", "title": "停车难专项", "request_no": numbers}
    sitting.browser.post(f"{sitting.path}/campaigns", **form)
    intake = sitting.intake
    campaign = intake.one("SELECT id FROM requests WHERE title = '停车难专项'")
    with transaction(intake.sessions) as tx:
        take(tx, [Step(request_id=campaign, action=Action.DECLINE, note="已列入规划")], CLERK)
    told = [
        event["data"]["resident_no"]
        for event in intake.said("linli.request.moved.v1")
        if event["data"]["happened"] == "declined"
    ]
    assert sorted(told) == ["R000001", "R000002"]


@pytest.mark.parametrize("numbers", [[], ["Q-nothing", "Q-none"]])
def test_a_campaign_needs_two_requests_of_its_sitting(sitting: Sitting, numbers: list[str]) -> None:
    form: dict[str, Any] = {"form_token": "t", "title": "专项", "request_no": numbers}
    assert sitting.browser.post(f"{sitting.path}/campaigns", **form).status_code == 422
    assert sitting.intake.one("SELECT count(*) FROM requests") == 0


def test_only_staff_enter_and_a_sitting_that_is_not_there_is_missing(
    sitting: Sitting, intake: Intake
) -> None:
    resident: Browser = intake.signed_in("resident", "R000001")
    assert resident.get(sitting.path).status_code == 403
    assert resident.post(sitting.path, client_id="x" * 8, text="a").status_code == 403
    assert sitting.browser.get("/tea-stall/T-nowhere").status_code == 404
    assert intake.signed_in("auditor").get(sitting.path).status_code == 200

"""The pages of wishes: what each reader sees, and what each may do."""

from __future__ import annotations

import io
from typing import Any

import pytest

from services.intake.actions import wishes
from services.intake.actions.wishes import Giver
from services.intake.rules.states import Actor
from shared.messaging.transaction import transaction
from tests.integration.intake.conftest import Browser, Intake
from tests.integration.intake.wishing import picture, state_of, wished

FORM = {
    "colour": "goods_blue",
    "wall_text": "想要一只电饭煲",
    "detail": "小一点的就好",
    "cost": "199.50",
    "has_consented": "1",
}


def test_the_wall_is_public_and_names_nobody(intake: Intake) -> None:
    wished(intake)
    page = intake.get("/wishes", {"Accept": "text/html"}).text
    assert "想要一只电饭煲" in page
    for secret in ("R000001", "欧阳", "小一点的就好"):
        assert secret not in page


@pytest.mark.parametrize("until", ["registered", "verified"])
def test_what_is_not_on_the_wall_does_not_exist_for_others(intake: Intake, until: str) -> None:
    code = wished(intake, until)
    assert intake.get(f"/wishes/{code}", {"Accept": "text/html"}).status_code == 404
    other = intake.signed_in("resident", "R000002")
    assert other.get(f"/wishes/{code}").status_code == 404
    assert intake.signed_in("resident", "R000001").get(f"/wishes/{code}").status_code == 200


def test_each_reader_sees_what_is_his(intake: Intake) -> None:
    code = wished(intake, "claimed")
    detail, name = "小一点的就好", "欧**"
    for browser, shown in (
        (intake.signed_in("resident", "R000002"), {detail}),  # who claimed it
        (intake.signed_in("resident", "R000001"), {detail, "R000001"}),  # in his own menu
        (intake.signed_in("partner", "tea-house"), set()),
        (intake.signed_in("staff"), {detail, name, "R000001"}),
    ):
        page = browser.get(f"/wishes/{code}").text
        assert {each for each in (detail, name, "R000001") if each in page} == shown


def test_a_resident_wishes_claims_delivers_and_thanks_by_forms(intake: Intake) -> None:
    me, neighbour = (
        intake.signed_in("resident", "R000001"),
        intake.signed_in("resident", "R000002"),
    )
    clerk = intake.signed_in("staff")
    answer = me.post("/wishes/new", **FORM)
    assert answer.status_code == 303
    code = answer.location.rpartition("/")[2]
    clerk.post(f"/wishes/{code}/office/verify")
    clerk.post(f"/wishes/{code}/office/publish", wall_text="想要一只电饭煲")
    neighbour.post(f"/wishes/{code}/claim")
    assert "送达照片" in neighbour.get(f"/wishes/{code}").text
    send(neighbour, code, picture())
    me.post(f"/wishes/{code}/thank", thanks="谢谢好心的邻居")
    assert "谢谢好心的邻居" not in neighbour.get(f"/wishes/{code}").text
    clerk.post(f"/wishes/{code}/office/show_thanks")
    assert state_of(intake, code) == "closed"
    for path in ("/wishes?shown=had", "/wishes/mine", f"/wishes/{code}"):
        assert "谢谢好心的邻居" in neighbour.get(path).text
    assert clerk.get(f"/wishes/{code}/proof.jpg").mimetype == "image/jpeg"
    assert neighbour.get(f"/wishes/{code}/proof.jpg").status_code == 403
    assert intake.one("SELECT cost_fen FROM wishes") == 19_950


def send(browser: Browser, code: str, data: bytes) -> Any:
    return browser.client.post(
        f"/wishes/{code}/deliver",
        data={"csrf_token": browser.token(), "picture": (io.BytesIO(data), "x.jpg")},
        headers={"Accept": "text/html"},
    )


def test_a_faulty_wish_keeps_what_was_typed(intake: Intake) -> None:
    clerk = intake.signed_in("staff")
    for change, told in (
        ({"cost": "许多"}, "cost"),
        ({"resident_no": "R9"}, "resident_no"),
        ({"wall_text": "电话 13911112222"}, "wall_text"),
    ):
        answer = clerk.post("/wishes/new", **{**FORM, "resident_no": "R000001", **change})
        assert answer.status_code == 422
        assert told in answer.text
        assert "小一点的就好" in answer.text


def test_the_clerk_confirms_a_signature(intake: Intake) -> None:
    code = wished(intake, "claimed")
    clerk = intake.signed_in("staff")
    clerk.get(f"/wishes/{code}")
    clerk.post(f"/wishes/{code}/deliver")
    assert state_of(intake, code) == "claimed"
    clerk.post(f"/wishes/{code}/deliver", is_signed="1")
    assert state_of(intake, code) == "delivered"


def test_nobody_acts_for_another(intake: Intake) -> None:
    code = wished(intake, "delivered")
    other = intake.signed_in("resident", "R000002")
    other.get("/wishes")
    other.post(f"/wishes/{code}/thank", thanks="哈哈")
    other.post(f"/wishes/{code}/withdraw")
    assert other.post(f"/wishes/{code}/office/verify").status_code == 403
    assert state_of(intake, code) == "delivered"
    assert intake.signed_in("staff").post("/wishes/W-none/claim").status_code == 404


def test_a_partner_finds_its_claims_and_what_became_of_them(intake: Intake) -> None:
    code = wished(intake)
    with transaction(intake.sessions) as tx:
        wishes.claim(tx, code, Giver("partner", "tea-house"), Actor("partner", "tea-house"))
    partner = intake.signed_in("partner", "tea-house")
    page = partner.get("/wishes/mine").text
    assert code in page
    assert "待送达" in page
    partner.post(f"/wishes/{code}/give-up")
    assert "已放弃" in partner.get("/wishes/mine").text


def test_the_desk_lists_by_state(intake: Intake) -> None:
    codes = [wished(intake, until) for until in ("registered", "published")]
    clerk = intake.signed_in("staff")
    assert codes[0] in clerk.get("/wishes/desk").text
    page = clerk.get("/wishes/desk?state=published").text
    assert codes[1] in page
    assert codes[0] not in page
    clerk.post(f"/wishes/{codes[0]}/office/decline", reason="odd")
    assert state_of(intake, codes[0]) == "registered"
    clerk.post(f"/wishes/{codes[0]}/office/decline", reason="too_dear")
    assert state_of(intake, codes[0]) == "declined"

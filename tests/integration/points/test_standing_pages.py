"""The pages of households, stars, ratings and proposals: who may, what they show, what they do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from services.points.app import create_app
from services.points.rules.declared_examples import HONOURS, RATING, TIME_COINS
from shared.web import auth
from shared.web.auth import Account
from shared.web.settings import WebSettings
from tests.integration.points.database import Ledger, attended, publish_rules
from tests.integration.points.declared import approved, declare, registered

A, B = "R000001", "R000002"
HOME_A, HOME_B = f"/points/households/{A}", f"/points/households/{B}"
RATING_A = f"/points/ratings/{A}"
PROPOSALS, DECLARE = "/points/proposals", "/points/proposals/declare"

SignIn = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def app(module_ledger: Ledger) -> Iterator[Flask]:
    app = create_app(module_ledger.settings, WebSettings(session_key="k" * 40))
    yield app
    app.extensions["linli.engine"].dispose()


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    def sign_in(role: str, subject: str = "", number: str = "1") -> FlaskClient:
        client = app.test_client()
        if role:
            with app.test_request_context():
                auth.sign_in(Account(account_no=f"{role}-{number}", role=role, subject=subject))
                held = dict(session)
            with client.session_transaction() as session_of_client:
                session_of_client.update(held | {"csrf_token": "c" * 43})
        return client

    return sign_in


@pytest.fixture
def home(ledger: Ledger) -> Ledger:
    publish_rules(ledger)
    ledger.hear(registered(A, "H1"), registered(B, "H1"))
    ledger.hear(*(attended(no, 120, day=day) for no in (A, B) for day in (1, 2, 3)))
    return ledger


def post(client: FlaskClient, path: str, **form: object) -> str:
    """What the page says after a form was sent."""
    answer = client.post(path, data={"csrf_token": "c" * 43, **form}, follow_redirects=True)
    return answer.get_data(as_text=True)


OFFICE = {"staff", "manager", "auditor"}
EVERYBODY = {"", "resident", "partner", "operator", *OFFICE}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (HOME_A, {"resident", *OFFICE}),
        (HOME_B, OFFICE),
        (RATING_A, {"resident", *OFFICE}),
        (f"/points/ratings/{B}", OFFICE),
        ("/points/ratings", EVERYBODY),
        (PROPOSALS, OFFICE),
        (DECLARE, {"manager"}),
    ],
)
def test_who_sees_what(home: Ledger, sign_in: SignIn, path: str, allowed: set[str]) -> None:
    seen = {
        role: sign_in(role, A if role == "resident" else "").get(path).status_code
        for role in EVERYBODY
    }
    assert seen == {role: 200 if role in allowed else (403 if role else 401) for role in EVERYBODY}


def test_a_household_from_consent_to_gift(home: Ledger, sign_in: SignIn) -> None:
    a, b = sign_in("resident", A, "a"), sign_in("resident", B, "b")
    said = post(b, HOME_B + "/consents", kind="gift")
    assert "已记下您的同意" in said
    once = re.search(r'name="once" value="([^"]+)"', a.get(HOME_A).get_data(as_text=True))
    assert once
    for _ in range(2):
        said = post(a, HOME_A + "/gifts", receiver=B, amount="5", once=once[1])
        assert "已赠与" in said
    assert (home.balance(A), home.balance(B)) == (31, 41)
    assert "整数" in post(a, HOME_A + "/gifts", receiver=B, amount="-5")
    post(a, HOME_A + "/consents", kind="spend", month_max="20")
    assert "20" in b.get(HOME_B).get_data(as_text=True)
    assert "已撤回" in post(a, HOME_A + "/withdrawals", kind="spend")
    assert "已捐入" in post(a, HOME_A + "/donations", amount="1")


def test_nobody_acts_for_another_but_a_clerk_with_a_reason(home: Ledger, sign_in: SignIn) -> None:
    before = home.snapshot()
    a, clerk = sign_in("resident", A, "a"), sign_in("staff")
    answer = a.post(HOME_B + "/gifts", data={"csrf_token": "c" * 43, "receiver": A, "amount": "5"})
    assert answer.status_code == 403
    assert "代办须填写原因" in post(clerk, HOME_A + "/consents", kind="gift")
    assert home.snapshot() == before
    assert home.rows("SELECT FROM sharing_consents") == []
    post(clerk, HOME_A + "/consents", kind="gift", reason="本人来窗口要求")
    assert home.rows("SELECT given_by, given_reason FROM sharing_consents") == [
        ("staff-1", "本人来窗口要求")
    ]
    for role in ("auditor", "manager"):
        answer = sign_in(role).post(HOME_A + "/consents", data={"csrf_token": "c" * 43})
        assert answer.status_code == 403


def test_rules_are_declared_by_two_managers_through_the_pages(
    home: Ledger, sign_in: SignIn
) -> None:
    first, second = sign_in("manager"), sign_in("manager", number="2")
    editor = first.get(f"{DECLARE}?kind=honour").get_data(as_text=True)
    assert "nation" in editor
    form = {"kind": "honour", "name": "default", "valid_from": "2999-01-01", "reason": "议事会"}
    said = post(first, DECLARE, rules='{"levels": {"nation": 50}}', **form)
    assert "/rules/levels/province" in said
    assert "缺少" in said
    for bad in ("{", "[" * 5000):
        assert "JSON" in post(first, DECLARE, rules=bad, **form)
    assert home.rows("SELECT FROM proposals") == []
    said = post(first, DECLARE, rules=str(dict(HONOURS)).replace("'", '"'), **form)
    assert "等待另一人复核" in said
    (proposal_id,) = home.rows("SELECT proposal_id FROM proposals")[0]
    path = f"{PROPOSALS}/{proposal_id}/decisions"
    assert "另一人" in post(first, path, verdict="approve", decision_reason="好")
    assert home.rows("SELECT FROM declared_rules") == []
    assert "已记下" in post(second, path, verdict="approve", decision_reason="好")
    assert home.rows("SELECT kind, version FROM declared_rules") == [("honour", 1)]


def test_a_score_is_explained_and_an_appeal_restores(home: Ledger, sign_in: SignIn) -> None:
    declare(home, "rating", RATING)
    declare(home, "honour", HONOURS)
    approved(home, "honour", {"level": "county", "title": "好人", "on_date": "2026-05-04"}, A)
    a = sign_in("resident", A, "a")
    page = a.get(RATING_A).get_data(as_text=True)
    assert "好人" in page
    assert "信用评价 620" in page  # 600, a month of service 5, 15 of honours
    said = post(a, RATING_A + "/appeals", part="continuity", reason="九月的服务没有算")
    assert "申诉已提交" in said
    (proposal_id,) = home.rows("SELECT proposal_id FROM proposals WHERE kind = 'appeal'")[0]
    manager = sign_in("manager")
    assert "九月的服务没有算" in manager.get(PROPOSALS).get_data(as_text=True)
    path = f"{PROPOSALS}/{proposal_id}/decisions"
    assert "/points" in post(manager, path, verdict="approve", decision_reason="属实")
    post(manager, path, verdict="approve", decision_reason="属实", points="5")
    page = a.get(RATING_A).get_data(as_text=True)
    assert "信用评价 625" in page
    assert "申诉后补 5 分" in page
    assert "属实" in page


def test_the_public_page_tells_the_rules_in_force(home: Ledger, sign_in: SignIn) -> None:
    page = sign_in("").get("/points/ratings").get_data(as_text=True)
    assert "还没有发布评价规则" in page
    assert "1,500" in page
    declare(home, "rating", RATING)
    declare(home, "conversion", TIME_COINS, name="hour-to-coin")
    page = sign_in("").get("/points/ratings").get_data(as_text=True)
    assert "持之以恒" in page
    assert "不扣分" in page
    assert "时间币" in page


def test_the_passbook_shows_the_star_and_what_the_next_one_needs(
    home: Ledger, sign_in: SignIn
) -> None:
    page = sign_in("resident", A).get(f"/passbooks/{A}").get_data(as_text=True)
    assert "0 星志愿者" in page
    assert "1 星还差 94 小时" in page


def test_the_json_tells_the_same_as_of_a_day(home: Ledger, sign_in: SignIn) -> None:
    path = f"/points/api/v1/ratings/{A}"
    declare(home, "rating", RATING)
    told = sign_in("resident", A).get(path).get_json()
    assert told["rating"]["score"] == 600 + sum(one["points"] for one in told["rating"]["parts"])
    (stars,) = told["stars"]
    assert (stars["star"], stars["service_minutes"]) == (0, 360)
    before = sign_in("auditor").get(path, query_string={"on": "2020-01-01"}).get_json()
    assert (before["rating"], before["stars"][0]["service_minutes"]) == (None, 0)
    assert sign_in("resident", B).get(path).status_code == 403
    assert sign_in("staff").get(path, query_string={"on": "x"}).status_code == 422
    (rule,) = sign_in("").get("/points/api/v1/declared-rules").get_json()["rules"]
    assert (rule["kind"], rule["version"]) == ("rating", 1)
    assert "made_by" not in rule

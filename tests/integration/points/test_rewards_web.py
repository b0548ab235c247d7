"""The pages and the JSON of rewards: who sees what, and one way through for each role."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from services.points.actions.households import consent
from services.points.app import create_app
from shared import clock
from shared.messaging.transaction import transaction
from shared.web import auth
from shared.web.access import undeclared_routes
from shared.web.auth import Account
from shared.web.settings import WebSettings
from tests.integration.points.database import Ledger
from tests.integration.points.declared import registered
from tests.integration.points.redeeming import (
    NOW,
    SHOP,
    ask,
    assert_sound,
    code_of,
    give,
    held,
    offered,
    slot,
    stock,
)

A, B = "R000001", "R000002"
API = "/points/api/v1"
SignIn = Callable[..., "Browser"]


class Browser:
    """A test client that sends the token of its own session with each form."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client
        page = client.get("/points/rules")
        found = re.search(r'name="csrf-token" content="([^"]+)"', page.text)
        self.token = found[1] if found else ""

    def get(self, path: str) -> Any:
        return self.client.get(path, headers={"Accept": "text/html"})

    def post(self, path: str, **form: Any) -> Any:
        data = {"csrf_token": self.token, **form}
        return self.client.post(path, data=data, headers={"Accept": "text/html"})

    def send(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(path, json=body, headers={"X-CSRF-Token": self.token, **headers})


@pytest.fixture(scope="module")
def app(module_ledger: Ledger) -> Iterator[Flask]:
    app = create_app(module_ledger.settings, WebSettings(session_key="k" * 40))
    yield app
    app.extensions["linli.engine"].dispose()


@pytest.fixture(autouse=True)
def _thursday() -> Iterator[None]:
    clock.freeze(NOW)
    yield
    clock.freeze(None)


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    def sign_in(role: str, subject: str = "") -> Browser:
        client = app.test_client()
        with app.test_request_context():
            auth.sign_in(Account(account_no=f"{role}-1", role=role, subject=subject))
            kept = dict(session)
        with client.session_transaction() as session_of_client:
            session_of_client.update(kept)
        return Browser(client)

    return sign_in


def key_in(page: str) -> str:
    found = re.search(r'name="key" value="([^"]+)"', page)
    assert found
    return found[1]


def test_every_route_says_who_may_use_it(app: Flask) -> None:
    assert undeclared_routes(app) == []


def test_who_opens_what(ledger: Ledger, sign_in: SignIn) -> None:
    give(ledger, A, 30)
    rice = offered(ledger)
    mine = ask(ledger, A, rice)
    readers = {"resident", "staff", "manager", "operator", "auditor"}
    wanted = {
        "/points/rewards": readers,
        f"/points/rewards/{rice}": readers,
        f"/points/rewards/{rice}/confirm?resident_no={A}": {"resident", "staff"},
        "/points/redemptions": {"resident"},
        f"/points/redemptions/{mine.redemption_no}": readers,
        "/points/counter": {"staff", "partner"},
        "/points/catalogue": {"manager", "auditor"},
        "/points/catalogue/new": {"manager"},
        f"/points/catalogue/{rice}": {"manager", "auditor"},
        f"{API}/rewards": readers,
        f"{API}/rewards/{rice}": readers,
        f"{API}/redemptions": {"resident", "partner", "staff"},
        f"{API}/redemptions/{mine.redemption_no}": readers,
    }
    for path, roles in wanted.items():
        for role in (*readers, "partner"):
            subject = {"resident": A, "partner": SHOP}.get(role, "")
            status = sign_in(role, subject).get(path).status_code
            assert status == (200 if role in roles else 403), (path, role, status)
    assert (
        sign_in("resident", B).get(f"/points/redemptions/{mine.redemption_no}").status_code == 403
    )


def test_a_resident_redeems_shows_the_code_and_cancels(ledger: Ledger, sign_in: SignIn) -> None:
    give(ledger, A, 30)
    rice = offered(ledger, limit_count=2, limit_span="month", weekdays=(4,))
    me = sign_in("resident", A)
    assert "大米一袋" in me.get("/points/rewards").text
    confirm = me.get(f"/points/rewards/{rice}/confirm?quantity=2").text
    assert "20 积分" in confirm
    form = {"key": key_in(confirm), "quantity": "2", "slot_id": ""}
    done = me.post(f"/points/rewards/{rice}/redeem", **form)
    assert done.status_code == 303
    again = me.post(f"/points/rewards/{rice}/redeem", **form)  # a second click
    assert again.location == done.location
    assert held(ledger, A) == {"resident": 10, "held": 20}
    page = me.get(done.location).text
    found = re.search(r'pickup-code">([0-9A-Z]{5}-[0-9A-Z]{5})<', page)
    assert found
    assert "<svg" in page
    assert "待领取" in me.get("/points/redemptions").text
    clerk = sign_in("staff").get(done.location).text
    assert found[1] not in clerk
    me.post(f"{done.location}/cancel")
    assert held(ledger, A) == {"resident": 30, "held": 0}
    assert "本人取消" in me.get(done.location).text
    refused = me.post(
        f"/points/rewards/{rice}/redeem", **form | {"key": "another-key", "quantity": "3"}
    )
    assert "限兑 2 份" in me.get(refused.location).text


def test_a_partner_confirms_by_code(ledger: Ledger, sign_in: SignIn) -> None:
    give(ledger, A, 30)
    redeemed = ask(ledger, A, offered(ledger))
    other = sign_in("partner", "another").post("/points/counter", code=code_of(redeemed))
    assert (other.status_code, "不由本单位兑付" in other.text) == (409, True)
    till = sign_in("partner", SHOP)
    assert redeemed.redemption_no in till.get("/points/counter").text
    number = till.post("/points/counter", code=redeemed.redemption_no)
    assert number.status_code == 409  # a number is no secret: for the clerk alone
    preview = till.post("/points/counter", code=code_of(redeemed).lower()).text
    assert "大米一袋" in preview
    assert A not in preview
    assert held(ledger, A)["held"] == 10  # looking spends nothing
    assert till.post("/points/counter/confirm", code=code_of(redeemed)).status_code == 303
    assert held(ledger, A) == {"resident": 20, "held": 0}
    twice = till.post("/points/counter/confirm", code=code_of(redeemed))
    assert (twice.status_code, "已经用过" in twice.text) == (409, True)
    assert ledger.scalar("SELECT count(*) FROM refused_claims") == 1
    assert_sound(ledger)


def test_a_clerk_redeems_for_who_comes_by_and_confirms_by_number(
    ledger: Ledger, sign_in: SignIn
) -> None:
    give(ledger, A, 30)
    rice = offered(ledger)
    clerk = sign_in("staff")
    confirm = clerk.get(f"/points/rewards/{rice}/confirm?quantity=1&resident_no={A}").text
    form = {"key": key_in(confirm), "quantity": "1", "resident_no": A}
    done = clerk.post(f"/points/rewards/{rice}/redeem", **form, hand_over="1")
    assert "已领取" in clerk.get(done.location).text
    assert stock(ledger, rice) == (5, 0, 1)
    later = ask(ledger, A, rice)
    assert A in clerk.post("/points/counter", code=later.redemption_no).text
    clerk.post("/points/counter/confirm", code=later.redemption_no)
    assert stock(ledger, rice) == (5, 0, 2)
    assert clerk.post(f"/points/rewards/{rice}/redeem", key="x" * 9).status_code == 303
    by = ledger.rows("SELECT held_by, settled_by FROM redemptions ORDER BY id")
    assert by == [("staff-1", "staff-1"), (A, "staff-1")]
    assert_sound(ledger)


def test_a_manager_keeps_the_catalogue(ledger: Ledger, sign_in: SignIn) -> None:
    boss = sign_in("manager")
    form = {
        "kind": "goods",
        "title": "食用油",
        "place": "社区服务台",
        "price": "15",
        "asset": "points",
        "value": "12.50",
        "month_days": "1、15",
        "weekdays": ["4", "5"],
        "pickup_hours": "48",
        "limit_count": "1",
        "limit_span": "quarter",
        "stock": "8",
    }
    wrong = boss.post("/points/catalogue/new", **form | {"price": "many"})
    assert wrong.status_code == 422
    assert "f-price-error" in wrong.text
    assert "食用油" in wrong.text  # what was typed stays
    for field, value in (("stock", ""), ("minutes", "30"), ("venue_code", "x"), ("weekdays", "8")):
        assert boss.post("/points/catalogue/new", **form | {field: value}).status_code == 422
    done = boss.post("/points/catalogue/new", **form)
    ((found,),) = ledger.rows("SELECT to_jsonb(r) FROM rewards r")
    assert (found["value_fen"], found["month_days"], found["weekdays"]) == (1250, [1, 15], [4, 5])
    changed = form | {"revision": "1", "price": "16", "title": "花生油"}
    assert boss.post(done.location, **changed).status_code == 303
    assert boss.post(done.location, **changed).status_code == 409  # somebody was quicker
    boss.post(f"{done.location}/stock", amount="4", note="第二批")
    assert stock(ledger, found["id"]) == (12, 0, 0)
    boss.post(f"{done.location}/stock", amount="-13")
    assert stock(ledger, found["id"]) == (12, 0, 0)
    boss.post(f"{done.location}/status", status="closed")
    page = boss.get(done.location).text
    assert "已下架" in page
    assert "第二批" in page
    assert "更改条件" not in sign_in("auditor").get(done.location).text


def test_a_venue_is_booked_by_its_time(ledger: Ledger, sign_in: SignIn) -> None:
    give(ledger, A, 30)
    room = offered(ledger, kind="venue", title="会议室", venue_code="room-1", stock=None)
    boss, me = sign_in("manager"), sign_in("resident", A)
    where = f"/points/catalogue/{room}"
    boss.post(f"{where}/slots", starts_at="2026-10-17T09:00", ends_at="2026-10-17T11:00")
    boss.post(f"{where}/slots", starts_at="2026-10-17T10:00", ends_at="2026-10-17T12:00")
    boss.post(f"{where}/slots", starts_at="tomorrow", ends_at="")
    ((slot_id, starts_at),) = ledger.rows("SELECT id, starts_at FROM venue_slots")
    assert starts_at == NOW + timedelta(days=1, hours=23)
    assert "10-17 09:00–11:00" in me.get(f"/points/rewards/{room}").text
    confirm = me.get(f"/points/rewards/{room}/confirm?slot_id={slot_id}").text
    form = {"key": key_in(confirm), "slot_id": str(slot_id)}
    done = me.post(f"/points/rewards/{room}/redeem", **form)
    assert "2026-10-17 09:00" in me.get(done.location).text
    boss.post(f"{where}/slots/{slot_id}/remove")
    later = slot(ledger, room, NOW + timedelta(days=5))
    boss.post(f"{where}/slots/{later}/remove")
    assert ledger.rows("SELECT id FROM venue_slots") == [(slot_id,)]


def test_the_same_by_json(ledger: Ledger, sign_in: SignIn) -> None:
    give(ledger, A, 30)
    rice = offered(ledger)
    me, till = sign_in("resident", A), sign_in("partner", SHOP)
    (shown,) = me.get(f"{API}/rewards?kind=goods").json["rewards"]
    assert (shown["id"], shown["left"], shown["is_exchange_day"]) == (rice, 5, True)
    body = {"reward_id": rice, "quantity": 2}
    assert me.send(f"{API}/redemptions", body).status_code == 422  # no key
    key = {"Idempotency-Key": "json-key-1"}
    made = me.send(f"{API}/redemptions", body, **key)
    assert made.status_code == 201
    again = me.send(f"{API}/redemptions", body, **key)
    assert (again.json, again.headers["Idempotency-Hit"]) == (made.json, "true")
    other = me.send(f"{API}/redemptions", body | {"quantity": 1}, **key)
    assert (other.status_code, other.json["pointer"]) == (409, "/quantity")
    assert "quantity" in other.json["detail_en"]
    too_much = me.send(f"{API}/redemptions", body, **{"Idempotency-Key": "json-key-2"})
    assert (too_much.status_code, too_much.json["code"]) == (409, "not_enough")
    assert (
        sign_in("resident", B)
        .send(f"{API}/redemptions", body | {"resident_no": A}, **key)
        .status_code
        == 403
    )
    assert till.send(f"{API}/redemptions/collect", {"code": "ABC"}).json["code"] == "unknown_code"
    done = till.send(f"{API}/redemptions/collect", {"code": made.json["code"]})
    assert (done.status_code, done.json["state"], done.json["code"]) == (200, "collected", None)
    no = made.json["redemption_no"]
    assert me.send(f"{API}/redemptions/{no}/cancel", {}).json["code"] == "not_held"
    for browser in (me, till, sign_in("staff")):
        listed = browser.get(f"{API}/redemptions").json
        assert [one["redemption_no"] for one in listed["redemptions"]] == [no]
    assert "resident_no" not in done.json


def test_a_resident_chooses_to_use_what_the_family_shares(ledger: Ledger, sign_in: SignIn) -> None:
    give(ledger, A, 4)
    give(ledger, B, 20)
    ledger.hear(registered(A, "H1"), registered(B, "H1"))
    rice = offered(ledger)
    me, choice = sign_in("resident", A), 'name="use_household"'
    assert choice not in me.get(f"/points/rewards/{rice}/confirm").text
    with transaction(ledger.sessions) as tx:
        consent(tx, B, "spend", by=B, month_max=15)
    assert f"/points/rewards/{rice}/confirm" in me.get(f"/points/rewards/{rice}").text
    page = me.get(f"/points/rewards/{rice}/confirm").text
    assert choice in page
    assert re.search(r'value="0" checked', page)  # of one's own, unless one says otherwise
    form = {"key": key_in(page), "quantity": "1", "slot_id": ""}
    done = me.post(f"/points/rewards/{rice}/redeem", **form, use_household="1")
    shown = me.get(done.location).text
    assert "家人共用的" in shown
    assert re.search(r"自己 4，家人 6", me.get("/points/redemptions").text)
    assert held(ledger, B) == {"resident": 14, "held": 6}
    assert_sound(ledger)


def test_sharing_by_json(ledger: Ledger, sign_in: SignIn) -> None:
    give(ledger, A, 4)
    give(ledger, B, 20)
    ledger.hear(registered(A, "H1"), registered(B, "H1"))
    with transaction(ledger.sessions) as tx:
        consent(tx, B, "spend", by=B, month_max=15)
    rice = offered(ledger)
    me, till = sign_in("resident", A), sign_in("partner", SHOP)
    body, key = {"reward_id": rice, "use_household": True}, {"Idempotency-Key": "json-key-7"}
    assert me.send(f"{API}/redemptions", body | {"use_household": "x"}, **key).status_code == 422
    made = me.send(f"{API}/redemptions", body, **key)
    assert (made.status_code, made.json["from_household"]) == (201, 6)
    other = me.send(f"{API}/redemptions", body | {"use_household": False}, **key)
    assert (other.status_code, other.json["pointer"]) == (409, "/use_household")
    (seen,) = till.get(f"{API}/redemptions").json["redemptions"]
    assert (seen["price"], seen["from_household"]) == (10, None)

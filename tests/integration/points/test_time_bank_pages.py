"""The pages of the time bank: two steps to send, four eyes for districts, nobody else's coins."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from services.points.app import create_app
from shared import clock
from shared.web.auth import Account
from shared.web.settings import WebSettings
from tests.integration.points.districts import Side, Wire, two_districts

HOME = "/points/time-bank"


@pytest.fixture(scope="module")
def pair(service_stack: dict[str, str]) -> Iterator[tuple[Side, Side]]:
    with two_districts(uuid.uuid4().hex[:8]) as pair:
        yield pair


def signed_in(side: Side, role: str, subject: str = "", account_no: str = "") -> FlaskClient:
    client = side.client.application.test_client()
    account = Account(account_no=account_no or f"{role}-1", role=role, subject=subject)
    at = int(clock.now().timestamp())
    with client.session_transaction() as session:
        session.update(
            account={
                "account_no": account.account_no, "role": role, "subject": subject, "name": "",
            },
            issued_at=at,
            last_seen=at,
            csrf_token="token",
        )  # fmt: skip
    return client


def test_a_resident_sends_in_two_steps(pair: tuple[Side, Side]) -> None:
    east, west = pair
    giver, receiver = east.resident(), west.resident([])
    page = signed_in(east, "resident", giver)
    assert page.get(HOME).location == f"{HOME}/of/{giver}"
    form = {"to_district": "WEST", "to_resident": receiver, "amount": "7", "csrf_token": "token"}
    asked = page.post(f"{HOME}/of/{giver}/confirm", data=form)
    assert asked.status_code == 200
    assert east.coins(giver) == 100  # nothing has happened yet
    sent = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
    for _ in range(2):  # pressed twice is sent once
        assert page.post(f"{HOME}/of/{giver}", data=sent).status_code == 303
    assert east.coins(giver) == 93
    (transfer_id,) = east.open()
    shown = page.get(f"{HOME}/of/{giver}").text
    assert "待对方答复" in shown
    assert f"{transfer_id}/cancel" in shown
    east.send(transfer_id, Wire(pair))
    assert "对方已收到" in page.get(f"{HOME}/of/{giver}").text
    arrived = signed_in(west, "resident", receiver).get(f"{HOME}/of/{receiver}").text
    assert "区EAST" in arrived
    assert "外区转入" in arrived


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"amount": "x"}, "时间币须为"),
        ({"to_resident": "a b"}, "居民编号"),
        ({"to_district": "NOBODY"}, "请从列表中选择"),
    ],
)
def test_bad_input_is_told_at_its_field(
    pair: tuple[Side, Side], changed: dict[str, str], said: str
) -> None:
    east, _ = pair
    giver = east.resident()
    form = {"to_district": "WEST", "to_resident": "R1", "amount": "7", "csrf_token": "token"}
    page = signed_in(east, "resident", giver)
    answer = page.post(f"{HOME}/of/{giver}/confirm", data=form | changed)
    assert answer.status_code == 422
    assert said in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_others_coins_are_nobody_s_business(pair: tuple[Side, Side]) -> None:
    east, west = pair
    giver, stranger = east.resident(), east.resident()
    moved = east.depart(giver, west.resident([]), west, 1)
    token = {"csrf_token": "token"}
    page = signed_in(east, "resident", stranger)
    assert page.get(f"{HOME}/of/{giver}").status_code == 403
    assert page.post(f"{HOME}/of/{giver}", data=token).status_code == 403
    assert page.post(f"{HOME}/of/{giver}/{moved}/cancel", data=token).status_code == 403
    assert page.post(f"{HOME}/of/{stranger}/{moved}/cancel", data=token).status_code == 404
    auditor = signed_in(east, "auditor")
    assert auditor.get(f"{HOME}/of/{giver}").status_code == 200
    assert auditor.post(f"{HOME}/of/{giver}", data=token).status_code == 403
    assert auditor.post(f"{HOME}/transfers/{moved}/cancel", data=token).status_code == 403
    # A clerk may ask; the other district must confirm.
    clerk = signed_in(east, "staff")
    assert clerk.post(f"{HOME}/of/{giver}/{moved}/cancel", data=token).status_code == 303
    assert "撤销待确认" in clerk.get(f"{HOME}/of/{giver}").text
    assert f"{HOME}/transfers/{moved}/retry" in clerk.get(HOME).text
    assert clerk.post(f"{HOME}/transfers/{moved}/retry", data=token).status_code == 303
    east.send(moved, Wire(pair))
    assert east.coins(giver) == 100


def test_districts_are_registered_by_two_managers(pair: tuple[Side, Side]) -> None:
    east, west = pair
    maker = signed_in(east, "manager", account_no="manager-1")
    checker = signed_in(east, "manager", account_no="manager-2")
    form = {
        "code": "NORTH", "name": "北区", "url": "https://north.example",
        "public_key": west.district.public_key, "transfer_max": "10", "month_max": "20",
        "balance_max": "30", "is_active": "yes", "csrf_token": "token",
    }  # fmt: skip
    place = f"{HOME}/peers"
    for changed in (
        {"code": "EAST"}, {"url": "http://north.example"}, {"url": "https://north.example/a"},
        {"public_key": "AAAA"}, {"name": ""}, {"transfer_max": "0"}, {"code": "a/b"},
    ):  # fmt: skip
        answer = maker.post(place, data=form | changed)
        assert answer.status_code == 422, changed
        assert 'aria-invalid="true"' in answer.text
    assert maker.post(place, data=form).status_code == 303
    (change,) = east.ledger.rows(
        "SELECT change_id FROM time_bank_peer_changes WHERE decision IS NULL"
    )
    approve = f"{place}/{change[0]}/approve"
    assert approve not in maker.get(place).text
    maker.post(approve, data={"csrf_token": "token"})
    assert "https://north.example" in checker.get(place).text
    assert approve in checker.get(place).text
    assert checker.post(approve, data={"csrf_token": "token"}).status_code == 303
    assert "北区 NORTH" in checker.get(place).text
    assert "https://north.example" in maker.get(f"{place}?code=NORTH").text
    assert signed_in(east, "staff").get(place).status_code == 403


def test_without_a_key_the_pages_say_it_is_off(pair: tuple[Side, Side]) -> None:
    east, _ = pair
    app = create_app(east.ledger.settings, WebSettings(session_key="k" * 40))
    try:
        off = Side("OFF", east.ledger, east.district, app.test_client())
        giver = east.resident()
        assert "尚未开通" in signed_in(off, "resident", giver).get(f"{HOME}/of/{giver}").text
        assert "LINLI_DISTRICT_CODE" in signed_in(off, "manager").get(HOME).text
        form = {"to_district": "WEST", "to_resident": "R1", "amount": "1", "csrf_token": "token",
                "transfer_id": str(uuid.uuid4())}  # fmt: skip
        before = east.ledger.snapshot()
        refused = signed_in(off, "resident", giver).post(f"{HOME}/of/{giver}", data=form)
        assert refused.status_code == 503
        assert east.ledger.snapshot() == before
        assert off.client.post("/points/api/v1/time-bank/transfers", data=b"{}").status_code == 503
    finally:
        app.extensions["linli.engine"].dispose()

"""Drafts of rules over HTTP: the whole way by two managers, as pages and as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from services.points.app import create_app
from shared.web import auth
from shared.web.auth import Account
from shared.web.settings import WebSettings
from tests.integration.points.database import RULES, Ledger, attended, publish_rules

API = "/points/api/v1/rules"
PLACE = "/points/rules/drafts"
TOKEN = "t" * 43
NEXT: dict[str, Any] = {**RULES, "version": 2, "valid_from": "2099-01-01"}

SignIn = Callable[[str, str], FlaskClient]


@pytest.fixture(scope="module")
def app(module_ledger: Ledger) -> Iterator[Flask]:
    app = create_app(module_ledger.settings, WebSettings(session_key="k" * 40))
    yield app
    app.extensions["linli.engine"].dispose()


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    def sign_in(role: str, account_no: str) -> FlaskClient:
        client = app.test_client()
        with app.test_request_context():
            auth.sign_in(Account(account_no=account_no, role=role))
            held = {**session, "csrf_token": TOKEN}
        with client.session_transaction() as session_of_client:
            session_of_client.update(held)
        client.environ_base["HTTP_X_CSRF_TOKEN"] = TOKEN
        return client

    return sign_in


@pytest.fixture
def book(ledger: Ledger) -> Ledger:
    publish_rules(ledger)
    ledger.hear(*(attended("R000001", 200, day=day) for day in range(1, 9)))
    return ledger


def test_two_managers_publish_a_version_by_api(book: Ledger, sign_in: SignIn) -> None:
    maker, checker = sign_in("manager", "m-1"), sign_in("manager", "m-2")
    made = maker.post(f"{API}/drafts", json={"body": {**NEXT, "caps": {"x": 1}}})
    assert made.status_code == 201
    draft = f"{API}/drafts/{made.get_json()['draft_id']}"
    refused = maker.post(f"{draft}/submit", json={"revision": 1})
    assert (refused.status_code, refused.get_json()["pointer"]) == (422, "/caps/x")
    changed = maker.put(draft, json={"revision": 1, "body": NEXT})
    assert changed.get_json()["revision"] == 2
    assert maker.post(f"{draft}/simulate").get_json()["simulated"]["difference"] == 0
    assert maker.post(f"{draft}/submit", json={"revision": 2}).status_code == 200
    assert maker.post(f"{draft}/publish", json={"revision": 2}).status_code == 403
    assert checker.post(f"{draft}/publish", json={"revision": 1}).status_code == 409
    done = checker.post(f"{draft}/publish", json={"revision": 2}).get_json()
    assert (done["state"], done["made_by"], done["checked_by"]) == ("published", "m-1", "m-2")
    listed = checker.get(API).get_json()["rules"]
    assert [one["version"] for one in listed] == [2, 1]
    assert [one["in_force"] for one in listed] == [False, True]
    assert len(checker.get(f"{API}/drafts").get_json()["drafts"]) == 1


def test_rules_are_checked_without_being_stored(book: Ledger, sign_in: SignIn) -> None:
    client = sign_in("manager", "m-1")
    told = client.post(f"{API}/check", json={"body": {**NEXT, "colour": 1, "version": 0}})
    assert {one["pointer"] for one in told.get_json()["problems"]} == {"/colour", "/version"}
    good = client.post(f"{API}/check", json={"body": NEXT}).get_json()
    assert good["problems"] == []
    assert len(good["zh"]) == len(good["en"]) > 2
    assert book.scalar("SELECT count(*) FROM rule_drafts") == 0


@pytest.mark.parametrize("role", ["staff", "operator", "resident", "partner"])
def test_drafts_are_for_managers_and_auditors(book: Ledger, sign_in: SignIn, role: str) -> None:
    client = sign_in(role, "a-1")
    for answer in (client.get(PLACE), client.get(f"{API}/drafts"), client.post(PLACE)):
        assert answer.status_code == 403


def test_an_auditor_looks_and_changes_nothing(book: Ledger, sign_in: SignIn) -> None:
    made = sign_in("manager", "m-1").post(f"{API}/drafts", json={"body": NEXT}).get_json()
    auditor = sign_in("auditor", "a-1")
    assert auditor.get(f"{PLACE}/{made['draft_id']}").status_code == 200
    for step in ("", "/simulate", "/submit", "/publish", "/reject"):
        assert auditor.post(f"{PLACE}/{made['draft_id']}{step}").status_code == 403


def test_the_whole_way_on_pages(book: Ledger, sign_in: SignIn) -> None:
    maker, checker = sign_in("manager", "m-1"), sign_in("manager", "m-2")
    place = maker.post(PLACE, data={"source": "ideal-bank.1"}).headers["Location"]
    page = maker.get(place).get_data(as_text=True)
    assert "格式检查通过" in page
    odd = maker.post(place, data={"revision": "1", "body": '{"programme": '})
    assert odd.status_code == 422
    assert "不是 JSON" in odd.get_data(as_text=True)
    wrong = {**NEXT, "caps": {"person_day_points": -1}}
    maker.post(place, data={"revision": "1", "body": _json(wrong)})
    page = maker.get(place).get_data(as_text=True)
    assert "<code>/caps/person_day_points</code>" in page
    assert "提交审核" not in page
    maker.post(place, data={"revision": "2", "body": _json({**NEXT, "fen_per_point": 150})})
    assert maker.post(f"{place}/simulate").status_code == 303
    page = maker.get(place).get_data(as_text=True)
    assert "与账本一分不差" in page
    assert "990101001001" in page
    maker.post(f"{place}/submit", data={"revision": "3"})
    assert "审核通过并发布" not in maker.get(place).get_data(as_text=True)
    page = checker.get(place).get_data(as_text=True)
    assert "审核通过并发布" in page
    checker.post(f"{place}/publish", data={"revision": "3"})
    assert "已发布" in checker.get(place).get_data(as_text=True)
    assert book.rows("SELECT made_by, checked_by FROM rule_sets WHERE version = 2") == [
        ("m-1", "m-2")
    ]
    assert re.search(r"第 2 版", checker.get("/points/rules").get_data(as_text=True))


def test_whom_a_veto_concerns_is_told_to_nobody(ledger: Ledger, sign_in: SignIn) -> None:
    vetoes = [
        {"resident_no": "R000777", "reason": "false_report", "to": "2099-12-31"},
        {"kind": "culture", "reason": "paid_service"},
    ]
    publish_rules(ledger, {**RULES, "vetoes": vetoes})
    client = sign_in("resident", "r-1")
    for path in (API, "/points/rules"):
        told = client.get(path).get_data(as_text=True)
        assert "R000777" not in told
    page = client.get("/points/rules").get_data(as_text=True)
    assert "另有 1 人暂停计分，名单不公开" in page
    assert "有偿服务" in page


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body)

"""Corrections, paper books and flags through pages and JSON: who may do what, how it is told."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from services.points.app import create_app
from shared.messaging.transaction import transaction
from shared.web import auth
from shared.web.auth import Account
from shared.web.settings import WebSettings
from tests.integration.points.correcting import award_ids, csv_of, register, reverse
from tests.integration.points.database import RULES, Ledger, attended, publish_rules
from tests.integration.points.lots import spend
from tests.integration.points.test_flags import ONCE, served
from tests.integration.points.test_importing import ROWS

A, B = "R000001", "R000002"
API = "/points/api/v1"
WHY = {"reason_code": "not_done", "reason": "核对签到表后发现有误"}
YES = {"decision": "已核对，同意"}

SignIn = Callable[[str, str], FlaskClient]


@pytest.fixture(scope="module")
def app(module_ledger: Ledger) -> Iterator[Flask]:
    app = create_app(module_ledger.settings, WebSettings(session_key="k" * 40))
    yield app
    app.extensions["linli.engine"].dispose()


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    """A browser in which somebody has signed in, with a token for its forms."""

    def sign_in(role: str, account_no: str) -> FlaskClient:
        client = app.test_client()
        with app.test_request_context():
            auth.sign_in(Account(account_no=account_no, role=role))
            held = dict(session)
        with client.session_transaction() as session_of_client:
            session_of_client.update(held, csrf_token="token")
        return client

    return sign_in


def send(client: FlaskClient, path: str, body: dict[str, Any]) -> Any:
    return client.post(API + path, json=body, headers={"X-CSRF-Token": "token"})


def fill(client: FlaskClient, path: str, **form: Any) -> Any:
    return client.post(path, data={"csrf_token": "token", **form})


@pytest.fixture
def book(ledger: Ledger) -> Ledger:
    register(ledger, A, B)
    publish_rules(ledger, RULES)
    ledger.hear(attended(A, 60))
    return ledger


def test_a_reversal_through_json_by_two_managers(book: Ledger, sign_in: SignIn) -> None:
    (award_id,) = award_ids(book, A)
    one, other = sign_in("manager", "m-1"), sign_in("manager", "m-2")
    asked = {"award_id": str(award_id), "policy": "debt", **WHY}
    assert send(sign_in("staff", "s-1"), "/corrections/award-reversals", asked).status_code == 403
    made = send(one, "/corrections/award-reversals", asked)
    assert (made.status_code, made.json["state"]) == (201, "open")
    place = f"/corrections/{made.json['correction_id']}"
    own = send(one, f"{place}/approval", YES)
    assert (own.status_code, own.json["code"]) == (409, "four_eyes")
    assert "另一位" in own.get_data(as_text=True)
    done = send(other, f"{place}/approval", YES)
    assert (done.status_code, done.json["state"], done.json["checked_by"]) == (
        200,
        "approved",
        "m-2",
    )
    assert book.balance(A) == 0
    assert "尚欠积分" not in one.get(f"/passbooks/{A}").get_data(as_text=True)
    listed = sign_in("auditor", "a-1").get(f"{API}/corrections?state=approved").json
    assert [c["made_by"] for c in listed["corrections"]] == ["m-1"]
    entries = one.get(f"{API}/passbooks/{A}/entries").json["entries"]
    assert "经办 m-1，复核 m-2" in entries[0]["explanation"]["zh"]


@pytest.mark.parametrize(
    ("path", "body", "status", "pointer"),
    [
        ("/corrections/award-reversals", {"award_id": "x", **WHY}, 422, "/award_id"),
        (
            "/corrections/adjustments",
            {"resident_no": A, "asset": "points", "amount": "1", **WHY},
            422,
            "/amount",
        ),
        (
            "/corrections/adjustments",
            {"resident_no": A, "asset": "points", "amount": 0, **WHY},
            422,
            "/amount",
        ),
        (
            "/corrections/adjustments",
            {"resident_no": "R9", "asset": "points", "amount": 1, **WHY},
            422,
            "/resident_no",
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_changes(
    book: Ledger, sign_in: SignIn, path: str, body: dict[str, Any], status: int, pointer: str
) -> None:
    before = book.snapshot()
    answer = send(sign_in("manager", "m-1"), path, body)
    assert answer.status_code == status
    assert pointer in answer.get_data(as_text=True)
    assert book.snapshot() == before


def test_pages_lead_from_the_passbook_to_an_approved_adjustment(
    book: Ledger, sign_in: SignIn
) -> None:
    clerk, manager = sign_in("staff", "s-1"), sign_in("manager", "m-1")
    assert clerk.get("/points/corrections/new").status_code == 200
    form = clerk.get(f"/points/corrections/new?resident_no={A}").get_data(as_text=True)
    once = re.search(r'name="once" value="([^"]+)"', form)
    assert once is not None
    given = {"resident_no": A, "asset": "points", "amount": "5", "once": once[1]}
    place = "/points/corrections/adjustments"
    wrong = fill(clerk, place, **(given | {"amount": "many"}), **WHY)
    assert (wrong.status_code, "aria-invalid" in wrong.get_data(as_text=True)) == (422, True)
    made = fill(clerk, place, **given, **WHY)
    assert made.status_code == 303
    assert fill(clerk, place, **given, **WHY).status_code == 409  # sent twice
    shown = manager.get(made.location).get_data(as_text=True)
    assert "同意并入账" in shown
    assert "同意并入账" not in clerk.get(made.location).get_data(as_text=True)
    done = fill(manager, f"{made.location}/decision", verdict="approve", **YES)
    assert done.status_code == 303
    assert book.balance(A) == 11
    assert "整笔冲正" in manager.get(made.location).get_data(as_text=True)
    assert manager.get("/points/corrections").status_code == 200


def test_a_managers_page_reverses_an_award(book: Ledger, sign_in: SignIn) -> None:
    (award_id,) = award_ids(book, A)
    manager = sign_in("manager", "m-1")
    assert str(award_id) in manager.get(f"/points/corrections/new?resident_no={A}").get_data(
        as_text=True
    )
    page = f"/points/corrections/new?award_id={award_id}"
    assert manager.get(page).status_code == 200
    form = {"award_id": str(award_id), "policy": "within_balance", **WHY}
    made = fill(manager, "/points/corrections/reversals", **form)
    fill(sign_in("manager", "m-2"), f"{made.location}/decision", verdict="approve", **YES)
    shown = manager.get(made.location).get_data(as_text=True)
    assert "冲正结果" in shown
    assert book.balance(A) == 0


def test_a_passbook_tells_what_is_owed(book: Ledger, sign_in: SignIn) -> None:
    with transaction(book.sessions) as tx:
        spend(tx, A, 4)
    reverse(book, award_ids(book, A)[0], policy="debt")
    shown = sign_in("staff", "s-1").get(f"/passbooks/{A}").get_data(as_text=True)
    assert "尚欠积分" in shown
    assert "4 分记为欠分" in shown


def test_a_paper_book_through_the_pages(book: Ledger, sign_in: SignIn) -> None:
    clerk, manager = sign_in("staff", "s-1"), sign_in("manager", "m-1")
    for name in ("template.xlsx", "template.csv"):
        assert clerk.get(f"/points/imports/{name}").status_code == 200
    bad = fill(clerk, "/points/imports", file=(io.BytesIO(b"\xff\xff\xff"), "x.csv"))
    assert bad.status_code == 422
    assert fill(clerk, "/points/imports").status_code == 422
    rows = [*ROWS, ("B-02", 3, "R999999", "2026-01-05", 1, "", "", "")]
    sent = fill(clerk, "/points/imports", file=(io.BytesIO(csv_of(rows)), "x.csv"))
    shown = clerk.get(sent.location).get_data(as_text=True)
    assert "没有这个居民编号" in shown
    sent = fill(clerk, "/points/imports", file=(io.BytesIO(csv_of(ROWS)), "x.csv"))
    made = fill(clerk, f"{sent.location}/submission", reason="纸质存折结转")
    assert made.status_code == 303
    assert fill(manager, f"{made.location}/decision", verdict="approve", **YES).status_code == 303
    assert book.balance(A) == 21
    assert "已转入" in clerk.get(sent.location).get_data(as_text=True)
    assert clerk.get("/points/imports").status_code == 200


def test_a_paper_book_through_json(book: Ledger, sign_in: SignIn) -> None:
    clerk = sign_in("staff", "s-1")
    headers = {"X-CSRF-Token": "token", "Content-Type": "application/octet-stream"}
    checked = clerk.post(f"{API}/imports", data=csv_of(ROWS), headers=headers)
    assert (checked.status_code, checked.json["problem_count"]) == (201, 0)
    made = send(clerk, f"/imports/{checked.json['import_id']}/submission", {"reason": "纸质存折"})
    assert made.status_code == 201
    place = f"/corrections/{made.json['correction_id']}/approval"
    assert send(sign_in("manager", "m-1"), place, YES).status_code == 200
    got = clerk.get(f"{API}/imports/{checked.json['import_id']}").json
    assert got["state"] == "approved"


def test_flags_are_judged_by_managers(ledger: Ledger, sign_in: SignIn) -> None:
    register(ledger, A)
    publish_rules(ledger, ONCE)
    ledger.hear(served(A, 0, 60), served(A, 30, 60))
    clerk, manager = sign_in("staff", "s-1"), sign_in("manager", "m-1")
    assert "服务时间重叠" in clerk.get("/points/flags").get_data(as_text=True)
    (flag,) = clerk.get(f"{API}/flags").json["flags"]
    judged = {"outcome": "dismissed", **YES}
    assert send(clerk, f"/flags/{flag['flag_id']}/judgement", judged).status_code == 403
    assert send(manager, f"/flags/{flag['flag_id']}/judgement", judged).status_code == 204
    assert fill(manager, f"/points/flags/{flag['flag_id']}", **judged).status_code == 303
    assert "dismissed" in str(clerk.get(f"{API}/flags?state=dismissed").json)
    named = {"partner": "volunteers-01", "resident_no": A}
    assert send(manager, "/organisers", named).status_code == 204
    assert clerk.get(f"{API}/organisers").json["organisers"][0]["resident_no"] == A
    assert A in manager.get("/points/flags").get_data(as_text=True)
    ended = manager.delete(f"{API}/organisers/volunteers-01/{A}", headers={"X-CSRF-Token": "token"})
    assert ended.status_code == 204
    assert fill(manager, "/points/flags/organisers", **named).status_code == 303
    assert fill(manager, "/points/flags/organisers", end="1", **named).status_code == 303
    assert clerk.get(f"{API}/organisers").json["organisers"] == []


@pytest.mark.parametrize("role", ["resident", "partner", "operator"])
@pytest.mark.parametrize("path", ["/points/corrections", "/points/imports", "/points/flags"])
def test_others_see_none_of_it(book: Ledger, sign_in: SignIn, role: str, path: str) -> None:
    assert sign_in(role, "x-1").get(path).status_code == 403

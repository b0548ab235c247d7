"""The pages of what is owed, of budgets, and of the exported ledger: who sees and does what."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.points.app import create_app
from shared import clock
from shared.messaging.transaction import transaction
from shared.web import auth
from shared.web.auth import Account
from shared.web.settings import WebSettings
from tests.integration.points.database import Ledger, attended, publish_rules
from tests.integration.points.lots import award, put, spend, sweep
from tests.oracle import hledger

A, HOME = "R000001", "990101001001"
API = "/points/api/v1/journal"

SignIn = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def app(module_ledger: Ledger) -> Iterator[Flask]:
    app = create_app(module_ledger.settings, WebSettings(session_key="k" * 40))
    yield app
    app.extensions["linli.engine"].dispose()


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    def sign_in(role: str, number: str = "a-1") -> FlaskClient:
        client = app.test_client()
        with app.test_request_context():
            auth.sign_in(Account(account_no=number, role=role))
            held = dict(session)
        with client.session_transaction() as session_of_client:
            session_of_client.update(held)
        return client

    return sign_in


@pytest.fixture
def book(ledger: Ledger) -> Ledger:
    """A holds 40 points, 5 of them put aside, and 10 were redeemed; some end soon."""
    publish_rules(ledger)
    ledger.hear(attended(A, 60))
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO residents (resident_no, household_no, grid_code, community_code,"
            f" revision) VALUES ('{A}', 'H', 'G', '{HOME}', 1)"
        )
    with transaction(ledger.sessions) as tx:
        award(tx, A, 44, clock.today() + timedelta(days=20))
        spend(tx, A, 10)
        put(tx, A, 5, "resident", "held", "hold")
    return ledger


def send(client: FlaskClient, place: str, **form: str) -> TestResponse:
    """A form as the page sends it, with the token of the page."""
    page = client.get("/points/budgets").get_data(as_text=True)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return client.post(place, data={**form, "csrf_token": found[1]})


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/points/liability", {"manager", "operator", "auditor"}),
        ("/points/liability.csv", {"manager", "operator", "auditor"}),
        ("/points/liability.xlsx", {"manager", "operator", "auditor"}),
        ("/points/budgets", {"manager", "auditor"}),
        ("/points/journal", {"auditor"}),
        (API, {"auditor"}),
    ],
)
def test_who_sees_what(book: Ledger, sign_in: SignIn, path: str, allowed: set[str]) -> None:
    for role in auth.ROLES:
        with sign_in(role).get(path) as answer:
            assert answer.status_code == (200 if role in allowed else 403), role


def test_the_page_tells_what_the_ledger_holds(book: Ledger, sign_in: SignIn) -> None:
    page = sign_in("manager").get("/points/liability").get_data(as_text=True)
    [row] = re.findall(rf">{HOME}</span></th>(.*?)</tr>", page, re.DOTALL)
    cells = dict(re.findall(r'data-label="([^"]+)"[^>]*><span>([^<]+)<', row))
    assert cells == {"期初": "0", "发放": "+50", "兑换": "−10", "期末": "40"}
    assert "尚未日结" in page
    client = sign_in("auditor")
    client.set_cookie("lang", "en")
    english = client.get("/points/liability?month=2026-01").get_data(as_text=True)
    assert "No points moved in this month" in english
    for odd in ("2026-13", "x", "٢٠٢٦-٠١", "9999-99"):
        assert client.get("/points/liability", query_string={"month": odd}).status_code == 200


def test_the_downloads_tell_the_same(book: Ledger, sign_in: SignIn, tmp_path: Path) -> None:
    with sign_in("auditor").get("/points/liability.csv") as answer:
        rows = list(csv.reader(io.StringIO(answer.get_data(as_text=True).lstrip("\ufeff"))))
    assert sum(int(row[-1]) for row in rows[1:]) == 40
    for row in rows[1:]:
        assert sum(map(int, row[3:-1])) == int(row[-1])
    with sign_in("auditor").get("/points/liability.xlsx") as answer:
        (tmp_path / "book.xlsx").write_bytes(answer.get_data())
    read = openpyxl.load_workbook(tmp_path / "book.xlsx", read_only=True)
    months, expiry = (list(sheet.iter_rows(values_only=True)) for sheet in read.worksheets)
    assert [list(map(str, row)) for row in months[1:]] == rows[1:]
    assert sum(int(str(row[3])) for row in expiry[1:]) == 40
    read.close()


def test_one_manager_proposes_and_another_approves(book: Ledger, sign_in: SignIn) -> None:
    year = {"starts_on": "2026-01-01", "ends_on": "2027-12-31"}
    first, second = sign_in("manager", "m-1"), sign_in("manager", "m-2")
    asked = {"community_code": HOME, **year, "unit": "fen", "amount": "3.5", "stops": "nothing"}
    assert send(first, "/points/budgets/budget", **asked).status_code == 303
    rate = {"programme": "", "valid_from": "2026-01-01", "rate": "10"}
    assert send(first, "/points/budgets/rate", **rate).status_code == 303
    [(budget_id, amount)] = book.rows("SELECT budget_id, amount FROM budgets")
    [(rate_id, fen)] = book.rows("SELECT rate_id, fen_per_hundred FROM point_rates")
    assert (amount, fen) == (350, 1000)
    mine = f"/points/budgets/budgets/{budget_id}"
    assert mine not in first.get("/points/budgets").get_data(as_text=True)
    assert mine in second.get("/points/budgets").get_data(as_text=True)
    send(first, mine, decision="approve")
    assert book.rows("SELECT decision FROM budgets") == [(None,)]
    send(second, mine, decision="approve")
    send(second, f"/points/budgets/point_rates/{rate_id}", decision="approve")
    send(first, mine, decision="refuse")  # it was decided
    assert book.rows("SELECT decision, made_by, checked_by FROM budgets") == [
        ("approved", "m-1", "m-2")
    ]
    page = second.get("/points/liability").get_data(as_text=True)
    assert "142%" in page  # ¥5.00 of ¥3.50
    assert "¥4.00" in page
    assert send(second, f"/points/budgets/budgets/{rate_id}", decision="x").status_code == 404


@pytest.mark.parametrize(
    ("place", "form", "said"),
    [
        ("budget", {"amount": "-1"}, "请填写金额"),
        ("budget", {"amount": "1.234"}, "请填写金额"),
        ("budget", {"unit": "points", "amount": "1.5"}, "请填写整数"),
        ("budget", {"starts_on": "soon"}, "请填写日期"),
        ("budget", {"ends_on": "2020-01-01"}, "截止日不能早于起始日"),
        ("budget", {"stops": "the world"}, "须为其中之一"),
        ("rate", {"rate": "ten"}, "请填写金额"),
        ("rate", {"rate": "99999999"}, "须为 0 至"),
    ],
)
def test_a_wrong_form_comes_back_with_what_is_wrong(
    book: Ledger, sign_in: SignIn, place: str, form: dict[str, str], said: str
) -> None:
    good = {"starts_on": "2026-01-01", "ends_on": "2026-12-31", "unit": "fen", "amount": "1",
            "stops": "nothing", "valid_from": "2026-01-01", "rate": "1"}  # fmt: skip
    answer = send(sign_in("manager"), f"/points/budgets/{place}", **(good | form))
    assert answer.status_code == 422
    assert said in answer.get_data(as_text=True)
    assert book.scalar("SELECT count(*) FROM budgets") == 0
    assert book.scalar("SELECT count(*) FROM point_rates") == 0


def test_an_auditor_takes_the_ledger_and_proves_it(
    book: Ledger, sign_in: SignIn, tmp_path: Path
) -> None:
    path = tmp_path / "ledger.journal"
    with sign_in("auditor").get(API, query_string={"format": "hledger", "owner": ""}) as answer:
        assert "ledger.journal" in answer.headers["Content-Disposition"]
        path.write_bytes(answer.get_data())
    found = hledger.balances(path)
    assert (
        sum(n for (name, unit), n in found.items() if (name[:6], unit) == ("Assets", "POINTS"))
        == 40
    )
    with sign_in("auditor").get(API, query_string={"format": "xlsx"}) as answer:
        assert answer.data[:2] == b"PK"
    with sign_in("auditor").get(API, query_string={"format": "beancount", "owner": A}) as answer:
        assert " balance Assets:Resident:" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "query",
    [{"format": "qif"}, {"first": "x"}, {"first": "2026-02-01", "last": "2026-01-01"},
     {"owner": "R" * 65}],
)  # fmt: skip
def test_an_odd_part_of_the_ledger_is_refused_and_named(
    book: Ledger, sign_in: SignIn, query: dict[str, str]
) -> None:
    answer = sign_in("auditor").get(API, query_string=query)
    assert answer.status_code == 422
    assert answer.get_json()["errors"]


def test_a_passbook_says_what_ends_first(book: Ledger, sign_in: SignIn) -> None:
    last = clock.today() + timedelta(days=20)
    page = sign_in("staff").get(f"/passbooks/{A}").get_data(as_text=True)
    assert f'其中 29 分有效期至 <time datetime="{last}">' in page
    with transaction(book.sessions) as tx:
        spend(tx, A, 29)
    assert "有效期至" not in sign_in("staff").get(f"/passbooks/{A}").get_data(as_text=True)


def test_an_entry_of_what_ended_says_programme_and_day(book: Ledger, sign_in: SignIn) -> None:
    last = clock.today() + timedelta(days=20)
    clock.advance(timedelta(days=21))
    try:
        assert sweep(book).amount == 29
    finally:
        clock.freeze(None)
    page = sign_in("staff").get(f"/passbooks/{A}").get_data(as_text=True)
    assert f"方案 p 的积分有效期至 {last.isoformat()}，已到期" in page

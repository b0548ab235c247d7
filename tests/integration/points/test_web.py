"""points' pages and JSON: who sees what, and that both tell what the ledger holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, session
from flask.testing import FlaskClient
from sqlalchemy import text

from services.points.app import create_app
from shared.db import migrations
from shared.web import auth
from shared.web.access import undeclared_routes
from shared.web.auth import Account
from shared.web.settings import WebSettings
from tests.integration.points.database import (
    ASSETS,
    RULES,
    Ledger,
    attended,
    delivered,
    publish_rules,
)

A, B, SHOP = "R000001", "R000002", "enterprise-01"
API = "/points/api/v1"
ENTRIES = f"{API}/passbooks/{A}/entries"

SignIn = Callable[[str, str], FlaskClient]


@pytest.fixture(scope="module")
def app(module_ledger: Ledger) -> Iterator[Flask]:
    app = create_app(module_ledger.settings, WebSettings(session_key="k" * 40))
    yield app
    app.extensions["linli.engine"].dispose()


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    """A browser in which somebody has signed in; a role of "" is a visitor."""

    def sign_in(role: str, subject: str = "") -> FlaskClient:
        client = app.test_client()
        if role:
            with app.test_request_context():
                auth.sign_in(Account(account_no="a-1", role=role, subject=subject))
                held = dict(session)
            with client.session_transaction() as session_of_client:
                session_of_client.update(held)
        return client

    return sign_in


@pytest.fixture
def book(ledger: Ledger) -> Ledger:
    """A: 45 awards, one of them late and beyond the month's cap; B: one; a shop: 25 wishes."""
    publish_rules(ledger)
    done = [attended(A, 120, day=1 + n % 28, evidence="organiser") for n in range(44)]
    ledger.hear(*done, attended(A, 30, evidence="backfill"), attended(B, 60))
    ledger.hear(*(delivered(SHOP, day=1 + n) for n in range(25)))
    return ledger


def test_every_route_says_who_may_use_it(app: Flask) -> None:
    assert undeclared_routes(app) == []


OFFICE = {"staff", "operator", "auditor"}
EVERYBODY = {"", "resident", "partner", *OFFICE}


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (f"{API}/passbooks/{A}", {"resident", *OFFICE}),
        (ENTRIES, {"resident", *OFFICE}),
        (f"{API}/passbooks/{B}", OFFICE),
        (f"{API}/passbooks/{B}/entries", OFFICE),
        (f"/passbooks/{A}", {"resident", *OFFICE}),
        (f"/passbooks/{B}", OFFICE),
        (f"{API}/partner-accounts/{SHOP}", {"partner", *OFFICE}),
        (f"{API}/partner-accounts/another", OFFICE),
        (f"/points/partners/{SHOP}", {"partner", *OFFICE}),
        ("/points/partners/another", OFFICE),
        (f"{API}/totals", {"operator", "auditor"}),
        ("/points/dead-letters", {"operator", "auditor"}),
        (f"{API}/rules", EVERYBODY),
        ("/points/rules", EVERYBODY),
        ("/points/docs", EVERYBODY),
        ("/points/openapi.json", EVERYBODY),
        ("/points/static/passbook.css", EVERYBODY),
        ("/readyz", EVERYBODY),
    ],
)
def test_who_sees_what(book: Ledger, sign_in: SignIn, path: str, allowed: set[str]) -> None:
    subjects, seen = {"resident": A, "partner": SHOP}, {}
    for role in EVERYBODY:
        with sign_in(role, subjects.get(role, "")).get(path) as answer:
            seen[role] = answer.status_code
    wanted = {role: 200 if role in allowed else (403 if role else 401) for role in EVERYBODY}
    assert seen == wanted


def test_a_partner_named_as_a_resident_opens_no_passbook(book: Ledger, sign_in: SignIn) -> None:
    assert sign_in("partner", A).get(f"{API}/passbooks/{A}").status_code == 403
    assert sign_in("resident", SHOP).get(f"{API}/partner-accounts/{SHOP}").status_code == 403
    assert sign_in("resident", "").get("/passbooks/%20").status_code == 403


def test_the_passbook_tells_what_the_ledger_holds(book: Ledger, sign_in: SignIn) -> None:
    told = sign_in("resident", A).get(f"{API}/passbooks/{A}").get_json()
    assert told["points"] == book.balance(A) == 200
    assert told["service_minutes"] == book.balance(A, "service_minutes") == 44 * 120 + 30
    assert told["entry_counts"]["service_minutes"] == 45
    assert len(told["last_entries"]) == 10
    last = told["last_entries"][0]
    assert (last["balance"], last["seq"]) == (200, told["entry_counts"]["points"])


@pytest.mark.parametrize("asset", ["points", "service_minutes"])
def test_pages_of_entries_are_the_whole_account_without_a_gap(
    book: Ledger, sign_in: SignIn, asset: str
) -> None:
    client, before, found = sign_in("resident", A), None, []
    while True:
        asked = {"asset": asset, "limit": 7} | ({"before": before} if before else {})
        page = client.get(ENTRIES, query_string=asked).get_json()
        found += page["entries"]
        if (before := page["next"]) is None:
            break
    assert [one["seq"] for one in found] == list(range(len(found), 0, -1))
    assert sum(one["amount"] for one in found) == book.balance(A, asset)
    balance = book.balance(A, asset)
    for one in found:
        assert one["balance"] == balance
        balance -= one["amount"]
        assert one["explanation"]["zh"]
        assert one["explanation"]["en"]
        assert (one["programme"], one["rule_version"]) == ("ideal-bank", 1)
    assert balance == 0


def test_an_entry_says_why(book: Ledger, sign_in: SignIn) -> None:
    client = sign_in("staff", "")
    page = client.get(ENTRIES, query_string={"asset": "service_minutes", "limit": 2}).get_json()
    late, capped = page["entries"]
    assert late["inputs"]["evidence"] == "backfill"
    assert "只计服务时长，不计积分" in late["explanation"]["zh"]
    assert {"code": "person_month_points", "points_max": 200} in capped["caps_hit"]
    assert "the month's limit of 200 was reached" in capped["explanation"]["en"]


def test_who_asks_again_is_told_that_nothing_changed(book: Ledger, sign_in: SignIn) -> None:
    client = sign_in("resident", A)
    first = client.get(ENTRIES)
    again = client.get(ENTRIES, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    book.hear(attended(A, 60, month=11))
    changed = client.get(ENTRIES, headers={"If-None-Match": first.headers["ETag"]})
    assert changed.status_code == 200


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "before=0", "before=-1", f"before={2**63}", "asset=gold"],
)
def test_odd_pages_are_refused_and_named(book: Ledger, sign_in: SignIn, query: str) -> None:
    answer = sign_in("staff").get(f"{ENTRIES}?{query}")
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["errors"]


def test_a_number_without_entries_has_an_empty_passbook(book: Ledger, sign_in: SignIn) -> None:
    told = sign_in("resident", "R000404").get(f"{API}/passbooks/R000404").get_json()
    assert (told["points"], told["service_minutes"], told["last_entries"]) == (0, 0, [])
    page = sign_in("resident", "R000404").get("/passbooks/R000404").get_data(as_text=True)
    assert "还没有流水" in page
    assert "请核对编号" in sign_in("staff").get("/passbooks/R000404").get_data(as_text=True)


def test_the_book_page_by_page_has_every_line_once(book: Ledger, sign_in: SignIn) -> None:
    client, address, numbers = sign_in("resident", A), f"/passbooks/{A}", []
    for _ in range(10):
        page = client.get(address).get_data(as_text=True)
        numbers += [int(n) for n in re.findall(r"<span>时(\d+)</span>", page)]
        following = re.search(r'rel="next" href="([^"]+)"', page)
        if following is None:
            break
        address = following[1].replace("&amp;", "&")
    assert numbers == list(range(45, 0, -1))
    printed = client.get(f"/passbooks/{A}?print=1").get_data(as_text=True)
    assert [int(n) for n in re.findall(r"<span>时(\d+)</span>", printed)] == numbers


def test_the_page_speaks_both_languages(book: Ledger, sign_in: SignIn) -> None:
    client = sign_in("resident", A)
    chinese = client.get(f"/passbooks/{A}").get_data(as_text=True)
    assert "理想银行存折" in chinese
    assert "扶老帮困" in chinese
    client.set_cookie("lang", "en")
    english = client.get(f"/passbooks/{A}").get_data(as_text=True)
    article = english[english.index("<article") : english.index("</article>")]
    assert "Care for the elderly" in article
    assert "88 h 30 min" in article
    assert not re.search(r"[\u4e00-\u9fff]", article)


@pytest.mark.parametrize("before", ["x", "1", "1.x", "-1.2", "9" * 40 + ".1", "0.0", "٣.٤"])
def test_odd_cursors_of_the_page_are_no_failure(book: Ledger, sign_in: SignIn, before: str) -> None:
    client = sign_in("staff")
    assert client.get(f"/passbooks/{A}", query_string={"before": before}).status_code == 200
    assert (
        client.get(f"/points/partners/{SHOP}", query_string={"before": before}).status_code == 200
    )


def test_a_resident_is_taken_to_the_own_passbook(book: Ledger, sign_in: SignIn) -> None:
    assert sign_in("resident", A).get("/passbooks").headers["Location"] == f"/passbooks/{A}"
    found = sign_in("staff").get("/passbooks?resident_no=%20R000002 ")
    assert found.headers["Location"] == "/passbooks/R000002"
    for odd in ("//evil.example", "../x", "a/b", "a" * 400):
        answer = sign_in("staff").get("/passbooks", query_string={"resident_no": odd})
        location = answer.headers.get("Location", "/passbooks/")
        assert location.startswith("/passbooks/")
        assert "//" not in location


def test_nothing_in_a_number_becomes_markup(book: Ledger, sign_in: SignIn) -> None:
    page = sign_in("staff").get("/passbooks/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert page.status_code in {200, 404}
    assert b"<script>alert" not in page.data


def test_a_partners_book(book: Ledger, sign_in: SignIn) -> None:
    client = sign_in("partner", SHOP)
    told = client.get(f"{API}/partner-accounts/{SHOP}", query_string={"limit": 5}).get_json()
    assert (told["points"], told["entry_count"], told["next"]) == (200, 25, 21)
    assert told["entries"][0]["explanation"]["zh"].startswith("实现实物心愿 W-0001，记贡献 8 分")
    first = client.get(f"/points/partners/{SHOP}").get_data(as_text=True)
    assert first.count('data-label="累计"') == 20
    rest = client.get(f"/points/partners/{SHOP}?before=6").get_data(as_text=True)
    assert rest.count('data-label="累计"') == 5


def test_the_rules_in_plain_words(ledger: Ledger, sign_in: SignIn) -> None:
    visitor = sign_in("")
    assert "还没有发布规则" in visitor.get("/points/rules").get_data(as_text=True)
    publish_rules(ledger)
    publish_rules(ledger, RULES | {"version": 2, "valid_from": "2999-01-01"})
    page = visitor.get("/points/rules").get_data(as_text=True)
    assert "每次活动最多按 120 分钟计分" in page
    assert page.count("非现行") == 1
    told = visitor.get(f"{API}/rules").get_json()["rules"]
    assert [(one["version"], one["in_force"]) for one in told] == [(2, False), (1, True)]
    assert told[1]["body"] == RULES


def test_totals(book: Ledger, sign_in: SignIn) -> None:
    before = sign_in("auditor").get(f"{API}/totals").get_json()
    assert before["reconciled_at"] is None
    book.reconcile()
    told: dict[str, Any] = sign_in("auditor").get(f"{API}/totals").get_json()
    assert told.pop("reconciled_at")
    assert told == {
        "residents_with_points": 2,
        "points": 206,
        "service_minutes": 44 * 120 + 30 + 60,
        "partner_contribution": 200,
        "honour_points": 0,
        "time_coins": 0,
        "imbalance": dict.fromkeys(ASSETS, 0),
    }
    with book.owner_engine.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET balance = 205 WHERE owner = :o AND asset = 'points'"),
            {"o": A},
        )
    assert sign_in("auditor").get(f"{API}/totals").get_json()["imbalance"]["points"] == -5


def test_an_entry_that_no_award_explains_is_still_shown(book: Ledger, sign_in: SignIn) -> None:
    with book.owner_engine.begin() as connection:
        connection.execute(text("DELETE FROM awards WHERE owner = :o"), {"o": B})
    client = sign_in("staff")
    entries = client.get(f"{API}/passbooks/{B}/entries").get_json()["entries"]
    assert [one["explanation"]["zh"] for one in entries] == ["没有对应的活动记录。"]
    assert client.get(f"/passbooks/{B}").status_code == 200


def test_ready_tells_the_database_and_the_migration(book: Ledger, sign_in: SignIn) -> None:
    assert sign_in("").get("/readyz").get_json()["checks"] == {"database": "ok", "migration": "ok"}
    with book.owner_engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    try:
        answer = sign_in("").get("/readyz")
        assert answer.status_code == 503
        assert "0000" in answer.get_json()["checks"]["migration"]
    finally:
        with book.owner_engine.begin() as connection:
            connection.execute(
                text("UPDATE alembic_version SET version_num = :head"),
                {"head": migrations.head("points")},
            )


def test_the_document_tells_every_route_and_who_may_call_it(sign_in: SignIn) -> None:
    paths = sign_in("").get("/points/openapi.json").get_json()["paths"]
    assert set(paths) >= {
        f"{API}/passbooks/{{resident_no}}",
        f"{API}/passbooks/{{resident_no}}/entries",
        f"{API}/partner-accounts/{{slug}}",
        f"{API}/rules",
        f"{API}/totals",
    }
    assert paths[f"{API}/totals"]["get"]["x-roles"] == ["auditor", "operator"]

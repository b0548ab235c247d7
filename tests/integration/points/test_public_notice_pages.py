"""公示 as people meet it: pages, files and JSON; who may what, and what nobody is told."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator

import pytest
from flask import Flask, session
from flask.testing import FlaskClient

from services.points.app import create_app
from shared import clock
from shared.web import auth
from shared.web.access import undeclared_routes
from shared.web.auth import Account
from shared.web.settings import WebSettings
from tests.integration.points.database import Ledger, attended, publish_rules
from tests.integration.points.showing import (
    COMMUNITY,
    JUDGE,
    MAKER,
    PUBLISHED_AT,
    SHOWN_RULES,
    days,
    decide,
    dispute,
    post_all,
    publish,
    states,
    time_at,
)

A, B, C = "R000001", "R000002", "R000003"
HOME, DESK, DISPUTES = (
    "/points/public-notices",
    "/points/desk/public-notices",
    "/points/desk/objections",
)
API = "/points/api/v1"
SECRET = "当天没有看到这次活动"  # what somebody wrote in an objection
ROLES = ("", "resident", "staff", "manager", "partner", "operator", "auditor")

SignIn = Callable[..., FlaskClient]


@pytest.fixture(scope="module")
def app(module_ledger: Ledger) -> Iterator[Flask]:
    app = create_app(module_ledger.settings, WebSettings(session_key="k" * 40))
    yield app
    app.extensions["linli.engine"].dispose()


@pytest.fixture
def sign_in(app: Flask) -> SignIn:
    """A browser in which somebody has signed in, with a CSRF token; "" is a visitor."""

    def sign_in(role: str, account_no: str = "account-1", subject: str = "") -> FlaskClient:
        client = app.test_client()
        if role:
            with app.test_request_context():
                auth.sign_in(Account(account_no=account_no, role=role, subject=subject))
                held = dict(session)
            with client.session_transaction() as kept:
                kept.update(held | {"csrf_token": "token"})
            client.environ_base["HTTP_X_CSRF_TOKEN"] = "token"
        return client

    return sign_in


@pytest.fixture
def book(ledger: Ledger) -> Iterator[Ledger]:
    publish_rules(ledger, SHOWN_RULES)
    ledger.hear(
        attended(A, 60, day=5), attended(B, 120, day=6), attended(C, 60, day=7), attended(A, 60)
    )
    with time_at(PUBLISHED_AT):
        yield ledger


@pytest.fixture
def notice_no(book: Ledger) -> str:
    """Four lines; the second is disputed."""
    made = publish(book)
    dispute(book, made, 2)
    return made


def test_every_route_says_who_may_use_it(app: Flask) -> None:
    assert undeclared_routes(app) == []


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (HOME, set(ROLES)),
        (f"{HOME}/{{no}}", set(ROLES)),
        (f"{HOME}/{{no}}/sheet.pdf", set(ROLES)),
        (f"{HOME}/{{no}}/sheet.csv", set(ROLES)),
        (f"{HOME}/{{no}}/objection", set(ROLES) - {""}),
        (DESK, {"staff", "manager", "auditor"}),
        (f"{DESK}/{{no}}", {"staff", "manager", "auditor"}),
        (f"{DESK}/new", {"manager"}),
        (DISPUTES, {"manager", "auditor"}),
        (f"{DISPUTES}/{{no}}/2", {"manager", "auditor"}),
        (f"{API}/public-notices", set(ROLES)),
        (f"{API}/public-notices/{{no}}", set(ROLES)),
        (f"{API}/public-notices/{{no}}/lines", set(ROLES)),
        (f"{API}/public-notices/{{no}}/tie", {"manager", "auditor"}),
        (f"{API}/disputes", {"manager", "auditor"}),
    ],
)
def test_who_sees_what(notice_no: str, sign_in: SignIn, path: str, allowed: set[str]) -> None:
    seen = {}
    for role in ROLES:
        with sign_in(role).get(path.format(no=notice_no)) as answer:
            seen[role] = answer.status_code
    assert seen == {r: 200 if r in allowed else (403 if r else 401) for r in ROLES}


PUBLIC = ("", "/sheet.csv", "/sheet.pdf")


@pytest.mark.parametrize("ending", PUBLIC)
def test_the_public_sees_masked_numbers_and_is_not_indexed(
    notice_no: str, sign_in: SignIn, ending: str
) -> None:
    answer = sign_in("").get(f"{HOME}/{notice_no}{ending}")
    assert answer.headers["X-Robots-Tag"] == "noindex, nofollow"
    for number in (A, B, C, "H000001", SECRET, "someone"):
        assert number.encode() not in answer.data
    if ending != "/sheet.pdf":
        assert "R00***1" in answer.text
        assert "H00***1" in answer.text
    told = sign_in("").get(f"{API}/public-notices/{notice_no}/lines").get_data(as_text=True)
    assert "R00***1" in told
    assert A not in told
    assert SECRET not in told


def test_the_sheets_total_is_that_of_its_lines(
    book: Ledger, notice_no: str, sign_in: SignIn
) -> None:
    content = sign_in("").get(f"{HOME}/{notice_no}/sheet.csv").data
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    points = [int(row[6]) for row in rows[1:-1]]
    assert len(points) == 4
    assert sum(points) == int(rows[-1][6]) == 30
    assert rows[2][7] == "有异议，核实中"


def test_a_cell_is_never_a_formula(ledger: Ledger, sign_in: SignIn) -> None:
    publish_rules(ledger, SHOWN_RULES)
    event = attended("=R0001", 60)
    event.data["household_no"] = "@H001"
    event.data["activity_kind"] = "patrol"
    event.data["activity_code"] = '=cmd|"/c calc"!A1'
    ledger.hear(event)
    with time_at(PUBLISHED_AT):
        made = publish(ledger)
        content = sign_in("").get(f"{HOME}/{made}/sheet.csv").data.decode("utf-8-sig")
    for row in csv.reader(io.StringIO(content)):
        assert not [cell for cell in row if cell.startswith(("=", "@", "+", "-"))]
    assert "'=R0**1" in content


def test_the_pdf_is_one(notice_no: str, sign_in: SignIn) -> None:
    answer = sign_in("").get(f"{HOME}/{notice_no}/sheet.pdf")
    assert answer.content_type == "application/pdf"
    assert answer.data.startswith(b"%PDF-")
    assert b"STSong-Light" in answer.data
    assert notice_no in answer.headers["Content-Disposition"]


def test_current_and_past(book: Ledger, notice_no: str, sign_in: SignIn) -> None:
    def listed() -> dict[str, list[str]]:
        told = sign_in("").get(f"{API}/public-notices").get_json()
        return {when: [one["notice_no"] for one in told[when]] for when in ("current", "past")}

    assert listed() == {"current": [notice_no], "past": []}
    assert notice_no in sign_in("").get(HOME).text
    clock.advance(days(7))
    assert listed() == {"current": [], "past": [notice_no]}
    assert "提出异议" not in sign_in("").get(f"{HOME}/{notice_no}").text
    assert sign_in("").get(f"{HOME}?before=odd").status_code == 200


def test_somebody_objects_by_the_page(book: Ledger, notice_no: str, sign_in: SignIn) -> None:
    client = sign_in("resident", "someone-else", B)
    page = client.get(f"{HOME}/{notice_no}/objection?line=1")
    assert "R00***1" in page.text
    given = {"line_no": "1", "reason": "twice", "text": "这次活动记了两遍", "csrf_token": "token"}
    wrong = client.post(f"{HOME}/{notice_no}/objection", data=given | {"text": "x"})
    assert wrong.status_code == 422
    assert "请写 4 至 500 个字" in wrong.text
    missing = client.post(f"{HOME}/{notice_no}/objection", data=given | {"line_no": "77"})
    assert missing.status_code == 404
    assert states(book)["disputed"] == 1
    assert client.post(f"{HOME}/{notice_no}/objection", data=given).status_code == 303
    assert states(book)["disputed"] == 2
    again = client.post(f"{HOME}/{notice_no}/objection", data=given)
    assert again.status_code == 409
    assert "您已对这一行提出过异议" in again.text


def test_a_form_without_its_token_is_refused(notice_no: str, sign_in: SignIn) -> None:
    client = sign_in("manager", MAKER)
    client.environ_base.pop("HTTP_X_CSRF_TOKEN")
    for path in (f"{HOME}/{notice_no}/objection", f"{DESK}/new", f"{DISPUTES}/{notice_no}/2"):
        assert client.post(path, data={}).status_code == 403


def test_a_manager_previews_and_publishes(book: Ledger, sign_in: SignIn) -> None:
    client = sign_in("manager", MAKER)
    desk = client.get(DESK).text
    found = re.search(r'href="(/points/desk/public-notices/new\?[^"]+)"', desk)
    assert found is not None
    preview = client.get(found[1].replace("&amp;", "&")).text
    assert re.search(r"积分合计.*?30", preview, re.DOTALL)
    given = {"community": COMMUNITY, "first": "2026-10-01", "last": "2026-10-31", "days": "3"}
    refused = client.post(f"{DESK}/new", data=given | {"csrf_token": "token"})
    assert refused.status_code == 422
    assert "规则要求至少 7 天" in refused.text
    for odd in ({"first": "x"}, {"last": "2026-09-01"}, {"days": "many"}, {"community": ""}):
        assert client.post(f"{DESK}/new", data=given | odd).status_code == 422
        assert client.get(f"{DESK}/new", query_string=given | odd).status_code == 200
    made = client.post(f"{DESK}/new", data=given | {"days": ""})
    assert made.status_code == 303
    page = client.get(made.headers["Location"]).text
    assert "一致" in page
    assert client.post(f"{DESK}/new", data=given | {"days": ""}).status_code == 409


def test_only_another_manager_decides(book: Ledger, notice_no: str, sign_in: SignIn) -> None:
    maker, judge = sign_in("manager", MAKER), sign_in("manager", JUDGE)
    address = f"{DISPUTES}/{notice_no}/2"
    assert "请由另一位管理员裁决" in maker.get(address).text
    given = {"outcome": "upheld", "decision": "已向组织者核实", "csrf_token": "token"}
    assert maker.post(address, data=given).status_code == 409
    assert SECRET in judge.get(address).text
    assert judge.post(address, data=given | {"outcome": ""}).status_code == 422
    assert judge.post(address, data=given).status_code == 303
    assert "没有待裁决的异议" in judge.get(DISPUTES).text
    assert judge.post(address, data=given).status_code == 409
    assert judge.get(f"{DISPUTES}/{notice_no}/99").status_code == 404
    assert judge.get(f"{DISPUTES}/{notice_no}/{10**30}").status_code == 404


def test_the_notice_ties_to_the_ledger_at_every_step(
    book: Ledger, notice_no: str, sign_in: SignIn
) -> None:
    def tie() -> dict[str, int]:
        told: dict[str, int] = (
            sign_in("auditor").get(f"{API}/public-notices/{notice_no}/tie").get_json()
        )
        assert told.pop("is_sound")
        return told

    sums = {"lines": 30, "awarded": 30, "posted": 0, "reversed": 0, "undecided": 30}
    assert tie() == sums
    decide(book, notice_no, 2, "upheld")
    assert tie() == sums | {"reversed": 12, "undecided": 18}
    clock.advance(days(7))
    post_all(book)
    assert tie() == sums | {"reversed": 12, "posted": 18, "undecided": 0}


def test_the_passbook_tells_what_is_pending_beside_the_balance(
    book: Ledger, notice_no: str, sign_in: SignIn
) -> None:
    client = sign_in("resident", "r-1", A)
    page = client.get(f"/passbooks/{A}").text
    assert "公示中 12 分" in page
    assert f"{notice_no} · 1" in page
    assert "不计分" not in page
    assert client.get(f"{API}/passbooks/{A}").get_json()["points"] == 0
    assert client.get(f"{API}/passbooks/{A}").get_json()["points_pending"] == 12
    clock.advance(days(7))
    post_all(book)
    clock.freeze(PUBLISHED_AT)
    page = client.get(f"/passbooks/{A}").text
    assert "公示中 12 分" not in page
    entries = client.get(f"{API}/passbooks/{A}/entries").get_json()["entries"]
    assert [(one["amount"], one["balance"]) for one in entries] == [(6, 12), (6, 6)]
    assert "每小时 6 分" in entries[0]["explanation"]["zh"]


def test_the_same_over_json(book: Ledger, sign_in: SignIn) -> None:
    manager, judge = sign_in("manager", MAKER), sign_in("manager", JUDGE)
    asked = {"community_code": COMMUNITY, "first_day": "2026-10-01", "last_day": "2026-10-31"}
    made = manager.post(f"{API}/public-notices", json=asked)
    assert made.status_code == 201
    notice = f"{API}/public-notices/{made.get_json()['notice_no']}"
    objection = {"reason": "other", "text": "说明一下情况"}
    for wrong in ({"reason": "x"}, {"text": "x"}, {"text": None}, {"more": 1}):
        answer = manager.post(f"{notice}/lines/1/objections", json=objection | wrong)
        assert answer.status_code == 422
        assert answer.get_json()["errors"][0]["pointer"] == f"/{next(iter(wrong))}"
    assert manager.post(f"{notice}/lines/1/objections", json=objection).status_code == 201
    assert manager.post(f"{notice}/lines/9/objections", json=objection).status_code == 404
    [line] = judge.get(f"{API}/disputes").get_json()["disputes"]
    assert (line["line_no"], line["reasons"]) == (1, ["other"])
    decision = {"outcome": "dismissed", "decision": "已向组织者核实"}
    assert manager.post(f"{notice}/lines/1/decision", json=decision).status_code == 409
    assert judge.post(f"{notice}/lines/1/decision", json=decision).status_code == 204
    assert judge.get(f"{API}/disputes").get_json() == {"disputes": []}


def test_pages_of_lines_are_the_whole_notice(ledger: Ledger, sign_in: SignIn) -> None:
    publish_rules(ledger, SHOWN_RULES)
    ledger.hear(*(attended(f"R{n:06d}", 60, day=1 + n % 28) for n in range(120)))
    with time_at(PUBLISHED_AT):
        made, client, found = publish(ledger), sign_in(""), list[int]()
        after: int | None = 0
        while after is not None:
            page = client.get(f"{API}/public-notices/{made}/lines?after={after}&limit=50")
            found += [line["line_no"] for line in page.get_json()["lines"]]
            after = page.get_json()["next"]
        assert found == list(range(1, 121))
        first = client.get(f"{HOME}/{made}").text
        assert first.count('scope=row data-label="居民与户"') == 50
        rest = client.get(f"{HOME}/{made}?after=100").text
        assert rest.count('scope=row data-label="居民与户"') == 20


def test_odd_addresses_are_no_failure(notice_no: str, sign_in: SignIn) -> None:
    client = sign_in("")
    assert client.get(f"{HOME}/none").status_code == 404
    assert client.get(f"{HOME}/{notice_no}?after=x").status_code == 200
    assert client.get(f"{HOME}/{notice_no}?after={10**40}").status_code == 200
    assert client.get(f"{API}/public-notices/none/lines").status_code == 404
    assert client.get(f"{API}/public-notices?before=x").status_code == 422
    english = sign_in("")
    english.set_cookie("lang", "en")
    page = english.get(f"{HOME}/{notice_no}").text
    main = page[page.index("<main") : page.index("</main>")]
    assert not re.search(r"[\u4e00-\u9fff]", main.replace("中文", ""))

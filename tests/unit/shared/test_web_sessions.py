"""Sign-in, sessions and their limits, roles, CSRF, open redirects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from shared import clock
from shared.errors import Forbidden, TooMany, Unavailable
from shared.web import auth
from shared.web.access import bearer_door, public, require_role
from shared.web.auth import Account, safe_next
from shared.web.settings import WebSettings, read_web_settings
from shared.web.sign_in import home_of, register_sign_in
from tests.unit.shared.test_web_errors import HTML, raising_app
from tests.unit.shared.test_web_gallery import KEY, verify

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _still_clock() -> Iterator[None]:
    clock.freeze(START)
    yield
    clock.freeze(None)


def site(**settings: object) -> Flask:
    app = raising_app(**settings)
    register_sign_in(app, verify)

    @require_role("staff", "operator")
    def desk() -> str:
        account = auth.signed_in()
        return f"{account.role} {account.name}"

    @public
    def change() -> str:
        return "changed"

    @bearer_door
    def door() -> str:
        return "taken"

    app.add_url_rule("/desk", "desk", desk)
    app.add_url_rule("/change", "change", change, methods=["POST"])
    app.add_url_rule("/door", "door", door, methods=["POST"])
    return app


def token_of(client: FlaskClient) -> str:
    found = re.search(
        r'name="csrf_token" value="([^"]+)"', client.get("/fail/bug", headers=HTML).text
    )
    found = found or re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").text)
    assert found is not None
    return found[1]


def signed_in(app: Flask, role: str = "staff") -> FlaskClient:
    client = app.test_client()
    sent = {"login": role, "password": "x", "csrf_token": token_of(client)}
    assert client.post("/sign-in", data=sent).status_code == 303
    return client


def test_signing_in_opens_the_desk_and_signing_out_closes_it() -> None:
    client = signed_in(site())
    assert client.get("/desk").text == "staff 张**"
    assert client.post("/sign-out", data={"csrf_token": token_of(client)}).status_code == 303
    assert client.get("/desk").status_code == 401


def test_the_cookie_is_guarded() -> None:
    client = site().test_client()
    cookie = client.get("/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    cookie = site(secure_cookies=True).test_client().get("/sign-in").headers["Set-Cookie"]
    assert cookie.startswith("__Host-linli=")
    assert "Secure" in cookie
    assert "Domain" not in cookie


def test_a_visitor_is_led_to_sign_in_and_a_program_is_told() -> None:
    client = site().test_client()
    page = client.get("/desk?day=1&x=a%20b", headers=HTML)
    assert page.status_code == 303
    assert page.headers["Location"] == "/sign-in?next=%2Fdesk%3Fday%3D1%26x%3Da%2520b"
    answer = client.get("/desk")
    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer.headers


def test_after_signing_in_one_is_where_one_wanted_to_be() -> None:
    client = site().test_client()
    sent = {
        "login": "staff",
        "password": "x",
        "csrf_token": token_of(client),
        "next": "/desk?day=1",
    }
    assert client.post("/sign-in", data=sent).headers["Location"] == "/desk?day=1"
    assert client.get("/sign-in").headers["Location"] == home_of(
        Account(account_no="1", role="staff")
    )


def test_another_role_is_refused() -> None:
    client = signed_in(site(), "resident")
    assert client.get("/desk").status_code == 403
    assert client.get("/desk", headers=HTML).status_code == 403


def test_half_an_hour_of_silence_ends_a_session() -> None:
    client = signed_in(site())
    clock.freeze(START + timedelta(minutes=29))
    assert client.get("/desk").status_code == 200
    clock.freeze(START + timedelta(minutes=58))
    assert client.get("/desk").status_code == 200
    clock.freeze(START + timedelta(minutes=89))
    assert client.get("/desk").status_code == 401


def test_a_page_that_reloads_itself_does_not_count_as_somebody_being_there() -> None:
    client = signed_in(site())
    client.set_cookie("linli_auto", "1")
    for minutes in range(5, 31, 5):
        clock.freeze(START + timedelta(minutes=minutes))
        assert client.get("/desk").status_code == 200
    clock.freeze(START + timedelta(minutes=31))
    assert client.get("/desk").status_code == 401


def test_twelve_hours_end_any_session() -> None:
    client = signed_in(site())
    for quarter in range(1, 49):
        clock.freeze(START + timedelta(minutes=15 * quarter))
        assert client.get("/desk").status_code == 200
    clock.freeze(START + timedelta(hours=12, minutes=1))
    assert client.get("/desk").status_code == 401


@pytest.mark.parametrize(
    "held",
    [
        {"account": "x"},
        {"account": {"role": "staff"}, "issued_at": 1, "last_seen": 1},
        {"account": {"account_no": "1", "role": "god"}},
        {"account": {"account_no": "1", "role": "staff", "more": "1"}, "issued_at": "x"},
        {"account": None, "csrf_token": 3},
    ],
)
def test_a_cookie_of_another_shape_is_nobody(held: dict[str, object]) -> None:
    client = site().test_client()
    with client.session_transaction() as session:
        now = int(START.timestamp())
        session.update({"issued_at": now, "last_seen": now} | held)
    assert client.get("/desk").status_code == 401
    assert client.get("/sign-in").status_code == 200


def test_a_forged_cookie_is_nobody() -> None:
    good, other = site(), site()
    other.config["SECRET_KEY"] = "another key that is long enough, too"
    client = other.test_client()
    with client.session_transaction() as session:
        now = int(START.timestamp())
        session.update(
            account={"account_no": "1", "role": "operator"}, issued_at=now, last_seen=now
        )
    cookie = client.get_cookie("linli_session")
    assert cookie is not None
    stranger = good.test_client()
    stranger.set_cookie("linli_session", cookie.value)
    assert stranger.get("/desk").status_code == 401


def test_a_session_works_at_every_service_that_shares_the_key() -> None:
    cookie = signed_in(site()).get_cookie("linli_session")
    assert cookie is not None
    elsewhere = site().test_client()
    elsewhere.set_cookie("linli_session", cookie.value)
    assert elsewhere.get("/desk").status_code == 200


def test_a_short_key_stops_the_start() -> None:
    with pytest.raises(ValueError, match="LINLI_SESSION_KEY"):
        WebSettings(session_key="short")


def test_cookies_are_secure_where_the_public_address_is_https() -> None:
    env = {"LINLI_SESSION_KEY": KEY, "LINLI_TRUSTED_PROXIES": "1"}
    assert not read_web_settings(env).secure_cookies
    https = read_web_settings(env | {"LINLI_PUBLIC_URL": "https://linli.example"})
    assert https.secure_cookies
    assert https.trusted_proxies == 1


def test_a_wrong_password_says_so_keeps_the_name_and_never_the_password() -> None:
    client = site().test_client()
    sent = {"login": 'o"><b>', "password": "wrong", "csrf_token": token_of(client)}
    answer = client.post("/sign-in", data=sent)
    assert answer.status_code == 401
    assert "账号或密码不对" in answer.text
    assert "o&#34;&gt;&lt;b&gt;" in answer.text
    assert "wrong" not in answer.text.replace('class="field wrong"', "")
    empty = client.post("/sign-in", data={"csrf_token": token_of(client)})
    assert empty.status_code == 422
    assert 'aria-invalid="true"' in empty.text


@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (TooMany("locked", "已锁定", "locked", retry_after_s=900), 429),
        (Unavailable("down", "停了", "down", retry_after_s=3), 503),
    ],
)
def test_a_lock_is_told_with_its_time(raised: TooMany | Unavailable, status: int) -> None:
    def locked(_login: str, _password: str, _address: str) -> Account:
        raise raised

    app = raising_app()
    register_sign_in(app, locked)
    client = app.test_client()
    sent = {"login": "a", "password": "b", "csrf_token": token_of(client)}
    answer = client.post("/sign-in", data=sent)
    assert answer.status_code == status
    assert answer.headers["Retry-After"] == str(raised.retry_after_s)
    assert raised.zh in answer.text


def test_the_address_behind_a_proxy_is_believed_only_when_configured() -> None:
    seen: list[str] = []

    def note(_login: str, _password: str, address: str) -> Account:
        seen.append(address)
        return Account(account_no="1", role="staff")

    for proxies in (0, 1):
        app = raising_app(trusted_proxies=proxies)
        register_sign_in(app, note)
        client = app.test_client()
        sent = {"login": "a", "password": "b", "csrf_token": token_of(client)}
        client.post("/sign-in", data=sent, headers={"X-Forwarded-For": "10.1.2.3"})
    assert seen == ["127.0.0.1", "10.1.2.3"]


@pytest.mark.parametrize(
    "sent",
    [{}, {"csrf_token": ""}, {"csrf_token": "x" * 43}, {"csrf_token": "é\0"}],
)
def test_a_form_without_the_token_changes_nothing(sent: dict[str, str]) -> None:
    client = signed_in(site())
    token_of(client)
    assert client.post("/change", data=sent).status_code in {403, 422}
    assert client.post("/change", data=sent, headers=HTML).status_code in {403, 422}


def test_the_token_opens_as_field_and_as_header_and_only_in_its_own_session() -> None:
    app = site()
    client, other = signed_in(app), signed_in(app)
    token, foreign = token_of(client), token_of(other)
    assert client.post("/change", data={"csrf_token": token}).text == "changed"
    assert client.post("/change", json={}, headers={"X-CSRF-Token": token}).text == "changed"
    assert client.post("/change", data={"csrf_token": foreign}).status_code == 403
    assert client.post("/change", json={}).status_code == 403


def test_a_request_another_site_made_is_refused_even_with_the_token() -> None:
    client = signed_in(site())
    answer = client.post(
        "/change", data={"csrf_token": token_of(client)}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403


def test_the_bearer_door_needs_no_token() -> None:
    assert site().test_client().post("/door", json={}).text == "taken"


def test_signing_in_changes_the_token() -> None:
    client = site().test_client()
    before = token_of(client)
    client.post("/sign-in", data={"login": "staff", "password": "x", "csrf_token": before})
    assert token_of(client) != before


@pytest.mark.parametrize("good", ["/", "/desk", "/desk?a=1&b=//x", "/a//b", "/passbooks/%E5%BC%A0"])
def test_paths_of_this_site_are_gone_on_to(good: str) -> None:
    assert safe_next(good) == good


@pytest.mark.parametrize(
    "bad",
    [
        None, "", "desk", "//evil.cn", "///evil.cn", "/\\evil.cn", "\\\\evil.cn", "https://evil.cn",
        "javascript:alert(1)", "/\t/evil.cn", "/a\nb", "/a b", " //evil.cn", "/" + "x" * 2000,
        "http:/evil.cn", "/\x00", "//[", "/%0d%0a" + "\r\nSet-Cookie: a=b",
    ],
)  # fmt: skip
def test_anything_that_could_lead_elsewhere_is_not(bad: str | None) -> None:
    assert safe_next(bad) == "/"


@pytest.mark.parametrize("target", ["//evil.cn", "https://evil.cn/", "/\\evil.cn"])
def test_no_door_redirects_elsewhere(target: str) -> None:
    client = site().test_client()
    sent = {"login": "staff", "password": "x", "csrf_token": token_of(client), "next": target}
    assert client.post("/sign-in", data=sent).headers["Location"] == "/requests"
    for path in ("/sign-in", "/preferences"):
        answer = client.get(path, query_string={"next": target, "lang": "en"})
        assert "evil" not in answer.headers.get("Location", "")


def test_one_sees_ones_own_and_staff_sees_all() -> None:
    app = site()

    @require_role("resident", "staff")
    def passbook(number: str) -> str:
        return auth.require_subject(number, unless=frozenset({"staff"})).role

    app.add_url_rule("/passbook/<number>", "passbook", passbook)
    resident, staff = signed_in(app, "resident"), signed_in(app, "staff")
    assert resident.get("/passbook/R-000123").text == "resident"
    assert resident.get("/passbook/R-000999").status_code == 403
    assert staff.get("/passbook/R-000999").text == "staff"
    with app.test_request_context(), pytest.raises(Forbidden):
        auth.sign_in(Account(account_no="1", role="partner"))
        auth.require_subject("")

"""The register's pages and JSON: who sees what, what may be done, what is shown once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask, redirect
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.wrappers import Response

from services.partners import tasks
from services.partners.actions import contribution
from services.partners.app import create_app
from services.partners.config import Settings
from services.partners.rules.keys import is_key
from shared import clock
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from shared.web.access import public, undeclared_routes
from shared.web.auth import Account, sign_in
from shared.web.settings import WebSettings
from tests.integration.partners.desk import TERMS, Desk, open_desk

API = "/partners/api/v1/organisations"
AGREEMENT = {
    "no": "HX-2026-009",
    "valid_from": "2026-01-01",
    "valid_to": "2026-12-31",
    "event_types": ["linli.activity.attended.v1"],
}


@pytest.fixture(scope="module")
def desk(settings: dict[str, str]) -> Iterator[Desk]:
    with open_desk(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def app(desk: Desk) -> Iterator[Flask]:
    made = create_app(
        Settings(database_url=desk.worker_settings.database_url), WebSettings(session_key="k" * 40)
    )

    @public
    def become(role: str, subject: str = "") -> Response:
        sign_in(Account(account_no=f"{role}-1", role=role, subject=subject))
        return redirect("/partners", 303)

    made.add_url_rule("/become/<role>", view_func=become)
    made.add_url_rule("/become/<role>/<subject>", view_func=become)
    yield made
    made.extensions["linli.engine"].dispose()


def client(app: Flask, role: str, subject: str = "") -> FlaskClient:
    signed_in = app.test_client()
    signed_in.get(f"/become/{role}/{subject}" if subject else f"/become/{role}")
    return signed_in


def token(of: FlaskClient, page: str = "/partners/docs") -> dict[str, str]:
    """The header that repeats the page's CSRF token."""
    found = re.search(r'name="csrf-token" content="([^"]+)"', of.get(page).text)
    assert found is not None
    return {"X-CSRF-Token": found[1]}


def test_every_route_says_who_may_use_it(desk: Desk) -> None:
    made = create_app(
        Settings(database_url=desk.worker_settings.database_url), WebSettings(session_key="k" * 40)
    )
    assert undeclared_routes(made) == []
    made.extensions["linli.engine"].dispose()


def test_the_list_shows_partners_their_agreements_and_state(desk: Desk, app: Flask) -> None:
    made = desk.add("listed")
    page = client(app, "staff").get(f"/partners?q={made.slug}")
    assert page.status_code == 200
    for shown in (made.slug, "测试单位", "HX-2026-001", "已启用"):
        assert shown in page.text
    assert "登记合伙人" not in page.text, "only operators register"
    assert made.slug not in client(app, "staff").get("/partners?status=revoked").text


def test_a_partner_sees_its_own_page_and_no_other(desk: Desk, app: Flask) -> None:
    own, other = desk.add("own"), desk.add("other")
    as_partner = client(app, "partner", own.slug)
    page = as_partner.get(f"/partners/{own.slug}")
    assert page.status_code == 200
    assert "变更记录" not in page.text
    assert "暂停原因" not in page.text
    assert as_partner.get(f"/partners/{other.slug}").status_code == 403
    assert as_partner.get(f"{API}/{other.slug}").status_code == 403
    assert as_partner.get("/partners").status_code == 403
    assert as_partner.get(API).status_code == 403
    assert as_partner.get(f"{API}/{own.slug}").status_code == 200


@pytest.mark.parametrize("role", ["resident", "partner", "staff", "auditor"])
def test_only_operators_change_anything(desk: Desk, app: Flask, role: str) -> None:
    made = desk.add("kept")
    as_other = client(app, role, made.slug)
    headers = token(as_other)
    for path in ("suspend", "activate", "revoke", "rotate"):
        for door in ("/partners", API):
            answer = as_other.post(f"{door}/{made.slug}/{path}", headers=headers, json={})
            assert answer.status_code == 403
    assert as_other.post(API, headers=headers, json={}).status_code == 403
    assert desk.row(made.slug)["status"] == "active"


def test_nobody_sees_anything_without_signing_in(app: Flask) -> None:
    nobody = app.test_client()
    assert nobody.get(API, headers={"Accept": "application/json"}).status_code == 401
    assert nobody.get("/partners", headers={"Accept": "text/html"}).status_code == 303


def test_a_change_without_the_pages_token_is_refused(desk: Desk, app: Flask) -> None:
    made = desk.add("csrf")
    operator = client(app, "operator")
    assert operator.post(f"{API}/{made.slug}/revoke").status_code == 403
    assert desk.row(made.slug)["status"] == "active"


def test_an_organisation_is_registered_changed_and_revoked_by_json(desk: Desk, app: Flask) -> None:
    operator = client(app, "operator")
    headers = token(operator)
    slug = desk.slug("json")
    asked = {"slug": slug, "name": "乙", "kind": "merchant", "agreement": AGREEMENT}
    answer = operator.post(API, json=asked, headers=headers)
    assert answer.status_code == 201
    assert answer.json["organisation"]["status"] == "suspended"
    assert answer.json["organisation"]["activating"] is True
    assert is_key(answer.json["credentials"]["api_key"])
    assert answer.json["credentials"]["exchange"] == f"in.{slug}"
    assert operator.post(API, json=asked, headers=headers).status_code == 409

    tasks.reconcile_all(desk.sessions, desk.broker)
    assert operator.get(f"{API}/{slug}").json["status"] == "active"

    longer = {**AGREEMENT, "valid_to": "2027-12-31"}
    put = operator.put(f"{API}/{slug}/agreement", json=longer, headers=headers)
    assert put.json["agreement"]["valid_to"] == "2027-12-31"
    quota = {"per_minute": 10, "per_day": 100}
    put = operator.put(f"{API}/{slug}/quota", json=quota, headers=headers)
    assert put.json["quota"] == quota
    rotated = operator.post(f"{API}/{slug}/rotate", json={"overlap_hours": 0}, headers=headers)
    assert rotated.json["api_key"] != answer.json["credentials"]["api_key"]
    for verb, body in (("suspend", {"reason": "x"}), ("activate", None), ("revoke", None)):
        done = operator.post(f"{API}/{slug}/{verb}", json=body, headers=headers)
        assert done.status_code == 200, verb
    assert done.json["status"] == "revoked"
    assert operator.post(f"{API}/{slug}/activate", headers=headers).status_code == 409
    with desk.sessions() as session:
        wanted = text("SELECT items FROM outbox WHERE kind = 'task'")
        asked_of = [row.items for row in session.execute(wanted) if slug in row.items]
    assert len(asked_of) == 5, "each change asks the worker to make the broker agree"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"slug": "A"}, "/slug"),
        ({"slug": "guest"}, "/slug"),
        ({"kind": "club"}, "/kind"),
        ({"agreement": {**AGREEMENT, "valid_to": "2025-01-01"}}, "/agreement/valid_to"),
        ({"agreement": {**AGREEMENT, "event_types": []}}, "/agreement/event_types"),
        ({"name": "a\u0007b"}, "/name"),
    ],
)
def test_what_is_wrong_is_pointed_at(app: Flask, change: dict[str, object], pointer: str) -> None:
    operator = client(app, "operator")
    asked = {"slug": "fine-one", "name": "乙", "kind": "merchant", "agreement": AGREEMENT, **change}
    answer = operator.post(API, json=asked, headers=token(operator))
    assert (answer.status_code, answer.json["pointer"]) == (422, pointer)


def test_missing_partners_are_missing(app: Flask) -> None:
    operator = client(app, "operator")
    headers = token(operator)
    assert operator.get(f"{API}/nobody").status_code == 404
    assert operator.get("/partners/nobody").status_code == 404
    suspended = operator.post(f"{API}/nobody/suspend", json={"reason": "x"}, headers=headers)
    assert suspended.status_code == 404
    assert operator.post("/partners/nobody/suspend", headers=headers).status_code == 404


def test_the_list_goes_on_where_a_page_ends(desk: Desk, app: Flask) -> None:
    for name in ("page-a", "page-b", "page-c"):
        desk.add(name)
    operator = client(app, "operator")
    first = operator.get(f"{API}?q=page-&limit=2").json
    rest = operator.get(f"{API}?q=page-&limit=2&after={first['next']}").json
    slugs = [each["slug"] for page in (first, rest) for each in page["organisations"]]
    assert len(slugs) == 3
    assert slugs == sorted(slugs)
    assert rest["next"] is None


def test_an_operator_works_by_forms(desk: Desk, app: Flask) -> None:
    operator = client(app, "operator")
    headers = token(operator, "/partners/new")
    slug = desk.slug("form")
    form = {"slug": slug, "name": "丙<b>", "kind": "talent", "no": "HX-1", "system": ""}
    wrong = operator.post("/partners/new", data=form, headers=headers)
    assert wrong.status_code == 422
    assert "请至少选择一种" in wrong.text
    assert "丙&lt;b&gt;" in wrong.text, "what was typed stays"
    form |= {"valid_from": "2026-01-01", "valid_to": "2026-12-31"}
    made = operator.post(
        "/partners/new",
        data={**form, "event_types": ["linli.activity.attended.v1"]},
        headers=headers,
    )
    assert made.status_code == 201
    shown = re.search(r"llk_\w{49}", made.text)
    assert shown is not None
    assert shown[0] not in operator.get(f"/partners/{slug}").text, "shown once"

    tasks.reconcile_all(desk.sessions, desk.broker)
    suspended = operator.post(
        f"/partners/{slug}/suspend", data={"reason": "违规"}, headers=headers, follow_redirects=True
    )
    assert "违规" in suspended.text
    operator.post(f"/partners/{slug}/revoke", data={"slug": "other"}, headers=headers)
    assert desk.row(slug)["status"] == "suspended", "the slug must be typed"
    operator.post(f"/partners/{slug}/activate", headers=headers)
    rotated = operator.post(f"/partners/{slug}/rotate", data={"overlap": "24"}, headers=headers)
    assert re.search(r"llk_\w{49}", rotated.text)
    operator.post(f"/partners/{slug}/revoke", data={"slug": slug}, headers=headers)
    assert desk.row(slug)["status"] == "revoked"
    assert operator.get(f"/partners/{slug}").status_code == 200


def test_contribution_and_agreements_are_shown_in_both_languages(desk: Desk, app: Flask) -> None:
    made = desk.add("credited")
    entry = {
        "award_id": uuid7(),
        "partner": made.slug,
        "points": 1234,
        "wish_code": "W-77",
        "colour": "urgent_red",
        "credited_at": clock.now(),
    }
    with transaction(desk.sessions) as tx:
        contribution.add(tx.session, [entry])
    visitor = client(app, "auditor")
    page = visitor.get(f"/partners/{made.slug}").text
    assert "1,234" in page
    assert "急难心愿" in page
    assert TERMS.valid_to == date(2026, 12, 31)
    assert "2026年12月31日" in page
    visitor.set_cookie("lang", "en")
    page = visitor.get(f"/partners/{made.slug}").text
    assert "Contribution" in page
    assert "Agreement in force" in page


def test_the_document_describes_the_register(app: Flask) -> None:
    paths = app.test_client().get("/partners/openapi.json").json["paths"]
    assert f"{API}/{{slug}}/agreement" in paths
    assert paths[API]["post"]["x-roles"] == ["operator"]

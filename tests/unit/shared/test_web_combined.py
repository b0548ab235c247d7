"""Several apps at one address; paths taken as they come."""

from __future__ import annotations

import pytest
from flask import Flask, request
from werkzeug.test import Client

from shared.web.access import bearer_door, public
from shared.web.app import create_base_app
from shared.web.combined import create_combined_app, service_of
from shared.web.settings import WebSettings
from tests.unit.shared.test_web_errors import HTML
from tests.unit.shared.test_web_gallery import KEY

SETTINGS = WebSettings(session_key=KEY)


def service(name: str, reason: str | None = None) -> Flask:
    app = create_base_app(
        name, settings=SETTINGS, ready=lambda: {"database": reason}, import_name="shared.web"
    )

    @public
    def here(rest: str = "") -> str:
        return f"{name} {request.path}"

    for rule in ("/overview", "/passbooks", "/passbooks/<number>", "/partners", "/inbox"):
        app.add_url_rule(rule, f"here{rule}", lambda number="": here(number))
        public(app.view_functions[f"here{rule}"])

    @bearer_door
    def verdict(rest: str) -> str:
        return rest

    app.add_url_rule("/events/<rest:rest>", "verdict", verdict)
    return app


def all_four(**reasons: str | None) -> Client:
    apps = {
        name: service(name, reasons.get(name))
        for name in ("intake", "points", "partners", "notify")
    }
    return Client(create_combined_app(apps, settings=SETTINGS))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/overview", "intake"),
        ("/passbooks", "points"),
        ("/passbooks/R-1", "points"),
        ("/partners", "partners"),
        ("/inbox", "notify"),
    ],
)
def test_the_first_segment_finds_the_service(path: str, name: str) -> None:
    assert all_four().get(path).text == f"{name} {path}"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "intake"), ("", "intake"), ("/passbooksx", "intake"), ("//passbooks", "intake"),
        ("/points", "points"), ("/points/docs", "points"), ("/notices/1", "notify"),
        ("/Passbooks", "intake"), ("/intake/docs", "intake"),
    ],
)  # fmt: skip
def test_only_a_whole_segment_counts(path: str, name: str) -> None:
    assert service_of(path) == name


def test_what_nobody_has_is_not_found_by_intake() -> None:
    answer = all_four().get("/nowhere", headers=HTML)
    assert answer.status_code == 404
    assert "没有找到" in answer.text


def test_health_speaks_for_all_and_each_for_itself() -> None:
    client = all_four(notify="短信 / SMS")
    assert client.get("/healthz").status_code == 200
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json is not None
    assert ready.json["checks"]["notify.database"] == "短信 / SMS"
    assert ready.json["checks"]["points.database"] == "ok"
    assert client.get("/points/readyz").status_code == 200
    assert client.get("/notify/readyz").status_code == 503
    assert all_four().get("/readyz").status_code == 200
    assert client.get("/metrics").status_code == 200
    assert client.get("/version").json is not None


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("/events/%2Fpartners%2Fgreen%2Ferp/e-1", "/partners/green/erp/e-1"),
        ("/events//partners/green/erp/e-1", "/partners/green/erp/e-1"),
        ("/events/%2Fpartners%2Fgreen%2Ferp/a%2Fb", "/partners/green/erp/a/b"),
        ("/events/%2Fpartners%2Fgreen%2Ferp/%E5%BC%A0%20x", "/partners/green/erp/张 x"),
        ("/events/a//b/", "a//b/"),
    ],
)
def test_an_encoded_source_survives(path: str, rest: str) -> None:
    answer = all_four().get(path)
    assert (answer.status_code, answer.text) == (200, rest)


def test_double_slashes_are_not_redirected() -> None:
    for path in ("//overview", "/passbooks//R-1", "//evil.cn/%2e%2e", "///"):
        assert all_four().get(path).status_code == 404

"""Errors, request ids, headers, metrics and logs of the base app."""

from __future__ import annotations

import json
import logging
import re

import pytest
from flask import Flask, abort
from prometheus_client import REGISTRY
from sqlalchemy.exc import DataError, OperationalError
from werkzeug.test import TestResponse

from shared import errors, log
from shared.web.access import public, require_role, undeclared_routes
from shared.web.app import create_base_app
from shared.web.headers import CONTENT_SECURITY_POLICY
from shared.web.settings import WebSettings
from tests.unit.shared.test_web_gallery import KEY, gallery

HTML = {"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}

RAISED: dict[str, tuple[Exception, int, str]] = {
    "rejected": (
        errors.Rejected("bad_name", "名称不对", "bad name", pointer="/name"),
        422,
        "bad_name",
    ),
    "unauthenticated": (errors.Unauthenticated("who", "谁", "who"), 401, "who"),
    "forbidden": (errors.Forbidden("no", "不行", "no"), 403, "no"),
    "missing": (errors.Missing("gone", "没有", "gone"), 404, "gone"),
    "conflict": (errors.Conflict("moved", "变了", "moved"), 409, "moved"),
    "not_yet": (errors.NotYet("early", "太早", "early"), 409, "early"),
    "too_many": (errors.TooMany("quota", "超额", "quota", retry_after_s=42), 429, "quota"),
    "unavailable": (errors.Unavailable("down", "停了", "down", retry_after_s=7), 503, "down"),
    "bug": (ValueError("secret 13812345678"), 500, "internal"),
    "linli_500": (errors.LinliError("odd", "secret", "secret"), 500, "internal"),
    "data": (DataError("INSERT secret", None, Exception("secret")), 422, "invalid"),
    "database": (OperationalError("SELECT secret", None, Exception("secret")), 503, "unavailable"),
}


def raising_app(**settings: object) -> Flask:
    app = create_base_app(
        "demo",
        settings=WebSettings(session_key=KEY, **settings),  # type: ignore[arg-type]
        ready=lambda: {"database": None, "broker": "连接被拒绝 / connection refused"},
        import_name="shared.web",
    )

    @public
    def fail(kind: str) -> str:
        raise RAISED[kind][0]

    @public
    def status(code: int) -> str:
        abort(code)

    app.add_url_rule("/fail/<kind>", "fail", fail)
    app.add_url_rule("/status/<int:code>", "status", status)
    app.add_url_rule("/silent", "silent", lambda: "nobody said who may see this")
    return app


def problem_of(response: TestResponse) -> dict[str, object]:
    assert response.content_type == "application/problem+json"
    document = json.loads(response.data)
    assert document["status"] == response.status_code
    assert document["type"] == f"urn:linli:problem:{document['code']}"
    assert document["request_id"] == response.headers["X-Request-ID"]
    for member in ("title", "title_en", "detail", "detail_en"):
        assert document[member]
    return dict(document)


@pytest.mark.parametrize("kind", RAISED)
def test_each_kind_of_error_has_its_status_in_json_and_as_a_page(kind: str) -> None:
    _, status, code = RAISED[kind]
    client = raising_app().test_client()
    answer = client.get(f"/fail/{kind}")
    document = problem_of(answer)
    assert (answer.status_code, document["code"]) == (status, code)
    assert b"secret" not in answer.data
    page = client.get(f"/fail/{kind}", headers=HTML)
    assert page.status_code == status
    assert page.content_type.startswith("text/html")
    assert "secret" not in page.text
    assert str(document["detail"]) in page.text
    assert str(document["detail_en"]) in page.text


@pytest.mark.parametrize("code", [400, 404, 405, 409, 413, 415, 418, 429, 500, 501, 502, 503, 504])
def test_aborted_statuses_keep_their_number(code: int) -> None:
    answer = raising_app().test_client().get(f"/status/{code}")
    assert answer.status_code == code
    problem_of(answer)


def test_who_is_told_to_wait_is_told_how_long() -> None:
    client = raising_app().test_client()
    assert client.get("/fail/too_many").headers["Retry-After"] == "42"
    assert client.get("/fail/unavailable").headers["Retry-After"] == "7"
    assert int(client.get("/status/503").headers["Retry-After"]) > 0
    assert int(client.get("/status/429", headers=HTML).headers["Retry-After"]) > 0


def test_the_pointer_names_the_field() -> None:
    assert problem_of(raising_app().test_client().get("/fail/rejected"))["pointer"] == "/name"


def test_a_wrong_method_names_the_right_ones() -> None:
    answer = raising_app().test_client().delete("/healthz")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_schema_errors_point_at_each_field_in_both_languages() -> None:
    client = gallery().test_client()
    document = problem_of(client.get("/gallery/things/a?n=9&colour=%3Cb%3E&x=1"))
    found = {item["parameter"]: item for item in document["errors"]}  # type: ignore[attr-defined]
    assert found["n"]["in"] == "query"
    assert re.search(r"[\u4e00-\u9fff]", found["n"]["detail"])
    assert "Must be" in found["n"]["detail_en"]
    assert "colour" in found


def test_an_api_answers_programs_even_when_a_browser_asks() -> None:
    client = gallery().test_client()
    assert client.get("/gallery/things/a?n=9", headers=HTML).content_type.endswith("problem+json")


def test_a_route_that_says_nothing_is_closed_and_listed() -> None:
    app = raising_app()
    assert app.test_client().get("/silent").status_code == 403
    assert undeclared_routes(app) == ["GET /silent"]
    assert undeclared_routes(gallery()) == []
    with pytest.raises(ValueError, match="at least one role"):
        require_role()


def test_a_body_over_the_limit_is_refused_before_it_is_read() -> None:
    client = raising_app(body_limit_bytes=100).test_client()
    answer = client.post("/status/404", data=b"x" * 101)
    assert answer.status_code == 413
    problem_of(answer)


def test_health_readiness_and_version() -> None:
    client = raising_app(revision="abc").test_client()
    for prefix in ("", "/demo"):
        assert client.get(prefix + "/healthz").json == {"status": "ok", "service": "demo"}
        ready = client.get(prefix + "/readyz")
        assert ready.status_code == 503
        assert ready.headers["Retry-After"]
        assert ready.json is not None
        assert ready.json["checks"]["database"] == "ok"
        assert "refused" in ready.json["checks"]["broker"]
        version = client.get(prefix + "/version").json
        assert version is not None
        assert version["revision"] == "abc"
        assert b"linli_http_requests_total" in client.get(prefix + "/metrics").data


def test_a_readiness_check_that_raises_is_a_reason_not_a_crash() -> None:
    def broken() -> dict[str, str | None]:
        raise RuntimeError("password=secret")

    app = create_base_app(
        "demo", settings=WebSettings(session_key=KEY), ready=broken, import_name="shared.web"
    )
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert b"secret" not in answer.data


def test_every_answer_carries_the_security_headers() -> None:
    client = raising_app().test_client()
    for path in ("/healthz", "/nowhere", "/fail/bug", "/static/linli.css"):
        with client.get(path) as answer:
            assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert answer.headers["Referrer-Policy"] == "same-origin"
            assert "Strict-Transport-Security" not in answer.headers
    secure = raising_app(secure_cookies=True).test_client()
    assert "Strict-Transport-Security" in secure.get("/healthz").headers
    assert "unsafe" not in CONTENT_SECURITY_POLICY


def test_request_ids_are_taken_over_when_sane_and_made_when_not() -> None:
    client = raising_app().test_client()
    given = client.get("/healthz", headers={"X-Request-ID": "call-0123.4"})
    assert given.headers["X-Request-ID"] == "call-0123.4"
    for odd in ("short", "x" * 65, "with space 123", '<script>alert("1")', "中文中文中文"):
        got = client.get("/healthz", headers={"X-Request-ID": odd.encode().decode("latin-1")})
        assert re.fullmatch(r"[0-9a-f-]{36}", got.headers["X-Request-ID"])


def test_a_trace_goes_on_and_odd_ones_start_anew() -> None:
    client = raising_app().test_client()
    trace = "0af7651916cd43dd8448eb211c80319c"
    given = f"00-{trace}-b7ad6b7169203331-00"
    got = client.get("/healthz", headers={"traceparent": given}).headers["traceparent"]
    assert got.startswith(f"00-{trace}-")
    assert got.endswith("-00")
    assert got != given
    for odd in ("", "00-zz", f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{trace}-{'0' * 16}-01"):
        fresh = client.get("/healthz", headers={"traceparent": odd}).headers["traceparent"]
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", fresh)
        assert trace not in fresh


def test_the_ids_are_bound_to_the_logs_only_during_the_request() -> None:
    app, seen = raising_app(), []

    @public
    def look() -> str:
        seen.append((log.correlation_id.get(), log.traceparent.get()))
        return ""

    app.add_url_rule("/look", "look", look)
    answer = app.test_client().get("/look", headers={"X-Request-ID": "look-0001"})
    assert seen == [("look-0001", answer.headers["traceparent"])]
    assert (log.correlation_id.get(), log.traceparent.get()) == ("", "")


def test_the_log_has_the_route_and_nothing_people_typed(caplog: pytest.LogCaptureFixture) -> None:
    client = raising_app().test_client()
    with caplog.at_level(logging.DEBUG):
        client.get("/fail/bug?phone=13812345678")
        client.get("/13812345678?name=%E5%BC%A0")
    lines = [log.JsonFormatter().format(record) for record in caplog.records]
    written = "\n".join(lines)
    assert "13812345678" not in written
    assert "%E5" not in written
    access = [json.loads(line) for line in lines if '"request"' in line]
    assert [(one["route"], one["status"]) for one in access] == [
        ("/fail/<kind>", 500),
        ("(unmatched)", 404),
    ]
    failure = next(json.loads(line) for line in lines if "unexpected error" in line)
    assert "ValueError" in failure["exception"]
    assert "in fail" in failure["exception"]


def test_metrics_have_a_label_per_rule_however_many_addresses_are_tried() -> None:
    client = raising_app().test_client()
    for n in range(40):
        client.get(f"/fail/nowhere-{n}")
        client.get(f"/made-up/{n}?q={n}")
        client.open(f"/made-up/{n}", method=f"ODD{n}")
    labels = [
        sample.labels
        for metric in REGISTRY.collect()
        if metric.name == "linli_http_requests"
        for sample in metric.samples
    ]
    assert {"/fail/<kind>", "(unmatched)"} <= {label["route"] for label in labels}
    assert not [
        label for label in labels if "made-up" in label["route"] or "nowhere" in label["route"]
    ]
    assert {label["method"] for label in labels} <= {
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER",
    }  # fmt: skip


def test_statics_are_cached_and_everything_else_is_not() -> None:
    client = gallery().test_client()
    assert client.get("/overview").headers["Cache-Control"] == "no-store"
    with client.get("/static/linli.css") as answer:
        assert "max-age" in answer.headers["Cache-Control"]

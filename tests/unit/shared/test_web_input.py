"""Odd input is answered, never with an internal error."""

from __future__ import annotations

import json
import re
from functools import cache
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from shared.errors import Rejected
from shared.web.plain_input import check_json
from shared.web.violations import VIOLATIONS_MAX, in_chinese, of_body, of_request
from tests.unit.shared.test_web_errors import HTML
from tests.unit.shared.test_web_gallery import gallery

APP = gallery()
ODD_BODIES = [
    b"", b"{", b"null", b"[]", b"1", b'"x"', b"\xff\xfe", b"NaN", b'{"n": NaN}', b'{"n": Infinity}',
    b'{"n": 1e999}', b'{"n": ' + b"9" * 5000 + b"}",
    b'{"n": 99999999999999999999}', b"[" * 100_000,
    b'{"a":' * 2000 + b"1" + b"}" * 2000, b'{"\\ud800": 1}', b'{"n": "\\ud800"}',
    b'{"n": "\\u0000"}',
    b'{"n": 1, "at": "2026-02-30T00:00:00Z"}', b'{"n": 1, "at": "2026-02-03T00:00:00+99:99"}',
    b'{"n": true}', b'{"n": [1]}', b'{"n": {"n": 1}}', b"\x00" * 50,
]  # fmt: skip


@cache
def staff() -> tuple[FlaskClient, dict[str, str]]:
    client = APP.test_client()
    token = re.search(r'csrf_token" value="([^"]+)"', client.get("/sign-in").text)
    assert token is not None
    client.post("/sign-in", data={"login": "staff", "password": "x", "csrf_token": token[1]})
    fresh = re.search(r'csrf_token" value="([^"]+)"', client.get("/form").text)
    assert fresh is not None
    return client, {"X-CSRF-Token": fresh[1]}


@pytest.mark.parametrize("body", ODD_BODIES, ids=range(len(ODD_BODIES)))
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data", "a/b;c"])
def test_odd_bodies_are_the_senders_fault(body: bytes, kind: str) -> None:
    client, headers = staff()
    answer = client.post("/gallery/things", data=body, headers=headers, content_type=kind)
    assert 400 <= answer.status_code < 500
    assert answer.content_type == "application/problem+json"
    json.loads(answer.data)


def test_a_good_body_is_taken() -> None:
    client, headers = staff()
    sent = {"n": 3, "at": "2026-03-01T08:00:00+08:00"}
    answer = client.post("/gallery/things", json=sent, headers=headers)
    assert answer.status_code == 201
    assert answer.json == sent


def test_texts_no_database_can_hold_are_refused_everywhere() -> None:
    client, headers = staff()
    get, post = client.get, client.post
    assert get("/gallery/things/a%00b?n=1").status_code == 400
    assert get("/gallery/things/a?n=1&colour=%00").status_code == 400
    assert post("/sign-in", data={"login": "a\0b"}, headers=headers).status_code == 422
    for bad in (b'["\\u0000"]', b'{"\\ud800": 1}', b'[["\\udfff"]]'):
        with pytest.raises(Rejected):
            check_json(bad)
    for good in (b'["\\\\u0000"]', b'["\\ud83d\\ude00"]', b"[9223372036854775807]", b"{"):
        check_json(good)
    for bad in (b"[9223372036854775808]", b"[-99999999999999999999999]", b"[" * 80 + b"]" * 80):
        with pytest.raises(Rejected):
            check_json(bad)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "TRACE", "FOO"]),
    path=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60)
    | st.sampled_from(
        ["/overview", "/sign-in", "/preferences", "/gallery/things", "/gallery/events"]
    ),
    query=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=80),
    headers=st.dictionaries(
        st.sampled_from(
            [
                "Host",
                "Accept",
                "Cookie",
                "Content-Type",
                "Content-Length",
                "X-Request-ID",
                "traceparent",
                "X-CSRF-Token",
                "Authorization",
                "X-Forwarded-For",
                "Accept-Language",
                "Range",
                "If-None-Match",
                "Sec-Fetch-Site",
            ]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=60),
    ),
    body=st.binary(max_size=200),
)
def test_whatever_is_sent_the_answer_is_not_a_server_error(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    environ = EnvironBuilder(method=method, path="/", input_stream=BytesIO(body)).get_environ()
    environ["PATH_INFO"] = path if path.startswith("/") else "/" + path
    environ["QUERY_STRING"] = query
    for name, value in headers.items():
        plain = name in {"Content-Type", "Content-Length"}
        environ[
            name.upper().replace("-", "_") if plain else f"HTTP_{name.upper().replace('-', '_')}"
        ] = value
    chunks, status, _ = run_wsgi_app(APP, environ)
    b"".join(chunks)
    assert int(status.split()[0]) < 500


def test_what_was_sent_is_never_echoed_raw_into_a_page() -> None:
    client = APP.test_client()
    for path in ("/<script>alert(1)</script>", "/overview?x=<script>", '/sign-in?next=/"><script>'):
        html = client.get(path, headers=HTML).text
        assert "<script>" not in html
        assert '"><' + "script" not in html


def test_violations_are_flat_bounded_and_bilingual() -> None:
    found = of_body({"a": {0: {"b/c~": ["Unknown field."]}}, "_schema": ["Invalid input type."]})
    assert [(one.pointer, one.zh) for one in found] == [
        ("/a/0/b~1c~0", "没有这一项。"),
        ("", "输入类型不对。"),
    ]
    assert len(of_body({str(n): ["x"] for n in range(500)})) == VIOLATIONS_MAX
    assert of_request({"query": {"n": ["Not a valid integer."]}})[0].parameter == "n"
    assert of_request({"json": {"n": ["Not a valid integer."]}})[0].pointer == "/n"
    assert of_request("whole")[0].en == "whole"
    assert in_chinese("Length must be between 1 and 5.") == "长度须在 1 与 5 之间。"
    assert in_chinese("请写明 / say so") == "请写明 / say so"
    assert in_chinese("quite new") == "此项无效。"

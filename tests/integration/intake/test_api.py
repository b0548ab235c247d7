"""The partner HTTP door: every mode, every reason, the order of the checks, who is let in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from sqlalchemy.exc import OperationalError

from shared import metrics
from shared.schemas.verdict import verdict_schema
from shared.schemas.wire import REQUEST_SUBMITTED, WISH_FULFILLED
from tests.integration.intake.conftest import (
    BATCH,
    STRUCTURED,
    Intake,
    activity,
    asked,
    later,
)

check_verdict = Draft202012Validator(verdict_schema()).validate


def only(answer: Any) -> dict[str, Any]:
    """The one verdict of an answer."""
    assert answer.status_code == 202, answer.text
    (verdict,) = answer.json["verdicts"]
    check_verdict(verdict)
    return dict(verdict)


def refused(reason: str) -> float:
    return float(metrics.refused_at_door.labels(reason)._value.get())


class TestModes:
    def test_structured(self, intake: Intake) -> None:
        verdict = only(intake.post(activity(), intake.partner()))
        assert (verdict["verdict"], verdict["id"]) == ("accepted", "e-1")
        assert verdict["received_at"] == "2026-10-21T04:33:30+00:00"
        assert intake.one("SELECT count(*) FROM contributions") == 1

    def test_binary_and_structured_are_the_same_event(self, intake: Intake) -> None:
        headers = intake.partner()
        event = activity("塔-1")
        data = event.pop("data")
        attributes = {f"ce-{name}": value for name, value in event.items()}
        attributes["ce-id"] = "%E5%A1%94-1"
        assert (
            only(intake.post(data, {**headers, **attributes}, "application/json"))["verdict"]
            == "accepted"
        )
        assert only(intake.post({**event, "data": data}, headers))["verdict"] == "duplicate"

    def test_batch_answers_in_order(self, intake: Intake) -> None:
        headers = intake.partner()
        batch = [activity("a"), {"no": "event"}, asked("b"), activity("a"), activity("c/d")]
        verdicts = intake.post(batch, headers, BATCH).json["verdicts"]
        assert [v["verdict"] for v in verdicts] == [
            "accepted", "rejected", "accepted", "duplicate", "accepted",
        ]  # fmt: skip
        assert [v["id"] for v in verdicts if v["verdict"] != "rejected"] == ["a", "b", "a", "c/d"]
        assert intake.one("SELECT count(*) FROM requests") == 1

    def test_empty_batch(self, intake: Intake) -> None:
        assert intake.post([], intake.partner(), BATCH).json == {"verdicts": []}

    def test_content_type_does_not_matter_to_a_structured_body(self, intake: Intake) -> None:
        verdict = only(intake.post(activity(), intake.partner(), "text/plain; charset=utf-8"))
        assert verdict["verdict"] == "accepted"


REASONS: dict[str, Callable[[], Any]] = {
    "too_large": lambda: activity(data={"activity_code": "x" * 70_000}),
    "malformed": lambda: activity(specversion="0.3"),
    "source_mismatch": lambda: activity(source="/partners/other/main"),
    "unsupported_type": lambda: activity(type="linli.unknown.done.v1"),
    "in_future": lambda: activity(time="2026-10-21T12:38:31+08:00"),
    "agreement_inactive": lambda: activity(time="2025-12-31T23:59:59+08:00"),
    "not_entitled": lambda: activity(type=WISH_FULFILLED),
    "schema": lambda: activity(data={"evidence": "hearsay"}),
    "unknown_resident": lambda: activity(data={"resident_no": "R999999"}),
}


class TestReasons:
    @pytest.mark.parametrize("reason", REASONS)
    def test_each(self, intake: Intake, reason: str) -> None:
        verdict = only(intake.post(REASONS[reason](), intake.partner()))
        assert (verdict["verdict"], verdict["reason"]) == ("rejected", reason)
        assert " / " in verdict["detail"]
        assert intake.one("SELECT count(*) FROM rejected_bodies") == 1

    def test_the_first_check_that_fails_is_the_verdict(self, intake: Intake) -> None:
        headers = intake.partner()
        faults = [
            {"source": "/partners/other/main"},
            {"type": "linli.unknown.done.v1"},
            {"time": "2027-01-01T12:38:31+08:00"},
            {"type": WISH_FULFILLED, "time": "2025-12-31T23:59:59+08:00"},
            {"type": WISH_FULFILLED},
            {"data": {"evidence": "hearsay", "resident_no": "R999999"}},
            {"data": {"resident_no": "R999999"}},
        ]
        told = [
            only(intake.post(activity(f"e-{n}", **fault), headers))["reason"]
            for n, fault in enumerate(faults)
        ]
        assert told == [
            "source_mismatch", "unsupported_type", "in_future", "agreement_inactive",
            "not_entitled", "schema", "unknown_resident",
        ]  # fmt: skip

    def test_times_at_the_edges(self, intake: Intake) -> None:
        headers = intake.partner(valid_from=date(2026, 10, 21), valid_to=date(2026, 10, 21))
        for event_id, time, expected in [
            ("first", "2026-10-21T00:00:00+08:00", None),
            ("before", "2026-10-20T23:59:59+08:00", "agreement_inactive"),
            ("five", "2026-10-21T12:38:30+08:00", None),
            ("more", "2026-10-21T12:38:31+08:00", "in_future"),
        ]:
            assert only(intake.post(activity(event_id, time=time), headers))["reason"] == expected

    def test_same_id(self, intake: Intake) -> None:
        headers = intake.partner()
        told = [
            only(intake.post(event, headers))
            for event in (activity(), activity(), activity(data={"evidence": "self_check"}))
        ]
        assert [one["verdict"] for one in told] == ["accepted", "duplicate", "rejected"]
        assert told[2]["reason"] == "id_conflict"
        assert intake.one("SELECT count(*) FROM contributions") == 1

    def test_a_rejected_id_may_be_used_again(self, intake: Intake) -> None:
        headers = intake.partner()
        assert only(intake.post(activity(type="x.y.v1"), headers))["verdict"] == "rejected"
        assert only(intake.post(activity(), headers))["verdict"] == "accepted"

    def test_accepted_duplicate_and_rejected_are_all_there_is(self, intake: Intake) -> None:
        headers = intake.partner()
        batch = [activity("a"), activity("a"), {}, activity("b", source="x"), "text", 7, None]
        intake.post(batch, headers, BATCH)
        intake.post(b"\xff\x00", headers)
        numbers = intake.rows("SELECT seq FROM verdicts ORDER BY seq")
        assert [row["seq"] for row in numbers] == list(range(1, 9))


class TestLargeBodies:
    def test_a_megabyte_is_one_verdict(self, intake: Intake) -> None:
        headers = intake.partner()
        for content_type in (STRUCTURED, BATCH, "application/json", ""):
            verdict = only(intake.post(b"[" + b" " * 3_000_000 + b"]", headers, content_type))
            assert verdict["reason"] == "too_large"

    def test_a_large_batch_of_small_events_is_taken(self, intake: Intake) -> None:
        batch = [activity(f"e-{n}") for n in range(900)]
        assert 200_000 < len(orjson.dumps(batch)) < 1024 * 1024
        verdicts = intake.post(batch, intake.partner(), BATCH).json["verdicts"]
        assert {v["verdict"] for v in verdicts} == {"accepted"}

    def test_one_large_event_in_a_batch(self, intake: Intake) -> None:
        batch = [activity("a"), REASONS["too_large"](), activity("b")]
        verdicts = intake.post(batch, intake.partner(), BATCH).json["verdicts"]
        assert [v["reason"] for v in verdicts] == [None, "too_large", None]

    @pytest.mark.parametrize("depth", [260, 600, 5000])
    def test_deep_nesting(self, intake: Intake, depth: int) -> None:
        deep = b'[{"specversion":"1.0","x":' + b"[" * depth + b"]" * depth + b"}]"
        for padding in (b"", b" " * 70_000):
            assert only(intake.post(deep + padding, intake.partner(), BATCH))["reason"] in {
                "malformed",
                "too_large",
            }


class TestWhoIsLetIn:
    def test_no_key_and_unknown_keys(self, intake: Intake) -> None:
        before = refused("no_key"), refused("unknown_key")
        for headers in ({}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer "}):
            answer = intake.post(activity(), headers)
            assert (answer.status_code, answer.json["code"]) == (401, "no_key")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        answer = intake.post(
            activity(), {"Authorization": "Bearer nobody’s".encode().decode("latin-1")}
        )
        assert (answer.status_code, answer.json["code"]) == (401, "unknown_key")
        assert (refused("no_key"), refused("unknown_key")) == (before[0] + 3, before[1] + 1)
        assert intake.one("SELECT count(*) FROM verdicts") == 0

    def test_suspended(self, intake: Intake) -> None:
        headers, before = intake.partner(), refused("suspended")
        intake.suspend()
        answer = intake.post(activity(), headers)
        assert (answer.status_code, answer.json["code"]) == (403, "suspended")
        assert refused("suspended") == before + 1
        assert intake.get("/events", headers).status_code == 403
        assert intake.one("SELECT count(*) FROM verdicts") == 0

    def test_an_old_key_ends_with_its_rotation(self, intake: Intake) -> None:
        old, new = intake.partner(), intake.partner()
        assert intake.post(activity(), old).status_code == 401
        assert intake.post(activity(), new).status_code == 202

    def test_quota_of_the_minute(self, intake: Intake) -> None:
        headers = intake.partner(per_minute=3)
        assert len(intake.post([activity(f"e-{n}") for n in range(3)], headers, BATCH).json) == 1
        answer = intake.post(activity("e-9"), headers)
        assert (answer.status_code, answer.json["code"]) == (429, "quota_exceeded")
        assert answer.headers["Retry-After"] == "31"  # the clock stands at half past
        later(seconds=31)
        assert intake.post(activity("e-9"), headers).status_code == 202

    def test_quota_of_the_day(self, intake: Intake) -> None:
        headers = intake.partner(per_day=1)
        assert intake.post(activity("e-1"), headers).status_code == 202
        later(minutes=2)
        answer = intake.post(activity("e-2"), headers)
        assert answer.status_code == 429
        assert 60_000 < int(answer.headers["Retry-After"]) < 86_400
        assert intake.one("SELECT count(*) FROM verdicts") == 1

    def test_database_away(self, intake: Intake) -> None:
        headers = intake.partner()
        away = OperationalError("SELECT", {}, Exception("away"))
        with patch("services.intake.actions.gate._write", side_effect=away):
            answer = intake.post(activity(), headers)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert intake.one("SELECT count(*) FROM partner_counters") == 0
        assert only(intake.post(activity(), headers))["verdict"] == "accepted"


class TestReadingVerdicts:
    def test_of_one_event(self, intake: Intake) -> None:
        headers = intake.partner()
        for event in (activity("a/b c"), activity("a/b c")):
            intake.post(event, headers)
        for path in (
            "/events//partners/tea-house/main/a/b c",
            "/events/%2Fpartners%2Ftea-house%2Fmain/a%2Fb%20c",
            "/events/partners/tea-house/main/a/b%20c",
            "/events?source=/partners/tea-house/main&id=a/b%20c",
        ):
            answer = intake.get(path, headers)
            assert answer.status_code == 200, path
            assert [v["verdict"] for v in answer.json["verdicts"]] == ["accepted", "duplicate"]
            assert [v["seq"] for v in answer.json["verdicts"]] == [1, 2]

    def test_of_an_event_without_an_id(self, intake: Intake) -> None:
        headers = intake.partner()
        verdict = only(intake.post(b"nonsense", headers))
        answer = intake.get(f"/events/{verdict['source']}/{verdict['id']}", headers)
        assert answer.json["verdicts"][0]["reason"] == "malformed"

    def test_only_ones_own(self, intake: Intake) -> None:
        mine, yours = intake.partner(), intake.partner("other")
        intake.post(activity("a"), mine)
        path = "/events//partners/tea-house/main/a"
        assert intake.get(path, mine).status_code == 200
        assert intake.get(path, yours).status_code == 404
        assert intake.get("/events", yours).json == {"verdicts": [], "next": None}
        assert intake.get(path).status_code == 401

    def test_none(self, intake: Intake) -> None:
        headers = intake.partner()
        for path in ("/events/x", "/events//", "/events/a%20b",
                     "/events?id=x", "/events/a/b/c/d"):  # fmt: skip
            answer = intake.get(path, headers)
            assert (answer.status_code, answer.json["code"]) == (404, "no_such_event"), path

    def test_log_in_pages(self, intake: Intake) -> None:
        headers = intake.partner()
        intake.post([activity(f"e-{n}") for n in range(5)], headers, BATCH)
        seen: list[int] = []
        place: int | None = 0
        while place is not None:
            page = intake.get(f"/events?after={place}&limit=2", headers).json
            seen += [v["seq"] for v in page["verdicts"]]
            place = page["next"]
        assert seen == [1, 2, 3, 4, 5]

    @pytest.mark.parametrize("query", ["after=x", "after=-1", f"after={2**63}", "limit=0",
                                       "limit=1001"])  # fmt: skip
    def test_odd_places(self, intake: Intake, query: str) -> None:
        assert intake.get(f"/events?{query}", intake.partner()).status_code == 422


_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_json = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
_names = st.sampled_from(
    ["specversion", "id", "source", "type", "time", "data", "data_base64", "datacontenttype", "x"]
)
_changes = st.dictionaries(_names, _json, max_size=4)
_bodies = st.one_of(
    st.binary(max_size=200),
    _json.map(lambda v: orjson.dumps(v, option=orjson.OPT_NON_STR_KEYS) if _sound(v) else b"{"),
    _changes.map(lambda c: _dumps({**activity(), **c})),
    st.lists(_changes, max_size=4).map(lambda cs: _dumps([{**asked(), **c} for c in cs])),
)
_headers = st.dictionaries(
    st.sampled_from(["ce-id", "ce-source", "ce-type", "ce-time", "ce-specversion", "ce-", "CC",
                     "ce-\u0061", "X-Request-ID", "traceparent", "Content-Encoding"]),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=30),
)  # fmt: skip


def _sound(value: Any) -> bool:
    try:
        orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError:
        return False
    return True


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value) if _sound(value) else repr(value).encode("utf-8", "replace")


@given(
    body=_bodies,
    headers=_headers,
    content_type=st.sampled_from([STRUCTURED, BATCH, "application/json", "", "\xe9;;="]),
)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_nothing_that_is_sent_is_a_fault_of_ours(
    intake: Intake, body: bytes, headers: dict[str, str], content_type: str
) -> None:
    known = intake.partner(per_minute=0, per_day=0)
    before = intake.one("SELECT count(*) FROM verdicts")
    answer = intake.post(body, {**headers, **known}, content_type)
    assert answer.status_code == 202, answer.text
    assert intake.one("SELECT count(*) FROM verdicts") == before + len(answer.json["verdicts"])
    for verdict in answer.json["verdicts"]:
        check_verdict(verdict)


@given(path=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_path_is_a_fault_of_ours(intake: Intake, path: str) -> None:
    headers = intake.partner()
    for where in (f"/events/{path}", f"/api/v1/requests/{path}", f"/requests/{path}"):
        assert intake.get(where, headers).status_code < 500


class TestConsole:
    def test_requests(self, intake: Intake) -> None:
        headers = intake.partner()
        intake.post([asked(f"q-{n}") for n in range(5)], headers, BATCH)
        client = intake.signed_in("staff").client
        first = client.get("/api/v1/requests?limit=3").json
        then = client.get("/api/v1/requests", query_string={"limit": 3, "before": first["next"]})
        assert len(first["requests"]) == 3
        assert len(then.json["requests"]) == 2
        assert then.json["next"] is None
        one = first["requests"][0]
        assert one["resident_name"] == "欧***"
        assert client.get(f"/api/v1/requests/{one['request_no']}").json == one
        assert client.get("/api/v1/requests/Q-none").status_code == 404
        assert client.get("/api/v1/requests?before=soon").status_code == 422
        assert intake.get("/api/v1/requests").status_code == 401

    def test_redrive(self, intake: Intake) -> None:
        headers = intake.partner(event_types=[REQUEST_SUBMITTED])
        assert only(intake.post(activity(), headers))["reason"] == "not_entitled"
        browser = intake.signed_in("operator")
        (listed,) = browser.client.get("/api/v1/events/rejected").json["events"]
        intake.partner()  # the agreement is mended
        place = {"partner": listed["partner"], "seq": listed["seq"]}
        path, token = "/api/v1/events/redrive", {"X-CSRF-Token": browser.token()}
        assert browser.client.post(path, json=place).status_code == 403
        answer = browser.client.post(path, json=place, headers=token)
        assert answer.json["verdicts"][0]["verdict"] == "accepted"
        assert browser.client.post(path, json=place, headers=token).status_code == 404
        assert browser.client.get("/api/v1/events/rejected").json["events"] == []

    def test_document(self, intake: Intake) -> None:
        paths = intake.get("/intake/openapi.json").json["paths"]
        assert paths["/events"]["post"]["security"] == [{"bearer": []}]
        assert {"202", "401", "403", "429", "503"} <= set(paths["/events"]["post"]["responses"])
        assert paths["/api/v1/events/redrive"]["post"]["x-roles"] == ["operator"]

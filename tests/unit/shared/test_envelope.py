"""The envelope: instants, the frame's own events, a partner's events, what an event says."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import clock
from shared.schemas import (
    BadEnvelope,
    check_envelope,
    content_hash,
    decode,
    encode,
    make,
    parse_time,
)
from shared.schemas.documents import examples
from shared.schemas.moments import parse_moment
from shared.schemas.wire import ACTIVITY_ATTENDED


def envelope(**changes: Any) -> dict[str, Any]:
    event = {**examples(ACTIVITY_ATTENDED)["minimal"], **changes}
    return {name: value for name, value in event.items() if value is not ...}


# --- instants


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-01T09:30:00+08:00",
        "2026-10-01T01:30:00Z",
        "2026-10-01t01:30:00z",
        "2026-10-01T01:30:00.123456789-00:00",
        "9999-12-31T23:59:59Z",
        "2024-02-29T00:00:00+00:00",
    ],
)
def test_rfc_3339_with_an_offset_is_read(text: str) -> None:
    assert parse_time(text).utcoffset() is not None


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-01T09:30:00",
        "2026-10-01 09:30:00+08:00",
        "2026-10-01T09:30+08:00",
        "2026-10-01T09:30:00+0800",
        "2026-10-01T24:00:00Z",
        "2026-10-01T09:60:00Z",
        "2026-10-01T23:59:60Z",
        "2026-02-29T00:00:00Z",
        "2026-10-01",
        "20261001T093000Z",
        "2026-W40-4T09:30:00Z",
        "2026-10-01T09:30:00+24:00",
        "2026-10-01T09:30:00Z\n",
        "２０２６-10-01T09:30:00Z",
        "0001-01-01T00:00:00+08:00",
        "9999-12-31T23:59:59-08:00",
        "",
        None,
        20261001,
        [],
    ],
)
def test_anything_else_is_no_time(text: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        parse_time(text)


@given(st.datetimes(timezones=st.timezones()))
def test_every_instant_python_writes_is_read_back(at: datetime) -> None:
    text = at.isoformat()
    if not re.fullmatch(r".*[+-]\d\d:\d\d", text) or at.utcoffset() is None:
        return  # offsets with seconds are history, and not RFC 3339
    try:
        at.astimezone(UTC)
    except OverflowError:
        return
    # moved to UTC first: Python compares local times that never were in a way of its own
    assert parse_time(text).astimezone(UTC) == at.astimezone(UTC)


@given(st.text(alphabet="0123456789-+:.,TtZzW ", max_size=40))
def test_the_data_form_is_wider_than_the_envelope_form(text: str) -> None:
    try:
        strict = parse_time(text)
    except ValueError:
        return
    if 1900 <= strict.year <= 9998:
        assert parse_moment(text) == strict


# --- the internal envelope


def test_make_encode_decode_is_the_identity() -> None:
    event = make(
        "linli.partner.suspended.v1",
        {"slug": "t", "revision": 1, "reason": "暂停"},
        source="/linli/partners",
        correlationid="c",
        causationid="b",
        traceparent="00-1-2-01",
        subject="t",
    )
    assert decode(orjson.loads(encode(event))) == event
    assert event.time.tzinfo is not None


def test_make_takes_its_time_from_the_clock() -> None:
    at = datetime(2026, 10, 1, tzinfo=UTC)
    clock.freeze(at)
    try:
        assert make("t", {}, source="s", correlationid="c").time == at
    finally:
        clock.freeze(None)


def test_identifiers_of_later_events_sort_later() -> None:
    first = make("t", {}, source="s", correlationid="c")
    clock_ticks = [make("t", {}, source="s", correlationid="c").id[:13] for _ in range(50)]
    assert all(first.id[:13] <= later for later in clock_ticks)


def test_an_event_without_a_chain_starts_one() -> None:
    assert decode(envelope()).correlationid == envelope()["id"]


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type", "time", "data"])
@pytest.mark.parametrize("value", [..., None, 7, "", [], "\ud800"])
def test_decode_refuses_what_is_not_ours(name: str, value: Any) -> None:
    if value == "\ud800" and name in ("id", "source", "type"):
        return  # JSON from our own relay cannot hold one
    with pytest.raises(BadEnvelope) as refusal:
        decode(envelope(**{name: value}))
    assert refusal.value.pointer == f"/{name}"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_decode_never_crashes(obj: Any) -> None:
    with pytest.raises(BadEnvelope):
        decode(obj)


# --- a partner's envelope


def problem_at(obj: Any) -> str | None:
    problem = check_envelope(obj)
    if problem is None:
        return None
    for text in (problem.pointer, problem.zh, problem.en):
        text.encode("utf-8")
        assert "\x00" not in text
    assert re.search(r"[\u4e00-\u9fff]", problem.zh)
    assert problem.en.isascii() or "data" in problem.en
    return problem.pointer


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"datacontenttype": ...},
        {"data": ...},
        {"data": None},
        {"subject": "重阳节"},
        {"subject": None},
        {"sequence": 2**31 - 1, "urgent": False, "note": "好"},
        {"averyveryverylongextensionname": "1"},
        {"data": ..., "data_base64": "e30="},
        {"id": "编" * 256},
        {"time": "9999-12-31T23:59:59Z"},
        {"comexample": ""},
    ],
)
def test_a_proper_envelope_has_no_problem(changes: dict[str, Any]) -> None:
    assert problem_at(envelope(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"specversion": "0.3"}, "/specversion"),
        ({"specversion": 1.0}, "/specversion"),
        ({"specversion": ...}, "/specversion"),
        ({"id": ...}, "/id"),
        ({"id": ""}, "/id"),
        ({"id": 7}, "/id"),
        ({"id": "x" * 257}, "/id"),
        ({"id": "𠮷" * 257}, "/id"),
        ({"id": "a\x00b"}, "/id"),
        ({"id": "a\ud800b"}, "/id"),
        ({"id": "a\nb"}, "/id"),
        ({"source": None}, "/source"),
        ({"source": "/" * 513}, "/source"),
        ({"source": "𠮷" * 500}, "/source"),
        ({"type": {}}, "/type"),
        ({"type": "t" * 257}, "/type"),
        ({"type": "a\x7f"}, "/type"),
        ({"time": ...}, "/time"),
        ({"time": "2026-10-01T09:30:00"}, "/time"),
        ({"time": 10**30}, "/time"),
        ({"subject": ""}, "/subject"),
        ({"subject": 5}, "/subject"),
        ({"datacontenttype": ""}, "/datacontenttype"),
        ({"subject": "\ufffe"}, "/subject"),
        ({"extension": {}}, "/extension"),
        ({"extension": []}, "/extension"),
        ({"extension": 1.5}, "/extension"),
        ({"extension": 2**31}, "/extension"),
        ({"extension": "\x00"}, "/extension"),
        ({"Extension": "1"}, "/Extension"),
        ({"my_extension": "1"}, "/my_extension"),
        ({"": "1"}, "/"),
        ({"a/b~c": "1"}, "/a~1b~0c"),
        ({"\x00": "1"}, "/"),
        ({"data_base64": "e30="}, "/data_base64"),
        ({"data": ..., "data_base64": "不"}, "/data_base64"),
        ({"data": ..., "data_base64": 5}, "/data_base64"),
    ],
)
def test_a_problem_is_found_and_placed(changes: dict[str, Any], pointer: str) -> None:
    assert problem_at(envelope(**changes)) == pointer


@pytest.mark.parametrize("obj", [None, [], "x", 5, True, 1.5])
def test_what_is_no_object_is_no_event(obj: Any) -> None:
    assert problem_at(obj) == ""


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.just("\ud800")
    | st.just("\x00"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*envelope(), "x", "data_base64"]) | st.text(), JSON), JSON)
def test_any_json_has_a_verdict_and_a_hash(changes: dict[str, Any], data: Any) -> None:
    mixed = {**envelope(), **changes}
    problem_at(mixed)
    assert content_hash(mixed, data) == content_hash(dict(reversed(mixed.items())), data)


# --- what an event says


def test_the_hash_is_the_same_in_binary_and_structured_mode() -> None:
    structured = {"specversion": "1.0", "id": "1", "datacontenttype": "application/json"}
    structured |= {"sequence": 7, "urgent": True, "subject": None, "data": {"a": 1}}
    binary = {"specversion": "1.0", "id": "1", "sequence": "7", "urgent": "true"}
    data = {"b": [1, "好"], "a": {"y": None, "x": 2}}
    reordered = {"a": {"x": 2, "y": None}, "b": [1, "好"]}
    assert content_hash(structured, data) == content_hash(binary, reordered)
    for content_type in ("application/json; charset=utf-8", "Application/JSON"):
        assert content_hash({**binary, "datacontenttype": content_type}, data) == content_hash(
            binary, data
        )


def test_a_second_sending_has_a_new_trace_and_the_same_hash() -> None:
    first = {"id": "1", "traceparent": "00-a", "tracestate": "x"}
    assert content_hash(first, {}) == content_hash({"id": "1", "traceparent": "00-b"}, {})


@pytest.mark.parametrize(
    ("attributes", "data"),
    [
        ({"id": "2"}, {"a": 1}),
        ({"id": "1", "subject": "x"}, {"a": 1}),
        ({"id": "1", "datacontenttype": "text/json"}, {"a": 1}),
        ({"id": "1"}, {"a": 2}),
        ({"id": "1"}, {"a": "1"}),
        ({"id": "1"}, {"a": True}),
        ({"id": "1"}, {"a": 10**30}),
        ({"id": "1"}, {"a": "\ud800"}),
        ({"id": "1"}, None),
        ({"id": "1"}, [{"a": 1}]),
    ],
)
def test_another_body_has_another_hash(attributes: dict[str, Any], data: Any) -> None:
    assert content_hash(attributes, data) != content_hash({"id": "1"}, {"a": 1})


def test_a_very_deep_body_is_hashed_too() -> None:
    deep: Any = 1
    deeper: Any = 2
    for _ in range(100_000):
        deep, deeper = [deep], {"a": deeper}
    assert content_hash({}, deep) != content_hash({}, deeper)


@given(JSON, JSON)
def test_the_slow_form_tells_bodies_apart(one: Any, other: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (content_hash({}, [one, 10**30]) == content_hash({}, [other, 10**30])) is same

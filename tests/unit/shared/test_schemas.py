"""One schema per type: what is accepted, how a refusal reads, and that quick means the same."""

from __future__ import annotations

import re
import string
import timeit
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from shared.schemas import (
    INTERNAL_TYPES,
    PARTNER_TYPES,
    SCHEMAS,
    SchemaProblem,
    UnknownType,
    load,
    validate_fast,
)
from shared.schemas.documents import examples
from shared.schemas.wire import (
    ACTIVITY_ATTENDED,
    REDEMPTION_COLLECTED,
    REQUEST_SUBMITTED,
    WISH_CLAIMED,
    WISH_FULFILLED,
)


def attended(**changes: Any) -> dict[str, Any]:
    return {**examples(ACTIVITY_ATTENDED)["minimal"]["data"], **changes}


def test_every_type_is_either_a_partners_or_ours() -> None:
    partners = {ACTIVITY_ATTENDED, WISH_FULFILLED, WISH_CLAIMED, REQUEST_SUBMITTED}
    assert partners | {REDEMPTION_COLLECTED} == PARTNER_TYPES
    assert set(SCHEMAS) == PARTNER_TYPES | INTERNAL_TYPES
    assert not PARTNER_TYPES & INTERNAL_TYPES
    assert all(re.fullmatch(r"linli\.[a-z]+\.[a-z]+\.v[0-9]+", kind) for kind in SCHEMAS)


def refusal_of(kind: str, data: Any) -> SchemaProblem:
    with pytest.raises(SchemaProblem) as refusal:
        load(kind, data)
    problem = refusal.value
    assert problem.status == 422
    assert re.search(r"[\u4e00-\u9fff]", problem.zh)
    assert problem.en
    for text in (problem.pointer, problem.zh, problem.en):
        text.encode("utf-8")
        assert "\x00" not in text
    return problem


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(UnknownType) as refusal:
        load("com.example.order", {})
    assert refusal.value.pointer == "/type"


@pytest.mark.parametrize("data", [None, [], "x", 5, True])
@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_data_must_be_an_object(kind: str, data: Any) -> None:
    assert refusal_of(kind, data).pointer == "/data"


def test_times_are_loaded_as_aware_datetimes_with_their_offset() -> None:
    loaded = load(ACTIVITY_ATTENDED, attended(unknown=1))
    assert loaded["checked_in_at"].utcoffset() == timedelta(hours=8)
    assert "unknown" not in loaded


@pytest.mark.parametrize(
    ("checked_out_at", "fine"),
    [
        ("2026-10-01T08:09:59.999999+08:00", False),
        ("2026-10-01T08:10:00+08:00", True),
        ("2026-10-01T00:10:00Z", True),
        ("2026-10-01T20:00:59.999999+08:00", True),
        ("2026-10-01T20:01:00+08:00", False),
        ("2026-10-01T08:00:00+08:00", False),
        ("2026-10-01T07:00:00+08:00", False),
        ("2026-10-01T08:10:00", False),
    ],
)
def test_ten_to_720_whole_minutes(checked_out_at: str, fine: bool) -> None:
    data = attended(checked_in_at="2026-10-01T08:00:00+08:00", checked_out_at=checked_out_at)
    if fine:
        load(ACTIVITY_ATTENDED, data)
    else:
        assert refusal_of(ACTIVITY_ATTENDED, data).pointer == "/data/checked_out_at"


@pytest.mark.parametrize(
    ("cost", "fine"),
    [
        (0, True),
        (10**8, True),
        (-1, False),
        (10**8 + 1, False),
        (10**30, False),
        (5.0, False),
        (True, False),
        ("5", False),
        (None, False),
    ],
)
def test_cost_is_a_whole_number_of_fen(cost: Any, fine: bool) -> None:
    data = {**examples(WISH_FULFILLED)["minimal"]["data"], "cost_fen": cost}
    if fine:
        assert load(WISH_FULFILLED, data)["cost_fen"] == cost
    else:
        assert refusal_of(WISH_FULFILLED, data).pointer == "/data/cost_fen"


@pytest.mark.parametrize(
    ("field", "low", "high"),
    [("title", 1, 200), ("description", 0, 4000), ("category", 1, 32), ("grid_code", 1, 32)],
)
def test_text_has_limits_in_characters(field: str, low: int, high: int) -> None:
    data = examples(REQUEST_SUBMITTED)["minimal"]["data"]
    for length in (low, high):
        load(REQUEST_SUBMITTED, {**data, field: "好" * length})
    wrong: list[Any] = ["好" * (high + 1), "a\x00", "\udc00", None, 5, ["a"]]
    if low:
        wrong.append("")
    for value in wrong:
        problem = refusal_of(REQUEST_SUBMITTED, {**data, field: value})
        assert problem.pointer == f"/data/{field}"
        assert field in problem.zh
        assert field in problem.en


def test_only_a_request_may_name_nobody() -> None:
    data = examples(REQUEST_SUBMITTED)["full"]["data"]
    absent = {name: value for name, value in data.items() if name != "resident_no"}
    assert load(REQUEST_SUBMITTED, absent)["resident_no"] is None
    assert load(REQUEST_SUBMITTED, {**data, "resident_no": None})["resident_no"] is None
    assert refusal_of(REQUEST_SUBMITTED, {**data, "resident_no": ""})
    assert refusal_of(ACTIVITY_ATTENDED, attended(resident_no=None))


def test_the_pointer_reaches_into_parts() -> None:
    kind = "linli.partner.activated.v1"
    data = examples(kind)["full"]["data"]
    terms = {**data["agreement"], "valid_to": "2026-02-30"}
    assert refusal_of(kind, {**data, "agreement": terms}).pointer == "/data/agreement/valid_to"
    assert refusal_of(kind, {**data, "agreement": None}).pointer == "/data/agreement"
    assert refusal_of(kind, {**data, "agreement": []}).pointer == "/data/agreement"


def test_the_first_field_that_is_wrong_is_told() -> None:
    assert refusal_of(ACTIVITY_ATTENDED, {}).pointer == "/data/activity_code"
    assert refusal_of(ACTIVITY_ATTENDED, attended(evidence=1, activity_kind="x")).pointer == (
        "/data/activity_kind"
    )


# --- the quick acceptors give marshmallow's own answer

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

NASTY = JSON | st.sampled_from(
    [
        True,
        0,
        -1,
        10**30,
        1.0,
        "2026-10-23T08:29:00+08:00",
        "2026-10-23T08:29",
        "2026-10-23",
        "019a3c5e-7b00-7001-8000-000000000001",
        "elder_care",
        "x" * 33,
        "x" * 5000,
        [],
        ["a", 1],
        {"a": 1},
        {"a": -1},
    ]
)


def slowly(kind: str, data: Any) -> dict[str, Any] | None:
    try:
        loaded: dict[str, Any] = SCHEMAS[kind].load(data)
    except ValidationError:
        return None
    return loaded


@st.composite
def near_valid(draw: st.DrawFn) -> tuple[str, Any]:
    kind = draw(st.sampled_from(sorted(SCHEMAS)))
    chosen = draw(st.sampled_from(sorted(examples(kind))))
    data: dict[str, Any] = dict(examples(kind)[chosen]["data"])
    for name in draw(st.lists(st.sampled_from(sorted(data)), max_size=2, unique=True)):
        value = data[name]
        if isinstance(value, dict) and value and draw(st.booleans()):
            inner = draw(st.sampled_from(sorted(value)))
            data[name] = {**value, inner: draw(NASTY)}
        elif draw(st.booleans()):
            data[name] = draw(NASTY)
        else:
            del data[name]
    data.update(
        draw(st.dictionaries(st.text(string.ascii_lowercase, max_size=3), JSON, max_size=1))
    )
    return kind, data


@settings(max_examples=1500, deadline=None)
@given(near_valid())
def test_quick_and_slow_agree_on_every_near_valid_body(case: tuple[str, Any]) -> None:
    kind, data = case
    quick, slow = validate_fast(kind, data), slowly(kind, data)
    assert quick == slow
    assert repr(quick) == repr(slow)  # 1 == True == 1.0, but not here


@given(st.sampled_from(sorted(SCHEMAS)), NASTY)
def test_quick_and_slow_agree_on_any_json(kind: str, data: Any) -> None:
    assert repr(validate_fast(kind, data)) == repr(slowly(kind, data))


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2026, 1, 2)),
    st.timedeltas(timedelta(hours=-1), timedelta(hours=14)),
)
def test_quick_and_slow_agree_on_any_stay(inside: datetime, stay: timedelta) -> None:
    data = attended(
        checked_in_at=inside.isoformat() + "+08:00",
        checked_out_at=(inside + stay).isoformat() + "Z",
    )
    quick = validate_fast(ACTIVITY_ATTENDED, data)
    assert repr(quick) == repr(slowly(ACTIVITY_ATTENDED, data))
    minutes = (stay + timedelta(hours=8)) // timedelta(minutes=1)
    assert (quick is not None) is (10 <= minutes <= 720)


def test_quick_is_much_quicker() -> None:
    data = attended()
    quick = min(timeit.repeat(lambda: validate_fast(ACTIVITY_ATTENDED, data), number=500))
    slow = min(timeit.repeat(lambda: SCHEMAS[ACTIVITY_ATTENDED].load(data), number=500))
    assert quick < slow / 2

"""The law of notices and deliveries."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify import rules
from services.notify.rules import Channel, Disposition, Kind, State

VERSIONS = Path(rules.__file__).parents[1] / "migrations" / "versions"
TEXTS = [
    text
    for path in sorted(VERSIONS.glob("0*.py"))
    for text in getattr(
        importlib.import_module(f"services.notify.migrations.versions.{path.stem}"), "TEXTS", ()
    )
]
NOW = datetime(2026, 10, 21, 5, 0, tzinfo=UTC)
REDEEMED = {
    "redemption_no": "D1",
    "reward": "毛巾",
    "quantity": 1,
    "asset": "points",
    "price": 20,
}
PARAMS = {
    Kind.REQUEST_RECEIPT: {"request_no": "Q1", "accepted_at": "2026-10-21T04:33:00+00:00"},
    Kind.REQUEST_DECLINED: {"request_no": "Q1", "reason": "not_ours"},
    Kind.REQUEST_ASKED: {"request_no": "Q1"},
    Kind.REQUEST_RESOLVED: {"request_no": "Q1", "reason": "resolved", "answer_path": "/v/abc"},
    Kind.REQUEST_CLOSED: {"request_no": "Q1"},
    Kind.REQUEST_REOPENED: {"request_no": "Q1", "due_at": "2026-10-28T04:33:00+00:00"},
    Kind.REQUEST_EXTENDED: {"request_no": "Q1", "due_at": "2026-10-28T04:33:00+00:00"},
    Kind.REQUEST_MERGED: {"request_no": "Q1"},
    Kind.REQUEST_REFERRED: {"request_no": "Q1", "reason": "utility"},
    Kind.REQUEST_SHELVED: {"request_no": "Q1", "reason": "season"},
    Kind.WISH: {
        "wish_code": "W1",
        "colour": "urgent_red",
        "delivered_at": "2026-10-21T12:33:00+08:00",
    },
    Kind.WISH_MOVED: {
        "wish_code": "W1",
        "colour": "urgent_red",
        "way": "claimed",
        "moved_at": "2026-10-21T12:33:00+08:00",
    },
    Kind.HALL_MOVED: {"hall_no": "D1", "way": "hall_accepted", "on_date": "2026-11-04"},
    Kind.POINTS_CREDITED: {
        "points": 0,
        "points_pending": 3,
        "service_minutes": 90,
        "points_balance": 5,
        "minutes_balance": 600,
        "activity_code": "A1",
        "activity_kind": "elder_care",
        "on_date": "2026-10-21",
        "caps_hit": [],
    },
    Kind.POINTS_EXPIRING: {
        "points": 40,
        "points_balance": 55,
        "ends_on": "2026-12-31",
        "days_left": 30,
    },
    Kind.POINTS_SHARED: {
        "way": "gift",
        "points": 20,
        "points_balance": 75,
        "on_date": "2026-10-21",
    },
    Kind.POINTS_CORRECTED: {
        "way": "reversal",
        "points": -20,
        "points_pending": 0,
        "service_minutes": -60,
        "honour_points": 0,
        "points_owed": 4,
        "points_balance": 75,
        "on_date": "2026-10-21",
    },
    Kind.REDEMPTION_HELD: REDEEMED | {"place": "服务站", "due_at": "2026-10-28T04:33:00+00:00"},
    Kind.REDEMPTION_POSTED: REDEEMED | {"collected_at": "2026-10-21T04:33:00+00:00"},
    Kind.REDEMPTION_RELEASED: REDEEMED | {"reason": "timeout"},
    Kind.COINS_DEPARTED: {"district": "东区", "coins": 5, "coins_balance": 20},
    Kind.COINS_RETURNED: {
        "district": "东区",
        "coins": 5,
        "coins_balance": 25,
        "reason": "unknown_resident",
    },
    Kind.COINS_ARRIVED: {"district": "东区", "coins": 5, "coins_balance": 5},
    Kind.STAR_REACHED: {"star": 1, "service_minutes": 6000, "on_date": "2026-10-21"},
    Kind.POINTS_DISPUTED: {"notice_no": "N1", "line_no": 3, "points": 6, "on_date": "2026-10-21"},
    Kind.DISPUTE_DECIDED: {
        "notice_no": "N1",
        "line_no": 3,
        "points": 6,
        "on_date": "2026-10-21",
        "outcome": "upheld",
    },
    Kind.POINTS_POSTED: {"notice_no": "N1", "line_count": 2, "points": 9, "points_balance": 14},
}


@given(st.sampled_from(State), st.booleans(), st.sampled_from(["", "X", "MOBILE_NOT_ON_SERVICE"]))
def test_receipts_only_move_along_legal_transitions(state: State, success: bool, code: str) -> None:
    new = rules.after_receipt(state, success=success, code=code)
    if new is not None:
        rules.check_transition(state, new)


@given(
    st.sampled_from(
        ["OK", "isv.MOBILE_NUMBER_ILLEGAL", "isv.INVALID_PARAMETERS", "Throttling", ""]
    ),
    st.integers(1, 20),
    st.floats(0, 1),
)
def test_answers_only_move_along_legal_transitions(code: str, attempts: int, chance: float) -> None:
    follows = rules.after_answer(code, attempts, NOW, chance)
    rules.check_transition(State.SENDING, follows.state)
    assert (follows.at is not None) == (follows.state is State.PENDING)
    if follows.at is not None:
        assert NOW <= follows.at <= NOW + timedelta(hours=2)
        assert attempts < rules.ATTEMPTS_MAX


def test_a_delivered_message_stays_delivered() -> None:
    for state in State:
        with pytest.raises(rules.IllegalTransition, match="delivered"):
            rules.check_transition(State.DELIVERED, state)


def test_back_off_grows_to_two_hours() -> None:
    limits = [rules.back_off_limit(n).total_seconds() for n in range(1, 9)]
    assert limits == [5, 30, 120, 600, 1800, 7200, 7200, 7200]
    assert rules.back_off(3, 0.5) == timedelta(seconds=60)


def test_codes_of_the_vendor() -> None:
    assert rules.disposition("OK") is Disposition.ACCEPTED
    assert rules.disposition("isv.BUSINESS_LIMIT_CONTROL") is Disposition.RETRY
    assert rules.disposition("isv.AMOUNT_NOT_ENOUGH") is Disposition.RETRY
    assert rules.disposition("SignatureDoesNotMatch") is Disposition.RETRY
    assert rules.disposition("isv.TEMPLATE_MISSING_PARAMETERS") is Disposition.FINAL
    assert rules.disposition("isv.MOBILE_NUMBER_ILLEGAL") is Disposition.BAD_ADDRESS


def test_every_first_text_can_be_filled_and_every_kind_has_all_its_texts() -> None:
    texts = TEXTS
    expected = {
        (kind, channel, language)
        for kind in Kind
        for channel in rules.CHANNELS[kind]
        for language in rules.LANGUAGES
    }
    assert {(kind, channel, language) for kind, channel, language, _, _ in texts} == expected
    for kind, channel, language, _, body in texts:
        rules.check_body(Kind(kind), Channel(channel), body)
        text = rules.render(body, PARAMS[Kind(kind)], language, "王小明")
        assert "{" not in text
        assert ("王小明" in text) == (channel == Channel.IN_APP)


def test_params_of_kinds_are_those_of_the_tests() -> None:
    assert {kind: frozenset(params) for kind, params in PARAMS.items()} == dict(rules.PARAMS)


def test_a_text_that_asks_for_what_is_not_there() -> None:
    with pytest.raises(rules.UnknownPlaceholder, match="phone"):
        rules.check_body(Kind.WISH, Channel.IN_APP, "{name} {phone}")
    with pytest.raises(rules.UnknownPlaceholder, match="name"):
        rules.check_body(Kind.WISH, Channel.SMS, "{name}")
    with pytest.raises(rules.MissingPlaceholder, match="wish_code"):
        rules.render("{wish_code}", {}, "zh", None)


def test_values_that_look_like_placeholders_are_not_filled_again() -> None:
    params = {**PARAMS[Kind.WISH], "wish_code": "{name}"}
    assert rules.render("{wish_code}", params, "zh", "王小明") == "{name}"


def test_cap_note_appears_only_when_a_cap_was_reached() -> None:
    params = PARAMS[Kind.POINTS_CREDITED]
    assert rules.render("x{cap_note}", params, "zh", None) == "x"
    capped = {**params, "caps_hit": ["per_day"]}
    assert rules.render("x{cap_note}", capped, "en", None) == "x (a cap was reached)"


def test_a_handled_request_asks_who_asked_and_only_them() -> None:
    body = next(
        body
        for kind, channel, language, _, body in TEXTS
        if (kind, channel, language) == (Kind.REQUEST_RESOLVED, Channel.IN_APP, "zh")
    )
    asker = rules.render(body, PARAMS[Kind.REQUEST_RESOLVED], "zh", "王小明")
    assert "已办理：已解决。" in asker
    assert "请点 /v/abc 评单" in asker
    follower = {"request_no": "Q1", "reason": None, "answer_path": None}
    assert rules.render(body, follower, "zh", "王小明").endswith("诉求 Q1 已办理。")


def test_a_new_due_time_is_told_by_the_districts_clock() -> None:
    body = "{request_no}{due_note}"
    told = rules.render(body, PARAMS[Kind.REQUEST_REOPENED], "zh", None)
    assert told == "Q1，期限 2026年10月28日 12:33"
    assert rules.render(body, {"request_no": "Q1", "due_at": None}, "zh", None) == "Q1"

"""The law of rewards and redemptions: days, limits, codes, states; no database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.points.rules.redemptions import (
    ALPHABET,
    ENDS_IN,
    REFUSAL_WORDS,
    TRANSITIONS,
    Refusal,
    Standing,
    State,
    check_key,
    code_hash,
    judge_claim,
    make_code,
    number_of,
    pickup_key,
    read_code,
    redemption_no,
    shown_code,
)
from services.points.rules.reward_form import form_of, moment, read_terms
from services.points.rules.rewards import (
    Asker,
    Terms,
    check_terms,
    is_exchange_day,
    next_exchange_day,
    period_start,
    refusal,
)
from shared.errors import Rejected
from shared.schemas.redemptions import CLAIM_REFUSALS, RELEASE_REASONS

KEY = pickup_key("a key of the web face that is long enough")
AT = datetime(2026, 10, 15, 2, tzinfo=UTC)
HELD = Standing(State.HELD, "shop", AT, AT + timedelta(days=7))


def terms(**changed: Any) -> Terms:
    told: dict[str, Any] = {
        "kind": "goods",
        "title": "大米",
        "price": 10,
        "place": "店",
        "active_from": date(2026, 1, 1),
    }
    return Terms(**(told | changed))


@pytest.mark.parametrize(
    ("on", "month", "quarter"),
    [
        (date(2026, 1, 1), date(2026, 1, 1), date(2026, 1, 1)),
        (date(2026, 3, 31), date(2026, 3, 1), date(2026, 1, 1)),
        (date(2026, 12, 31), date(2026, 12, 1), date(2026, 10, 1)),
    ],
)
def test_a_span_begins(on: date, month: date, quarter: date) -> None:
    assert period_start("month", on) == month
    assert period_start("quarter", on) == quarter
    assert period_start("year", on) == date(2026, 1, 1)


@pytest.mark.parametrize(
    ("changed", "on", "following"),
    [
        ({}, date(2026, 10, 15), date(2026, 10, 15)),
        ({"month_days": (1,)}, date(2026, 10, 15), date(2026, 11, 1)),
        ({"month_days": (31,)}, date(2026, 11, 1), date(2026, 12, 31)),
        ({"weekdays": (6, 7)}, date(2026, 10, 15), date(2026, 10, 17)),
        ({"month_days": (1,), "weekdays": (1,)}, date(2026, 10, 15), date(2027, 2, 1)),
        ({"exchange_from": date(2026, 10, 20)}, date(2026, 10, 15), date(2026, 10, 20)),
        ({"exchange_to": date(2026, 10, 14)}, date(2026, 10, 15), None),
        ({"active_from": date(2026, 12, 1)}, date(2026, 10, 15), date(2026, 12, 1)),
        ({"active_to": date(2026, 10, 15)}, date(2026, 10, 15), date(2026, 10, 15)),
    ],
)
def test_the_next_exchange_day(changed: dict[str, Any], on: date, following: date | None) -> None:
    assert next_exchange_day(terms(**changed), on) == following
    assert is_exchange_day(terms(**changed), on) == (following == on)


def test_a_refusal_says_what_would_help() -> None:
    on = date(2026, 10, 15)
    limited = terms(limit_count=3, limit_span="month")
    told = refusal(limited, Asker(None, 0, 2), 2, on)
    assert told
    assert (told.code, told.pointer) == ("limit_reached", "/quantity")
    assert "还可兑 1 份" in told.zh
    assert refusal(limited, Asker(None, 0, 2), 1, on) is None
    hours = refusal(terms(min_service_minutes=6000), Asker(None, 5999), 1, on)
    assert hours
    assert "满 100 小时" in hours.zh
    days = refusal(terms(month_days=(1,)), Asker(None, 0), 1, on)
    assert days
    assert "2026-11-01" in days.en


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"kind": "money"}, "/kind"),
        ({"title": ""}, "/title"),
        ({"title": "长" * 81}, "/title"),
        ({"place": ""}, "/place"),
        ({"price": 0}, "/price"),
        ({"asset": "honour_points"}, "/asset"),
        ({"asset": "time_coins"}, "/asset"),
        ({"kind": "service", "minutes": 40}, "/partner"),
        ({"kind": "service", "partner": "shop"}, "/minutes"),
        ({"minutes": 40}, "/minutes"),
        ({"kind": "venue"}, "/venue_code"),
        ({"venue_code": "room"}, "/venue_code"),
        ({"partner": "A Shop"}, "/partner"),
        ({"community_code": "../"}, "/community_code"),
        ({"limit_count": 1}, "/limit_count"),
        ({"limit_count": 0, "limit_span": "month"}, "/limit_count"),
        ({"limit_count": 1, "limit_span": "week"}, "/limit_count"),
        ({"month_days": (32,)}, "/month_days"),
        ({"weekdays": (0,)}, "/weekdays"),
        (
            {"exchange_from": date(2026, 2, 2), "exchange_to": date(2026, 2, 1)},
            "/exchange_to",
        ),
        ({"active_to": date(2025, 12, 31)}, "/active_to"),
        ({"pickup_hours": 0}, "/pickup_hours"),
        ({"value_fen": -1}, "/value_fen"),
        ({"min_service_minutes": -1}, "/min_service_minutes"),
    ],
)
def test_terms_that_cannot_be_name_their_field(changed: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Rejected) as problem:
        check_terms(terms(**changed))
    assert problem.value.pointer == pointer


@given(st.uuids())
def test_a_code_is_read_however_it_is_written(redemption_id: UUID) -> None:
    code = make_code(KEY, redemption_id)
    assert len(code) == 10
    assert set(code) <= set(ALPHABET)
    for written in (
        shown_code(code),
        code.lower(),
        f" {code[:3]} {code[3:]} ",
        code.replace("0", "o").replace("1", "l"),
    ):
        assert read_code(written) == code


def test_a_code_depends_on_key_and_redemption_and_is_not_what_is_stored() -> None:
    one, two = UUID(int=1), UUID(int=2)
    codes = {make_code(key, each) for key in (KEY, pickup_key("another")) for each in (one, two)}
    assert len(codes) == 4
    assert make_code(KEY, one).encode() not in code_hash(make_code(KEY, one))


@pytest.mark.parametrize("text", ["", "123456789", "12345678901", "ÄBCDEFGHJK", "no code, sorry"])
def test_what_is_no_code(text: str) -> None:
    assert read_code(text) is None


@pytest.mark.parametrize(
    ("found", "partner", "late_s", "why"),
    [
        (None, "shop", 0, Refusal.UNKNOWN_CODE),
        (HELD, "shop", 0, None),
        (HELD, None, 0, None),
        (HELD, "another", 0, Refusal.FOREIGN_CODE),
        (HELD, "shop", 7 * 86_400, None),
        (HELD, "shop", 7 * 86_400 + 1, Refusal.TOO_LATE),
        (HELD, "shop", -300, None),
        (HELD, "shop", -301, Refusal.TOO_EARLY),
        (Standing(State.COLLECTED, "shop", AT, AT), "shop", 0, Refusal.ALREADY_COLLECTED),
        (Standing(State.COLLECTED, "shop", AT, AT), "another", 0, Refusal.FOREIGN_CODE),
        (Standing(State.RELEASED, "shop", AT, AT), "shop", 0, Refusal.RELEASED),
    ],
)
def test_a_claim_is_judged(
    found: Standing | None, partner: str | None, late_s: int, why: Refusal | None
) -> None:
    at = AT + timedelta(seconds=late_s)
    assert judge_claim(found, partner=partner, collected_at=at) == why


def test_words_and_events_know_every_state_and_reason() -> None:
    assert set(REFUSAL_WORDS) == set(Refusal)
    assert tuple(Refusal) == CLAIM_REFUSALS
    released = {how.value for how, state in ENDS_IN.items() if state is State.RELEASED}
    assert released == set(RELEASE_REASONS)
    finals = {state for state in State if not TRANSITIONS[state]}
    assert finals == {State.COLLECTED, State.RELEASED} == TRANSITIONS[State.HELD]


def test_a_number_is_read_back() -> None:
    assert redemption_no(date(2026, 10, 3), 42) == "D20261003-000042"
    assert number_of(" d20261003-000042 ") == 42
    for wrong in ("", "D20261003", "Q20261003-000042", "D20261003-４２"):
        assert number_of(wrong) is None


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "with space", "钥匙钥匙钥匙钥匙"])
def test_what_is_no_key(key: str) -> None:
    with pytest.raises(Rejected):
        check_key(key)


def test_a_form_is_read_and_shown_again() -> None:
    full = terms(
        kind="service",
        partner="shop-1",
        asset="time_coins",
        minutes=40,
        about="说明",
        value_fen=1250,
        min_service_minutes=600,
        limit_count=2,
        limit_span="year",
        month_days=(1, 15),
        weekdays=(6, 7),
        exchange_from=date(2026, 2, 1),
        exchange_to=date(2026, 3, 1),
        active_to=date(2026, 12, 31),
        community_code="990101001001",
    )
    for one in (terms(), full, terms(kind="venue", venue_code="room-1")):
        form = form_of(one)
        assert read_terms(form, [str(day) for day in one.weekdays], date(2026, 1, 1)) == one


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", "ten"),
        ("price", ""),
        ("price", "1.5"),
        ("price", "1" * 10),
        ("price", "١"),
        ("value", "1.234"),
        ("active_from", "yesterday"),
        ("month_days", "1, two"),
        ("pickup_hours", ""),
    ],
)
def test_a_form_names_the_field_that_is_wrong(field: str, value: str) -> None:
    with pytest.raises(Rejected) as problem:
        read_terms(form_of(terms()) | {field: value}, [], date(2026, 1, 1))
    assert problem.value.pointer == f"/{field}"


def test_a_time_is_the_districts() -> None:
    assert moment("2026-10-17T09:00", "at") == datetime(2026, 10, 17, 1, tzinfo=UTC)
    with pytest.raises(Rejected):
        moment("soon", "at")

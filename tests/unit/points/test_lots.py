"""How long points are good, and which go first."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.points.rules.lots import (
    MONTHS_MAX,
    NEVER,
    HeldLot,
    Lot,
    ended_words,
    expires_on,
    take,
)

lots = st.builds(Lot, st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.integers(1, 3))
held_lots = st.dictionaries(lots, st.integers(0, 50), max_size=8).map(
    lambda found: [HeldLot(lot, left) for lot, left in found.items()]
)


@pytest.mark.parametrize(
    ("policy", "on", "last"),
    [
        ("never", date(2026, 2, 28), NEVER),
        ("year_end", date(2026, 1, 1), date(2026, 12, 31)),
        ("year_end", date(2026, 12, 31), date(2026, 12, 31)),
        ("year_end", date(2028, 2, 29), date(2028, 12, 31)),
        ({"months": 1}, date(2026, 1, 1), date(2026, 2, 28)),
        ({"months": 1}, date(2026, 1, 31), date(2026, 2, 28)),
        ({"months": 1}, date(2028, 1, 31), date(2028, 2, 29)),  # a leap year
        ({"months": 12}, date(2027, 2, 28), date(2028, 2, 29)),
        ({"months": 12}, date(2028, 2, 29), date(2029, 2, 28)),
        ({"months": 1}, date(2026, 11, 30), date(2026, 12, 31)),
        ({"months": 1}, date(2026, 12, 1), date(2027, 1, 31)),
        ({"months": 24}, date(2026, 6, 15), date(2028, 6, 30)),
        ({"months": MONTHS_MAX}, date(9950, 1, 1), NEVER),
        ({"months": 1}, date(9999, 11, 1), NEVER),  # the calendar ends there
    ],
)
def test_the_last_day(policy: object, on: date, last: date) -> None:
    assert expires_on(policy, on) == last


@pytest.mark.parametrize(
    "policy",
    ["", "yearly", None, 12, {}, {"months": 0}, {"months": -1}, {"months": True},
     {"months": "12"}, {"months": 1.0}, {"months": MONTHS_MAX + 1}, {"days": 3},
     {"months": 1, "days": 3}],
)  # fmt: skip
def test_what_is_no_policy(policy: object) -> None:
    with pytest.raises(ValueError, match=r"policy|months"):
        expires_on(policy, date(2026, 1, 1))


@given(st.dates(date(2000, 1, 1), date(2200, 12, 31)), st.integers(1, 120))
def test_months_are_whole_and_end_with_the_last(on: date, months: int) -> None:
    last = expires_on({"months": months}, on)
    assert (last + timedelta(days=1)).day == 1
    assert (last.year - on.year) * 12 + last.month - on.month == months


@given(held_lots, st.integers(0, 400))
def test_what_ends_first_is_taken_first_and_nothing_is_made_up(
    held: list[HeldLot], amount: int
) -> None:
    there = sum(one.remaining for one in held)
    if amount > there:
        with pytest.raises(ValueError, match="are not there"):
            take(held, amount)
        return
    taken = take(held, amount)
    assert sum(part for _, part in taken) == amount
    assert all(part > 0 for _, part in taken)
    left = {one.lot: one.remaining for one in held}
    for lot, part in taken:
        left[lot] -= part
    assert min(left.values(), default=0) >= 0
    # Whatever still has something ends no earlier than what was taken.
    last = max((lot.expires_on for lot, _ in taken), default=date.min)
    assert all(lot.expires_on >= last for lot, rest in left.items() if rest)


def test_a_passbook_says_which_programme_and_day() -> None:
    zh, en = ended_words("ideal-bank", date(2026, 12, 31))
    assert "ideal-bank" in zh
    assert "2026-12-31" in zh
    assert "ideal-bank" in en
    assert "2026-12-31" in en

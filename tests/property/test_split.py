"""The parts of a total are always the total, to the fen, whatever the shares."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.partners.rules.split import SHARES, WEIGHT_MAX, shares, split
from shared.errors import Rejected

totals = st.integers(0, 10**15)
weights = st.lists(st.integers(0, WEIGHT_MAX), min_size=1, max_size=100).filter(any)


@given(totals, weights)
@example(1, [50, 40, 10])
@example(999_999_999_999, [1, 1, 1])
def test_parts_are_the_whole_and_within_a_fen_of_their_share(total: int, shared: list[int]) -> None:
    parts = split(total, shared)
    assert sum(parts) == total
    whole = sum(shared)
    for part, weight in zip(parts, shared, strict=True):
        assert abs(part - Fraction(total * weight, whole)) < 1
        assert weight or part == 0


@given(totals, weights)
def test_who_has_more_never_gets_less_and_equals_differ_by_their_order_alone(
    total: int, shared: list[int]
) -> None:
    parts = split(total, shared)
    ranked = sorted(range(len(shared)), key=lambda place: (-shared[place], place))
    for one, other in itertools.pairwise(ranked):
        assert parts[one] >= parts[other]


def test_every_small_total_by_the_declared_shares() -> None:
    for total in range(20_001):
        parts = shares(total)
        assert sum(parts.values()) == total
        assert list(parts) == list(SHARES)
    assert shares(101) == {"partner": 51, "community": 40, "district": 10}


@pytest.mark.parametrize(
    ("total", "shared", "pointer"),
    [
        (-1, [1], "/total_fen"),
        (1, [], "/weights"),
        (1, [0, 0], "/weights"),
        (1, [2, -1], "/weights"),
        (1, [1] * 101, "/weights"),
        (1, [WEIGHT_MAX + 1], "/weights"),
    ],
)
def test_what_cannot_be_split_names_its_field(total: int, shared: list[int], pointer: str) -> None:
    with pytest.raises(Rejected) as caught:
        split(total, shared)
    assert caught.value.pointer == pointer

"""The board's laws: nothing is gained by splitting, small numbers stay hidden, rates are honest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.intake.rules.board import (
    PARTS,
    Due,
    Life,
    Past,
    Rated,
    Tally,
    Terms,
    case_shares,
    hidden,
    life_of,
    ranks,
    rates,
    score,
    tally,
)
from services.intake.rules.states import TRANSITIONS, Action, State, legal

NOW = datetime(2026, 10, 31, 8, tzinfo=UTC)
TERMS = Terms(
    partly_percent=50, basically_percent=80, response_weight=30, resolution_weight=35,
    satisfaction_weight=35, hidden_below=5,
)  # fmt: skip

hours = st.integers(0, 400)
moments = st.none() | hours.map(lambda before: NOW - timedelta(hours=before))
lives = st.builds(
    Life,
    step_count=st.integers(1, 30),
    received_at=st.just(NOW - timedelta(hours=500)),
    state=st.sampled_from(list(State)),
    dispatched_at=moments,
    accepted_at=moments,
    contacted_at=moments,
    resolved_at=moments,
    ended_at=moments,
    accept_due_at=moments,
    contact_due_at=moments,
    due_at=moments,
    resolve_count=st.integers(0, 3),
    returned_count=st.integers(0, 3),
    rework_count=st.integers(0, 3),
    solved=st.none() | st.sampled_from(("solved", "partly", "unsolved")),
    satisfied=st.none() | st.sampled_from(("satisfied", "basically", "dissatisfied")),
    is_excluded=st.booleans(),
)
cases = st.lists(st.lists(lives, min_size=1, max_size=4), min_size=1, max_size=8)


def score_of(of: list[list[Life]]) -> int | None:
    return score(case_shares((tally(each, NOW) for each in of), TERMS), TERMS)


@given(cases, st.integers(2, 12), st.data())
def test_the_score_does_not_change_when_one_case_is_split_into_many(
    of: list[list[Life]], pieces: int, data: st.DataObject
) -> None:
    chosen = data.draw(st.integers(0, len(of) - 1))
    split = [each * pieces if place == chosen else each for place, each in enumerate(of)]
    assert score_of(split) == score_of(of)


@given(st.lists(lives, max_size=12))
def test_a_rate_is_a_share_of_its_list_or_nothing(of: list[Life]) -> None:
    counted = tally(of, NOW)
    for rate in rates(counted, TERMS).values():
        assert (rate.value is None) == (counted[rate.whole] == 0)
        assert rate.value is None or 0 <= rate.value <= 10_000
        assert sum(counted[part] for part in rate.parts) <= counted[rate.whole]


@given(st.lists(lives, max_size=12))
def test_what_is_excluded_counts_as_received_and_in_no_rate(of: list[Life]) -> None:
    gone = tally([replace(one, is_excluded=True) for one in of], NOW)
    assert gone["received"] == gone["excluded"] == len(of)
    assert all(rate.value is None for rate in rates(gone, TERMS).values())


@given(st.lists(lives, max_size=8), st.lists(lives, max_size=8))
def test_tallies_add_up(some: list[Life], others: list[Life]) -> None:
    assert tally(some, NOW) + tally(others, NOW) == tally(some + others, NOW)
    assert set(tally([], NOW).counts) == set(PARTS)
    assert Tally() + tally(some, NOW) == tally(some, NOW)


@given(st.dictionaries(st.text("abcdef", min_size=1), st.integers(0, 30), max_size=8))
def test_small_counts_stay_hidden_and_are_never_found_by_subtraction(
    counts: dict[str, int],
) -> None:
    shown = hidden(counts, 5)
    for name, count in counts.items():
        assert shown[name] in (None, count)
        if 0 < count < 5:
            assert shown[name] is None
    gone = [name for name, value in shown.items() if value is None]
    left = [name for name, value in shown.items() if value]
    assert len(gone) != 1 or not left


@given(st.dictionaries(st.text("abc", min_size=1), st.none() | st.integers(0, 10_000)))
def test_equal_scores_share_a_place_and_none_has_none(scores: dict[str, int | None]) -> None:
    places = ranks(scores)
    for one, mine in scores.items():
        better = sum(
            other is not None and mine is not None and other > mine for other in scores.values()
        )
        assert places[one] == (None if mine is None else better + 1)


@given(st.lists(st.integers(0, 25), max_size=25), st.integers(1, 300))
def test_any_legal_walk_can_be_read(choices: list[int], minutes: int) -> None:
    steps, state, at = [Past(NOW, "submit", State.SUBMITTED)], State.SUBMITTED, NOW
    for choice in choices:
        open_to = [a for a in legal(state) if a is not Action.UNMERGE]
        action = open_to[choice % len(open_to)]
        state, at = TRANSITIONS[action][state], at + timedelta(minutes=minutes)
        steps.append(Past(at, action, state))
    one = life_of(
        steps, [Due("resolve", NOW)], [Rated(1, "solved", None), Rated(0, "unsolved", None)]
    )
    assert one.step_count == len(steps)
    assert one.state == state
    assert one.solved == "solved"  # the last round's word
    assert (one.ended_at is None) == (
        state not in {"closed", "declined", "referred", "merged", "void"}
    )
    assert one.resolved_at is None or one.resolve_count

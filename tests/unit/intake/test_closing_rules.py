"""Whose turn it is, who is called back, how far a request is: the law without rows."""

from __future__ import annotations

import pytest

from services.intake.rules.closing import Terms, check_two_people, is_sampled, why_called_back
from services.intake.rules.handling import (
    ALL,
    REASONS,
    TURNS,
    Standing,
    may,
    may_add_photo,
    offered,
)
from services.intake.rules.states import TRANSITIONS, Action, State
from shared.errors import Rejected

TERMS = Terms(
    version=1,
    link_days=14,
    window_days=7,
    sample_percent=20,
    sample_natures=("complaint",),
    call_back_days=7,
)
NOBODY = Standing()


def test_the_sample_is_the_share_that_the_terms_say() -> None:
    codes = [f"CODE{number:07d}" for number in range(20_000)]
    share = sum(is_sampled(code, 0, 20) for code in codes) / len(codes)
    assert share == pytest.approx(0.2, abs=0.01)
    assert not any(is_sampled(code, 0, 0) for code in codes)
    assert all(is_sampled(code, 0, 100) for code in codes)


def test_the_same_request_is_decided_the_same_and_each_round_anew() -> None:
    codes = [f"CODE{number:07d}" for number in range(200)]
    assert [is_sampled(code, 0, 20) for code in codes] == [is_sampled(c, 0, 20) for c in codes]
    assert [is_sampled(code, 0, 20) for code in codes] != [is_sampled(c, 1, 20) for c in codes]


def test_complaints_and_those_who_could_not_be_asked_are_called_back() -> None:
    silent = next(code for code in map(str, range(99)) if not is_sampled(code, 0, 20))

    def why(nature: str = "help", *, is_asked: bool = True) -> str | None:
        return why_called_back(
            TERMS, public_code=silent, round_no=0, nature=nature, is_asked=is_asked
        )

    assert (why(), why("complaint"), why(is_asked=False)) == (None, "nature", "unasked")


def test_it_is_nobodys_turn_without_a_duty() -> None:
    for state in State:
        assert offered(state, NOBODY) == []
    assert not any(may(action, NOBODY) for action in Action)


def test_every_turn_names_duties_that_there_are_and_steps_that_lead_somewhere() -> None:
    for action, turn in TURNS.items():
        assert (turn.own | turn.area) <= ALL
        assert turn.own or turn.area
        assert TRANSITIONS[action]
    assert set(REASONS) <= set(TURNS)


def test_the_asker_answers_and_nothing_else() -> None:
    asker = Standing(is_asker=True)
    assert [action for action in TURNS if may(action, asker)] == [Action.ANSWER]


def test_a_handler_of_another_unit_handles_nothing_here() -> None:
    elsewhere = Standing(area=frozenset({"handler"}))
    assert [action for action in TURNS if may(action, elsewhere)] == [Action.NOTE]


def test_only_who_handles_it_shows_that_it_is_done() -> None:
    asker, handler = Standing(is_asker=True), Standing(own=frozenset({"handler"}))
    assert may_add_photo("before", State.SUBMITTED, asker)
    assert not may_add_photo("after", State.IN_PROGRESS, asker)
    assert may_add_photo("after", State.IN_PROGRESS, handler)
    assert not may_add_photo("after", State.CLOSED, handler)
    assert not may_add_photo("before", State.CLOSED, asker)


def test_nobody_checks_the_own_work() -> None:
    check_two_people("A-2", "A-1", None)
    for handlers in (("A-2",), ("A-1", "A-2")):
        with pytest.raises(Rejected):
            check_two_people("A-2", *handlers)

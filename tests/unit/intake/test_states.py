"""The law of a request's life, seen as a whole."""

from __future__ import annotations

import pytest

from services.intake.pages.words import _ALL
from services.intake.rules.requests import new_public_code, read_public_code
from services.intake.rules.states import ENDED, OPEN, TRANSITIONS, Action, State, after, legal
from shared.errors import Conflict


def test_every_state_can_be_reached_and_every_open_one_can_be_left() -> None:
    reached, grown = {State.SUBMITTED}, True
    while grown:
        before = len(reached)
        reached |= {
            to for ways in TRANSITIONS.values() for frm, to in ways.items() if frm in reached
        }
        grown = len(reached) > before
    assert reached == set(State)
    for state in OPEN:
        assert any(
            to != state for ways in TRANSITIONS.values() for s, to in ways.items() if s == state
        )


def test_open_rating_and_ended_are_all_states() -> None:
    assert {State.RATING} | OPEN | ENDED == set(State)
    assert not OPEN & ENDED


def test_an_illegal_step_is_refused_aloud() -> None:
    with pytest.raises(Conflict) as caught:
        after(Action.ACCEPT, State.CLOSED)
    assert caught.value.code == "illegal_step"
    assert caught.value.pointer == "/action"


def test_what_is_legal_is_what_after_allows() -> None:
    for state in State:
        for action in legal(state):
            assert after(action, state) in State


def test_every_state_and_action_has_a_word() -> None:
    assert set(_ALL["state"]) == set(State)
    assert set(_ALL["action"]) == set(Action)


def test_a_public_code_reads_back_and_a_slip_does_not() -> None:
    code = new_public_code()
    assert read_public_code(f" {code[:4].lower()}-{code[4:8]} {code[8:]}") == code
    wrong = "0" if code[2] != "0" else "1"
    assert read_public_code(code[:2] + wrong + code[3:]) is None
    assert read_public_code(code[:-1]) is None

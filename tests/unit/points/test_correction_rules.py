"""What rules may declare of reversals and of overlapping times, and how residents are told."""

from __future__ import annotations

import pytest

from services.points.rules.corrections import Policy, policy_of
from services.points.rules.earning import earned
from services.points.rules.explaining import explain
from services.points.rules.rule_form import BadRules, read_rule_set
from services.points.rules.telling import told
from shared.errors import Rejected
from tests.integration.points.database import RULES


def test_rules_declare_a_policy_and_times_that_count_once() -> None:
    plain = read_rule_set(RULES)
    assert (plain.reversal, plain.time_counted_once) == (None, False)
    rules = read_rule_set(RULES | {"reversal": "debt", "time_counted_once": True})
    assert (rules.reversal, rules.time_counted_once) == ("debt", True)
    said = " ".join(one.zh for one in told(rules).sentences)
    assert "同一时间只计一次" in said
    assert "欠分" in said
    assert "同一时间" not in " ".join(one.zh for one in told(plain).sentences)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"reversal": "never"}, "/reversal"),
        ({"reversal": None}, "/reversal"),
        ({"time_counted_once": "yes"}, "/time_counted_once"),
    ],
)
def test_what_is_none_is_named(more: dict[str, object], pointer: str) -> None:
    with pytest.raises(BadRules) as caught:
        read_rule_set(RULES | more)
    assert caught.value.pointer == pointer


def test_what_is_declared_binds_and_else_the_proposal_says() -> None:
    assert policy_of(None, None) == Policy.WITHIN_BALANCE
    assert policy_of(None, "debt") == policy_of("debt", None) == policy_of("debt", "debt") == "debt"
    for declared, proposed in (("debt", "within_balance"), (None, "whatever")):
        with pytest.raises(Rejected) as caught:
            policy_of(declared, proposed)
        assert caught.value.pointer == "/policy"


def test_an_attendance_that_is_wholly_covered_earns_nothing_and_says_so() -> None:
    rules = read_rule_set(
        RULES | {"activity": {**RULES["activity"], "points_each": {"culture": 5}}}
    )
    gained = earned(
        rules,
        kind="culture",
        minutes=0,
        evidence="organiser",
        on=rules.valid_from,
        resident_no="R000001",
    )
    assert (gained.points, gained.minutes) == (0, 0)
    said = explain("activity", gained.explanation | {"minutes_overlapped": 60, "points": 0}, rules)
    assert "60 分钟与其他活动时间重叠" in said.zh
    assert "overlapped" in said.en

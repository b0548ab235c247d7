"""Random histories of awards, spending and reversals: nothing is lost, nobody owes who has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.points.actions.debts import repay_debts
from shared.errors import Conflict
from shared.messaging.transaction import transaction
from tests.integration.points.correcting import adjust, award_ids, register, reverse
from tests.integration.points.database import RULES, Ledger, attended, opened, publish_rules
from tests.integration.points.lots import spend

PEOPLE = ("R000001", "R000002")
UNCAPPED = RULES | {"programme": "uncapped", "caps": {}}
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("award"), st.sampled_from(PEOPLE), st.integers(10, 120)),
        st.tuples(st.just("spend"), st.sampled_from(PEOPLE), st.integers(1, 12)),
        st.tuples(st.just("adjust"), st.sampled_from(PEOPLE), st.integers(-9, 9)),
        st.tuples(st.just("within_balance"), st.sampled_from(PEOPLE), st.integers(0, 5)),
        st.tuples(st.just("debt"), st.sampled_from(PEOPLE), st.integers(0, 5)),
        st.tuples(st.just("repay"), st.sampled_from(PEOPLE), st.just(0)),
    ),
    max_size=14,
)


@pytest.fixture(scope="module")
def ledger(databases: dict[str, str]) -> Iterator[Ledger]:
    with opened(databases) as ledger:
        yield ledger


def take(ledger: Ledger, step: tuple[str, str, int], model: Counter[str]) -> None:
    """One step, in the ledger and in a model of a few lines: what each holds."""
    what, who, number = step
    if what == "award":
        ledger.hear(attended(who, number))
        model[who] += number * 6 // 60
    elif what == "spend":
        if model[who] >= number:
            with transaction(ledger.sessions) as tx:
                spend(tx, who, number)
            model[who] -= number
    elif what == "adjust":
        if number and model[who] + number >= 0:
            adjust(ledger, who, number)
            model[who] += number
    elif what == "repay":
        with transaction(ledger.sessions) as tx:
            repay_debts(tx)
        for each in PEOPLE:
            model[each] = ledger.balance(each)
    elif awards := award_ids(ledger, who):
        award_id = awards[number % len(awards)]
        points = ledger.scalar("SELECT points FROM awards WHERE award_id = :a", a=award_id)
        try:
            reverse(ledger, award_id, policy=what)
        except Conflict as refusal:
            assert refusal.code == "reversed_before"  # noqa: PT017
        else:
            model[who] -= min(points, model[who])


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_the_ledger_is_what_the_model_says(
    ledger: Ledger, steps: list[tuple[str, str, int]]
) -> None:
    ledger.clear()
    register(ledger, *PEOPLE)
    publish_rules(ledger, UNCAPPED)
    model: Counter[str] = Counter()
    for step in steps:
        take(ledger, step, model)
        assert {who: ledger.balance(who) for who in PEOPLE} == {who: model[who] for who in PEOPLE}
    assert set(ledger.reconcile().values()) == {0}
    with transaction(ledger.sessions) as tx:
        repay_debts(tx)
    # who still owes has nothing, and all that was owed is repaid or remains
    owing = ledger.rows(
        "SELECT a.balance FROM debts d JOIN accounts a ON a.id = d.account_id WHERE d.remaining > 0"
    )
    assert all(balance == 0 for (balance,) in owing)
    unpaid = ledger.rows(
        "SELECT sum(amount)::int, sum(remaining)::int, (SELECT coalesce(sum(amount), 0)::int"
        " FROM debt_payments) FROM debts HAVING count(*) > 0"
    )
    assert all(owed == remaining + paid for owed, remaining, paid in unpaid)
    # credited and added, less spent and taken back, is what is held
    ((held, moved),) = ledger.rows(
        "SELECT (SELECT coalesce(sum(balance), 0)::int FROM accounts WHERE asset = 'points'),"
        " (SELECT coalesce(sum(CASE WHEN credit_seq IS NULL THEN -amount ELSE amount END),"
        " 0)::int FROM transfers WHERE asset = 'points')"
    )
    assert held == moved

"""Which part of an attendance nobody has counted yet; and what a reversal takes."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.points.rules.corrections import Due, Policy, repay, take_back
from services.points.rules.lots import HeldLot, Lot
from services.points.rules.overlaps import Span, free_parts, whole_minutes

AT = datetime(2026, 10, 9, tzinfo=UTC)
SPANS = st.lists(
    st.tuples(st.integers(0, 200), st.integers(1, 90)).map(lambda one: _span(*one)), max_size=12
)


def _span(start: int, minutes: int) -> Span:
    begun = AT + timedelta(minutes=start)
    return begun, begun + timedelta(minutes=minutes)


def counted(spans: list[Span]) -> list[Span]:
    taken: list[Span] = []
    for span in spans:
        taken += free_parts(span, taken)
    return taken


@given(SPANS, st.randoms(use_true_random=False))
def test_in_whichever_order_each_minute_counts_once(spans: list[Span], chance: object) -> None:
    shuffled = list(spans)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    served = {
        start + timedelta(minutes=n)
        for start, end in spans
        for n in range(whole_minutes([(start, end)]))
    }
    for order in (spans, shuffled):
        parts = sorted(counted(order))
        assert whole_minutes(parts) == len(served)
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(parts))


LOTS = st.builds(Lot, st.dates(date(2026, 1, 1), date(2026, 1, 4)), st.integers(1, 2))
HELD = st.dictionaries(LOTS, st.integers(0, 20), max_size=6)


@given(
    st.dictionaries(LOTS, st.integers(1, 20), min_size=1, max_size=3),
    HELD,
    st.dictionaries(LOTS, st.integers(0, 20), max_size=3),
    st.sampled_from([Policy.WITHIN_BALANCE, Policy.DEBT]),
)
def test_a_reversal_answers_for_all_that_is_due(
    dues: dict[Lot, int], held: dict[Lot, int], ended: dict[Lot, int], policy: Policy
) -> None:
    plan = take_back(
        [Due(lot, amount) for lot, amount in dues.items()],
        [HeldLot(lot, amount) for lot, amount in held.items()],
        ended,
        policy,
    )
    taken = dict(plan.takes)
    assert len(taken) == len(plan.takes)
    assert all(0 < amount <= held[lot] for lot, amount in taken.items() if lot)
    assert plan.taken == sum(part.taken for part in plan.parts)
    for part in plan.parts:
        assert part.lot is not None
        assert part.due == dues[part.lot] == part.taken + part.ended + part.owed + part.unrecovered
        assert part.ended <= ended.get(part.lot, 0)
        # its own lot first, and nothing is owed or given up while anything is left
        assert taken.get(part.lot, 0) >= min(dues[part.lot], held.get(part.lot, 0))
    rest = plan.owed + plan.unrecovered
    assert rest == 0 or plan.taken == sum(held.values())
    assert (plan.unrecovered if policy == Policy.DEBT else plan.owed) == 0


@given(st.lists(st.integers(1, 20), max_size=5), st.integers(0, 60))
def test_the_oldest_debt_is_repaid_first(remaining: list[int], available: int) -> None:
    debts = list(enumerate(remaining))
    paid = dict(repay(debts, available))
    assert sum(paid.values()) == min(sum(remaining), available)
    for debt_id, amount in paid.items():
        assert all(paid[before] == remaining[before] for before in range(debt_id))
        assert amount <= remaining[debt_id]

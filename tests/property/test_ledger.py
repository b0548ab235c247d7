"""The ledger under random months, on real PostgreSQL as the application's role.

Whatever comes, in whatever order, packing, number of times and number of threads: every asset
sums to zero, every account is its entries, nobody is below zero, and totals are those of a model
of a few lines.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from services.points.handlers import make_handlers
from shared import metrics
from shared.db.session import make_engine, make_sessions
from shared.messaging.frame import Frame
from shared.schemas.envelope import Event
from tests.integration.points.database import (
    RULES,
    Ledger,
    attended,
    delivered,
    opened,
    packed,
    publish_rules,
)

THREADS = 64
DAY_MAX, MONTH_MAX = 20, 50
# A month that is soon full, so that random lists meet both caps.
BODY = RULES | {"caps": {"person_day_points": DAY_MAX, "person_month_points": MONTH_MAX}}
# Points for each hour, doubled, so that the model needs no fractions either.
DOUBLE_RATES = {"elder_care": 12, "culture": 6, "patrol": 9, "environment": 0}

# Not shrunk: an example costs tens of milliseconds of a database, thousands would never end.
examples = settings(
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Done:
    """What somebody did; `who` is a place among the example's residents."""

    who: int
    month: int
    day: int
    minutes: int
    kind: str
    evidence: str

    def event(self, residents: list[str]) -> Event:
        return attended(
            residents[self.who],
            self.minutes,
            month=self.month,
            day=self.day,
            kind=self.kind,
            evidence=self.evidence,
        )


things_done = st.builds(
    Done,
    who=st.integers(0, 2),
    month=st.sampled_from([9, 10]),
    day=st.integers(1, 5),
    minutes=st.integers(10, 720),
    kind=st.sampled_from(sorted(DOUBLE_RATES)),
    evidence=st.sampled_from(["organiser", "organiser", "self_check", "backfill"]),
)


def model(done: list[Done]) -> dict[int, tuple[int, int]]:
    """Points and minutes of each resident: min(month's cap, sum over days of min(day's cap, …))."""
    minutes: defaultdict[int, int] = defaultdict(int)
    days: defaultdict[tuple[int, int, int], int] = defaultdict(int)
    for one in done:
        minutes[one.who] += one.minutes
        if one.evidence != "backfill":
            earned = min(one.minutes, 120) * DOUBLE_RATES[one.kind] // 120
            days[one.who, one.month, one.day] += earned
    months: defaultdict[tuple[int, int], int] = defaultdict(int)
    for (who, month, _), earned in days.items():
        months[who, month] += min(DAY_MAX, earned)
    points: defaultdict[int, int] = defaultdict(int)
    for (who, _), earned in months.items():
        points[who] += min(MONTH_MAX, earned)
    return {who: (points[who], minutes[who]) for who in minutes}


def residents() -> list[str]:
    """Three whom no other example knows."""
    return [f"R{next(_numbers):07}" for _ in range(3)]


def totals(ledger: Ledger, names: list[str]) -> dict[int, tuple[int, int]]:
    found = {
        who: (ledger.balance(name), ledger.balance(name, "service_minutes"))
        for who, name in enumerate(names)
    }
    return {who: both for who, both in found.items() if both != (0, 0)}


@pytest.fixture(scope="module")
def ledger(databases: dict[str, str]) -> Iterator[Ledger]:
    with opened(databases) as ledger:
        publish_rules(ledger, BODY)
        yield ledger


def assert_sound(ledger: Ledger) -> None:
    """Of the whole ledger, all examples so far."""
    assert ledger.reconcile() == {
        "points": 0,
        "service_minutes": 0,
        "partner_contribution": 0,
        "honour_points": 0,
        "time_coins": 0,
        "accounts": 0,
        "lots": 0,
    }
    # With the issuers materialised, every asset sums to zero.
    sums = ledger.rows(
        "SELECT i.asset, i.balance + coalesce((SELECT sum(balance) FROM accounts a"
        " WHERE a.asset = i.asset), 0) FROM issuer_balances i"
    )
    assert len(sums) == 5
    assert {total for _, total in sums} == {0}
    # Numbers have no gap and each balance is the sum of the entries up to it.
    broken = ledger.rows(
        "SELECT * FROM (SELECT credit_seq, credit_balance,"
        " row_number() OVER account AS seq, sum(amount) OVER account AS balance"
        " FROM transfers WINDOW account AS (PARTITION BY credit_account_id ORDER BY credit_seq)"
        ") t WHERE credit_seq <> seq OR credit_balance <> balance"
    )
    assert broken == []
    assert ledger.rows("SELECT * FROM accounts WHERE balance < 0 OR seq < 0") == []
    # What the caps count is what the entries say.
    assert (
        ledger.rows(
            "SELECT * FROM cap_usage u WHERE used <> (SELECT sum(w.points) FROM awards w"
            " JOIN accounts a ON a.owner = w.owner AND a.asset = 'points'"
            " WHERE a.id = u.account_id AND date_trunc(u.span, w.on_date) = u.starts_on)"
        )
        == []
    )


@given(done=st.lists(things_done, min_size=1, max_size=40), data=st.data())
@settings(examples, max_examples=40)
def test_any_month_in_any_packing_gives_the_models_totals(
    ledger: Ledger, done: list[Done], data: st.DataObject
) -> None:
    names = residents()
    events = [one.event(names) for one in done]
    again = data.draw(st.lists(st.sampled_from(events), max_size=6), label="again")
    waiting = data.draw(st.permutations(events + again), label="order")
    while waiting:
        size = data.draw(st.integers(1, 25), label="batch")
        ledger.hear(*waiting[:size], in_messages_of=data.draw(st.integers(1, 9), label="pack"))
        waiting = waiting[size:]
    assert totals(ledger, names) == model(done)
    assert_sound(ledger)


@given(done=st.lists(things_done, min_size=2, max_size=30), data=st.data())
@settings(examples, max_examples=25)
def test_order_of_arrival_never_changes_a_total(
    ledger: Ledger, done: list[Done], data: st.DataObject
) -> None:
    first, second, together = residents(), residents(), residents()
    for one in done:
        ledger.hear(one.event(first))
    for one in data.draw(st.permutations(done)):
        ledger.hear(one.event(second))
    ledger.hear(*(one.event(together) for one in data.draw(st.permutations(done))))
    assert totals(ledger, first) == totals(ledger, second) == totals(ledger, together)


@given(
    done=st.lists(things_done, min_size=4, max_size=60),
    workers=st.integers(2, 8),
    data=st.data(),
)
@settings(examples, max_examples=10)
def test_workers_at_the_same_time_give_the_models_totals(
    ledger: Ledger, done: list[Done], workers: int, data: st.DataObject
) -> None:
    names = residents()
    events = [one.event(names) for one in done]
    # Some events reach several workers, as after a lost connection.
    again = data.draw(st.lists(st.sampled_from(events), max_size=20), label="again")
    shares = [(events + again)[worker::workers] for worker in range(workers)]
    at_once([lambda frame, share=share: take(frame, share) for share in shares], ledger)
    assert totals(ledger, names) == model(done)
    assert_sound(ledger)


@given(
    done=st.lists(things_done, min_size=1, max_size=20),
    poison=st.lists(st.tuples(st.integers(0, 20), st.integers(10, 720)), min_size=1, max_size=4),
)
@settings(examples, max_examples=6)
def test_poison_anywhere_in_a_batch_is_cut_out(
    ledger: Ledger, done: list[Done], poison: list[tuple[int, int]]
) -> None:
    names = residents()
    frozen = residents()[0]
    ledger.hear(attended(frozen, 60))
    with ledger.engine.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET frozen_reason = 'dispute' WHERE owner = :o"), {"o": frozen}
        )
    events = [one.event(names) for one in done]
    bad = [attended(frozen, minutes) for _, minutes in poison]
    for (place, _), event in zip(poison, bad, strict=True):
        events.insert(place, event)
    ledger.hear(*events)
    assert totals(ledger, names) == model(done)
    assert (ledger.balance(frozen), ledger.balance(frozen, "service_minutes")) == (6, 60)
    buried = ledger.rows(
        "SELECT event_id FROM dead_letters"
        " WHERE reason = 'account_frozen' AND event_id = ANY(:ids)",
        ids=[event.id for event in bad],
    )
    assert len(buried) == len(bad)
    assert_sound(ledger)


def test_64_awards_at_once_fill_one_day_exactly(ledger: Ledger) -> None:
    name = residents()[0]
    events = [attended(name, 30) for _ in range(THREADS)]  # 3 points each
    parallel(ledger, events)
    assert ledger.balance(name) == DAY_MAX
    assert ledger.balance(name, "service_minutes") == THREADS * 30
    amounts = sorted(d["points"] for d in ledger.said() if d.get("resident_no") == name)
    # 6 whole ones, one cut to what was left, and the rest nothing: no award saw a stale room.
    assert amounts == [0] * (THREADS - 7) + [2] + [3] * 6
    assert_sound(ledger)


def test_64_awards_at_once_fill_the_month_exactly_for_each_of_several(ledger: Ledger) -> None:
    names = residents()
    events = [
        attended(names[number % 3], 120, day=1 + number // 3 % 7) for number in range(THREADS)
    ]
    partner = f"shop-{next(_numbers)}"
    parallel(ledger, [*events, *(delivered(partner) for _ in range(6))])
    assert [ledger.balance(name) for name in names] == [MONTH_MAX] * 3
    assert ledger.balance(partner, "partner_contribution") == 48
    assert_sound(ledger)


def test_64_copies_at_once_count_once(ledger: Ledger) -> None:
    name = residents()[0]
    event = attended(name, 60)
    parallel(ledger, [event] * THREADS)
    assert (ledger.balance(name), ledger.balance(name, "service_minutes")) == (6, 60)
    assert_sound(ledger)


def test_batches_that_share_residents_crosswise_do_not_deadlock(ledger: Ledger) -> None:
    names = [name for _ in range(5) for name in residents()]
    jobs = [
        [attended(name, 12, day=day) for name in (names if day % 2 else reversed(names))]
        for day in range(1, 13)
    ]
    retries = metrics.subscriber_retries.labels("points", "points.events")
    before = retries._value.get()
    at_once([lambda frame, job=job: take(frame, job) for job in jobs], ledger)
    assert retries._value.get() == before
    assert {ledger.balance(name) for name in names} == {12}
    assert_sound(ledger)


def take(frame: Frame, events: list[Event]) -> None:
    frame.process([frame.prepare(one) for one in packed(events)])


def parallel(ledger: Ledger, events: list[Event]) -> None:
    """Each event in a thread, connection and transaction of its own, all begun at once."""
    at_once([lambda frame, event=event: take(frame, [event]) for event in events], ledger)


def at_once(jobs: list[Callable[[Frame], Any]], ledger: Ledger) -> None:
    """Run each job as a worker of its own would, with a frame and connections of its own."""
    engine = make_engine(ledger.url, pool_size=len(jobs), application="points-property")
    sessions = make_sessions(engine)
    gate = threading.Barrier(len(jobs))

    def run(job: Callable[[Frame], Any]) -> None:
        frame = Frame("points", "points.events", sessions, make_handlers())
        with sessions() as session:
            session.execute(text("SELECT 1"))  # connected before the others start
            session.rollback()
            gate.wait(timeout=60)
        job(frame)

    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(run, job) for job in jobs]:
            future.result()
    engine.dispose()

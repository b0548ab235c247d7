"""Many at once: nothing is promised twice, and nothing ends twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Barrier

import pytest

from services.points.actions import ledger as books
from services.points.rules.lots import Lot
from shared import clock
from shared.db.session import make_engine, make_sessions
from shared.errors import LinliError
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from tests.integration.points.database import Ledger
from tests.integration.points.redeeming import (
    END,
    NOW,
    ask,
    assert_sound,
    claimed,
    code_of,
    confirm,
    give,
    give_up,
    held,
    lots,
    offered,
    run_clock,
    slot,
    stock,
)

CONNECTIONS, EACH, UNITS = 50, 20, 100
A = "R000001"


@pytest.fixture(autouse=True)
def _thursday() -> Iterator[None]:
    clock.freeze(NOW)
    yield
    clock.freeze(None)


@pytest.fixture
def crowd(ledger: Ledger) -> Iterator[Ledger]:
    """The ledger with a connection for each racer's thread."""
    engine = make_engine(ledger.url, pool_size=CONNECTIONS, application="points-race")
    yield Ledger(ledger.url, ledger.owner_url, engine, ledger.owner_engine, make_sessions(engine))
    engine.dispose()


def at_once(*doing: Callable[[], object]) -> list[str]:
    """Everybody starts together; `ok`, or the code of what was raised."""
    start = Barrier(len(doing))

    def one(do: Callable[[], object]) -> str:
        start.wait()
        try:
            do()
        except LinliError as refusal:
            return refusal.code
        return "ok"

    with ThreadPoolExecutor(len(doing)) as pool:
        return list(pool.map(one, doing))


def rich(ledger: Ledger, residents: list[str], amount: int = 10) -> None:
    """Points for everybody, in one posting."""
    with transaction(ledger.sessions) as tx:
        source = books.sources(tx.session, [("ideal-bank", "shop")])["ideal-bank", "shop"]
        accounts = books.locked(tx.session, [("points", "resident", each) for each in residents])
        posting = books.posting(tx.session)
        for account in accounts.values():
            posting.issue(account, amount, uuid7(), "award", Lot(END, source))
        posting.post(tx.session, clock.now())


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_1000_racers_for_100_units(crowd: Ledger) -> None:
    residents = [f"R{number:06d}" for number in range(CONNECTIONS * EACH)]
    rich(crowd, residents)
    rice = offered(crowd, stock=UNITS)

    def racing(mine: list[str]) -> Callable[[], object]:
        def run() -> None:
            for resident_no in mine:
                try:
                    ask(crowd, resident_no, rice)
                except LinliError as refusal:
                    codes.append(refusal.code)
                else:
                    codes.append("ok")

        return run

    codes: list[str] = []
    at_once(*(racing(residents[lane::CONNECTIONS]) for lane in range(CONNECTIONS)))
    assert Counter(codes) == {"ok": UNITS, "out_of_stock": CONNECTIONS * EACH - UNITS}
    assert stock(crowd, rice) == (UNITS, UNITS, 0)
    sums = crowd.rows(
        "SELECT owner_kind, sum(balance)::int FROM accounts WHERE asset = 'points'"
        " GROUP BY 1 ORDER BY 1"
    )
    assert sums == [("held", 1000), ("issuer", 0), ("resident", 9000)]
    assert crowd.scalar("SELECT count(*) FROM accounts WHERE balance < 0") == 0
    assert crowd.scalar("SELECT count(*) FROM redemptions") == UNITS
    assert_sound(crowd)


def test_one_who_asks_many_times_at_once_spends_once(crowd: Ledger) -> None:
    give(crowd, A, 10)
    rice = offered(crowd, stock=99)
    codes = at_once(*([lambda: ask(crowd, A, rice)] * CONNECTIONS))
    assert Counter(codes) == {"ok": 1, "not_enough": CONNECTIONS - 1}
    assert held(crowd, A) == {"resident": 0, "held": 10}
    assert_sound(crowd)


def test_one_key_at_once_is_one_redemption(crowd: Ledger) -> None:
    give(crowd, A, 99)
    rice = offered(crowd, stock=99)
    made = []
    codes = at_once(
        *([lambda: made.append(ask(crowd, A, rice, key="clicked-twice"))] * CONNECTIONS)
    )
    assert set(codes) == {"ok"}
    assert len({each.redemption_id for each in made}) == 1
    assert sum(not each.is_replay for each in made) == 1
    assert held(crowd, A) == {"resident": 89, "held": 10}


def test_a_limit_holds_at_once(crowd: Ledger) -> None:
    give(crowd, A, 1000)
    rice = offered(crowd, stock=99, limit_count=2, limit_span="month")
    codes = at_once(*([lambda: ask(crowd, A, rice)] * CONNECTIONS))
    assert Counter(codes) == {"ok": 2, "limit_reached": CONNECTIONS - 2}


def test_a_time_is_booked_by_one_of_many(crowd: Ledger) -> None:
    residents = [f"R{number:06d}" for number in range(CONNECTIONS)]
    rich(crowd, residents)
    room = offered(crowd, kind="venue", title="会议室", venue_code="room-1", stock=None)
    morning = slot(crowd, room, NOW + timedelta(days=1))
    codes = at_once(*(partial(ask, crowd, each, room, slot_id=morning) for each in residents))
    assert Counter(codes) == {"ok": 1, "slot_taken": CONNECTIONS - 1}
    assert_sound(crowd)


def test_slots_laid_out_at_once_do_not_overlap(crowd: Ledger) -> None:
    room = offered(crowd, kind="venue", title="会议室", venue_code="room-1", stock=None)
    dearer = offered(crowd, kind="venue", title="会议室", venue_code="room-1", stock=None, price=9)
    at = NOW + timedelta(days=1)
    codes = at_once(
        *(
            partial(slot, crowd, reward, at + timedelta(minutes=n))
            for n in range(8)
            for reward in (room, dearer)
        )
    )
    assert Counter(codes) == {"ok": 1, "slots_overlap": 15}


def test_what_many_would_end_ends_once(crowd: Ledger) -> None:
    """Partner, counter, clerk, resident and clock, all at the same moment, for each of several."""
    rice = offered(crowd, stock=30)
    residents = [f"R{number:06d}" for number in range(12)]
    rich(crowd, residents, 30)
    due = NOW + timedelta(days=7)
    ends: Counter[str] = Counter()
    for resident_no in residents:
        redeemed = ask(crowd, resident_no, rice)
        clock.freeze(due)  # the last moment it may be collected, and the first it may be released
        code = code_of(redeemed)
        at_once(
            partial(crowd.hear, claimed(code, at=due)),
            partial(confirm, crowd, code),
            partial(confirm, crowd, code, partner=None, by="clerk-1"),
            partial(give_up, crowd, redeemed, resident_no),
            partial(give_up, crowd, redeemed, None),
            lambda: run_clock(crowd),
        )
        clock.freeze(NOW)
        ((how, state),) = crowd.rows(
            "SELECT settled_how, state FROM redemptions WHERE redemption_id = :id",
            id=redeemed.redemption_id,
        )
        ends[how] += 1
        left = 20 if state == "collected" else 30
        assert held(crowd, resident_no) == {"resident": left, "held": 0}
        assert lots(crowd, resident_no) == [(END, "ideal-bank", left)]
    stocked, put_aside, collected = stock(crowd, rice)
    assert (stocked, put_aside) == (30, 0)
    assert collected == ends["partner_event"] + ends["counter"]
    assert crowd.scalar("SELECT count(*) FROM dead_letters") == 0
    kinds = dict(crowd.rows("SELECT kind, count(*)::int FROM transfers GROUP BY 1"))
    assert kinds["hold"] == 12
    assert kinds.get("redemption", 0) + kinds.get("release", 0) == 12
    assert_sound(crowd)

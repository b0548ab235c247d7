"""Redemptions that a household pays for: own points first, then those the others share."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta
from threading import Barrier

import pytest

from services.points.actions.households import consent, withdraw
from services.points.actions.redemptions import Redeemed
from services.points.actions.redemptions_claimed import redemption_of
from services.points.queries.books import SEQ_MAX, entries
from services.points.queries.households import members, shared_room
from services.points.queries.rewards import HOLD_BREAKS
from services.points.rules.documents import explain_entry
from shared import clock
from shared.errors import Conflict, LinliError
from shared.messaging.transaction import transaction
from tests.integration.points.database import Ledger
from tests.integration.points.declared import registered
from tests.integration.points.redeeming import (
    END,
    NOW,
    ask,
    assert_sound,
    claimed,
    code_of,
    confirm,
    everything,
    give,
    give_up,
    held,
    lots,
    offered,
    run_clock,
    stock,
)

A, B, C = "R000001", "R000002", "R000003"
HOME, AWAY = "H0001", "H0002"
SOON = date(2026, 11, 30)


@pytest.fixture
def home(ledger: Ledger) -> Iterator[Ledger]:
    """A has 4 points and B 5 that end sooner and 20 that end later; B and C share 12 and 100."""
    clock.freeze(NOW)
    ledger.hear(*(registered(no, HOME) for no in (A, B, C)))
    give(ledger, A, 4)
    give(ledger, B, 5, expires_on=SOON)
    give(ledger, B, 20)
    allow(ledger, B, 12)
    allow(ledger, C, 100)
    yield ledger
    clock.freeze(None)


def allow(ledger: Ledger, resident_no: str, month_max: int) -> None:
    with transaction(ledger.sessions) as tx:
        consent(tx, resident_no, "spend", by=resident_no, month_max=month_max)


def end_consent(ledger: Ledger, resident_no: str) -> None:
    with transaction(ledger.sessions) as tx:
        withdraw(tx, resident_no, "spend", by=resident_no)


def shared(ledger: Ledger, resident_no: str, reward: int) -> Redeemed:
    return ask(ledger, resident_no, reward, use_household=True)


def room(ledger: Ledger, resident_no: str) -> int:
    """What the others may still spend of somebody's points this month."""
    with ledger.sessions() as session:
        return next(
            one.room
            for one in members(session, HOME, clock.today())
            if one.resident_no == resident_no
        )


def told(ledger: Ledger, resident_no: str) -> list[str]:
    """What a passbook says of each entry that is no award, the newest first."""
    with ledger.sessions() as session:
        found = entries(session, "points", "resident", resident_no, before=SEQ_MAX, most=20)
    return [explain_entry(one, None).zh for one in found if one.kind != "award"]


def test_own_points_go_first_and_each_part_is_put_aside_in_its_owners_name(home: Ledger) -> None:
    done = shared(home, A, offered(home))
    assert held(home, A) == {"resident": 0, "held": 4}
    assert held(home, B) == {"resident": 19, "held": 6}
    assert [(day, left) for day, _, left in lots(home, B, "held")] == [(SOON, 5), (END, 1)]
    assert room(home, B) == 6
    with home.sessions() as session:
        found = redemption_of(session, done.redemption_no)
    assert found is not None
    assert (found.price, found.from_household) == (10, 6)
    assert_sound(home)
    (news,) = [one for one in home.said() if one.get("way") == "spent"]
    assert (news["resident_no"], news["points"], news["points_balance"]) == (B, 6, 19)


def test_by_default_only_ones_own_pay(home: Ledger) -> None:
    rice = offered(home)
    before = everything(home)
    with pytest.raises(Conflict, match="not_enough"):
        ask(home, A, rice)
    assert everything(home) == before
    give(home, A, 6)
    shared(home, A, rice)  # enough of one's own: nobody else pays
    assert held(home, B)["resident"] == 25
    assert home.scalar("SELECT count(*) FROM household_spends") == 0


@pytest.mark.parametrize("way", ["cancelled", "timeout"])
def test_a_release_gives_each_lot_back_to_its_owner_and_the_limit_too(
    home: Ledger, way: str
) -> None:
    rice = offered(home)
    before = {who: lots(home, who) for who in (A, B)}
    done = shared(home, A, rice)
    assert {who: lots(home, who) for who in (A, B)} != before
    if way == "cancelled":
        give_up(home, done, A)
    else:
        clock.advance(timedelta(days=8))
        assert run_clock(home) == 1
    assert {who: lots(home, who) for who in (A, B)} == before
    assert room(home, B) == 12
    assert [held(home, who)["held"] for who in (A, B)] == [0, 0]
    assert stock(home, rice) == (5, 0, 0)
    assert_sound(home)
    with pytest.raises(LinliError):
        give_up(home, done, A)  # nor does it come back twice
    assert room(home, B) == 12


@pytest.mark.parametrize("by_event", [True, False])
def test_what_is_collected_is_spent_by_all_who_paid(home: Ledger, by_event: bool) -> None:
    done = shared(home, A, offered(home))
    if by_event:
        home.hear(claimed(code_of(done)))
    else:
        confirm(home, code_of(done))
    assert held(home, A) == {"resident": 0, "held": 0}
    assert held(home, B) == {"resident": 19, "held": 0}
    assert room(home, B) == 6
    assert_sound(home)


def test_the_limit_of_a_month_holds_and_a_refusal_says_nothing(home: Ledger) -> None:
    dear = offered(home, price=17)  # 4 own and 12 allowed
    with home.sessions() as session:
        assert shared_room(session, A, clock.today()) == 12
    before, said = everything(home), len(home.said())
    with pytest.raises(Conflict, match="not_enough"):
        shared(home, A, dear)
    gone = offered(home, stock=0)
    with pytest.raises(Conflict, match="out_of_stock"):
        shared(home, A, gone)  # after whose points was decided
    kept = ("redemptions", "transfers", "accounts", "lots", "documents")
    after = everything(home)
    assert all(after[name] == before[name] for name in kept if name in before)
    assert home.scalar("SELECT count(*) FROM household_spends") == 0
    assert len(home.said()) == said
    shared(home, A, offered(home, price=16))
    assert room(home, B) == 0


def test_a_consent_withdrawn_meanwhile_changes_what_is_next_not_what_is_held(
    home: Ledger,
) -> None:
    rice = offered(home)
    done = shared(home, A, rice)
    end_consent(home, B)
    with pytest.raises(Conflict, match="not_enough"):
        shared(home, A, rice)
    give_up(home, done, A)
    assert held(home, B) == {"resident": 25, "held": 0}
    assert_sound(home)


def test_leaving_the_household_while_it_is_held_moves_nothing(home: Ledger) -> None:
    kept, given_up = (shared(home, A, offered(home, price=price)) for price in (6, 3))
    before = home.snapshot()["transfers"]
    home.hear(registered(B, AWAY, revision=2))
    assert home.snapshot()["transfers"] == before
    assert_sound(home)
    give_up(home, given_up, A)
    assert held(home, B) == {"resident": 23, "held": 2}
    confirm(home, code_of(kept))
    assert held(home, B) == {"resident": 23, "held": 0}
    assert_sound(home)


def test_two_who_spend_the_same_shared_points_at_once_never_pass_them(home: Ledger) -> None:
    rice = offered(home, stock=None, kind="service", minutes=10, price=5)
    start = Barrier(4)

    def race(who: str) -> list[Redeemed]:
        made = []
        start.wait()
        for _ in range(3):
            with suppress(Conflict):
                made.append(shared(home, who, rice))
        return made

    with ThreadPoolExecutor(4) as pool:
        done = [one for made in pool.map(race, [A, C, A, C]) for one in made]
    # 4 of A's and 12 of B's that may be shared: three times 5.
    assert len(done) == 3
    assert held(home, A)["held"] + held(home, B)["held"] == 15
    assert held(home, B)["held"] == 12 - room(home, B)
    assert_sound(home)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: give_up(home, one, None), done))
    assert (held(home, A)["resident"], held(home, B)["resident"]) == (4, 25)
    assert room(home, B) == 12
    assert_sound(home)


def test_the_key_covers_the_choice(home: Ledger) -> None:
    rice = offered(home)
    first = ask(home, A, rice, key="key-12345", use_household=True)
    again = ask(home, A, rice, key="key-12345", use_household=True)
    assert (again.redemption_id, again.is_replay) == (first.redemption_id, True)
    with pytest.raises(Conflict) as caught:
        ask(home, A, rice, key="key-12345")
    assert (caught.value.code, caught.value.pointer) == ("key_reused", "/use_household")
    with home.owner_engine.begin() as connection:  # as it was kept before there was a choice
        connection.exec_driver_sql("UPDATE redeem_requests SET body = body - 'use_household'")
    assert ask(home, A, rice, key="key-12345").is_replay


def test_time_coins_are_not_shared(home: Ledger) -> None:
    haircut = offered(home, kind="service", minutes=40, asset="time_coins", price=1, stock=None)
    with pytest.raises(Conflict) as caught:
        shared(home, A, haircut)
    assert (caught.value.code, caught.value.pointer) == ("own_only", "/use_household")


def test_a_frozen_member_takes_no_part_and_holds_up_nobody_elses(home: Ledger) -> None:
    shared(home, A, offered(home))
    give(home, C, 10)
    ask(home, C, offered(home))
    with home.owner_engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE accounts SET frozen_reason = 'dispute' WHERE owner = '{B}'"
            " AND owner_kind = 'held'"
        )
    with pytest.raises(Conflict, match="not_enough"):
        shared(home, A, offered(home, price=2))
    clock.advance(timedelta(days=8))
    assert run_clock(home) == 1
    assert held(home, C) == {"resident": 10, "held": 0}
    assert held(home, B)["held"] == 6


def test_a_hold_that_nobody_owes_is_found(home: Ledger) -> None:
    shared(home, A, offered(home))
    assert home.rows(HOLD_BREAKS) == []
    with home.owner_engine.begin() as connection:
        connection.exec_driver_sql("UPDATE household_spends SET amount = 5")
    assert len(home.rows(HOLD_BREAKS)) == 2  # A's and B's


def test_a_members_passbook_does_not_tell_what_was_redeemed(home: Ledger) -> None:
    done = shared(home, A, offered(home))
    give_up(home, done, A)
    assert all("大米" in words for words in told(home, A))
    words = told(home, B)
    assert len(words) == 4  # two lots, there and back
    assert all("家人" in one and "大米" not in one for one in words)
    assert all(done.redemption_no not in one for one in words)

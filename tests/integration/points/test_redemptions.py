"""Redeeming, collecting, giving back: each on its own, on real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from services.points.actions import rewards
from shared import clock
from shared.errors import Conflict, LinliError
from shared.messaging.transaction import transaction
from tests.integration.points.database import Ledger
from tests.integration.points.redeeming import (
    END,
    NOW,
    SHOP,
    ask,
    assert_sound,
    claimed,
    code_of,
    confirm,
    everything,
    give,
    give_up,
    held,
    lives_in,
    lots,
    offered,
    run_clock,
    slot,
    stock,
    terms,
)

A, B = "R000001", "R000002"


@pytest.fixture(autouse=True)
def _thursday() -> Iterator[None]:
    clock.freeze(NOW)
    yield
    clock.freeze(None)


def refused(ledger: Ledger, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(LinliError) as refusal:
        ask(ledger, *args, **kwargs)
    return refusal.value.code


def said(ledger: Ledger, kind: str) -> list[dict[str, Any]]:
    return [
        one["data"]
        for (items,) in ledger.rows(
            "SELECT items FROM outbox WHERE destination = :kind ORDER BY id", kind=kind
        )
        for one in __import__("orjson").loads(f"[{items}]")
    ]


def test_points_and_stock_are_held_then_spent(ledger: Ledger) -> None:
    give(ledger, A, 30)
    rice = offered(ledger)
    redeemed = ask(ledger, A, rice, quantity=2)
    assert held(ledger, A) == {"resident": 10, "held": 20}
    assert stock(ledger, rice) == (5, 2, 0)
    (told,) = said(ledger, "linli.redemption.held.v1")
    assert told["redemption_no"] == redeemed.redemption_no
    assert told["price"] == 20
    found = confirm(ledger, code_of(redeemed))
    assert found.redemption_no == redeemed.redemption_no
    assert held(ledger, A) == {"resident": 10, "held": 0}
    assert stock(ledger, rice) == (5, 0, 2)
    (posted,) = said(ledger, "linli.redemption.posted.v1")
    assert posted["source_event_id"] is None
    kinds = ledger.rows("SELECT kind, sum(amount)::int FROM transfers GROUP BY 1 ORDER BY 1")
    assert kinds == [("award", 30), ("hold", 20), ("redemption", 20)]
    assert_sound(ledger)


def test_the_first_to_end_pay_and_come_back_with_their_own_day(ledger: Ledger) -> None:
    early, late = date(2026, 10, 20), END
    give(ledger, A, 15, expires_on=late)
    give(ledger, A, 7, expires_on=early, programme="spring")
    rice = offered(ledger)
    redeemed = ask(ledger, A, rice)
    assert lots(ledger, A, "held") == [(early, "spring", 7), (late, "ideal-bank", 3)]
    clock.advance(timedelta(days=7, seconds=1))
    assert run_clock(ledger) == 1
    # Also what has ended meanwhile: the sweep of expiry decides about that.
    assert lots(ledger, A) == [(early, "spring", 7), (late, "ideal-bank", 15)]
    assert lots(ledger, A, "held") == []
    assert stock(ledger, rice) == (5, 0, 0)
    (told,) = said(ledger, "linli.redemption.released.v1")
    assert (told["reason"], told["redemption_no"]) == ("timeout", redeemed.redemption_no)
    assert run_clock(ledger) == 0
    assert_sound(ledger)


def test_what_has_ended_but_was_not_swept_pays_nothing(ledger: Ledger) -> None:
    give(ledger, A, 10, expires_on=date(2026, 10, 14))
    give(ledger, A, 9)
    assert refused(ledger, A, offered(ledger)) == "not_enough"
    assert_sound(ledger)


def test_a_resident_or_the_clerk_gives_back(ledger: Ledger) -> None:
    give(ledger, A, 30)
    rice = offered(ledger)
    mine, other = ask(ledger, A, rice), ask(ledger, A, rice)
    with pytest.raises(LinliError) as refusal:
        give_up(ledger, mine, B)
    assert refusal.value.code == "not_yours"
    give_up(ledger, mine, A)
    give_up(ledger, other, None)
    for again in (mine, other):
        with pytest.raises(Conflict, match="not_held"):
            give_up(ledger, again, A)
        with pytest.raises(Conflict, match="released"):
            confirm(ledger, code_of(again))
    assert held(ledger, A) == {"resident": 30, "held": 0}
    reasons = [one["reason"] for one in said(ledger, "linli.redemption.released.v1")]
    assert reasons == ["cancelled", "cancelled_by_staff"]
    assert_sound(ledger)


def test_a_partner_claims_by_event_and_is_answered(ledger: Ledger) -> None:
    give(ledger, A, 90)
    rice = offered(ledger)
    one, two, given_up = (ask(ledger, A, rice) for _ in range(3))
    give_up(ledger, given_up, A)
    code = code_of(one)
    ledger.hear(
        claimed(f"{code[:5]}-{code[5:]}".lower()),
        claimed(code),
        claimed(code_of(two), partner="another"),
        claimed(code_of(given_up)),
        claimed("0000000000"),
        claimed("no code at all"),
        claimed(code_of(two), at=NOW + timedelta(days=8)),
        claimed(code_of(two), at=NOW - timedelta(hours=1)),
    )
    assert [one["redemption_no"] for one in said(ledger, "linli.redemption.posted.v1")] == [
        one.redemption_no
    ]
    answers = said(ledger, "linli.redemption.refused.v1")
    assert [(a["reason"], a["redemption_no"]) for a in answers] == [
        ("already_collected", one.redemption_no),
        ("foreign_code", None),
        ("released", given_up.redemption_no),
        ("unknown_code", None),
        ("unknown_code", None),
        ("too_late", two.redemption_no),
        ("too_early", two.redemption_no),
    ]
    assert ledger.scalar("SELECT count(*) FROM refused_claims") == 7
    assert ledger.scalar("SELECT count(*) FROM dead_letters") == 0
    assert stock(ledger, rice) == (5, 1, 1)
    assert_sound(ledger)


def test_the_same_key_gets_the_same_answer_and_another_body_is_told_apart(
    ledger: Ledger,
) -> None:
    give(ledger, A, 30)
    rice, tea = offered(ledger), offered(ledger, title="茶叶")
    first = ask(ledger, A, rice, key="my-key-01")
    before = everything(ledger)
    again = ask(ledger, A, rice, key="my-key-01")
    assert (again.redemption_id, again.is_replay) == (first.redemption_id, True)
    with pytest.raises(Conflict) as refusal:
        ask(ledger, A, tea, quantity=2, key="my-key-01")
    assert refusal.value.code == "key_reused"
    assert refusal.value.pointer == "/reward_id"
    assert "reward_id, quantity" in refusal.value.en
    assert everything(ledger) == before
    # Somebody else's key is another key.
    give(ledger, B, 10)
    assert ask(ledger, B, rice, key="my-key-01").redemption_id != first.redemption_id


def test_a_refused_key_stays_refused(ledger: Ledger) -> None:
    rice = offered(ledger)
    assert refused(ledger, A, rice, key="my-key-02") == "not_enough"
    give(ledger, A, 30)
    assert refused(ledger, A, rice, key="my-key-02") == "not_enough"
    assert ask(ledger, A, rice, key="my-key-03").is_replay is False


@pytest.mark.parametrize(
    ("changed", "quantity", "code"),
    [
        ({"price": 31}, 1, "not_enough"),
        ({}, 4, "not_enough"),
        ({"stock": 0}, 1, "out_of_stock"),
        ({"price": 1}, 6, "out_of_stock"),
        ({}, 0, "bad_quantity"),
        ({}, 100, "bad_quantity"),
        ({"kind": "honour"}, 2, "bad_quantity"),
        ({"community_code": "990101001002"}, 1, "other_community"),
        ({"month_days": (1,)}, 1, "not_exchange_day"),
        ({"weekdays": (5,)}, 1, "not_exchange_day"),
        ({"exchange_to": date(2026, 10, 14)}, 1, "not_exchange_day"),
        ({"exchange_from": date(2026, 10, 16)}, 1, "not_exchange_day"),
        ({"active_to": date(2026, 10, 14)}, 1, "not_exchange_day"),
        ({"min_service_minutes": 6000}, 1, "too_little_service"),
        ({"limit_count": 1, "limit_span": "month"}, 2, "limit_reached"),
    ],
)
def test_what_is_refused_leaves_everything_as_it_was(
    ledger: Ledger, changed: dict[str, Any], quantity: int, code: str
) -> None:
    give(ledger, A, 30)
    lives_in(ledger, A, "990101001001")
    rice = offered(ledger, **changed)
    before = everything(ledger)
    assert refused(ledger, A, rice, quantity=quantity) == code
    assert refused(ledger, "R999999", rice, quantity=quantity) != ""
    assert refused(ledger, A, rice + 1000) == "no_reward"
    assert everything(ledger) == before


def test_a_closed_reward_is_refused_but_can_still_be_collected(ledger: Ledger) -> None:
    give(ledger, A, 30)
    rice = offered(ledger)
    redeemed = ask(ledger, A, rice)
    with transaction(ledger.sessions) as tx:
        assert rewards.set_status(tx, rice, "closed", by="manager-1")
        assert not rewards.set_status(tx, rice, "closed", by="manager-1")
    assert refused(ledger, A, rice) == "reward_closed"
    confirm(ledger, code_of(redeemed))
    assert stock(ledger, rice) == (5, 0, 1)


def test_enough_service_opens_the_door_and_is_not_spent(ledger: Ledger) -> None:
    give(ledger, A, 30)
    give(ledger, A, 6000, asset="service_minutes")
    confirm(ledger, code_of(ask(ledger, A, offered(ledger, min_service_minutes=6000))))
    assert ledger.balance(A, "service_minutes") == 6000


def test_a_limit_counts_what_is_held_or_collected_in_its_span(ledger: Ledger) -> None:
    give(ledger, A, 100)
    rice = offered(ledger, stock=50, limit_count=2, limit_span="month")
    first, second = ask(ledger, A, rice), ask(ledger, A, rice)
    assert refused(ledger, A, rice) == "limit_reached"
    give_up(ledger, first, A)
    ask(ledger, A, rice)
    confirm(ledger, code_of(second))
    assert refused(ledger, A, rice) == "limit_reached"
    clock.advance(timedelta(days=17))  # 1 November in the district
    ask(ledger, A, rice)
    assert_sound(ledger)


def test_each_partner_offers_at_its_own_price(ledger: Ledger) -> None:
    give(ledger, A, 100)
    dear = offered(ledger, partner="dear-shop", price=60)
    cheap = offered(ledger, partner="cheap-shop", price=30)
    one, two = ask(ledger, A, dear), ask(ledger, A, cheap)
    with pytest.raises(Conflict, match="foreign_code"):
        confirm(ledger, code_of(one), partner="cheap-shop")
    confirm(ledger, code_of(one), partner="dear-shop")
    confirm(ledger, code_of(two), partner=None, by="clerk-1")  # the district's own counter
    assert held(ledger, A) == {"resident": 10, "held": 0}


def test_a_service_is_paid_in_time_coins(ledger: Ledger) -> None:
    give(ledger, A, 3, asset="time_coins")
    cut = offered(
        ledger, kind="service", title="理发", minutes=40, asset="time_coins", price=1, stock=None
    )
    redeemed = ask(ledger, A, cut, quantity=2)
    assert held(ledger, A, "time_coins") == {"resident": 1, "held": 2}
    confirm(ledger, code_of(redeemed))
    assert stock(ledger, cut) == (None, 0, 2)
    assert_sound(ledger)


def test_a_venue_is_had_by_one_at_a_time(ledger: Ledger) -> None:
    give(ledger, A, 50)
    give(ledger, B, 50)
    room = offered(ledger, kind="venue", title="会议室", venue_code="room-1", stock=None)
    morning = slot(ledger, room, NOW + timedelta(days=2))
    assert refused(ledger, A, room) == "no_slot"
    mine = ask(ledger, A, room, slot_id=morning)
    assert refused(ledger, B, room, slot_id=morning) == "slot_taken"
    with pytest.raises(Conflict, match="slot_used"), transaction(ledger.sessions) as tx:
        rewards.remove_slot(tx, room, morning, by="manager-1")
    give_up(ledger, mine, A)
    theirs = ask(ledger, B, room, slot_id=morning)
    confirm(ledger, code_of(theirs))
    assert refused(ledger, A, room, slot_id=morning) == "slot_taken"
    assert_sound(ledger)


def test_slots_of_a_venue_cannot_overlap(ledger: Ledger) -> None:
    room = offered(ledger, kind="venue", title="会议室", venue_code="room-1", stock=None)
    dearer = offered(ledger, kind="venue", title="会议室", venue_code="room-1", stock=None, price=9)
    other = offered(ledger, kind="venue", title="操场", venue_code="yard-1", stock=None)
    at = NOW + timedelta(days=1)
    slot(ledger, room, at)
    for reward in (room, dearer):  # one room, whoever sells it
        with pytest.raises(Conflict, match="slots_overlap"):
            slot(ledger, reward, at + timedelta(minutes=119))
    slot(ledger, room, at + timedelta(hours=2))  # the next begins when this one ends
    slot(ledger, other, at)
    with pytest.raises(Exception, match="ex_venue_slots_overlap"), ledger.owner_engine.begin() as c:
        c.exec_driver_sql(
            "INSERT INTO venue_slots (reward_id, venue_code, starts_at, ends_at)"
            " SELECT reward_id, venue_code, starts_at, ends_at FROM venue_slots LIMIT 1"
        )


def test_stock_is_what_its_rows_say(ledger: Ledger) -> None:
    give(ledger, A, 100)
    rice = offered(ledger, stock=3)
    ask(ledger, A, rice, quantity=2)
    with transaction(ledger.sessions) as tx:
        assert rewards.restock(tx, rice, 4, note="第二批", by="manager-1") == 7
    with transaction(ledger.sessions) as tx:
        assert rewards.restock(tx, rice, -5, note="破损", by="manager-1") == 2
    with pytest.raises(Conflict, match="stock_too_small"), transaction(ledger.sessions) as tx:
        rewards.restock(tx, rice, -1, note="", by="manager-1")
    rows = ledger.rows("SELECT kind, amount FROM stock_movements ORDER BY id")
    assert rows == [("initial", 3), ("restock", 4), ("withdraw", -5)]
    assert refused(ledger, A, rice) == "out_of_stock"
    assert_sound(ledger)


def test_what_the_application_may_not_do(ledger: Ledger) -> None:
    give(ledger, A, 10)
    ask(ledger, A, offered(ledger))
    for sql in (
        "UPDATE redemptions SET price = 1",
        "DELETE FROM redemptions",
        "UPDATE stock_movements SET amount = 9",
        "DELETE FROM reward_changes",
        "DELETE FROM rewards",
        "UPDATE venue_slots SET ends_at = now()",
        "UPDATE reward_stocks SET held = 6",
        "UPDATE redemptions SET state = 'collected'",
    ):
        with pytest.raises(Exception, match="permission denied|violates check"):
            ledger.rows(sql)


def test_new_terms_count_from_now_on_and_nobody_overwrites_unseen(ledger: Ledger) -> None:
    give(ledger, A, 100)
    rice = offered(ledger)
    before = ask(ledger, A, rice)
    with transaction(ledger.sessions) as tx:
        rewards.change(tx, rice, terms(price=20), revision=1, by="manager-1")
    with pytest.raises(Conflict, match="changed_meanwhile"), transaction(ledger.sessions) as tx:
        rewards.change(tx, rice, terms(price=5), revision=1, by="manager-2")
    for field in ({"kind": "honour"}, {"asset": "time_coins"}):
        with pytest.raises(LinliError), transaction(ledger.sessions) as tx:
            rewards.change(tx, rice, terms(**field), revision=2, by="manager-1")
    ask(ledger, A, rice)
    assert held(ledger, A) == {"resident": 70, "held": 30}
    give_up(ledger, before, A)
    assert held(ledger, A) == {"resident": 80, "held": 20}
    assert SHOP in str(ledger.scalar("SELECT terms FROM reward_changes ORDER BY id LIMIT 1"))


def test_a_frozen_account_waits_and_holds_up_nobody(ledger: Ledger) -> None:
    give(ledger, A, 10)
    give(ledger, B, 10)
    rice = offered(ledger)
    ask(ledger, A, rice)
    ask(ledger, B, rice)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE accounts SET frozen_reason = 'dispute' WHERE owner = '{A}'"
        )
    clock.advance(timedelta(days=8))
    assert run_clock(ledger) == 1
    assert held(ledger, B) == {"resident": 10, "held": 0}
    assert held(ledger, A) == {"resident": 0, "held": 10}


def test_codes_cannot_be_guessed_at_a_counter(ledger: Ledger) -> None:
    for number in range(20):
        with pytest.raises(Conflict, match="unknown_code"):
            confirm(ledger, f"{number:010d}")
    with pytest.raises(LinliError) as refusal:
        confirm(ledger, "0000000000")
    assert refusal.value.code == "too_many_codes"
    give(ledger, A, 10)
    confirm(ledger, code_of(ask(ledger, A, offered(ledger))), by="another till")

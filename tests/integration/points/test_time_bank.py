"""Time coins between two districts: each step, each refusal, and what a forger may try."""

from __future__ import annotations

import base64
import copy
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.points.actions import time_bank, time_bank_peers
from services.points.actions.time_bank_sending import measure
from services.points.clients import PATH
from services.points.rules.lots import NEVER
from services.points.rules.time_bank_messages import Cancel, CoinLot, Proposal
from shared import clock
from shared.errors import Conflict, Forbidden, LinliError, Missing
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from shared.metrics import ledger_imbalance, time_bank_escrow, time_bank_oldest
from tests.integration.points.districts import (
    CHECKER,
    MAKER,
    Side,
    Wire,
    district_of,
    two_districts,
)

NOW = datetime(2026, 10, 9, 3, 0, tzinfo=UTC)
SOON, LATER = date(2026, 12, 31), date(2027, 12, 31)


@pytest.fixture(scope="module")
def pair(service_stack: dict[str, str]) -> Iterator[tuple[Side, Side]]:
    with two_districts(uuid.uuid4().hex[:8]) as pair:
        yield pair


@pytest.fixture(autouse=True)
def at_noon(pair: tuple[Side, Side]) -> Iterator[None]:
    """Each test begins at the same moment, and leaves nothing in escrow."""
    clock.freeze(NOW)
    yield
    wire = Wire(pair)
    for side in pair:
        for transfer_id in side.open():
            clock.advance(timedelta(seconds=1))
            side.send(transfer_id, wire)
        assert side.total(("escrow",)) == 0
    clock.freeze(None)


@pytest.fixture
def east(pair: tuple[Side, Side]) -> Side:
    return pair[0]


@pytest.fixture
def west(pair: tuple[Side, Side]) -> Side:
    return pair[1]


@pytest.fixture
def wire(pair: tuple[Side, Side]) -> Wire:
    return Wire(pair)


def post(side: Side, envelope: object, path: str = PATH) -> Any:
    # The clock stands still, and the door counts calls by it.
    clock.advance(timedelta(seconds=1))
    raw = envelope if isinstance(envelope, bytes) else orjson.dumps(envelope)
    return side.client.post(path, data=raw, content_type="application/json")


def proposal(east: Side, to: str, **changed: Any) -> Proposal:
    made = Proposal(
        transfer_id=uuid7(),
        nonce=uuid7().hex,
        from_district=east.code,
        to_district="WEST",
        from_resident="R9",
        to_resident=to,
        amount=3,
        lots=(CoinLot(NEVER, 3),),
        issued_at=clock.now(),
        expires_at=clock.now() + timedelta(days=7),
    )
    return replace(made, **changed)


def test_coins_arrive_with_their_last_days(east: Side, west: Side, wire: Wire) -> None:
    giver, receiver = east.resident([(LATER, 30), (SOON, 10)]), west.resident([])
    moved = east.depart(giver, receiver, west, 15)
    assert (east.coins(giver), east.coins("WEST", "escrow"), west.coins(receiver)) == (25, 15, 0)
    east.send(moved, wire)
    assert east.state(moved) == "done"
    assert (east.coins(giver), east.coins("WEST", "escrow"), west.coins(receiver)) == (25, 0, 15)
    assert east.lots(giver) == [(LATER, 25)]
    assert west.lots(receiver) == [(SOON, 10), (LATER, 5)]
    for side in (east, west):
        assert not any(side.ledger.reconcile().values())


@pytest.mark.parametrize(
    ("reason", "amount", "to", "changed"),
    [
        ("unknown_resident", 5, "R-NOBODY", {}),
        ("peer_inactive", 5, None, {"is_active": False}),
        ("transfer_max", 5, None, {"transfer_max": 4}),
        ("month_max", 5, None, {"month_max": 4}),
        ("balance_max", 5, None, {"balance_max": 104}),
    ],
)
def test_what_is_refused_comes_back_as_it_was(
    east: Side, west: Side, wire: Wire, reason: str, amount: int, to: str | None, changed: Any
) -> None:
    giver = east.resident([(SOON, 10), (LATER, 10)])
    receiver = to or west.resident()
    west.register(east, **changed)
    try:
        moved = east.depart(giver, receiver, west, amount)
        east.send(moved, wire)
    finally:
        west.register(east)
    assert east.state(moved) == "refused"
    assert west.decisions()[moved] == ("refused", reason)
    assert east.lots(giver) == [(SOON, 10), (LATER, 10)]
    assert east.coins("WEST", "escrow") == 0


def test_a_month_has_a_limit_over_all_transfers(east: Side, west: Side, wire: Wire) -> None:
    giver = east.resident([(NEVER, 1000)])
    receiver = west.resident([])
    for _ in range(2):
        east.send(east.depart(giver, receiver, west, 200), wire)
    with pytest.raises(Conflict, match="time_bank_limit"):
        east.depart(giver, receiver, west, 1)
    clock.advance(timedelta(days=31))
    east.send(east.depart(giver, receiver, west, 1), wire)
    assert west.coins(receiver) == 401


def test_lots_that_ended_on_the_way_come_back(east: Side, west: Side, wire: Wire) -> None:
    giver, receiver = east.resident([(date(2026, 10, 9), 10)]), west.resident([])
    moved = east.depart(giver, receiver, west, 10)
    clock.advance(timedelta(days=2))
    east.send(moved, wire)
    assert west.decisions()[moved] == ("refused", "lot_ended")
    assert east.lots(giver) == [(date(2026, 10, 9), 10)]


def test_no_clock_ends_a_transfer_that_may_have_been_credited(
    east: Side, west: Side, wire: Wire
) -> None:
    giver, receiver = east.resident(), west.resident([])
    moved = east.depart(giver, receiver, west, 10)
    fates = iter(["unanswered", "lost", "lost"])
    wire.fate = lambda: next(fates, "well")
    east.send(moved, wire)
    assert west.coins(receiver) == 10
    clock.advance(timedelta(days=400))
    east.send(moved, wire)  # neither asking nor proposing gets through
    assert (east.state(moved), east.coins("WEST", "escrow")) == ("proposed", 10)
    east.send(moved, wire)
    assert (east.state(moved), east.coins(giver), west.coins(receiver)) == ("done", 90, 10)


def test_an_expired_proposal_is_refused_for_ever(east: Side, west: Side, wire: Wire) -> None:
    giver, receiver = east.resident(), west.resident([])
    moved = east.depart(giver, receiver, west, 10)
    clock.advance(timedelta(days=8))
    east.send(moved, wire)
    assert west.decisions()[moved] == ("refused", "expired")
    clock.freeze(NOW)  # even if the other district's clock is set back
    assert wire.carry(wire.calls[-1]).status == 200
    assert (west.coins(receiver), east.coins(giver)) == (0, 100)


def test_a_cancel_before_the_proposal_wins_for_ever(east: Side, west: Side, wire: Wire) -> None:
    giver, receiver = east.resident(), west.resident([])
    moved = east.depart(giver, receiver, west, 10)
    wire.fate = iter(["late"]).__next__
    east.send(moved, wire)
    east.cancel(moved)
    assert east.coins("WEST", "escrow") == 10  # asking is not having
    wire.fate = lambda: "well"
    east.send(moved, wire)
    assert (east.state(moved), east.coins(giver)) == ("refused", 100)
    late = wire.carry(wire.late[0])
    assert orjson.loads(late.body)["body"]["reason"] == "cancelled"
    assert west.coins(receiver) == 0


def test_a_cancel_after_the_credit_loses(east: Side, west: Side, wire: Wire) -> None:
    giver, receiver = east.resident(), west.resident([])
    moved = east.depart(giver, receiver, west, 10)
    wire.fate = iter(["unanswered"]).__next__
    east.send(moved, wire)
    east.cancel(moved)
    wire.fate = lambda: "well"
    east.send(moved, wire)
    assert (east.state(moved), east.coins(giver), west.coins(receiver)) == ("done", 90, 10)


def test_a_wish_made_twice_is_one_transfer(east: Side, west: Side) -> None:
    giver = east.resident()
    wish = time_bank.Wish(
        transfer_id=uuid7(), resident_no=giver, to_district="WEST", to_resident="R1",
        amount=10, by=giver,
    )  # fmt: skip
    for _ in range(2):
        with transaction(east.ledger.sessions) as tx:
            time_bank.depart(tx, east.district, wish)
    assert east.coins(giver) == 90
    before = east.ledger.snapshot()
    for changed, code in (
        ({"amount": 11}, "id_conflict"),
        ({"transfer_id": uuid7(), "amount": 0}, "bad_time_bank_input"),
        ({"transfer_id": uuid7(), "amount": 91}, "not_enough_coins"),
        ({"transfer_id": uuid7(), "amount": 201}, "time_bank_limit"),
        ({"transfer_id": uuid7(), "to_district": "NORTH"}, "no_peer"),
        ({"transfer_id": uuid7(), "to_resident": "a b"}, "malformed_message"),
    ):
        with (
            pytest.raises(LinliError, match=code),
            transaction(east.ledger.sessions) as tx,
        ):
            time_bank.depart(tx, east.district, replace(wish, **changed))
    assert east.ledger.snapshot() == before


def test_two_wishes_at_once_cannot_both_pass_the_limit(east: Side, west: Side) -> None:
    giver = east.resident([(NEVER, 1000)])
    east.depart(giver, "R1", west, 200)
    east.depart(giver, "R1", west, 100)
    with pytest.raises(Conflict, match="time_bank_limit"):
        east.depart(giver, "R1", west, 101)


Change = Callable[[dict[str, Any]], None]


def _set(name: str, value: object) -> Change:
    def change(envelope: dict[str, Any]) -> None:
        envelope["body"][name] = value

    return change


def _lot(envelope: dict[str, Any]) -> None:
    envelope["body"]["lots"][0]["expires_on"] = "2030-01-01"


def _other_signature(envelope: dict[str, Any]) -> None:
    envelope["signature"] = base64.b64encode(bytes(64)).decode()


@pytest.mark.parametrize(
    "change",
    [
        _set("transfer_id", str(uuid7())),
        _set("nonce", "0" * 32),
        _set("from_resident", "R8"),
        _set("to_resident", "R8"),
        _set("issued_at", "2026-10-09T02:59:59.000000+00:00"),
        _set("expires_at", "2026-10-17T03:00:00.000000+00:00"),
        _lot,
        _other_signature,
    ],
)
def test_one_changed_field_is_a_forgery(east: Side, west: Side, change: Change) -> None:
    receiver = west.resident([])
    envelope = east.district.seal(proposal(east, receiver).body())
    forged = copy.deepcopy(envelope)
    change(forged)
    before = west.ledger.snapshot(), west.decisions()
    assert post(west, forged).status_code == 401
    assert (west.ledger.snapshot(), west.decisions()) == before
    assert post(west, envelope).status_code == 200  # as it was signed it is good
    assert west.coins(receiver) == 3


def test_only_a_registered_district_s_own_key_counts(east: Side, west: Side) -> None:
    receiver = west.resident([])
    body = proposal(east, receiver).body()
    mallory = district_of("MALLORY")
    assert post(west, mallory.seal(body)).status_code == 401
    named = mallory.seal(body) | {"key_id": east.district.seal(body)["key_id"]}
    assert post(west, named).status_code == 401
    assert post(west, mallory.seal(body | {"from_district": "MALLORY"})).status_code == 401
    assert post(west, west.district.seal(body)).status_code == 401
    # What was meant for another district is good for nothing here.
    assert post(west, east.district.seal(body | {"to_district": "NORTH"})).status_code == 422
    assert west.coins(receiver) == 0


def test_an_id_or_nonce_is_good_for_one_content(east: Side, west: Side) -> None:
    receiver = west.resident([])
    first = proposal(east, receiver)
    assert post(west, east.district.seal(first.body())).status_code == 200
    for other in (
        replace(first, amount=4, lots=(CoinLot(NEVER, 4),)),
        replace(first, transfer_id=uuid7()),
        replace(first, nonce=uuid7().hex),
    ):
        answer = post(west, east.district.seal(other.body()))
        assert (answer.status_code, answer.get_json()["code"]) == (409, "id_conflict")
    assert west.coins(receiver) == 3


def test_a_clock_ahead_is_told_so_and_decides_nothing(east: Side, west: Side) -> None:
    receiver = west.resident([])
    ahead = clock.now() + timedelta(minutes=10)
    early = proposal(east, receiver, issued_at=ahead, expires_at=ahead + timedelta(days=7))
    assert post(west, east.district.seal(early.body())).get_json()["code"] == "in_future"
    clock.advance(timedelta(minutes=10))
    assert post(west, east.district.seal(early.body())).status_code == 200
    assert west.coins(receiver) == 3


def test_a_receipt_of_something_else_settles_nothing(
    east: Side, west: Side, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    giver, receiver = east.resident(), west.resident([])
    moved, other = (east.depart(giver, receiver, west, 10) for _ in range(2))
    well = wire.carry
    east.send(other, wire)
    foreign = well(replace(wire.calls[-1]))
    forged = orjson.loads(foreign.body)
    forged["body"]["transfer_id"] = str(moved)
    for raw in (foreign.body, orjson.dumps(forged), b"{}", b"\xff", b""):
        monkeypatch.setattr(wire, "carry", lambda _, raw=raw: replace(foreign, body=raw))
        clock.advance(timedelta(hours=2))
        east.send(moved, wire)
        assert (east.state(moved), east.coins("WEST", "escrow")) == ("proposed", 10)
    monkeypatch.setattr(wire, "carry", well)
    east.send(moved, wire)
    assert east.state(moved) == "done"


def test_the_state_of_a_transfer_can_be_asked(east: Side, west: Side) -> None:
    receiver = west.resident([])
    made = proposal(east, receiver)
    path = f"{PATH}/{made.transfer_id}?from=EAST"
    assert west.client.get(path).status_code == 404
    receipt = post(west, east.district.seal(made.body())).get_json()
    assert west.client.get(path).get_json() == receipt
    assert "R" not in "".join(map(str, receipt["body"].values()))  # no resident is named
    assert west.client.get(f"{PATH}/{made.transfer_id}?from=NORTH").status_code == 404
    assert west.client.get(f"{PATH}/{made.transfer_id}").status_code == 422


def test_a_cancel_names_the_transfer_of_its_address(east: Side, west: Side) -> None:
    cancel = Cancel(
        transfer_id=uuid7(), nonce=uuid7().hex, from_district="EAST", to_district="WEST",
        issued_at=clock.now(), expires_at=clock.now() + timedelta(days=1),
    )  # fmt: skip
    envelope = east.district.seal(cancel.body())
    assert post(west, envelope, f"{PATH}/{uuid7()}/cancel").status_code == 422
    stale = replace(cancel, expires_at=clock.now(), issued_at=clock.now() - timedelta(days=1))
    clock.advance(timedelta(seconds=5))
    address = f"{PATH}/{cancel.transfer_id}/cancel"
    assert post(west, east.district.seal(stale.body()), address).status_code == 409
    answers = [post(west, envelope, address).get_json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["body"]["reason"] == "cancelled"
    assert cancel.transfer_id in west.decisions()


def test_the_door_takes_only_so_much(east: Side, west: Side) -> None:
    assert post(west, b"[" * 40_000).status_code == 413
    clock.advance(timedelta(minutes=1))
    answers = [
        west.client.post(PATH, data=b"{}", content_type="application/json") for _ in range(61)
    ]
    assert [answer.status_code for answer in answers] == [422] * 60 + [429]
    assert answers[-1].headers["Retry-After"] == "1"
    clock.advance(timedelta(seconds=1))
    assert west.client.post(PATH, data=b"{}").status_code == 422


def test_peers_need_two_people(east: Side) -> None:
    north = replace(east.terms(), code="NORTH")
    with transaction(east.ledger.sessions) as tx:
        change = time_bank_peers.propose_peer(tx, north, by=MAKER)
    with pytest.raises(Conflict, match="open"), transaction(east.ledger.sessions) as tx:
        time_bank_peers.propose_peer(tx, north, by=CHECKER)
    with pytest.raises(Forbidden, match="four_eyes"), transaction(east.ledger.sessions) as tx:
        time_bank_peers.decide_peer(tx, change, approved=True, by=MAKER)
    with pytest.raises(Missing, match="no_peer"):
        east.depart(east.resident(), "R1", replace(east, code="NORTH"), 1)
    with transaction(east.ledger.sessions) as tx:
        time_bank_peers.decide_peer(tx, change, approved=False, by=CHECKER)
    with pytest.raises(Conflict, match="decided"), transaction(east.ledger.sessions) as tx:
        time_bank_peers.decide_peer(tx, change, approved=True, by=CHECKER)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE time_bank_arrivals SET outcome = 'refused', reason = 'expired'",
        "DELETE FROM time_bank_arrivals",
        "DELETE FROM time_bank_departures",
        "UPDATE time_bank_departures SET amount = 1",
        "UPDATE time_bank_departures SET body = '{}'",
        "UPDATE time_bank_departures SET state = 'proposed', receipt = NULL",
        "UPDATE time_bank_peer_changes SET public_key = ''",
        "UPDATE time_bank_peer_changes SET decision = 'refused'",
    ],
)
def test_the_application_cannot_rewrite_what_was_settled(
    east: Side, west: Side, wire: Wire, sql: str
) -> None:
    east.send(east.depart(east.resident(), west.resident([]), west, 1), wire)
    with east.ledger.engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text(sql))


def test_gauges_say_what_waits(east: Side, west: Side, wire: Wire) -> None:
    giver = east.resident()
    moved = east.depart(giver, west.resident([]), west, 10)
    wish_at = clock.now()

    def measured() -> tuple[float, float, float]:
        with transaction(east.ledger.sessions) as tx:
            measure(tx)
        gauges = (
            time_bank_escrow.labels("WEST"),
            time_bank_oldest,
            ledger_imbalance.labels("escrow"),
        )
        return tuple(gauge._value.get() for gauge in gauges)  # type: ignore[return-value]

    waiting = east.coins("WEST", "escrow")
    coins, oldest, untied = measured()
    assert (coins, untied) == (waiting, 0)
    assert 0 < oldest <= wish_at.timestamp()
    for transfer_id in east.open():
        clock.advance(timedelta(seconds=1))
        east.send(transfer_id, wire)
    assert east.state(moved) == "done"
    assert measured() == (0, 0, 0)

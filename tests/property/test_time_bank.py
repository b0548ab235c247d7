"""Two districts under random histories: real databases, real web apps, a wire that misbehaves.

Whatever is lost, doubled, late, out of order or cut off by a crash, at every moment: what residents
of both hold, and what is in escrow and not yet credited over there, is what there was. At rest
escrow is empty, each credit has its retirement, and nobody was credited twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from services.points.clients import PATH
from services.points.rules.lots import NEVER
from shared import clock
from shared.errors import LinliError
from tests.integration.points.districts import Crash, Side, Wire, two_districts

START = datetime(2026, 10, 9, 3, 0, tzinfo=UTC)
LOTS = ((date(2026, 10, 20), 20), (NEVER, 60))
FATES = ("well", "lost", "unanswered", "twice", "late", "crash")

# Not shrunk: each step is a few transactions in two databases.
examples = settings(
    deadline=None,
    max_examples=15,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_sides = st.integers(0, 1)
_places = st.integers(0, 9)
_fates = st.lists(st.sampled_from(FATES), min_size=2, max_size=2)
departures = st.tuples(
    st.just("depart"), _sides, _places, st.integers(1, 50), st.sampled_from([0, 1, 1, 1, 2])
)
sendings = st.tuples(st.just("send"), _sides, _places, _fates)
others = st.one_of(
    st.tuples(st.just("late"), _places),
    st.tuples(st.just("replay"), _places),
    st.tuples(st.just("cancel"), _sides, _places),
    st.tuples(st.just("pass"), st.sampled_from([1, 30, 100, 200])),
    st.tuples(st.just("suspend"), _sides, st.booleans()),
)
histories = st.lists(st.one_of(departures, sendings, sendings, others), min_size=5, max_size=30)


@pytest.fixture(scope="module")
def pair(service_stack: dict[str, str]) -> Iterator[tuple[Side, Side]]:
    with two_districts(uuid.uuid4().hex[:8]) as pair:
        yield pair


class World:
    """An example's residents, two in each district, and what becomes of their coins."""

    def __init__(self, pair: tuple[Side, Side]) -> None:
        self.pair = pair
        self.wire = Wire(pair)
        self.people = tuple([side.resident(LOTS) for _ in range(2)] for side in pair)
        self.departed: tuple[list[UUID], list[UUID]] = ([], [])
        self.there_were = self._held() + self._on_the_way()

    def take(self, step: tuple[Any, ...]) -> None:
        clock.advance(timedelta(seconds=30))  # the doors count calls by the clock
        name, *told = step
        with suppress(LinliError, Crash):
            getattr(self, name)(*told)
        self.assert_constant()

    def depart(self, here: int, who: int, amount: int, to: int) -> None:
        side, other = self.pair[here], self.pair[1 - here]
        receiver = (*self.people[1 - here], "R-NOBODY")[to]
        giver = self.people[here][who % 2]
        self.departed[here].append(side.depart(giver, receiver, other, amount))

    def send(self, here: int, place: int, fates: list[str]) -> None:
        if mine := self.departed[here]:
            left = list(fates)
            self.wire.fate = lambda: left.pop(0) if left else "well"
            self.pair[here].send(mine[place % len(mine)], self.wire)

    def late(self, place: int) -> None:
        """What was on its way for long arrives now; nobody waits for the answer."""
        if self.wire.late:
            self.wire.carry(self.wire.late.pop(place % len(self.wire.late)))

    def replay(self, place: int) -> None:
        """Somebody on the line sends again what was sent before."""
        if self.wire.calls:
            self.wire.carry(self.wire.calls[-1 - place % len(self.wire.calls)])

    def cancel(self, here: int, place: int) -> None:
        if mine := self.departed[here]:
            self.pair[here].cancel(mine[place % len(mine)])

    def suspend(self, here: int, is_active: bool) -> None:
        self.pair[here].register(self.pair[1 - here], is_active=is_active)

    def __getattr__(self, name: str) -> Any:
        if name == "pass":  # a word of the language
            return lambda hours: clock.advance(timedelta(hours=hours))
        raise AttributeError(name)

    def rest(self) -> None:
        """The network is well; everybody tries again until all is settled."""
        self.wire.fate = lambda: "well"
        for side in self.pair:
            for transfer_id in side.open():
                clock.advance(timedelta(seconds=30))
                side.send(transfer_id, self.wire)
        for call in [*self.wire.late, *self.wire.calls]:
            clock.advance(timedelta(seconds=30))
            self.wire.carry(call)  # all of it once more: nothing may change
        self.assert_constant()

    def assert_constant(self) -> None:
        assert self._held() + self._on_the_way() == self.there_were

    def assert_settled(self) -> None:
        for here, (side, other) in enumerate([self.pair, self.pair[::-1]]):
            assert side.total(("escrow",)) == 0
            decided = other.decisions()
            for transfer_id in self.departed[here]:
                done = decided[transfer_id][0] == "accepted"
                assert side.state(transfer_id) == ("done" if done else "refused")
            assert not any(side.ledger.reconcile().values())
        retired, issued = (
            [
                side.ledger.scalar(
                    "SELECT coalesce(sum(amount), 0) FROM transfers WHERE kind = :kind"
                    " AND (credit_seq IS NULL OR debit_seq IS NULL)",
                    kind=kind,
                )
                for side in self.pair
            ]
            for kind in ("transfer_out", "transfer_in")
        )
        assert retired == issued[::-1]

    def _held(self) -> int:
        return sum(side.total(("resident",)) for side in self.pair)

    def _on_the_way(self) -> int:
        """In escrow, less what the other side has credited already."""
        waiting = 0
        for side, other in (self.pair, self.pair[::-1]):
            decided = other.decisions()
            rows = side.ledger.rows(
                "SELECT transfer_id, amount FROM time_bank_departures WHERE state = 'proposed'"
            )
            assert sum(amount for _, amount in rows) == side.total(("escrow",))
            for transfer_id, amount in rows:
                if decided.get(transfer_id, ("",))[0] != "accepted":
                    waiting += amount
        return waiting


# Credited, the answer lost, and long past the proposal's end nobody gets through.
@examples
@given(history=histories)
@example(
    history=[
        ("depart", 0, 0, 10, 1),
        ("send", 0, 0, ["unanswered", "well"]),
        ("pass", 200),
        ("send", 0, 0, ["lost", "lost"]),
    ]
)
def test_coins_are_neither_made_nor_lost_between_districts(
    pair: tuple[Side, Side], history: list[tuple[Any, ...]]
) -> None:
    clock.freeze(START)
    try:
        for here, side in enumerate(pair):
            side.register(pair[1 - here])
        world = World(pair)
        for step in history:
            world.take(step)
        world.rest()
        world.assert_settled()
    finally:
        clock.freeze(None)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)
_fields = ("transfer_id", "nonce", "amount", "lots", "issued_at", "to_resident", "kind", "version")


@examples
@given(raw=st.binary(max_size=300) | _json.map(lambda value: str(value).encode()), body=_json,
       name=st.sampled_from(_fields), value=_json)  # fmt: skip
def test_the_door_answers_anything_with_a_problem_and_keeps_nothing(
    pair: tuple[Side, Side], raw: bytes, body: Any, name: str, value: Any
) -> None:
    east, west = pair
    clock.freeze(START)
    try:
        before = west.ledger.snapshot(), west.decisions()
        made = orjson.dumps(
            {"body": body if isinstance(body, dict) else {}, "key_id": "k", "signature": "s"},
            option=orjson.OPT_NON_STR_KEYS,
            default=str,
        ) if _writes(body) else raw  # fmt: skip
        signed = _signed_but_odd(east, name, value)
        for sent in (raw, made, *signed):
            clock.advance(timedelta(seconds=5))
            for path in (PATH, f"{PATH}/{uuid.uuid4()}/cancel"):
                answer = west.client.post(path, data=sent, content_type="application/json")
                assert 400 <= answer.status_code < 500, answer.data
                assert answer.mimetype == "application/problem+json"
        assert (west.ledger.snapshot(), west.decisions()) == before
    finally:
        clock.freeze(None)


def _writes(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def _signed_but_odd(east: Side, name: str, value: Any) -> list[bytes]:
    """Signed by a registered district, and with one field that cannot be."""
    if not _writes(value):
        return []
    body = {
        "kind": "proposal", "version": 1, "transfer_id": str(uuid.uuid4()), "nonce": "0" * 32,
        "from_district": "EAST", "to_district": "WEST", "from_resident": "R1",
        "to_resident": "R2", "amount": 1, "lots": [{"expires_on": "9999-12-31", "amount": 1}],
        "issued_at": "2026-10-09T03:00:00.000000+00:00",
        "expires_at": "2026-10-10T03:00:00.000000+00:00",
    }  # fmt: skip
    if value in (body[name], True) or (name == "to_resident" and isinstance(value, str)):
        return []
    return [orjson.dumps(east.district.seal(body | {name: value}))]

"""An ack never goes past a delivery that is not committed."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.reading import Delivery
from shared.messaging.settled import Settled


class Channel:
    """Notes the acks."""

    def __init__(self) -> None:
        self.is_open = True
        self.acks: list[int] = []

    def basic_ack(self, tag: int, *, multiple: bool) -> None:
        assert multiple
        self.acks.append(tag)


def delivery(channel: Any, tag: int) -> Delivery:
    return Delivery(b"", None, "", tag, channel)  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.randoms())
def test_acks_follow_what_is_committed_in_whatever_order(sizes: list[int], random: Any) -> None:
    channel = Channel()
    settled = Settled(channel)  # type: ignore[arg-type]
    batches, first = [], 1
    for size in sizes:
        batches.append(list(range(first, first + size)))
        first += size
    random.shuffle(batches)
    committed: set[int] = set()
    for batch in batches:
        committed.update(batch)
        settled.ack(delivery(channel, tag) for tag in batch)
        upto = channel.acks[-1] if channel.acks else 0
        assert committed.issuperset(range(1, upto + 1))  # nothing uncommitted was acked
        assert upto + 1 not in committed  # and everything that could be was
    assert channel.acks == sorted(set(channel.acks))
    assert channel.acks[-1] == first - 1


def test_a_tag_of_another_channel_acks_nothing_here() -> None:
    here = Channel()
    settled = Settled(here)  # type: ignore[arg-type]
    assert settled.ack([delivery(Channel(), 1), delivery(Channel(), 2)]) is False
    assert settled.ack([delivery(here, 1)]) is True
    assert here.acks == [1]


def test_a_closed_channel_is_not_acked() -> None:
    channel = Channel()
    channel.is_open = False
    assert Settled(channel).ack([delivery(channel, 1)]) is False  # type: ignore[arg-type]
    assert channel.acks == []

"""Frames we make and read ourselves are those of pika, byte for byte and message for message."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika.channel import ContentFrameAssembler
from pika.exceptions import ShortStringTooLong
from pika.frame import Body, Header, Heartbeat, Method
from pika.spec import Basic, BasicProperties

from shared.messaging.publish_frames import writes
from shared.messaging.reading import Delivery, SturdyConnection

BODY_MAX = 64

names = st.text(max_size=20)
bodies = st.binary(max_size=9) | st.integers(0, 5 * BODY_MAX).map(lambda size: b"x" * size)
messages = st.lists(
    st.tuples(names, names, st.sampled_from(["application/json", "é"]), st.integers(1, 2), bodies),
    max_size=8,
)


def content(channel: int, method: Any, properties: BasicProperties, body: bytes) -> bytes:
    """A method that carries a body, as pika writes it."""
    frames = [Method(channel, method), Header(channel, len(body), properties)]
    frames += [Body(channel, body[at : at + BODY_MAX]) for at in range(0, len(body), BODY_MAX)]
    return b"".join(frame.marshal() for frame in frames)


@given(messages, st.integers(1, 5))
def test_what_is_published_is_what_pika_would_write(
    sent: list[tuple[str, str, str, int, bytes]], channel: int
) -> None:
    expected = b"".join(
        content(
            channel,
            Basic.Publish(exchange=exchange, routing_key=key, mandatory=True),
            BasicProperties(content_type=kind, delivery_mode=mode),
            body,
        )
        for exchange, key, kind, mode, body in sent
    )
    assert b"".join(writes(channel, BODY_MAX, sent)) == expected


def test_many_messages_leave_in_few_writes() -> None:
    verdict = ("", "out.p-1", "application/json", 1, b"x" * 200)
    assert len(writes(1, 131_064, [verdict] * 1000)) < 10


def test_a_name_that_the_protocol_cannot_hold_is_refused() -> None:
    with pytest.raises(ShortStringTooLong):
        writes(1, BODY_MAX, [("", "k" * 256, "text/plain", 1, b"")])


# What a partner may send: plain, with headers, and what pika cannot read at all
UNREADABLE = BasicProperties(headers={"x": 1})
properties = st.one_of(
    st.builds(
        BasicProperties,
        content_type=st.sampled_from(["application/cloudevents+json", "text/plain"]),
        delivery_mode=st.integers(1, 2),
    ),
    st.builds(
        BasicProperties,
        content_type=st.none() | names,
        headers=st.none() | st.dictionaries(st.text(min_size=1, max_size=9), names, max_size=3),
        message_id=st.none() | names,
        timestamp=st.none() | st.integers(0, 2**63),
    ),
    st.just(UNREADABLE),
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Deliveries on two channels with heartbeats between them."""
    parts: list[bytes] = []
    for tag in range(1, draw(st.integers(1, 6)) + 1):
        deliver = Basic.Deliver("ctag", tag, False, draw(names), draw(names))
        given_properties = draw(properties)
        one = content(draw(st.integers(1, 2)), deliver, given_properties, draw(bodies))
        if given_properties is UNREADABLE:
            one = one.replace(b"\x01xI", b"\x01x\x00", 1)  # a kind of value that there is not
        parts.append(one)
        if draw(st.booleans()):
            parts.append(Heartbeat().marshal())
    return b"".join(parts)


class Reader(SturdyConnection):
    """The reading half of a connection, without a socket."""

    def __init__(self, *, is_quick: bool) -> None:
        self._frame_buffer = b""
        self.bytes_received = 0
        self.seen: list[tuple[Any, ...]] = []
        self.quickly = 0
        self._channels = {
            n: SimpleNamespace(is_open=True, channel_number=n, assembler=ContentFrameAssembler())
            for n in (1, 2)
        }
        self.on_deliveries = self._take_quickly if is_quick else None

    def _take_quickly(self, deliveries: list[Delivery]) -> None:
        self.quickly += len(deliveries)
        for one in deliveries:
            self._note(one.channel.channel_number, one.tag, one.exchange, one.properties, one.body)

    def _process_frame(self, frame: Any) -> None:
        if isinstance(frame, Heartbeat):
            return
        came = self._channels[frame.channel_number].assembler.process(frame)
        if came:
            method, header, body = came
            told = method.method
            self._note(
                frame.channel_number, told.delivery_tag, told.exchange, header.properties, body
            )

    def _note(self, number: int, tag: int, exchange: str, given: Any, body: bytes) -> None:
        self.seen.append((number, tag, exchange, vars(given), body))


@given(streams(), st.lists(st.integers(1, 300), min_size=1, max_size=20))
def test_deliveries_are_read_as_pika_reads_them(stream: bytes, sizes: list[int]) -> None:
    pikas, ours = Reader(is_quick=False), Reader(is_quick=True)
    pikas._on_data_available(stream)
    at, turn = 0, 0
    while at < len(stream):
        piece = stream[at : at + sizes[turn % len(sizes)]]
        ours._on_data_available(piece)
        at, turn = at + len(piece), turn + 1
    assert ours.seen == pikas.seen
    assert ours.bytes_received == pikas.bytes_received == len(stream)


def test_whole_deliveries_go_the_quick_way() -> None:
    stream = b"".join(
        content(1, Basic.Deliver("c", tag, False, "in.p-1", ""), BasicProperties("a/b"), b"{}")
        for tag in range(1, 51)
    )
    reader = Reader(is_quick=True)
    for at in range(0, len(stream), 1000):
        reader._on_data_available(stream[at : at + 1000])
    assert reader.quickly == 50
    assert [tag for _, tag, *_ in reader.seen] == list(range(1, 51))

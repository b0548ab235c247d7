"""The subscriber on a real broker: an ack never removes a message that nobody worked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

import pika
import pytest

from shared.messaging.subscriber import PACE_S, Delivery, Subscriber
from tests import stack

QUEUE = "work"


@pytest.fixture
def channel(vhosts: dict[str, str]) -> Iterable[pika.channel.Channel]:
    connection = pika.BlockingConnection(pika.URLParameters(vhosts["LINLI_BROKER_URL"]))
    channel = connection.channel()
    channel.queue_delete(QUEUE)
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    yield channel
    connection.close()


class Work:
    """Notes what was worked; may be told to wait in the middle of a batch."""

    def __init__(self, url: str, *, batch_max: int = 1) -> None:
        self.done: list[str] = []
        self.at_work = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self.fail_once = False
        self.subscriber = Subscriber(
            url, QUEUE, _prepare, self._process, batch_max=batch_max, prefetch=10
        )

    def _process(self, batch: list[list[str]]) -> None:
        self.at_work.set()
        self.go_on.wait(60)
        if self.fail_once:
            self.fail_once = False
            raise RuntimeError("once")
        self.done += [one for items in batch for one in items]


def _prepare(delivery: Delivery) -> list[str]:
    return [delivery.body.decode()]


def publish(channel: pika.channel.Channel, *bodies: str) -> None:
    for body in bodies:
        channel.basic_publish("", QUEUE, body.encode(), pika.BasicProperties(delivery_mode=2))


def until(condition: object, limit_s: float = 60) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def waiting(channel: pika.channel.Channel) -> int:
    return int(channel.queue_declare(QUEUE, passive=True).method.message_count)


def test_a_batch_that_outlives_its_connection_acks_nothing_of_the_next_one(
    vhosts: dict[str, str], channel: pika.channel.Channel
) -> None:
    """A stale delivery tag on a new channel would remove a message that nobody has worked."""
    work = Work(vhosts["LINLI_BROKER_URL"])
    work.go_on.clear()
    publish(channel, "w1", "w2", "a")
    work.subscriber.start()
    work.at_work.wait(60)
    _close_connection_of(QUEUE)
    until(lambda: not work.subscriber.connected)
    publish(channel, "c1", "c2", "c3")
    until(lambda: work.subscriber.connected)
    work.go_on.set()
    until(lambda: set(work.done) == {"w1", "w2", "a", "c1", "c2", "c3"})
    work.subscriber.stop()
    until(lambda: waiting(channel) == 0)


def test_what_was_not_committed_is_delivered_again(
    vhosts: dict[str, str], channel: pika.channel.Channel
) -> None:
    work = Work(vhosts["LINLI_BROKER_URL"], batch_max=5)
    work.fail_once = True
    publish(channel, *(f"m{n}" for n in range(5)))
    work.subscriber.start()
    until(lambda: sorted(work.done) == [f"m{n}" for n in range(5)])
    work.subscriber.stop()
    until(lambda: waiting(channel) == 0)


def test_stopping_finishes_the_batch_in_hand_and_gives_the_rest_back(
    vhosts: dict[str, str], channel: pika.channel.Channel
) -> None:
    work = Work(vhosts["LINLI_BROKER_URL"])
    work.go_on.clear()
    publish(channel, "m1", "m2", "m3")
    work.subscriber.start()
    work.at_work.wait(60)
    threading.Timer(0.3, work.go_on.set).start()
    work.subscriber.stop()
    assert work.done == ["m1"]
    until(lambda: waiting(channel) == 2)


def test_it_takes_what_is_there_in_batches(
    vhosts: dict[str, str], channel: pika.channel.Channel
) -> None:
    sizes: list[int] = []
    publish(channel, *(f"m{n}" for n in range(50)))
    subscriber = Subscriber(
        vhosts["LINLI_BROKER_URL"],
        QUEUE,
        _prepare,
        lambda batch: sizes.append(len(batch)),
        batch_max=20,
        prefetch=40,
    )
    subscriber.start()
    until(lambda: sum(sizes) == 50)
    subscriber.stop()
    assert max(sizes) <= 20
    until(lambda: waiting(channel) == 0)


def test_what_trickles_in_shares_batches(
    vhosts: dict[str, str], channel: pika.channel.Channel
) -> None:
    """On a slow machine fewer come in a pace's time, so the law holds however long it takes."""
    began_at_s: list[float] = []
    count = 0

    def process(batch: list[list[str]]) -> None:
        nonlocal count
        began_at_s.append(time.monotonic())
        count += len(batch)

    subscriber = Subscriber(
        vhosts["LINLI_BROKER_URL"], QUEUE, _prepare, process, batch_max=1000, prefetch=1000
    )
    subscriber.start()
    until(lambda: subscriber.connected)
    for n in range(100):
        publish(channel, f"m{n}")
        time.sleep(PACE_S / 10)
    until(lambda: count == 100)
    subscriber.stop()
    lasted_s = began_at_s[-1] - began_at_s[0]
    assert len(began_at_s) <= lasted_s / PACE_S + 1.5
    assert len(began_at_s) > 1, "none waits for all of them"


def _close_connection_of(name: str) -> None:
    def cut() -> bool:
        told = stack.settings()
        connections = stack.broker(told, "GET", "/api/connections").json()
        mine = [
            c for c in connections if c.get("client_properties", {}).get("connection_name") == name
        ]
        for connection in mine:
            stack.broker(told, "DELETE", f"/api/connections/{connection['name']}", ok=(204, 404))
        return bool(mine)

    until(cut)

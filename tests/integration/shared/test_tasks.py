"""dramatiq on real quorum queues: confirms on, retries off, a foreign message harms nobody."""

from __future__ import annotations

import time
from collections.abc import Iterable

import dramatiq
import pika
import pytest

from shared.messaging import tasks
from shared.messaging.publisher import Outgoing, Publisher


@pytest.fixture
def broker(vhosts: dict[str, str]) -> Iterable[tasks.QuorumBroker]:
    broker = tasks.make_broker(vhosts["LINLI_BROKER_URL"])
    yield broker
    broker.close()


def enqueue(url: str, *bodies: bytes) -> None:
    publisher = Publisher(url, name="test")
    messages = [
        Outgoing(
            key=n,
            exchange="",
            routing_key="notify.tasks",
            body=body,
            content_type="application/json",
        )
        for n, body in enumerate(bodies)
    ]
    assert len(publisher.publish(messages).confirmed) == len(bodies)
    publisher.close()


def test_a_task_row_reaches_its_actor_once(
    vhosts: dict[str, str], broker: tasks.QuorumBroker
) -> None:
    done: list[tuple[object, ...]] = []
    tasks.register(broker, "notify", "note", lambda *args: done.append(args))
    worker = dramatiq.Worker(broker, queues={"notify.tasks"}, worker_threads=2)
    worker.start()
    _until_declared(vhosts)
    enqueue(
        vhosts["LINLI_BROKER_URL"],
        tasks.encode("notify.tasks", "note", ("row-1",)).encode(),
        tasks.encode("notify.tasks", "note", ("row-2",)).encode(),
    )
    _until(lambda: sorted(done) == [("row-1",), ("row-2",)])
    worker.stop()


def test_a_failing_task_is_not_tried_by_the_broker_and_others_go_on(
    vhosts: dict[str, str], broker: tasks.QuorumBroker
) -> None:
    done: list[str] = []

    def act(row: str) -> None:
        done.append(row)
        if row == "bad":
            raise RuntimeError("bad luck")

    tasks.register(broker, "notify", "act", act)
    worker = dramatiq.Worker(broker, queues={"notify.tasks"}, worker_threads=1)
    worker.start()
    _until_declared(vhosts)
    enqueue(
        vhosts["LINLI_BROKER_URL"],
        tasks.encode("notify.tasks", "act", ("bad",)).encode(),
        tasks.encode("notify.tasks", "act", ("good",)).encode(),
    )
    _until(lambda: done == ["bad", "good"])
    time.sleep(0.5)
    assert done == ["bad", "good"]
    worker.stop()


def test_its_queues_are_quorum_queues(vhosts: dict[str, str], broker: tasks.QuorumBroker) -> None:
    tasks.register(broker, "notify", "nothing", lambda: None)
    broker.declare_queue("notify.tasks", ensure=True)
    connection = pika.BlockingConnection(pika.URLParameters(vhosts["LINLI_BROKER_URL"]))
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="x-queue-type|PRECONDITION"):
        connection.channel().queue_declare("notify.tasks", durable=True)
    connection.close()


def _until_declared(vhosts: dict[str, str]) -> None:
    def declared() -> bool:
        connection = pika.BlockingConnection(pika.URLParameters(vhosts["LINLI_BROKER_URL"]))
        try:
            connection.channel().queue_declare("notify.tasks", passive=True)
        except pika.exceptions.ChannelClosedByBroker:
            return False
        else:
            return True
        finally:
            connection.close()

    _until(declared)


def _until(condition: object) -> None:
    deadline = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)

"""dramatiq for jobs: what waits on the outside world or takes long.

A task names a row by its id; the row holds the attempts and when to try again, so a lost or
doubled task message costs at most one sweep. Broker delays and dramatiq retries are off: they
would hold messages in a worker's memory for longer than RabbitMQ allows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import dramatiq
from dramatiq.broker import MessageProxy
from dramatiq.brokers.rabbitmq import DEAD_MESSAGE_TTL, RabbitmqBroker
from dramatiq.common import xq_name
from dramatiq.middleware import (
    Callbacks,
    CurrentMessage,
    Middleware,
    ShutdownNotifications,
    TimeLimit,
)

from shared import log, metrics
from shared.messaging import faults

TIME_LIMIT_MS = 120_000
BLOCKED_TIMEOUT_S = 10


class QuorumBroker(RabbitmqBroker):
    """dramatiq's RabbitMQ broker on quorum queues, confirms on, its delay queue never used.

    The methods overridden are dramatiq's private names: the version is pinned and a test holds
    the declared queues against the live broker.
    """

    def _build_queue_arguments(self, queue_name: str) -> dict[str, Any]:
        build = super()._build_queue_arguments
        arguments: dict[str, Any] = build(queue_name)  # type: ignore[no-untyped-call]
        return {**arguments, "x-queue-type": "quorum"}

    def _declare_xq_queue(self, queue_name: str) -> Any:
        # Said aloud, so that it is a quorum queue whatever the virtual host's default type is.
        return self.channel.queue_declare(
            queue=xq_name(queue_name),
            durable=True,
            arguments={"x-message-ttl": DEAD_MESSAGE_TTL, "x-queue-type": "quorum"},
        )


class TaskMetrics(Middleware):
    """Duration, outcome and wait of every task; binds nothing, decides nothing."""

    def before_process_message(self, broker: dramatiq.Broker, message: MessageProxy) -> None:
        """Note the start and how long the message waited."""
        waited_s = max(time.time() - message.message_timestamp / 1000, 0)
        metrics.task_wait.labels(message.actor_name).observe(waited_s)
        message.options["started"] = time.perf_counter()
        log.correlation_id.set(str(message.message_id))

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: MessageProxy,
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        """Note the outcome. The message is acked after this returns."""
        started = message.options.pop("started", None)
        if started is not None:
            outcome = "failed" if exception else "done"
            metrics.task_duration.labels(message.actor_name, outcome).observe(
                time.perf_counter() - started
            )
        faults.reach("task.before_ack")


def make_broker(url: str) -> QuorumBroker:
    """A broker for one service's task queue; nothing is global and nothing connects yet."""
    separator = "&" if "?" in url else "?"
    return QuorumBroker(
        url=f"{url}{separator}blocked_connection_timeout={BLOCKED_TIMEOUT_S}&heartbeat=30",
        confirm_delivery=True,
        middleware=[
            TaskMetrics(),
            TimeLimit(time_limit=TIME_LIMIT_MS),
            ShutdownNotifications(),
            Callbacks(),
            CurrentMessage(),
        ],
    )


def queue_of(service: str) -> str:
    """The one task queue of a service."""
    return f"{service}.tasks"


def register(broker: QuorumBroker, service: str, name: str, function: Callable[..., None]) -> None:
    """Make `function` the actor `name` on the service's task queue."""
    declare = dramatiq.actor(broker=broker, actor_name=name, queue_name=queue_of(service))
    declare(function)


def encode(queue: str, actor: str, args: tuple[object, ...]) -> str:
    """A task message as dramatiq's workers expect it (JSON text)."""
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name=queue, actor_name=actor, args=args, kwargs={}, options={}
    )
    return message.encode().decode()

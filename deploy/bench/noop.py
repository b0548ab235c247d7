"""The anchor: an actor that does nothing, as dramatiq's users write and run one.

Run as `dramatiq deploy.bench.noop -p 1 -t 8`. BENCH_BROKER says which broker: `classic` is
dramatiq's own RabbitmqBroker with its defaults, `quorum` is the one our services use. After
BENCH_MESSAGES messages it writes the Unix seconds of the first and the last to BENCH_RESULT.
"""

from __future__ import annotations

import time
from pathlib import Path

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from shared import config
from shared.messaging.tasks import make_broker

_messages = config.read_int("BENCH_MESSAGES", 0)
_result = Path(config.read("BENCH_RESULT", "result"))
_seen: list[float] = []


def _broker() -> RabbitmqBroker:
    url = config.read("BENCH_URL")
    if config.read("BENCH_BROKER") == "quorum":
        return make_broker(url)
    return RabbitmqBroker(url=url)


_broker_in_use = _broker()
dramatiq.set_broker(_broker_in_use)


@dramatiq.actor(queue_name=config.read("BENCH_BROKER"))
def nothing() -> None:
    """Note the time and, once, write it down."""
    _seen.append(time.time())
    if len(_seen) == _messages:
        draft = _result.with_suffix(".draft")
        draft.write_text(f"{_seen[0]} {_seen[-1]} {len(_seen)}\n", encoding="ascii")
        draft.replace(_result)


def fill() -> None:
    """Enqueue all messages; without confirms, because only their consumption is measured."""
    _broker_in_use.confirm_delivery = False
    for _ in range(_messages):
        nothing.send()
    # An orderly end: the broker has taken all that went before. Without it, a process that just
    # ends can leave its last messages behind, and the count is never reached.
    _broker_in_use.close()


if __name__ == "__main__":
    fill()

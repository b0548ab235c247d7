"""How long one event takes while nothing else happens: from the publish to the resident's account.

`credited` is when the credit can be read by others: the points service's database tells a
listener right after the commit. `noticed` is the commit of the notice, as the database notes it.
"""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Callable
from typing import Self

import pika
import psycopg

from deploy.bench.counting import AWARDS, NOTICES, Ledgers
from deploy.bench.figures import percentile
from deploy.bench.shipping import ONE
from shared.messaging.tables import OUTBOX_CHANNEL


class Listener:
    """Notes when the points service committed something; use as a context manager."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True, application_name="bench")
        self._connection.execute(f"LISTEN {OUTBOX_CHANNEL}")
        self._stopping = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self.heard_at: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_problem: object) -> None:
        self._stopping = True
        self._thread.join(5)
        self._connection.close()

    def after(self, at: float) -> float:
        """The first word that came after an instant; that instant when none did."""
        place = bisect.bisect_left(self.heard_at, at)
        return self.heard_at[place] if place < len(self.heard_at) else at

    def _listen(self) -> None:
        while not self._stopping:
            for _ in self._connection.notifies(timeout=0.5):
                self.heard_at.append(time.time())


class AmqpPartner:
    """One partner's connection to the broker; `send` returns when the message is on its way."""

    def __init__(self, url: str, slug: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        self._exchange = f"in.{slug}"
        self._properties = pika.BasicProperties(content_type=ONE, delivery_mode=2)

    def send(self, event: str) -> None:
        """Publish one event, without waiting for a confirm."""
        self._channel.basic_publish(self._exchange, "", event.encode(), self._properties)

    def pause(self, seconds: float) -> None:
        """Wait, while heartbeats go on."""
        self._connection.sleep(seconds)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


def send_all(
    send: Callable[[str], None],
    pause: Callable[[float], None],
    events: dict[str, str],
    every_s: float,
) -> dict[str, float]:
    """One event every `every_s` seconds, by code; Unix seconds just before each was sent."""
    sent_at: dict[str, float] = {}
    due_s = time.monotonic()
    for code, event in events.items():
        sent_at[code] = time.time()
        send(event)
        due_s += every_s
        pause(max(due_s - time.monotonic(), 0.0))
    return sent_at


def tell(
    ledgers: Ledgers, listener: Listener, tag: str, sent_at: dict[str, float]
) -> dict[str, float]:
    """Percentiles in milliseconds of what was sent with a tag."""
    credited_at = ledgers.commit_of_each(AWARDS, tag)
    noticed_at = ledgers.commit_of_each(NOTICES, tag)
    credited_s = [listener.after(credited_at[code]) - at for code, at in sent_at.items()]
    noticed_s = [noticed_at[code] - at for code, at in sent_at.items()]
    return {
        "events": len(sent_at),
        **{
            f"{name}_{label}_ms": percentile(values, share) * 1000
            for name, values in (("credited", credited_s), ("noticed", noticed_s))
            for label, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
        },
    }

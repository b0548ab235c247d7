"""How much Python a credited event costs notify. Measured and printed, not asserted."""

from __future__ import annotations

import time

from pika.spec import BasicProperties

from services.notify.handlers import create_handlers
from shared.messaging.subscriber import Delivery
from shared.messaging.transaction import transaction
from shared.schemas import load
from shared.schemas.envelope import encode
from tests.integration.notify.conftest import Notify, credited

EVENTS = 500
ROUNDS = 8


def test_credited_events_in_batches(notify: Notify, record_property: object) -> None:
    handler = create_handlers(notify.contacts).of("linli.points.credited.v1")
    assert handler is not None
    in_handler, in_frame, passed = [], [], []
    for _ in range(ROUNDS):
        events = [credited(f"R{n:06d}") for n in range(EVENTS)]
        wire = [
            b"[" + b",".join(encode(e) for e in events[i : i + 100]) + b"]"
            for i in range(0, EVENTS, 100)
        ]
        plain = BasicProperties()
        deliveries = (Delivery(body, plain, "linli.events", 1, None) for body in wire)
        cpu, wall = time.process_time(), time.perf_counter()
        notify.frame.process([notify.frame.prepare(one) for one in deliveries])
        in_frame.append(time.process_time() - cpu)
        passed.append(time.perf_counter() - wall)
        again = [credited(f"R{n:06d}") for n in range(EVENTS)]
        heard = [
            (
                e,
                load(
                    e.type,
                    {
                        **e.data,
                        **{k: str(e.data[k]) for k in ("award_id", "contribution_id")},
                        **{k: e.data[k].isoformat() for k in ("accepted_at", "credited_at")},
                    },
                ),
            )
            for e in again
        ]
        with transaction(notify.sessions) as tx:
            cpu = time.process_time()
            list(handler(tx, heard))
            in_handler.append(time.process_time() - cpu)
    assert notify.one("SELECT count(*) FROM notices") == 2 * EVENTS * ROUNDS
    for name, times in (
        ("handler cpu", in_handler),
        ("frame cpu", in_frame),
        ("frame wall", passed),
    ):
        median_us = sorted(times)[len(times) // 2] / EVENTS * 1e6
        print(f"{name}: {median_us:.1f} us an event")

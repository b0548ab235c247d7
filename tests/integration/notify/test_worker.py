"""The whole worker on a real broker: event in, notice row, task, vendor, state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from deploy.simulators.sms import Simulator
from services.notify.config import read_settings
from services.notify.worker import create_worker
from shared.messaging import topology
from shared.messaging.transaction import transaction
from shared.messaging.worker import Worker
from tests.integration.notify.conftest import Notify, credited, fulfilled, opened


@pytest.fixture
def vendor(settings: dict[str, str]) -> Iterator[Simulator]:
    simulator = Simulator(
        access_key_id=settings["NOTIFY_SMS_ACCESS_KEY_ID"],
        access_key_secret=settings["NOTIFY_SMS_ACCESS_KEY_SECRET"],
    )
    simulator.start()
    yield simulator
    simulator.stop()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_events_become_notices_and_messages(
    notify: Notify, settings: dict[str, str], vendor: Simulator
) -> None:
    topology.apply(topology.read_settings(settings))
    ours = replace(
        read_settings(settings),
        contact_key=notify.contact_key,
        field_key=notify.field_key,
        index_key=notify.index_key,
        sms_url=f"http://127.0.0.1:{vendor.port}",
    )
    vendor.vendor.control({"fail_next": 1})
    parts = create_worker(ours)
    worker = Worker(parts)
    worker.start()
    try:
        with transaction(notify.sessions) as tx:
            tx.emit(
                [opened(), credited(), fulfilled(), notify.registered(), opened(request_no="Q2")]
            )
        until(lambda: notify.one("SELECT count(*) FROM notices") == 4)
        # one attempt fails and is brought back by the sweep
        until(lambda: notify.one("SELECT count(*) FROM deliveries WHERE state = 'sent'") == 3)
        assert notify.one("SELECT sum(attempts) FROM deliveries") == 4
        assert vendor.vendor.stats()["accepted"] == 3
        assert notify.rows("SELECT reason FROM dead_letters") == []
    finally:
        worker.stop()
        parts.sessions.kw["bind"].dispose()

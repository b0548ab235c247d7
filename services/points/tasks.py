"""Work that is longer than one transaction, or that waits on another district.

A sweep goes on until it is done or its time is up.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from uuid import UUID

from services.points.actions import expiry, time_bank_sending
from services.points.actions.expiry import Stretch, Swept
from services.points.actions.time_bank import SEND, TASK_QUEUE
from services.points.clients import OtherDistrict
from services.points.rules.time_bank_seals import District
from shared import clock
from shared.db.session import Sessions
from shared.messaging import faults
from shared.messaging.clock_jobs import Job
from shared.messaging.transaction import Transaction, transaction

logger = logging.getLogger(__name__)

# The clock has other work, too: what is left is done when it comes round again.
SWEEP_MAX_S = 20.0
SEND_EVERY_S = 5
SEND_MAX = 200
MEASURE_EVERY_S = 15


def expire(sessions: Sessions, *, limit_s: float = SWEEP_MAX_S) -> Swept:
    """End lots whose day is over, a stretch of accounts a transaction, for `limit_s` seconds.

    Stopped anywhere, it goes on where it was: what has ended is not there any more.
    """
    today, swept = clock.today(), Swept()

    def end(stretch: Stretch) -> None:
        with transaction(sessions) as tx:
            done = expiry.sweep(tx, stretch, today)
        swept.lots += done.lots
        swept.amount += done.amount

    with sessions() as session:
        waiting = expiry.stretches(session, today)
    _until(limit_s, waiting, end)
    with sessions() as session:
        counts = expiry.left(session, today)
    if swept.lots or counts["frozen"]:
        logger.info(
            "lots ended", extra={"count": swept.lots, "reason": f"{counts['frozen']} frozen"}
        )
    return swept


def announce_expiry(sessions: Sessions, *, limit_s: float = SWEEP_MAX_S) -> int:
    """Tell residents of points that end soon; how many were told."""
    today, told = clock.today(), 0

    def tell(stretch: Stretch) -> None:
        nonlocal told
        with transaction(sessions) as tx:
            told += expiry.announce(tx, stretch, today)

    with sessions() as session:
        waiting = expiry.announcements(session, today)
    _until(limit_s, waiting, tell)
    return told


def _until(limit_s: float, waiting: list[Stretch], do: Callable[[Stretch], None]) -> None:
    until = time.monotonic() + limit_s
    for stretch in waiting:
        if time.monotonic() >= until:
            return
        do(stretch)


def create_actors(
    sessions: Sessions, district: District | None, other: OtherDistrict
) -> dict[str, Callable[..., None]]:
    """The actors of points' task queue."""

    def send_time_coins(transfer_id: str) -> None:
        """One attempt at one transfer; no transaction is open while the other district is asked."""
        with transaction(sessions) as tx:
            errand = time_bank_sending.claim(tx, district, UUID(transfer_id))
        if errand is None:
            return
        faults.reach("task.before_send")
        reply = other.ask(errand.asking) if errand.asking is not None else None
        if reply is None or reply.status != 200:
            reply = other.ask(errand.message)
        faults.reach("task.after_send")
        with transaction(sessions) as tx:
            chance = random.random()  # noqa: S311 - jitter, no secret
            time_bank_sending.record_reply(tx, errand, reply, chance)

    return {SEND: send_time_coins}


def create_jobs(district: District | None) -> list[Job]:
    """What the clock does for time coins; without a key there is nobody to send them."""
    measure = Job("measure_time_bank", MEASURE_EVERY_S, time_bank_sending.measure)
    if district is None:
        return [measure]
    return [Job("sweep_time_bank", SEND_EVERY_S, sweep_time_bank), measure]


def sweep_time_bank(tx: Transaction) -> None:
    """Ask again for what is due and has no task message on its way."""
    for transfer_id in time_bank_sending.take_due(tx, SEND_MAX):
        tx.enqueue(TASK_QUEUE, SEND, str(transfer_id))

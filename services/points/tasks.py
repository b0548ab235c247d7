"""Timed work that is longer than one transaction: it goes on until it is done or its time is up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from services.points.actions import expiry
from services.points.actions.expiry import Stretch, Swept
from shared import clock
from shared.db.session import Sessions
from shared.messaging.transaction import transaction

logger = logging.getLogger(__name__)

# The clock has other work, too: what is left is done when it comes round again.
SWEEP_MAX_S = 20.0


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

"""A whole month: read, send, wait, tell, check."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from rich.console import Console

from deploy.month import summary
from deploy.month.check import check as compare
from deploy.month.credentials import Credentials
from deploy.month.doors import Doors
from deploy.month.outcome import Books, Outcome
from deploy.month.plan import plan
from deploy.month.read import Survey, read, survey
from deploy.month.settle import Settled, settle
from deploy.month.tally import Tally
from shared import clock, config

EVENTS = "events.jsonl"
_TICK_S = 0.1


def play(
    settings: Mapping[str, str],
    data: Path,
    base_url: str,
    credentials: Credentials,
    *,
    check: bool,
    console: Console,
) -> int:
    """Play the month in `data` through the doors; the exit code.

    `settings` are those of the services (databases, brokers); `base_url` is where the web face
    answers. With `check`, 1 when anything differs from what is expected or anything is left;
    without, 1 only when sends could not be brought in. Raises LinliError.
    """
    found = survey(data / EVENTS)
    tally = Tally()
    doors = Doors(
        config.read("LINLI_PARTNER_BROKER_URL", env=settings), base_url, credentials, tally
    )
    started_at, started_s = clock.now(), time.monotonic()
    try:
        _send(doors, tally, data / EVENTS, found, console)
    finally:
        doors.close()
    sent_s = time.monotonic() - started_s
    with Books(settings) as books:
        settled = _settle(settings, books, console)
        latency = books.latency(started_at)
        walked_s = _walked_s(started_at, latency.last_credit_at, sent_s)
        summary.tell(console, tally, settled, latency, sent_s=sent_s, walked_s=walked_s)
        if check:
            differences = compare(data, tally, settled, books.balances())
            summary.tell_differences(console, differences)
            return 1 if differences or tally.failures else 0
    return 1 if tally.failures else 0


def _send(doors: Doors, tally: Tally, events: Path, found: Survey, console: Console) -> None:
    count = len(found.partners)
    what = f"以 {count} 个合伙人的身份发送 / sending as {count} partners"
    with summary.narrated(console, what, found.sends) as progress:
        told_s = 0.0

        def tick() -> None:
            nonlocal told_s
            if time.monotonic() - told_s > _TICK_S:
                told_s = time.monotonic()
                progress(tally.heard())

        doors.play(found.partners, plan(read(events)), tick)
        progress(tally.heard())


def _settle(settings: Mapping[str, str], books: Books, console: Console) -> Settled:
    total = books.outcome().contributions.total()
    what = "入账与通知 / crediting and telling"
    with summary.narrated(console, what, total) as progress:

        def look(outcome: Outcome) -> None:
            progress(outcome.awards.total())

        return settle(settings, books, look)


def _walked_s(started_at: datetime, last_credit_at: datetime | None, sent_s: float) -> float:
    if last_credit_at is None:
        return sent_s
    return max((last_credit_at - started_at).total_seconds(), 0.001)

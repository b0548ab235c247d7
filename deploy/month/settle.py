"""Waits until nothing is on its way any more, and says what was left over.

What is accepted must be credited and told: when that holds, the outboxes are empty and nothing
moves, the month is done. When it never comes to hold (a dead letter, an event that was lost), a
longer silence ends the wait: longer than the broker's statistics are late, so that a message in
some worker's hand is seen.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy.month.outcome import Books, Outcome
from shared.messaging import topology
from shared.messaging.management import Management

LOOK_EVERY_S = 0.3
QUIET_S = 1.2  # all is carried through
SILENCE_S = 12.0  # it is not: the broker's numbers of a quorum queue are up to 5 s old
LIMIT_S = 600.0
STUCK_S = 90.0  # something waits and nothing moves
REPLY_QUEUES = "out."


@dataclass(slots=True)
class Settled:
    """The state at the end: `queues` holds only those that are not empty."""

    outcome: Outcome
    queues: Counter[str]
    in_time: bool


class Queues:
    """The broker's queues, but for the partners' reply queues: those are the partners' to read."""

    def __init__(self, settings: Mapping[str, str] | None) -> None:
        self._broker = topology.read_settings(settings)
        self._management = Management(self._broker.management_url)

    def waiting(self) -> Counter[str]:
        """Messages by queue, ready or in a consumer's hand; a few seconds late."""
        return Counter(
            {
                f"{vhost}/{queue['name']}": int(queue.get("messages") or 0)
                for vhost in (self._broker.vhost, self._broker.partner_vhost)
                for queue in self._management.queues(vhost)
                if not queue["name"].startswith(REPLY_QUEUES) and queue.get("messages")
            }
        )


def settle(
    settings: Mapping[str, str] | None,
    books: Books,
    look: Callable[[Outcome], None] = lambda _outcome: None,
) -> Settled:
    """Wait, at most LIMIT_S; `look` is called with every new state."""
    queues = Queues(settings)
    started_s = moved_s = time.monotonic()
    last: tuple[object, ...] | None = None
    while True:
        outcome = books.outcome()
        look(outcome)
        now_s = time.monotonic()
        if (state := _movable(outcome)) != last:
            last, moved_s = state, now_s
        quiet_s = now_s - moved_s
        empty = not outcome.outboxes.total() and not outcome.pending_deliveries
        if empty and quiet_s > (QUIET_S if outcome.carried_through else SILENCE_S):
            waiting = queues.waiting()
            if not waiting:
                return Settled(outcome, waiting, in_time=True)
        if now_s - started_s > LIMIT_S or quiet_s > STUCK_S:
            return Settled(outcome, queues.waiting(), in_time=False)
        time.sleep(LOOK_EVERY_S)


def _movable(outcome: Outcome) -> tuple[object, ...]:
    # Not the outboxes: workers report of themselves every few seconds for ever.
    return (
        outcome.verdicts,
        outcome.contributions,
        outcome.requests,
        outcome.awards,
        outcome.totals,
        outcome.partner_points_heard,
        outcome.notices,
        outcome.deliveries,
        outcome.dead_letters,
    )

"""The only place that commits. State changes and outbox rows become true together, or not at all.

`with transaction(sessions) as tx:` is the one shape of a change. HTTP handlers, subscribers and
tasks all use it, so nothing can be published that was rolled back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.arrays import literal
from shared.db.session import Sessions
from shared.messaging import faults, tasks
from shared.messaging.tables import OUTBOX_CHANNEL
from shared.schemas.envelope import Event, encode

ITEMS_MAX = 100
BYTES_MAX = 256 * 1024

SEPARATORS = {"event": ",", "direct": ",", "task": "\n", "reply": "\n"}

# Writes and wakes the relay in one round trip; the notice is sent when this commits.
_WRITE_OUTBOX = text(
    "WITH written AS (INSERT INTO outbox (kind, destination, item_count, items)"
    " SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:destinations AS text[]),"
    " CAST(:counts AS int[]), CAST(:items AS text[])) RETURNING 1)"
    f" SELECT pg_notify('{OUTBOX_CHANNEL}', '') FROM (SELECT count(*) FROM written) AS all_of_it"
)


class Transaction:
    """An open transaction and what shall be published if it commits."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._waiting: defaultdict[tuple[str, str], list[str]] = defaultdict(list)

    def emit(self, events: Iterable[Event]) -> None:
        """Say events to the district (packed by type into as few rows as may be)."""
        for event in events:
            self._waiting["event", event.type].append(encode(event).decode())

    def send(self, queue: str, bodies: Iterable[str]) -> None:
        """Send events, as JSON texts, to one service's queue only (replay)."""
        self._waiting["direct", queue].extend(bodies)

    def enqueue(self, queue: str, actor: str, *args: object) -> None:
        """Ask one worker of this service to do a job; args are ids, never bodies."""
        self._waiting["task", queue].append(tasks.encode(queue, actor, args))

    def reply(self, queue: str, verdicts: Iterable[dict[str, object]]) -> None:
        """Answer a partner on its reply queue, one message a verdict."""
        self._waiting["reply", queue].extend(orjson.dumps(v).decode() for v in verdicts)

    def write_outbox(self) -> None:
        """Turn what waits into outbox rows; called once, by `transaction`."""
        rows = [
            (kind, destination, len(pack), SEPARATORS[kind].join(pack))
            for (kind, destination), items in self._waiting.items()
            for pack in packs(items)
        ]
        self._waiting.clear()
        if rows:
            columns = (literal(column) for column in zip(*rows, strict=True))
            names = ("kinds", "destinations", "counts", "items")
            self.session.execute(_WRITE_OUTBOX, dict(zip(names, columns, strict=True)))


def packs(items: list[str]) -> Iterator[list[str]]:
    """Packs of at most ITEMS_MAX items and BYTES_MAX bytes (a single item may exceed that)."""
    pack: list[str] = []
    size = 0
    for item in items:
        bytes_of_item = len(item) if item.isascii() else len(item.encode())
        if pack and (len(pack) == ITEMS_MAX or size + bytes_of_item > BYTES_MAX):
            yield pack
            pack, size = [], 0
        pack.append(item)
        size += bytes_of_item
    if pack:
        yield pack


@contextmanager
def transaction(sessions: Sessions) -> Iterator[Transaction]:
    """Begin; on leaving without an exception write the outbox and commit; else roll back."""
    with sessions() as session:
        tx = Transaction(session)
        try:
            yield tx
            tx.write_outbox()
            faults.reach("transaction.before_commit")
            session.commit()
        except BaseException:
            session.rollback()
            raise
        faults.reach("transaction.after_commit")

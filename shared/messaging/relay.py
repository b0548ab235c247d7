"""The only publisher: carries outbox rows to the broker and deletes them on confirm.

One relay of a service leads, by an advisory lock that dies with its connection. It takes rows in
order of id and deletes exactly those that were confirmed, so a row that commits late is simply
found by the next look; there is no cursor that could pass it by.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from typing import NamedTuple

import psycopg

from shared import metrics
from shared.db.session import listen_connection
from shared.errors import Unavailable
from shared.messaging import faults
from shared.messaging.publisher import Outcome, Outgoing, Publisher
from shared.messaging.tables import OUTBOX_CHANNEL
from shared.messaging.transaction import BYTES_MAX, ITEMS_MAX, SEPARATORS

logger = logging.getLogger(__name__)

EVENTS_EXCHANGE = "linli.events"
ROWS_MAX = 200
POLL_S = 1.0
LEAD_RETRY_S = 2.0
BACK_OFF_MAX_S = 10.0
_LOCK_KEY = 0x6F757462  # "outb": one lock a database, and each service has its own database

_TAKE = f"SELECT id, kind, destination, item_count, items FROM outbox ORDER BY id LIMIT {ROWS_MAX}"
_DELETE = "DELETE FROM outbox WHERE id = ANY(%s)"

_JSON_ONE = "application/cloudevents+json"
_JSON_MANY = "application/cloudevents-batch+json"


class Row(NamedTuple):
    """One outbox row as it was read."""

    id: int
    kind: str
    destination: str
    item_count: int
    items: str


def pack(rows: list[Row]) -> list[tuple[Outgoing, list[int]]]:
    """AMQP messages for rows, each with the ids of the rows it carries.

    Events of one type share a message (at most ITEMS_MAX of them and BYTES_MAX bytes); tasks and
    replies go one by one, because their readers expect that.
    """
    groups: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.kind, row.destination].append(row)
    messages: list[tuple[Outgoing, list[int]]] = []
    for (kind, destination), members in groups.items():
        if kind in {"event", "direct"}:
            for share in _shares(members):
                messages.append(
                    (
                        _event_message(len(messages), kind, destination, share),
                        [row.id for row in share],
                    )
                )
        else:
            for row in members:
                messages.extend(_single_messages(len(messages), row))
    return messages


def _shares(rows: list[Row]) -> list[list[Row]]:
    shares: list[list[Row]] = []
    count = size = 0
    for row in rows:
        if not shares or count + row.item_count > ITEMS_MAX or size + len(row.items) > BYTES_MAX:
            shares.append([])
            count = size = 0
        shares[-1].append(row)
        count += row.item_count
        size += len(row.items)
    return shares


def _event_message(key: int, kind: str, destination: str, share: list[Row]) -> Outgoing:
    text = ",".join(row.items for row in share)
    alone = len(share) == 1 and share[0].item_count == 1
    return Outgoing(
        key=key,
        exchange=EVENTS_EXCHANGE if kind == "event" else "",
        routing_key=destination,
        body=text.encode() if alone else f"[{text}]".encode(),
        content_type=_JSON_ONE if alone else _JSON_MANY,
    )


def _single_messages(key: int, row: Row) -> list[tuple[Outgoing, list[int]]]:
    # A row of n items is done when its last message is: earlier ones carry no row id.
    items = row.items.split(SEPARATORS[row.kind])
    return [
        (
            Outgoing(
                key=key + place,
                exchange="",
                routing_key=row.destination,
                body=item.encode(),
                content_type="application/json",
                is_transient=row.kind == "reply",  # the verdict row can be read over HTTP
            ),
            [row.id],
        )
        for place, item in enumerate(items)
    ]


class Relay(threading.Thread):
    """Leads or waits to lead; woken by NOTIFY, polls as a fallback."""

    def __init__(self, service: str, database_url: str, publishers: dict[str, Publisher]) -> None:
        super().__init__(name="relay", daemon=True)
        self._service = service
        self._database_url = database_url
        self._publishers = publishers
        self._stopping = threading.Event()
        self.alive_at_s = 0.0

    def stop(self) -> None:
        """Finish the batch in hand and end."""
        self._stopping.set()

    def run(self) -> None:
        """Until stopped; every failure is a reason to wait and try again, never to end."""
        wait_s = 0.2
        while not self._stopping.is_set():
            try:
                with listen_connection(
                    self._database_url, application=f"{self._service}-relay"
                ) as connection:
                    wait_s = 0.2
                    self._serve(connection)
            except (psycopg.Error, Unavailable) as problem:
                logger.warning("relay waits", extra={"reason": type(problem).__name__})
            except Exception:
                logger.exception("relay failed and tries again")
            finally:
                metrics.relay_leader.labels(self._service).set(0)
            self._stopping.wait(wait_s)
            wait_s = min(wait_s * 2, BACK_OFF_MAX_S)
        for publisher in self._publishers.values():
            publisher.close()

    def _serve(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        while not self._lead(connection):
            if self._stopping.wait(LEAD_RETRY_S):
                return
        metrics.relay_leader.labels(self._service).set(1)
        connection.execute(f"LISTEN {OUTBOX_CHANNEL}")
        while not self._stopping.is_set():
            if not self.relay_once(connection):
                for _ in connection.notifies(timeout=POLL_S, stop_after=1):
                    pass

    def _lead(self, connection: psycopg.Connection[tuple[object, ...]]) -> bool:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK_KEY,)).fetchone()
        return row is not None and row[0] is True

    def relay_once(self, connection: psycopg.Connection[tuple[object, ...]]) -> int:
        """Carry one batch; the number of rows deleted. Raises Unavailable when none could go."""
        rows = [Row(*row) for row in connection.execute(_TAKE).fetchall()]  # type: ignore[arg-type]
        if not rows:
            return 0
        done = 0
        for name, publisher in self._publishers.items():
            mine = [row for row in rows if (row.kind == "reply") == (name == "partners")]
            if mine:
                done += self._carry(connection, publisher, mine)
        if done < len(rows):
            # What came back stays a row; wait, so that a missing queue does not spin.
            self._stopping.wait(POLL_S)
        return done

    def _carry(
        self,
        connection: psycopg.Connection[tuple[object, ...]],
        publisher: Publisher,
        rows: list[Row],
    ) -> int:
        messages = pack(rows)
        faults.reach("relay.before_publish")
        outcome = publisher.publish([message for message, _ in messages])
        faults.reach("relay.after_publish")
        done = self._settle(messages, outcome, {row.id: row for row in rows})
        if done:
            connection.execute(_DELETE, (done,))
            faults.reach("relay.after_delete")
        return len(done)

    def _settle(
        self,
        messages: list[tuple[Outgoing, list[int]]],
        outcome: Outcome,
        rows: dict[int, Row],
    ) -> list[int]:
        unsettled: set[int] = set()
        published: Counter[str] = Counter()
        for message, ids in messages:
            kind = rows[ids[0]].kind
            if message.key in outcome.confirmed:
                published[kind] += 1
                continue
            metrics.relay_returned.labels(self._service, kind).inc()
            if kind == "reply" and (message.exchange, message.routing_key) in outcome.returned:
                continue  # the partner's queue is gone with the partner; its verdict rows remain
            logger.error("no queue took a message", extra={"queue": message.routing_key})
            unsettled.update(ids)
        for kind, count in published.items():
            metrics.relay_published.labels(self._service, kind).inc(count)
        return [row_id for row_id in rows if row_id not in unsettled]

"""The services' own numbers, read by an operator straight from their databases; never written.

The queries are all in this file, because it is the only reader that looks into four databases.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString, Self

import psycopg

from shared import config
from shared.db.session import listen_connection

SERVICES = ("intake", "points", "partners", "notify")

_VERDICTS: LiteralString = (
    "SELECT CASE verdict WHEN 'rejected' THEN 'rejected:' || reason ELSE verdict END, count(*)"
    " FROM verdicts WHERE door <> 'redrive' GROUP BY 1"
)
_CONTRIBUTIONS: LiteralString = "SELECT kind, count(*) FROM contributions GROUP BY 1"
_REQUESTS: LiteralString = "SELECT count(*), count(resident_no) FROM requests"
_AWARDS: LiteralString = "SELECT kind, count(*) FROM awards GROUP BY 1"
_TOTALS: LiteralString = (
    "SELECT owner_kind || ':' || asset, sum(balance)::bigint FROM accounts"
    " WHERE owner_kind <> 'issuer' GROUP BY 1"
)
_BALANCES: LiteralString = (
    "SELECT owner, coalesce(sum(balance) FILTER (WHERE asset = 'points'), 0)::bigint,"
    " coalesce(sum(balance) FILTER (WHERE asset = 'service_minutes'), 0)::bigint"
    " FROM accounts WHERE owner_kind = 'resident' GROUP BY 1"
)
_LATENCY: LiteralString = (
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY waited),"
    " percentile_cont(0.99) WITHIN GROUP (ORDER BY waited), max(credited_at) FROM"
    " (SELECT extract(epoch FROM credited_at - accepted_at)::float8 AS waited, credited_at"
    " FROM awards WHERE accepted_at >= %s) AS a"
)
_NOTICES: LiteralString = "SELECT kind, count(*) FROM notices GROUP BY 1"
_DELIVERIES: LiteralString = "SELECT channel || ':' || state, count(*) FROM deliveries GROUP BY 1"
_OUTBOX: LiteralString = "SELECT coalesce(sum(item_count), 0)::bigint FROM outbox"
_DEAD_LETTERS: LiteralString = (
    "SELECT state, count(*) FROM dead_letters WHERE state IN ('open', 'waiting') GROUP BY 1"
)
_CREDITED: LiteralString = "SELECT coalesce(sum(points), 0)::bigint FROM contributions"
_PARTNERS_HEARD: LiteralString = "SELECT slug, status FROM partners"
_ADDRESSES: LiteralString = "SELECT count(*) FROM address_book"
_RESIDENTS: LiteralString = "SELECT count(*) FROM residents"

_PENDING = ("pending", "sending")


@dataclass(slots=True)
class Outcome:
    """What has come out so far."""

    verdicts: Counter[str] = field(default_factory=Counter)  # accepted, rejected:schema, …
    contributions: Counter[str] = field(default_factory=Counter)  # activity, wish
    awards: Counter[str] = field(default_factory=Counter)  # activity, wish
    totals: Counter[str] = field(default_factory=Counter)  # resident:points, …
    requests: int = 0
    requests_naming_resident: int = 0
    partner_points_heard: int = 0  # as the partners service has heard of them
    notices: Counter[str] = field(default_factory=Counter)  # by kind
    deliveries: Counter[str] = field(default_factory=Counter)  # sms:delivered, …
    outboxes: Counter[str] = field(default_factory=Counter)  # items by service
    dead_letters: Counter[str] = field(default_factory=Counter)  # service:state

    @property
    def pending_deliveries(self) -> int:
        """Deliveries that are still to be made."""
        return sum(n for name, n in self.deliveries.items() if name.endswith(_PENDING))

    @property
    def carried_through(self) -> bool:
        """Whether everything that was accepted has been credited and told."""
        return (
            self.awards == self.contributions
            and self.partner_points_heard == self.totals["partner:partner_contribution"]
            and self.notices["wish"] == self.contributions["wish"]
            and self.notices["request_receipt"] == self.requests_naming_resident
        )


@dataclass(frozen=True, slots=True)
class Latency:
    """From the gate's verdict to the credit, in seconds; None when nothing was credited."""

    p50_s: float | None
    p99_s: float | None
    last_credit_at: datetime | None


class Books:
    """Read-only connections to the four databases; use as a context manager."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._open = ExitStack()
        self._connections: dict[str, psycopg.Connection[tuple[Any, ...]]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self._open.close()

    def outcome(self) -> Outcome:
        """Everything that is counted, now. Upstream first: what follows can only be ahead."""
        requests = self._rows("intake", _REQUESTS)[0]
        found = Outcome(
            verdicts=self._counts("intake", _VERDICTS),
            contributions=self._counts("intake", _CONTRIBUTIONS),
            requests=requests[0],
            requests_naming_resident=requests[1],
            awards=self._counts("points", _AWARDS),
            totals=self._counts("points", _TOTALS),
            partner_points_heard=int(self._rows("partners", _CREDITED)[0][0]),
            notices=self._counts("notify", _NOTICES),
            deliveries=self._counts("notify", _DELIVERIES),
        )
        for service in SERVICES:
            found.outboxes[service] = self._rows(service, _OUTBOX)[0][0]
            for state, count in self._rows(service, _DEAD_LETTERS):
                found.dead_letters[f"{service}:{state}"] = count
        return found

    def balances(self) -> dict[str, tuple[int, int]]:
        """(points, service minutes) of every resident who has an account."""
        return {row[0]: (row[1], row[2]) for row in self._rows("points", _BALANCES)}

    def latency(self, since: datetime) -> Latency:
        """Of what was accepted since an instant."""
        return Latency(*self._rows("points", _LATENCY, since)[0])

    def partners_heard(self) -> dict[str, str]:
        """Status by slug, as the gate knows it."""
        return dict(self._rows("intake", _PARTNERS_HEARD))

    def residents(self) -> int:
        """How many residents are in the register."""
        return int(self._rows("intake", _RESIDENTS)[0][0])

    def addresses(self) -> int:
        """How many residents notify has heard of."""
        return int(self._rows("notify", _ADDRESSES)[0][0])

    def outbox(self, service: str) -> int:
        """Items in one outbox."""
        return int(self._rows(service, _OUTBOX)[0][0])

    def dead_letters(self, service: str) -> int:
        """Events that one service could not handle and that wait for a person."""
        return self._counts(service, _DEAD_LETTERS)["open"]

    def _counts(self, service: str, query: LiteralString) -> Counter[str]:
        return Counter({row[0]: int(row[1]) for row in self._rows(service, query)})

    def _rows(self, service: str, query: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        return self._connection(service).execute(query, values).fetchall()

    def _connection(self, service: str) -> psycopg.Connection[tuple[Any, ...]]:
        if service not in self._connections:
            url = config.read(f"{service.upper()}_DATABASE_URL", env=self._settings)
            connection = listen_connection(url, application="linli-month")
            self._open.callback(connection.close)
            connection.execute("SET default_transaction_read_only = on")
            self._connections[service] = connection
        return self._connections[service]

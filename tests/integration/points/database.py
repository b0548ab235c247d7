"""points' database in a test, and small ways to fill it and to look at it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import orjson
from pika.channel import Channel
from pika.spec import BasicProperties
from sqlalchemy import Engine, text

from services.points.actions.reconciling import reconcile
from services.points.actions.rules import publish
from services.points.config import Settings
from services.points.handlers import make_handlers
from shared.db.session import Sessions, make_engine, make_sessions
from shared.ids import uuid7
from shared.messaging.frame import Frame
from shared.messaging.subscriber import Delivery
from shared.messaging.transaction import transaction
from shared.schemas import make
from shared.schemas.envelope import Event, encode
from tests.emptying import delete_rows

ASSETS = ("points", "service_minutes", "partner_contribution", "honour_points", "time_coins")
ACCEPTED_AT = datetime(2026, 10, 9, 3, 0, tzinfo=UTC)

RULES: dict[str, Any] = {
    "programme": "ideal-bank",
    "version": 1,
    "valid_from": "2026-01-01",
    "activity": {
        "points_per_hour": {"elder_care": 6, "culture": 3, "patrol": "4.5"},
        "credited_minutes_max_per_activity": 120,
        "evidence": {
            "self_check": {"points": True, "hours": True},
            "organiser": {"points": True, "hours": True},
            "backfill": {"points": False, "hours": True},
        },
    },
    "caps": {"person_day_points": 20, "person_month_points": 200},
    "wish": {"partner_contribution_points": {"goods_blue": 8, "urgent_red": 12}},
}

_EMPTIED = [
    "time_bank_peer_changes",
    "time_bank_departures",
    "time_bank_arrivals",
    "transfers",
    "documents",
    "lots",
    "lot_sources",
    "awards",
    "residents",
    "service_spans",
    "organisers",
    "flags",
    "import_rows",
    "paper_imports",
    "debt_payments",
    "debts",
    "reversal_parts",
    "reversals",
    "corrections",
    "redeem_requests",
    "refused_claims",
    "redemptions",
    "venue_slots",
    "stock_movements",
    "reward_stocks",
    "reward_changes",
    "rewards",
    "objections",
    "public_notice_lines",
    "public_notices",
    "scope_usage",
    "rule_simulations",
    "rule_drafts",
    "rating_notes",
    "star_changes",
    "star_standings",
    "conversion_counts",
    "household_spends",
    "sharing_consents",
    "declared_rules",
    "proposal_decisions",
    "proposals",
    "expiry_announcements",
    "liability_closings",
    "liability_days",
    "liability_ages",
    "sealed_blocks",
    "sealed_ranges",
    "proof_days",
    "proof_roots",
    "sealing_state",
    "proof_passes",
    "proof_breaks",
    "certificate_awards",
    "certificates",
    "certificate_registers",
    "certificate_offices",
    "honour_certificates",
    "budgets",
    "point_rates",
    "cap_usage",
    "rule_sets",
    "issuer_balances",
    "inbox",
    "outbox",
    "dead_letters",
]
_LEDGER = {
    "accounts": "SELECT id, asset, owner_kind, owner, balance, seq, frozen_reason, xmin::text"
    " FROM accounts ORDER BY id",
    "transfers": "SELECT t.*, xmin::text FROM transfers t"
    " ORDER BY credit_account_id, credit_seq, debit_account_id, debit_seq",
    "lots": "SELECT l.*, xmin::text FROM lots l ORDER BY account_id, expires_on, source_id",
    "awards": "SELECT a.*, xmin::text FROM awards a ORDER BY award_id",
    "cap_usage": "SELECT * FROM cap_usage ORDER BY account_id, span, starts_on",
}


@dataclass(frozen=True)
class Ledger:
    """points' database: as the application's role, and as the role that owns its tables."""

    url: str
    owner_url: str
    engine: Engine
    owner_engine: Engine
    sessions: Sessions

    @property
    def settings(self) -> Settings:
        return Settings(database_url=self.url, broker_url="amqp://nowhere.invalid/")

    def clear(self) -> None:
        """Back to the state after the migration."""
        delete_rows(self.owner_url, _EMPTIED)
        with self.owner_engine.begin() as connection:
            connection.execute(text("DELETE FROM accounts WHERE owner <> 'district'"))

    def rows(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql), values)]

    def scalar(self, sql: str, **values: Any) -> Any:
        return self.rows(sql, **values)[0][0]

    def snapshot(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the ledger with the transaction that last wrote it."""
        return {name: self.rows(sql) for name, sql in _LEDGER.items()}

    def balance(self, owner: str, asset: str = "points") -> int:
        """0 when there is no account."""
        found = self.rows(
            "SELECT balance FROM accounts WHERE owner = :owner AND asset = :asset"
            " AND owner_kind <> 'issuer'",
            owner=owner,
            asset=asset,
        )
        return found[0][0] if found else 0

    def frame(self) -> Frame:
        return Frame("points", "points.events", self.sessions, make_handlers())

    def hear(self, *events: Event, in_messages_of: int = 100) -> None:
        """Take events as a worker does, all in one batch."""
        self.take(packed(events, in_messages_of))

    def take(self, messages: list[Delivery]) -> None:
        """Process one batch of messages."""
        frame = self.frame()
        frame.process([frame.prepare(one) for one in messages])

    def said(self) -> list[dict[str, Any]]:
        """The data of the events in the outbox, in their order."""
        found = self.rows("SELECT items FROM outbox WHERE kind = 'event' ORDER BY id")
        return [one["data"] for (items,) in found for one in parsed(items)]

    def reconcile(self) -> dict[str, int]:
        with transaction(self.sessions) as tx:
            return reconcile(tx)


def parsed(items: str) -> list[dict[str, Any]]:
    return orjson.loads(f"[{items}]")  # type: ignore[no-any-return]


def packed(events: Iterable[Event], in_messages_of: int = 100) -> list[Delivery]:
    """AMQP messages as the relay packs them."""
    waiting = [encode(one) for one in events]
    packs = [waiting[at : at + in_messages_of] for at in range(0, len(waiting), in_messages_of)]
    return [message(b"[" + b",".join(pack) + b"]") for pack in packs]


def message(body: bytes) -> Delivery:
    """What the frame reads of a delivery is its body."""
    return Delivery(body, BasicProperties(), "linli.events", 1, cast("Channel", None))


def attended(
    resident_no: str,
    minutes: int,
    *,
    day: int = 9,
    month: int = 10,
    hour: int = 1,
    kind: str = "elder_care",
    evidence: str = "organiser",
) -> Event:
    """A contribution of a resident on a day of 2026; `hour` is UTC."""
    at = datetime(2026, month, day, hour, 0, tzinfo=UTC)
    return make(
        "linli.contribution.recorded.v1",
        {
            "contribution_id": uuid7(),
            "partner": "volunteers-01",
            "source_event_id": f"event-{uuid7()}",
            "activity_code": f"A{month:02d}{day:02d}",
            "activity_kind": kind,
            "resident_no": resident_no,
            "household_no": f"H{resident_no[1:]}",
            "community_code": "990101001001",
            "checked_in_at": at,
            "checked_out_at": at,
            "minutes": minutes,
            "evidence": evidence,
            "accepted_at": ACCEPTED_AT,
        },
        source="/linli/intake",
        correlationid=str(uuid7()),
    )


def delivered(partner: str, colour: str = "goods_blue", *, day: int = 9) -> Event:
    """A fulfilled wish of a partner."""
    at = datetime(2026, 10, day, 1, 0, tzinfo=UTC)
    return make(
        "linli.wish.delivered.v1",
        {
            "contribution_id": uuid7(),
            "partner": partner,
            "source_event_id": f"event-{uuid7()}",
            "wish_code": "W-0001",
            "resident_no": "R000001",
            "colour": colour,
            "cost_fen": 100,
            "delivered_at": at,
            "accepted_at": ACCEPTED_AT,
        },
        source="/linli/intake",
        correlationid=str(uuid7()),
    )


def publish_rules(ledger: Ledger, body: dict[str, Any] = RULES) -> None:
    with transaction(ledger.sessions) as tx:
        publish(tx, body)


@contextmanager
def opened(urls: dict[str, str]) -> Iterator[Ledger]:
    """The ledger of a migrated database; `urls` as the fixture `databases` gives them."""
    url, owner_url = urls["POINTS_DATABASE_URL"], urls["POINTS_OWNER_DATABASE_URL"]
    engine = make_engine(url, pool_size=4, application="points-test")
    owner_engine = make_engine(owner_url, pool_size=1, application="points-test")
    try:
        yield Ledger(url, owner_url, engine, owner_engine, make_sessions(engine))
    finally:
        engine.dispose()
        owner_engine.dispose()

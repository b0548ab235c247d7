"""A register of partners on a real broker and a real database, as tests need it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingConnection
from sqlalchemy import text

from services.partners import tasks
from services.partners.actions.organisations import NewPartner, Terms
from services.partners.clients import RabbitPartnerBroker
from services.partners.config import WorkerSettings, read_worker_settings
from services.partners.rules.organisations import Kind
from services.partners.tasks import Credentials
from services.partners.worker import make_broker
from shared.db.session import Sessions, make_engine, make_sessions
from shared.messaging import topology
from shared.messaging.management import Management
from shared.messaging.topology import BrokerSettings

TERMS = Terms(
    no="HX-2026-001",
    valid_from=date(2026, 1, 1),
    valid_to=date(2026, 12, 31),
    event_types=["linli.activity.attended.v1"],
)


@dataclass
class Desk:
    """Everything a test of partners asks for; slugs are its own, because users are the broker's."""

    settings: Mapping[str, str]
    worker_settings: WorkerSettings
    broker_settings: BrokerSettings
    sessions: Sessions
    broker: RabbitPartnerBroker
    management: Management
    made: list[str] = field(default_factory=list)

    @property
    def vhost(self) -> str:
        """The partners' virtual host."""
        return self.broker_settings.partner_vhost

    def slug(self, name: str) -> str:
        """A slug that no other test uses."""
        slug = f"{name}-{uuid.uuid4().hex[:8]}"
        self.made.append(slug)
        return slug

    def add(self, name: str = "acme", *, terms: Terms = TERMS) -> Credentials:
        """Register a partner and activate it."""
        new = NewPartner(slug=self.slug(name), name="测试单位", kind=Kind.ENTERPRISE, terms=terms)
        return tasks.add(self.sessions, self.broker, new, by="test")

    def connect(self, who: Credentials, vhost: str | None = None) -> BlockingConnection:
        """A connection as a partner's system would open it."""
        own = pika.URLParameters(self.settings["LINLI_PARTNER_BROKER_URL"])
        own.credentials = pika.PlainCredentials(who.slug, who.amqp_password)
        own.virtual_host = vhost or self.vhost
        own.socket_timeout = own.stack_timeout = 5
        own.connection_attempts = 1
        return BlockingConnection(own)

    def ingress(self) -> list[tuple[str, dict[str, Any], bytes]]:
        """Take everything out of `ingress`: exchange, headers and body of each."""
        connection = BlockingConnection(
            pika.URLParameters(self.settings["LINLI_PARTNER_BROKER_URL"])
        )
        with connection, connection.channel() as channel:
            found = []
            while True:
                method, properties, body = channel.basic_get(topology.INGRESS, auto_ack=True)
                if method is None:
                    return found
                found.append((method.exchange, dict(properties.headers or {}), body))

    def said(self) -> list[tuple[str, str]]:
        """Outbox rows, oldest first: type and JSON text of the events."""
        with self.sessions() as session:
            rows = session.execute(text("SELECT destination, items FROM outbox ORDER BY id"))
            return [(row.destination, row.items) for row in rows]

    def row(self, slug: str) -> dict[str, Any]:
        """An organisation's row."""
        with self.sessions() as session:
            wanted = text("SELECT * FROM organisations WHERE slug = :slug")
            return dict(session.execute(wanted, {"slug": slug}).mappings().one())


@contextmanager
def open_desk(settings: Mapping[str, str]) -> Iterator[Desk]:
    """Declare the topology, and leave no user behind on the broker."""
    broker_settings = topology.read_settings(settings)
    topology.apply(broker_settings)
    worker_settings = read_worker_settings(settings)
    engine = make_engine(worker_settings.database_url, application="test")
    desk = Desk(
        settings,
        worker_settings,
        broker_settings,
        make_sessions(engine),
        make_broker(worker_settings),
        Management(worker_settings.management_url),
    )
    try:
        yield desk
    finally:
        engine.dispose()
        for slug in desk.made:  # all else goes with the virtual host
            desk.management.delete_user(slug)


def day(offset: int) -> date:
    """A day of the year 2026."""
    return date(2026, 1, 1) + timedelta(days=offset)

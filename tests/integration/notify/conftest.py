"""A notify of the test's own: its database, its keys, and a way to let it hear events."""

from __future__ import annotations

import base64
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from pika.spec import BasicProperties
from sqlalchemy import text

from services.notify.clients import Answer, Sms
from services.notify.handlers import create_handlers
from services.notify.models import Contacts
from services.notify.tasks import create_actors, sweep_deliveries
from shared import clock
from shared.crypto import FieldCipher
from shared.db.session import Sessions, make_engine, make_sessions
from shared.messaging.frame import Frame
from shared.messaging.subscriber import Delivery
from shared.messaging.transaction import transaction
from shared.schemas.envelope import Event, encode, make

ACCEPTED_AT = datetime(2026, 10, 21, 4, 33, tzinfo=UTC)


def key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


@dataclass
class FakeGateway:
    """Answers what it is told to, then OK; keeps what it was asked."""

    answers: list[str | Exception] = field(default_factory=list)
    asked: list[Sms] = field(default_factory=list)
    meanwhile: Callable[[Sms], None] | None = None

    def send(self, sms: Sms) -> Answer:
        self.asked.append(sms)
        if self.meanwhile is not None:
            self.meanwhile(sms)
        code = self.answers.pop(0) if self.answers else "OK"
        if isinstance(code, Exception):
            raise code
        return Answer(code, f"biz-{sms.out_id}" if code == "OK" else None)


class Notify:
    """The service under test, without broker: events go in by hand, tasks are read back."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.contact_key, self.field_key, self.index_key = key(), key(), key()
        self.contacts = Contacts(
            contact_key=self.contact_key, field_key=self.field_key, index_key=self.index_key
        )
        self.gateway = FakeGateway()
        self.frame = Frame("notify", "notify.events", sessions, create_handlers(self.contacts))
        self.send_sms = create_actors(sessions, self.contacts, self.gateway)["send_sms"]

    def hear(self, *events: Event) -> None:
        body = b"[" + b",".join(encode(event) for event in events) + b"]"
        delivery = Delivery(body, BasicProperties(), "linli.events", 1, None)  # type: ignore
        self.frame.process([self.frame.prepare(delivery)])

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        with self.sessions() as session:
            return [dict(row) for row in session.execute(text(sql), values).mappings()]

    def one(self, sql: str, **values: Any) -> Any:
        (row,) = self.rows(sql, **values)
        return next(iter(row.values()))

    def delivery(self) -> dict[str, Any]:
        (row,) = self.rows("SELECT * FROM deliveries")
        return row

    def tasks(self) -> list[str]:
        """The ids in the task messages that wait for the relay; they are taken out."""
        with self.sessions.begin() as session:
            rows = session.execute(text("DELETE FROM outbox WHERE kind = 'task' RETURNING items"))
            return [
                message["args"][0]
                for items in rows.scalars()
                for message in map(orjson.loads, items.split("\n"))
            ]

    def work(self) -> int:
        """Do every task that waits; how many there were."""
        tasks = self.tasks()
        for delivery_id in tasks:
            self.send_sms(delivery_id)
        return len(tasks)

    def sweep(self) -> None:
        with transaction(self.sessions) as tx:
            sweep_deliveries(tx)

    def registered(
        self,
        resident_no: str = "R000001",
        *,
        name: str | None = "欧阳若兰",
        phone: str | None = "13911112222",
        revision: int = 1,
        language: str = "zh",
        sealed: str | None = "seal",
    ) -> Event:
        if sealed == "seal":
            plain = orjson.dumps({"name": name, "phone": phone}).decode()
            sealed = FieldCipher(self.contact_key).encrypt(plain, bound_to=resident_no)
        return said(
            "linli.resident.registered.v1",
            resident_no=resident_no,
            household_no="H00001",
            grid_code="990101001002002",
            community_code="990101001002",
            language=language,
            contact_sealed=sealed,
            revision=revision,
        )


def said(kind: str, **data: Any) -> Event:
    return make(kind, data, source="/linli/intake", correlationid="c-1")


def opened(resident_no: str | None = "R000001", request_no: str = "Q20261021-0001") -> Event:
    return said(
        "linli.request.opened.v1",
        request_no=request_no,
        partner="enterprise-04",
        resident_no=resident_no,
        category="noise",
        grid_code="990101001002002",
        urgency="normal",
        opened_at=ACCEPTED_AT,
        accepted_at=ACCEPTED_AT,
    )


def fulfilled(resident_no: str = "R000001") -> Event:
    return said(
        "linli.wish.delivered.v1",
        contribution_id=uuid.uuid4(),
        partner="enterprise-04",
        source_event_id="e-1",
        wish_code="WISH-0007",
        resident_no=resident_no,
        colour="goods_blue",
        cost_fen=1200,
        delivered_at=ACCEPTED_AT,
        accepted_at=ACCEPTED_AT,
    )


def credited(
    resident_no: str = "R000001", *, points: int = 10, caps: tuple[str, ...] = ()
) -> Event:
    return said(
        "linli.points.credited.v1",
        award_id=uuid.uuid4(),
        contribution_id=uuid.uuid4(),
        resident_no=resident_no,
        points=points,
        service_minutes=120,
        points_balance=90,
        minutes_balance=600,
        activity_code="ACT-0275",
        activity_kind="culture",
        on_date="2026-10-21",
        caps_hit=list(caps),
        rule={"programme": "demo", "version": 1},
        accepted_at=ACCEPTED_AT,
        credited_at=ACCEPTED_AT,
    )


@pytest.fixture(scope="module")
def sessions(databases: dict[str, str]) -> Iterator[Sessions]:
    engine = make_engine(databases["NOTIFY_DATABASE_URL"])
    yield make_sessions(engine)
    engine.dispose()


@pytest.fixture
def notify(sessions: Sessions) -> Iterator[Notify]:
    yield Notify(sessions)
    clock.freeze(None)
    with sessions.begin() as session:
        for table in ("deliveries", "notices", "address_book", "inbox", "outbox", "dead_letters"):
            session.execute(text(f"DELETE FROM {table}"))


@pytest.fixture
def frozen() -> Iterator[datetime]:
    at = datetime(2026, 10, 21, 5, 0, tzinfo=UTC)
    clock.freeze(at)
    yield at
    clock.freeze(None)


def later(**by: float) -> None:
    clock.advance(timedelta(**by))

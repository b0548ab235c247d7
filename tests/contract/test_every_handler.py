"""Every handler x every golden example: twice, in any order, after a crash: the same rows."""

from __future__ import annotations

import importlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from sqlalchemy import inspect, text

from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.messaging.frame import Frame
from shared.messaging.routes import ROUTES, SERVICES, heard_by
from shared.messaging.subscriber import Delivery
from shared.messaging.transaction import transaction
from shared.messaging.worker import WorkerParts

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "shared" / "schemas" / "examples"
RULES = ROOT / "examples" / "demo-district" / "rules.json"

# Written anew each time, so left out when rows of two runs are compared.
VOLATILE = {"id", "notice_id", "delivery_id", "created_at", "credited_at", "posted_at", "due_at"}
VOLATILE |= {"refused_at"}
VOLATILE |= {"written_at", "items", "next_attempt_at", "published_at", "updated_at", "heard_at"}
ORDERED = {"seq", "balance", "award_no", "credit_seq", "credit_balance", "points_balance"}
MADE = {"account_id", "source_id", "credit_account_id", "debit_account_id", "name", "phone"}
MADE.add("queued_until")

CASES = [
    (service, kind, path.name)
    for service in SERVICES
    for kind in heard_by(service)
    for path in sorted((EXAMPLES / kind).glob("*.json"))
]


def test_there_are_examples_of_everything_heard() -> None:
    assert {kind for _, kind, _ in CASES} == set(ROUTES)


class Hearer:
    """One service's handlers in their frame, on a real database."""

    def __init__(self, service: str, settings: dict[str, str]) -> None:
        config = importlib.import_module(f"services.{service}.config")
        worker = importlib.import_module(f"services.{service}.worker")
        read = getattr(config, "read_worker_settings", config.read_settings)
        self.parts: WorkerParts = worker.create_worker(read(settings))
        self.sessions: Sessions = self.parts.sessions
        self.frame = Frame(service, f"{service}.events", self.sessions, self.parts.handlers)
        self._keep = {"alembic_version", "templates", "rule_sets", "template_versions"}
        if service == "points":
            rules = importlib.import_module("services.points.actions.rules")
            with transaction(self.sessions) as tx:
                rules.publish(tx, json.loads(RULES.read_text(encoding="utf-8")))

    def prepare(self) -> None:
        """What must be there before: partners credits only organisations that it has."""
        if self.parts.service != "partners":
            return
        with transaction(self.sessions) as tx:
            tx.session.execute(
                text(
                    "INSERT INTO organisations (slug, name, kind, system, status, activating,"
                    " revision, per_minute, per_day, amqp_password_hash, cut_wanted, registered_at)"
                    " VALUES ('merchant-31', '合伙人', 'merchant', 'main', 'active', false, 1, 0,"
                    " 0, '', false, '2026-01-01Z')"
                )
            )

    def hear(self, *bodies: bytes) -> None:
        deliveries = (Delivery(body, None, "", 0, None) for body in bodies)  # type: ignore
        self.frame.process([self.frame.prepare(each) for each in deliveries])

    def tables(self) -> list[str]:
        found = inspect(self.sessions.kw["bind"]).get_table_names()
        return [name for name in found if name not in self._keep]

    def rows(self, *, exact: bool) -> dict[str, list[dict[str, Any]]]:
        """Everything in the database; not exact: without what each run or order makes anew."""
        without = set() if exact else VOLATILE | ORDERED | MADE
        result = {}
        with self.sessions() as session:
            for table in self.tables():
                found = session.execute(text(f'SELECT to_jsonb(t) FROM "{table}" t')).scalars()
                rows = [{k: v for k, v in row.items() if k not in without} for row in found]
                result[table] = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
        return result


@pytest.fixture(scope="module")
def hearers(settings: dict[str, str]) -> Iterator[dict[str, Hearer]]:
    made = {service: Hearer(service, settings) for service in SERVICES}
    yield made
    for hearer in made.values():
        hearer.sessions.kw["bind"].dispose()


@pytest.fixture(autouse=True)
def _empty(settings: dict[str, str], hearers: dict[str, Hearer]) -> None:
    for service, hearer in hearers.items():
        _wipe(settings, service, hearer)


def example(kind: str, name: str, settings: dict[str, str], number: int = 0) -> bytes:
    """A golden example; its contact is sealed with this stack's key, so that it can be opened.

    `number` sets apart examples that tell of the same thing: the greater is the newer.
    """
    event = json.loads((EXAMPLES / kind / name).read_text(encoding="utf-8"))
    data = event["data"]
    if data.get("contact_sealed"):
        cipher = FieldCipher(settings["LINLI_CONTACT_KEY"])
        contact = json.dumps({"name": "赵一", "phone": "17012345678"})
        data["contact_sealed"] = cipher.encrypt(contact, bound_to=data["resident_no"])
    if number and "revision" in data:
        data["revision"] = number
    if number and "reported_at" in data:
        data["reported_at"] = f"2026-10-01T09:{number:02d}:00+08:00"
    return orjson.dumps(event)


@pytest.mark.parametrize(("service", "kind", "name"), CASES)
def test_heard_twice_changes_nothing_the_second_time(
    service: str, kind: str, name: str, settings: dict[str, str], hearers: dict[str, Hearer]
) -> None:
    hearer, body = hearers[service], example(kind, name, settings)
    hearer.hear(body)
    once = hearer.rows(exact=True)
    assert once["dead_letters"] == []
    hearer.hear(body)  # as after a crash between commit and ack
    hearer.hear(body, body)
    assert hearer.rows(exact=True) == once
    is_about_somebody = orjson.loads(body)["data"].get("resident_no", "somebody") is not None
    written = any(rows for table, rows in once.items() if table not in {"inbox", "outbox"})
    assert written == is_about_somebody


@pytest.mark.parametrize("service", SERVICES)
def test_any_order_and_any_batching_leaves_the_same_rows(
    service: str, settings: dict[str, str], hearers: dict[str, Hearer]
) -> None:
    hearer = hearers[service]
    mine = [(kind, name) for where, kind, name in CASES if where == service]
    bodies = [example(*one, settings, number) for number, one in enumerate(mine, 1)]
    seen = []
    chance = random.Random(11)
    for _ in range(5):
        order = chance.sample(range(len(bodies)), len(bodies))
        for one in order:
            hearer.hear(bodies[one])
        seen.append(hearer.rows(exact=False))
        _wipe(settings, service, hearer)
    packed = b"[" + b",".join(orjson.dumps(orjson.loads(body)) for body in bodies) + b"]"
    hearer.hear(packed)
    seen.append(hearer.rows(exact=False))
    for each in seen[1:]:
        assert _without_outbox(each) == _without_outbox(seen[0])


def _without_outbox(rows: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {table: its for table, its in rows.items() if table != "outbox"}


def _wipe(settings: dict[str, str], service: str, hearer: Hearer) -> None:
    names = [name for name in hearer.tables() if not (service == "points" and name == "accounts")]
    with psycopg.connect(settings[f"{service.upper()}_OWNER_DATABASE_URL"]) as owner:
        owner.execute(f"TRUNCATE {', '.join(names)} CASCADE")
        if service == "points":
            owner.execute("DELETE FROM accounts WHERE owner_kind <> 'issuer'")
    hearer.prepare()

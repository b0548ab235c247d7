"""Two districts with a database and a web app each, and a wire between them that may misbehave."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from flask.testing import FlaskClient
from sqlalchemy import text

from services.points import tasks
from services.points.actions import ledger as accounts
from services.points.actions import time_bank, time_bank_peers
from services.points.actions.documents import write_document
from services.points.app import create_app
from services.points.clients import Call, OtherDistrict, Reply
from services.points.config import Settings
from services.points.queries import time_bank as queries
from services.points.rules.lots import NEVER, Lot
from services.points.rules.time_bank import PeerTerms
from services.points.rules.time_bank_seals import District, read_district
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from shared.web.settings import WebSettings
from tests import stack
from tests.integration.points.database import Ledger, opened

_numbers = itertools.count(1)
MAKER, CHECKER = "manager-1", "manager-2"


def key_of(code: str) -> str:
    """A private key that is the same each time."""
    return base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()


def district_of(code: str) -> District:
    found = read_district(code, key_of(code))
    assert found is not None
    return found


@dataclass(frozen=True)
class Side:
    """One district."""

    code: str
    ledger: Ledger
    district: District
    client: FlaskClient

    @property
    def url(self) -> str:
        return f"https://{self.code}.example"

    def terms(self, **changed: Any) -> PeerTerms:
        """What the other one registers of this one."""
        terms = PeerTerms(
            code=self.code,
            name=f"区{self.code}",
            url=self.url,
            public_key=self.district.public_key,
            is_active=True,
            transfer_max=200,
            month_max=400,
            balance_max=1_500,
        )
        return replace(terms, **changed)

    def register(self, other: Side, **changed: Any) -> None:
        """Register the other one, by two people."""
        with transaction(self.ledger.sessions) as tx:
            change = time_bank_peers.propose_peer(tx, other.terms(**changed), by=MAKER)
            time_bank_peers.decide_peer(tx, change, approved=True, by=CHECKER)

    def resident(self, coins: Iterable[tuple[date, int]] = ((NEVER, 100),)) -> str:
        """A resident nobody knew before, with coins of these last days."""
        number = f"R{next(_numbers):07}"
        with transaction(self.ledger.sessions) as tx:
            tx.session.execute(
                text("INSERT INTO residents VALUES (:number, 'H1', 'G1', '990101001001', 1)"),
                {"number": number},
            )
            document_id = uuid7()
            words = {"zh": "折换", "en": "converted"}
            write_document(tx.session, document_id, "conversion", made_by="test", facts=words)
            key = ("time_coins", "resident", number)
            account = accounts.locked(tx.session, [key])[key]
            source = ("ideal-bank", "volunteers-01")
            source_id = accounts.sources(tx.session, [source])[source]
            posting = accounts.posting(tx.session)
            for day, amount in coins:
                posting.issue(account, amount, document_id, "conversion", Lot(day, source_id))
            posting.post(tx.session, time_bank.clock.now())
        return number

    def depart(self, resident: str, to: str, other: Side, amount: int) -> UUID:
        """Ask for a transfer; its id."""
        transfer_id = uuid7()
        wish = time_bank.Wish(
            transfer_id=transfer_id,
            resident_no=resident,
            to_district=other.code,
            to_resident=to,
            amount=amount,
            by=resident,
        )
        with transaction(self.ledger.sessions) as tx:
            time_bank.depart(tx, self.district, wish)
        return transfer_id

    def cancel(self, transfer_id: UUID) -> None:
        with transaction(self.ledger.sessions) as tx:
            time_bank.ask_cancel(tx, transfer_id, by="clerk-1")

    def send(self, transfer_id: UUID, wire: OtherDistrict) -> None:
        """One attempt, now, as the worker makes it."""
        with transaction(self.ledger.sessions) as tx:
            if self.state(transfer_id) == "proposed":
                time_bank.ask_soon(tx, transfer_id)
        actors = tasks.create_actors(self.ledger.sessions, self.district, wire)
        actors[time_bank.SEND](str(transfer_id))

    def state(self, transfer_id: UUID) -> str:
        with self.ledger.sessions() as session:
            found = queries.departure(session, transfer_id)
        assert found is not None
        return found.state

    def open(self) -> list[UUID]:
        """Transfers that wait for an answer, the oldest first."""
        return [
            transfer_id
            for (transfer_id,) in self.ledger.rows(
                "SELECT transfer_id FROM time_bank_departures WHERE state = 'proposed' ORDER BY 1"
            )
        ]

    def coins(self, owner: str, kind: str = "resident") -> int:
        found = self.ledger.rows(
            "SELECT balance FROM accounts WHERE owner = :owner AND owner_kind = :kind"
            " AND asset = 'time_coins'",
            owner=owner,
            kind=kind,
        )
        return int(found[0][0]) if found else 0

    def total(self, kinds: tuple[str, ...] = ("resident",)) -> int:
        """All coins of these kinds of owners."""
        return int(
            self.ledger.scalar(
                "SELECT coalesce(sum(balance), 0) FROM accounts WHERE asset = 'time_coins'"
                " AND owner_kind = ANY(:kinds)",
                kinds=list(kinds),
            )
        )

    def lots(self, owner: str) -> list[tuple[date, int]]:
        return [
            (day, remaining)
            for day, remaining in self.ledger.rows(
                "SELECT l.expires_on, sum(l.remaining)::bigint FROM lots l JOIN accounts a"
                " ON a.id = l.account_id WHERE a.owner = :owner AND a.owner_kind = 'resident'"
                " AND a.asset = 'time_coins' AND l.remaining > 0 GROUP BY 1 ORDER BY 1",
                owner=owner,
            )
        ]

    def decisions(self) -> dict[UUID, tuple[str, str | None]]:
        """What was decided of the other district's transfers."""
        return {
            transfer_id: (outcome, reason)
            for transfer_id, outcome, reason in self.ledger.rows(
                "SELECT transfer_id, outcome, reason FROM time_bank_arrivals"
            )
        }


class Crash(BaseException):
    """The sender's process died with the answer in its hand."""


@dataclass
class Wire:
    """Carries calls to the side whose address it is; `fate` says what becomes of the next one."""

    sides: tuple[Side, ...]
    fate: Callable[[], str] = lambda: "well"
    late: list[Call] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def ask(self, call: Call) -> Reply:
        """One call: well, lost, unanswered, twice, late or crash."""
        self.calls.append(call)
        fate = self.fate()
        if fate == "lost":
            return Reply(0, problem="ConnectTimeout")
        if fate == "late":
            self.late.append(call)
            return Reply(0, problem="ReadTimeout")
        reply = self.carry(call)
        if fate == "twice":
            reply = self.carry(call)
        if fate == "crash":
            raise Crash
        return Reply(0, problem="ReadTimeout") if fate == "unanswered" else reply

    def carry(self, call: Call) -> Reply:
        """As the network would, had it no faults."""
        side = next(side for side in self.sides if side.url == call.url)
        if call.envelope is None:
            answer = side.client.get(call.path)
        else:
            answer = side.client.post(
                call.path, data=orjson.dumps(call.envelope), content_type="application/json"
            )
        return Reply(answer.status_code, answer.data)


@contextmanager
def two_districts(suffix: str) -> Iterator[tuple[Side, Side]]:
    """East and West, each registered with the other; their residents have nothing yet."""
    with (
        stack.databases(f"{suffix}e") as east_urls,
        stack.databases(f"{suffix}w") as west_urls,
        _side("EAST", east_urls) as east,
        _side("WEST", west_urls) as west,
    ):
        east.register(west)
        west.register(east)
        yield east, west


@contextmanager
def _side(code: str, urls: dict[str, str]) -> Iterator[Side]:
    with opened(urls) as ledger:
        settings = Settings(
            database_url=ledger.url,
            broker_url="amqp://nowhere.invalid/",
            district_code=code,
            time_bank_key=key_of(code),
        )
        app = create_app(settings, WebSettings(session_key="k" * 40))
        try:
            yield Side(code, ledger, district_of(code), app.test_client())
        finally:
            app.extensions["linli.engine"].dispose()

"""Hands consignments to the publishing process and reads its answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from urllib.parse import quote, urlsplit

import orjson

from deploy.bench.district import PARTNERS
from deploy.local.processes import StackError
from deploy.local.stack import ROOT
from deploy.month.credentials import Credentials
from shared.messaging.relay import EVENTS_EXCHANGE
from shared.schemas.intake import CONTRIBUTION_RECORDED

ONE = "application/cloudevents+json"
MANY = "application/cloudevents-batch+json"
ENDS_WITHIN_S = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Consignment:
    """Bodies (JSON texts) that go one way, in order."""

    url: str
    exchange: str
    routing_key: str
    content_type: str
    bodies: list[str]


@dataclass(frozen=True, slots=True)
class Shipped:
    """Unix seconds of the first publish and the last confirm; the publisher's CPU seconds."""

    first_at: float
    last_at: float
    cpu_s: float


class Shipment:
    """A publishing process at work."""

    def __init__(self, consignments: list[Consignment]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deploy.bench.flood"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
        )
        if self._process.stdin is None:
            raise RuntimeError("asked for a pipe")
        self._process.stdin.write(orjson.dumps([asdict(each) for each in consignments]))
        self._process.stdin.close()
        self._process.stdin = None  # communicate() would write to it

    def watch(self) -> None:
        """Raises StackError when it has failed."""
        if self._process.poll() not in (None, 0):
            self.result()

    def result(self) -> Shipped:
        """Wait for the last confirm; raises StackError when a message was not taken."""
        try:
            told, errors = self._process.communicate(timeout=ENDS_WITHIN_S)
        except subprocess.TimeoutExpired as problem:
            self._process.kill()
            raise StackError("the publisher of the bench did not end") from problem
        if self._process.returncode != 0:
            raise StackError(f"the publisher of the bench failed: {errors.decode()[-2000:]}")
        return Shipped(**orjson.loads(told))


def ship(consignments: list[Consignment]) -> Shipped:
    """Publish all of it and wait."""
    return Shipment(consignments).result()


def by_partner(
    url: str, credentials: Credentials, sent: Iterable[tuple[str, str]], *, batch: int = 1
) -> list[Consignment]:
    """(partner, event) as the partners' systems send them: each as its own user to its own
    exchange, one event a message or batches of up to `batch`.
    """
    events: dict[str, list[str]] = {slug: [] for slug in PARTNERS}
    for partner, event in sent:
        events[partner].append(event)
    return [
        Consignment(
            url=partner_url(url, slug, credentials),
            exchange=f"in.{slug}",
            routing_key="",
            content_type=ONE if batch == 1 else MANY,
            bodies=packed(its, batch),
        )
        for slug, its in events.items()
        if its
    ]


def contributions(url: str, events: list[str], *, batch: int) -> Consignment:
    """Recorded contributions as intake's relay sends them."""
    return Consignment(
        url=url,
        exchange=EVENTS_EXCHANGE,
        routing_key=CONTRIBUTION_RECORDED,
        content_type=ONE if batch == 1 else MANY,
        bodies=packed(events, batch),
    )


def packed(events: list[str], size: int) -> list[str]:
    """Arrays of up to `size` events; the events themselves when that is 1."""
    if size == 1:
        return events
    return [f"[{','.join(events[at : at + size])}]" for at in range(0, len(events), size)]


def partner_url(url: str, slug: str, credentials: Credentials) -> str:
    """The partners' virtual host, as this partner's own user."""
    parts = urlsplit(url)
    login = f"{slug}:{quote(credentials[slug].amqp_password, safe='')}"
    return f"amqp://{login}@{parts.hostname}:{parts.port}{parts.path}"

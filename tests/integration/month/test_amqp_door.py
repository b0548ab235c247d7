"""The AMQP door against a live broker: confirms, replies, refusals, lost connections."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self
from urllib.parse import unquote, urlsplit

import pika
import pytest

from deploy.month import amqp_line
from deploy.month.credentials import Credential
from deploy.month.door_amqp import AmqpDoor
from deploy.month.parcels import pack
from deploy.month.read import Send
from deploy.month.tally import Tally
from services.partners.rules.keys import broker_hash
from shared.messaging import partner_access, topology
from shared.messaging.management import Management

pytestmark = pytest.mark.timeout(300)

PASSWORD = "a-partner's-own"


class Gate(threading.Thread):
    """Answers each message on `ingress` with one verdict; keeps what it saw."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()
        self._stopping = False
        self.seen: list[tuple[str, str | None, dict[str, str], bytes]] = []

    def run(self) -> None:
        for method, properties, body in self._channel.consume("ingress", inactivity_timeout=0.1):
            if self._stopping:
                break
            if method is None:
                continue
            headers = properties.headers or {}
            self.seen.append((method.exchange, properties.content_type, headers, body))
            verdict = {"verdict": "rejected", "reason": "schema"}
            queue = method.exchange.replace("in.", "out.", 1)
            self._channel.basic_publish("", queue, json.dumps(verdict).encode())
            self._channel.basic_ack(method.delivery_tag)
        self._connection.close()

    def seen_of(self, partner: str) -> list[tuple[str, str | None, dict[str, str], bytes]]:
        """Of one partner: what a test before has sent may still be on its way."""
        return [seen for seen in self.seen if seen[0] == f"in.{partner}"]

    def stop(self) -> None:
        self._stopping = True
        self.join(60)


@pytest.fixture(scope="module")
def broker(service_stack: dict[str, str], vhosts: dict[str, str]) -> Iterator[dict[str, str]]:
    settings = {**service_stack, **vhosts}
    topology.apply(topology.read_settings(settings))
    gate = Gate(settings["LINLI_PARTNER_BROKER_URL"])
    gate.start()
    yield settings
    gate.stop()


@pytest.fixture
def gate(broker: dict[str, str]) -> Iterator[Gate]:
    for thread in threading.enumerate():
        if isinstance(thread, Gate):
            thread.seen.clear()
            yield thread


@pytest.fixture
def management(broker: dict[str, str]) -> Management:
    return Management(broker["LINLI_RABBITMQ_MANAGEMENT_URL"])


@pytest.fixture
def partner(broker: dict[str, str], management: Management) -> Iterator[str]:
    slug = f"month-{uuid.uuid4().hex[:8]}"
    vhost = unquote(urlsplit(broker["LINLI_PARTNER_BROKER_URL"]).path[1:])
    partner_access.grant(management, vhost, slug, broker_hash(PASSWORD, b"salt"))
    yield slug
    partner_access.remove(management, vhost, slug)


def _play(
    url: str,
    sends: list[Send],
    password: str = PASSWORD,
    meanwhile: Callable[[Tally], None] = lambda _tally: None,
    *,
    replies: bool = True,
) -> Tally:
    with _opened(url, {send.partner for send in sends}, password) as (door, tally):
        _put(door, tally, sends)
        meanwhile(tally)
        _wait_done(tally, replies=replies)
    return tally


@contextmanager
def _opened(
    url: str, partners: set[str], password: str = PASSWORD
) -> Iterator[tuple[AmqpDoor, Tally]]:
    tally = Tally()
    door = AmqpDoor(url, {slug: Credential(password, "") for slug in partners}, tally)
    try:
        yield door, tally
    finally:
        door.close()
    assert door.crashed is None


def _put(door: AmqpDoor, tally: Tally, sends: list[Send]) -> None:
    for send in sends:
        parcel = pack(send)
        tally.hand(parcel)
        door.put(parcel)


def _wait_done(tally: Tally, *, replies: bool = True) -> None:
    with tally.changed:
        assert tally.changed.wait_for(
            lambda: (
                tally.done == tally.handed
                and (tally.refusals or not replies or not tally.replies_missing())
            ),
            150,
        ), vars(tally)


def _sends(partner: str, count: int, mode: str = "structured") -> list[Send]:
    return [
        Send(line, partner, "amqp", mode, {"id": str(line), "data": {"n": line}}, None)
        for line in range(1, count + 1)
    ]


@pytest.fixture
def url(broker: dict[str, str]) -> str:
    return broker["LINLI_PARTNER_BROKER_URL"]


def test_all_are_confirmed_answered_and_in_order(url: str, partner: str, gate: Gate) -> None:
    tally = _play(url, _sends(partner, 700))
    assert tally.accepted == {partner: 700}
    assert tally.verdicts == {"rejected:schema": 700}
    ids = [json.loads(body)["id"] for *_, body in gate.seen_of(partner)]
    assert ids == [str(n) for n in range(1, 701)]


def test_each_mode_as_the_contract_says(url: str, partner: str, gate: Gate) -> None:
    event = {"id": "编号", "datacontenttype": "application/json", "data": [1]}
    raw = Send(4, partner, "amqp", "structured", None, b"\xff")
    sends = [
        *(
            Send(1, partner, "amqp", mode, event, None)
            for mode in ("structured", "binary", "batch")
        ),
        raw,
    ]
    _play(url, sends)
    structured, binary, batch, last = [seen[1:] for seen in gate.seen_of(partner)]
    assert (structured[0], json.loads(structured[2])) == ("application/cloudevents+json", event)
    assert binary == ("application/json", {"ce-id": "编号"}, b"[1]")
    assert (batch[0], json.loads(batch[2])) == ("application/cloudevents-batch+json", [event])
    assert last[2] == b"\xff"


def test_old_replies_are_none_of_ours(url: str, partner: str, gate: Gate) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        for _ in range(5):
            connection.channel().basic_publish("", f"out.{partner}", b"{}")
    tally = _play(url, _sends(partner, 3))
    assert tally.replies == {partner: 3}


def test_a_wrong_password_and_an_unknown_user_are_refused(url: str, partner: str) -> None:
    for slug, password in ((partner, "wrong"), ("nobody-at-all", PASSWORD)):
        tally = _play(url, _sends(slug, 4), password)
        assert tally.refused == {slug: 4}
        assert tally.accepted.total() == 0
        assert tally.refusals[slug]


def test_one_who_is_suspended_meanwhile_is_refused(
    url: str, partner: str, management: Management, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amqp_line, "TURNED_AWAY_FOR_S", 2.0)

    def suspend(tally: Tally) -> None:
        with tally.changed:
            tally.changed.wait_for(lambda: tally.replies[partner] >= 1, 60)
        partner_access.withdraw(management, partner)

    tally = _play(url, _sends(partner, 20_000), meanwhile=suspend)
    assert tally.refused[partner] > 0
    assert tally.refused[partner] + tally.accepted[partner] == 20_000


@pytest.mark.parametrize("heard", [0, 1, 2], ids=["greeting", "signing in", "entering"])
def test_one_whose_connection_is_lost_while_it_opens_comes_again(
    url: str, partner: str, gate: Gate, heard: int
) -> None:
    with Gap(url, heard=heard, times=3) as gap:
        tally = _play(gap.url, _sends(partner, 5))
    assert gap.left == 0
    assert (tally.refusals, tally.errors) == ({}, [])
    assert tally.accepted == {partner: 5}


@pytest.mark.parametrize("is_wrong", ["its rights", "its exchange"])
def test_one_that_was_let_in_and_is_turned_away_for_a_while_comes_again(
    url: str,
    partner: str,
    management: Management,
    gate: Gate,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    is_wrong: str,
) -> None:
    monkeypatch.setattr(amqp_line, "TURNED_AWAY_FOR_S", 60.0)
    vhost = unquote(urlsplit(url).path[1:])
    with _opened(url, {partner}) as (door, tally):
        _put(door, tally, _sends(partner, 1))
        _wait_done(tally)
        if is_wrong == "its rights":
            partner_access.withdraw(management, partner)
            said = "probable permission error"
        else:
            management.delete_exchange(vhost, f"in.{partner}")
            said = "no exchange"
        _put(door, tally, _sends(partner, 5))
        _until(lambda: sum(said in each for each in caplog.messages) > 1)
        assert tally.refusals == {}
        partner_access.grant(management, vhost, partner, broker_hash(PASSWORD, b"salt"))
        _wait_done(tally, replies=False)
    assert (tally.refusals, tally.errors) == ({}, [])
    assert tally.accepted == {partner: 6}


class Gap:
    """Stands before the broker; a while it cuts who comes, after so many words of the broker."""

    def __init__(self, url: str, *, heard: int, times: int) -> None:
        self._broker = urlsplit(url)
        self._heard = heard
        self.left = times
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f":{self._broker.port}/", f":{self._listener.getsockname()[1]}/")

    def __enter__(self) -> Self:
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, *_problem: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        broker = socket.create_connection((self._broker.hostname, self._broker.port))
        with client, broker, contextlib.suppress(OSError):
            if self.left:
                self.left -= 1
                for _ in range(self._heard):  # each waits for what the other says
                    broker.sendall(client.recv(65536))
                    client.sendall(broker.recv(65536))
                client.recv(65536)
                return
            back = threading.Thread(target=_pass_on, args=(broker, client), daemon=True)
            back.start()
            _pass_on(client, broker)
            back.join()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while said := one.recv(65536):
            other.sendall(said)
        other.shutdown(socket.SHUT_WR)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def _ids_of(gate: Gate, partner: str) -> set[str]:
    return {json.loads(seen[3])["id"] for seen in gate.seen_of(partner)}


def test_a_lost_connection_loses_nothing(
    url: str, partner: str, management: Management, gate: Gate
) -> None:
    def cut(tally: Tally) -> None:
        for _ in range(3):
            time.sleep(0.3)
            management.close_connections_of(partner)

    # A reply that was on its way is lost with the connection: it is a copy, the log has it.
    _play(url, _sends(partner, 6000), meanwhile=cut, replies=False)
    wanted = {str(n) for n in range(1, 6001)}
    _until(lambda: wanted == _ids_of(gate, partner))


def test_what_the_broker_will_not_take_fails_alone(url: str, partner: str, gate: Gate) -> None:
    huge = Send(99, partner, "amqp", "structured", None, b"x" * (3 * 1024 * 1024))
    sends = _sends(partner, 5)
    tally = _play(url, [*sends, huge, *sends], replies=False)
    assert tally.failures == 1
    assert "line 99" in tally.errors[0]
    assert tally.accepted == {partner: 10}

"""What a partner, or whoever has its password, tries at the broker; each is refused or counted.

Nothing a partner does may reach a queue that a service or dramatiq reads, nor `ingress` under the
name of another partner.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import AMQPConnectionError, ChannelClosedByBroker, ConnectionClosedByBroker
from sqlalchemy import Engine, Row, text

from services.intake.config import read_settings as read_intake_settings
from services.intake.worker import create_worker
from services.partners import tasks
from services.partners.tasks import Credentials
from shared.db.session import make_engine
from shared.messaging import partner_access, topology
from shared.messaging.worker import Worker
from tests.integration.partners.desk import Desk, open_desk

FORBIDDEN = 403
PRECONDITION_FAILED = 406
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def desk(settings: dict[str, str]) -> Iterator[Desk]:
    with open_desk(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def acme(desk: Desk) -> Credentials:
    return desk.add("acme")


@pytest.fixture(scope="module")
def rival(desk: Desk) -> Credentials:
    return desk.add("rival")


@pytest.fixture
def channel(desk: Desk, acme: Credentials) -> Iterator[BlockingChannel]:
    """acme's channel, with confirms."""
    connection = desk.connect(acme)
    channel = connection.channel()
    channel.confirm_delivery()
    yield channel
    if connection.is_open:
        connection.close()
    desk.ingress()


def refused(code: int, act: Callable[[], object]) -> None:
    with pytest.raises(ChannelClosedByBroker) as caught:
        act()
    assert caught.value.reply_code == code


def waiting(desk: Desk) -> int:
    """Messages in all queues that our own processes read, asked from the broker one by one."""
    url = desk.settings["LINLI_BROKER_URL"]
    with BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        names = [each["name"] for each in desk.management.queues(desk.broker_settings.vhost)]
        assert len(names) == 16
        return sum(channel.queue_declare(name, passive=True).method.message_count for name in names)


def publish(channel: BlockingChannel, slug: str, body: bytes = b"{}", **properties: object) -> None:
    channel.basic_publish(
        f"in.{slug}", "any.key", body, pika.BasicProperties(**properties), mandatory=True
    )


def test_its_own_events_arrive_under_its_own_name(
    desk: Desk, acme: Credentials, channel: BlockingChannel
) -> None:
    publish(channel, acme.slug, user_id=acme.slug)
    publish(channel, acme.slug)
    assert [each[0] for each in desk.ingress()] == [f"in.{acme.slug}"] * 2


def test_a_forged_user_id_is_refused(
    acme: Credentials, rival: Credentials, channel: BlockingChannel
) -> None:
    refused(PRECONDITION_FAILED, lambda: publish(channel, acme.slug, user_id=rival.slug))


def test_anothers_exchange_is_refused(rival: Credentials, channel: BlockingChannel) -> None:
    refused(FORBIDDEN, lambda: publish(channel, rival.slug))


@pytest.mark.parametrize("near", ["", "x", "-2", ".x"])
def test_rights_end_where_the_name_ends(
    desk: Desk, acme: Credentials, channel: BlockingChannel, near: str
) -> None:
    """A slug that begins like mine is not mine; nor is one with any character for a dot."""
    name = f"in.{acme.slug}{near}" if near else f"in-{acme.slug}"
    desk.management.put_exchange(desk.vhost, name, "fanout")
    refused(FORBIDDEN, lambda: channel.basic_publish(name, "", b"{}"))
    desk.management.delete_exchange(desk.vhost, name)


@pytest.mark.parametrize("key", ["ingress", "intake.tasks", "points.events", "out.{rival}"])
def test_the_default_exchange_is_refused(
    rival: Credentials, channel: BlockingChannel, key: str
) -> None:
    key = key.format(rival=rival.slug)
    refused(FORBIDDEN, lambda: channel.basic_publish("", key, b"{}"))


@pytest.mark.parametrize("exchange", ["amq.topic", "amq.fanout", topology.UNROUTED])
def test_other_exchanges_are_refused(channel: BlockingChannel, exchange: str) -> None:
    refused(FORBIDDEN, lambda: channel.basic_publish(exchange, "", b"{}"))


DECLARATIONS: dict[str, Callable[[BlockingChannel, str, str], object]] = {
    "queue": lambda c, me, other: c.queue_declare("mine"),
    "queue of the broker's naming": lambda c, me, other: c.queue_declare("", exclusive=True),
    "exchange": lambda c, me, other: c.exchange_declare("mine"),
    "own exchange away": lambda c, me, other: c.exchange_delete(f"in.{me}"),
    "own replies away": lambda c, me, other: c.queue_delete(f"out.{me}"),
    "ingress away": lambda c, me, other: c.queue_delete("ingress"),
    "ingress emptied": lambda c, me, other: c.queue_purge("ingress"),
    "bind own replies to another": lambda c, me, other: c.queue_bind(f"out.{me}", f"in.{other}"),
    "bind ingress": lambda c, me, other: c.queue_bind("ingress", f"in.{me}"),
    "unbind ingress": lambda c, me, other: c.queue_unbind("ingress", f"in.{me}"),
    "bind another's exchange to mine": lambda c, me, other: c.exchange_bind(
        f"in.{me}", f"in.{other}"
    ),
    "bind mine to another's exchange": lambda c, me, other: c.exchange_bind(
        f"in.{other}", f"in.{me}"
    ),
    "read ingress": lambda c, me, other: c.basic_get("ingress"),
    "consume ingress": lambda c, me, other: c.basic_consume("ingress", print),
    "read another's replies": lambda c, me, other: c.basic_get(f"out.{other}"),
    "consume another's replies": lambda c, me, other: c.basic_consume(f"out.{other}", print),
}


@pytest.mark.parametrize("act", DECLARATIONS)
def test_declaring_binding_and_reading_others_is_refused(
    act: str, acme: Credentials, rival: Credentials, channel: BlockingChannel
) -> None:
    refused(FORBIDDEN, lambda: DECLARATIONS[act](channel, acme.slug, rival.slug))


def test_its_own_replies_can_be_read(acme: Credentials, channel: BlockingChannel) -> None:
    assert channel.basic_get(f"out.{acme.slug}")[0] is None


@pytest.mark.parametrize("header", ["CC", "BCC"])
def test_copies_to_other_queues_never_leave_its_exchange(
    desk: Desk, acme: Credentials, rival: Credentials, channel: BlockingChannel, header: str
) -> None:
    others = ["ingress", f"out.{rival.slug}", f"in.{rival.slug}", "points.events", "intake.tasks"]
    publish(channel, acme.slug, headers={header: others})
    found = desk.ingress()
    assert [each[0] for each in found] == [f"in.{acme.slug}"]
    if header == "CC":  # the broker takes BCC away itself
        assert found[0][1][header] == others, "the gate sees the header and refuses the message"
    with desk.connect(rival) as connection:
        assert connection.channel().basic_get(f"out.{rival.slug}")[0] is None


def test_headers_that_are_no_list_do_no_harm(
    desk: Desk, acme: Credentials, channel: BlockingChannel
) -> None:
    refused(
        PRECONDITION_FAILED, lambda: publish(channel, acme.slug, headers={"CC": "points.events"})
    )
    assert desk.ingress() == []


DRAMATIQ = {
    "queue_name": "intake.tasks",
    "actor_name": "reconcile",
    "args": [],
    "kwargs": {},
    "message_id": "1",
    "message_timestamp": 1,
}
BODIES: dict[str, object] = {
    "wrong queue": {**DRAMATIQ, "queue_name": "nowhere", "options": {}},
    "throws": {**DRAMATIQ, "options": {"throws": "x"}},
    "null options": {**DRAMATIQ, "options": None},
    "actor is a list": {**DRAMATIQ, "actor_name": ["x"], "options": {}},
    "pipe": {**DRAMATIQ, "options": {"pipe_target": {**DRAMATIQ, "options": {}}}},
    "on success": {**DRAMATIQ, "options": {"on_success": "reconcile_all"}},
    "extra key": {**DRAMATIQ, "options": {}, "extra": 1},
    "an inner event": {"specversion": "1.0", "type": "linli.partner.activated.v1", "data": {}},
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_made_for_our_workers_end_in_ingress_only(
    desk: Desk, acme: Credentials, channel: BlockingChannel, name: str
) -> None:
    body = json.dumps(BODIES[name]).encode()
    publish(channel, acme.slug, body, content_type="application/json")
    assert [(exchange, got) for exchange, _, got in desk.ingress()] == [(f"in.{acme.slug}", body)]
    assert waiting(desk) == 0


def test_a_publish_that_nothing_routes_still_arrives(desk: Desk) -> None:
    """The broker would confirm it and throw it away."""
    lone = desk.add("lone")
    [binding] = [
        each for each in desk.management.bindings(desk.vhost) if each["source"] == f"in.{lone.slug}"
    ]
    desk.management.unbind(
        desk.vhost, f"in.{lone.slug}", topology.INGRESS, binding["properties_key"]
    )
    with desk.connect(lone) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish(f"in.{lone.slug}", "no.such.key", b"{}")
    assert [each[0] for each in desk.ingress()] == [f"in.{lone.slug}"]
    assert any(lone.slug in str(each) for each in topology.check(desk.broker_settings))
    tasks.reconcile_all(desk.sessions, desk.broker)
    assert topology.check(desk.broker_settings) == []


def test_a_message_above_the_brokers_limit_is_refused(
    acme: Credentials, channel: BlockingChannel
) -> None:
    refused(PRECONDITION_FAILED, lambda: publish(channel, acme.slug, b"x" * (MIB + 1)))


def test_the_connection_above_the_limit_is_refused(desk: Desk) -> None:
    many = desk.add("many")
    most = partner_access.LIMITS["max-connections"]
    open_ones = [desk.connect(many) for _ in range(most)]
    with pytest.raises(AMQPConnectionError):
        desk.connect(many)
    for connection in open_ones:
        connection.close()


def test_the_channel_above_the_limit_is_refused(desk: Desk) -> None:
    many = desk.add("channels")
    connection = desk.connect(many)
    for _ in range(partner_access.LIMITS["max-channels"]):
        connection.channel()
    with pytest.raises(ConnectionClosedByBroker):
        connection.channel()


def test_no_other_virtual_host_opens(desk: Desk, acme: Credentials) -> None:
    for vhost in (desk.broker_settings.vhost, "/", "nowhere"):
        with pytest.raises(AMQPConnectionError):
            desk.connect(acme, vhost)


def test_a_wrong_password_and_an_unknown_partner_are_refused(desk: Desk, acme: Credentials) -> None:
    for who in (Credentials(acme.slug, "wrong", ""), Credentials("nobody-at-all", "x", "")):
        with pytest.raises(AMQPConnectionError):
            desk.connect(who)


def test_the_management_api_does_not_know_partners(desk: Desk, acme: Credentials) -> None:
    host = desk.worker_settings.management_url.rpartition("@")[2]
    theirs = topology.Management(f"http://{acme.slug}:{acme.amqp_password}@{host}")
    with pytest.raises(Exception, match="broker_forbids"):
        theirs.version()


@pytest.mark.parametrize("verb", ["suspend", "revoke"])
def test_a_live_connection_is_cut_and_cannot_come_back(desk: Desk, verb: str) -> None:
    """Also one that publishes all the time: its channel remembers the rights it had."""
    gone = desk.add("gone")
    busy = Busy(desk, gone)
    busy.start()
    assert busy.published.wait(30)
    if verb == "suspend":
        tasks.suspend(desk.sessions, desk.broker, gone.slug, reason="test", by="test")
    else:
        tasks.revoke(desk.sessions, desk.broker, gone.slug, by="test")
    busy.join(30)
    assert not busy.is_alive()
    assert desk.management.connections_of(gone.slug) == []
    with pytest.raises(AMQPConnectionError):
        desk.connect(gone)
    desk.ingress()


def test_an_activated_partner_comes_back_with_its_password(desk: Desk) -> None:
    back = desk.add("back")
    tasks.suspend(desk.sessions, desk.broker, back.slug, reason="test", by="test")
    tasks.activate(desk.sessions, desk.broker, back.slug, by="test")
    with desk.connect(back) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        publish(channel, back.slug)
    assert [each[0] for each in desk.ingress()] == [f"in.{back.slug}"]


def test_rights_that_were_widened_by_hand_are_found_and_taken_back(desk: Desk) -> None:
    wide = desk.add("wide")
    desk.management.put_permission(desk.vhost, wide.slug, topology.EVERYTHING)
    desk.management.put_permission(desk.broker_settings.vhost, wide.slug, topology.EVERYTHING)
    named = {each.name for each in topology.check(desk.broker_settings)}
    assert wide.slug in named
    tasks.reconcile_all(desk.sessions, desk.broker)
    assert topology.check(desk.broker_settings) == []


class Busy(threading.Thread):
    """Publishes without pause until the broker ends it."""

    def __init__(self, desk: Desk, who: Credentials) -> None:
        super().__init__(daemon=True)
        self._connection = desk.connect(who)
        self._slug = who.slug
        self.published = threading.Event()

    def run(self) -> None:
        channel = self._connection.channel()
        channel.confirm_delivery()
        try:
            while True:
                publish(channel, self._slug)
                self.published.set()
        except (AMQPConnectionError, ChannelClosedByBroker):
            pass


def test_the_gate_answers_every_such_message_and_passes_none_on(desk: Desk) -> None:
    """Behind the broker's refusals stands the gate: a verdict for each, an event for none."""
    bad = desk.add("gated")
    parts = create_worker(read_intake_settings(desk.settings))
    worker = Worker(parts)
    engine = make_engine(desk.settings["INTAKE_DATABASE_URL"], application="test")
    with desk.connect(bad) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        publish(channel, bad.slug, b"{}", headers={"CC": ["points.events"]})
        for body in BODIES.values():
            publish(channel, bad.slug, json.dumps(body).encode(), content_type="application/json")
        worker.start()
        try:
            verdicts = _verdicts(engine, count=len(BODIES) + 1)
        finally:
            worker.stop()
            parts.sessions.kw["bind"].dispose()
            engine.dispose()
        replies = channel.queue_declare(f"out.{bad.slug}", passive=True).method.message_count
    assert {(each.partner, each.verdict, each.reason) for each in verdicts} == {
        (bad.slug, "rejected", "malformed")
    }
    assert len(verdicts) == replies == len(BODIES) + 1


def _verdicts(engine: Engine, *, count: int) -> list[Row[Any]]:
    """All verdicts, when there are `count` and they have been replied."""
    until_s = time.monotonic() + 60
    while True:
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT partner, verdict, reason FROM verdicts")).all()
            unsent = connection.execute(
                text("SELECT count(*) FROM outbox WHERE kind = 'reply'")
            ).scalar_one()
        if (len(rows) >= count and unsent == 0) or time.monotonic() > until_s:
            return list(rows)
        time.sleep(0.1)

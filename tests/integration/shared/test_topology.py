"""The declared topology and a live broker: applied twice, compared, broken by hand, put right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import NackError

from shared.messaging import partner_access, topology
from shared.messaging.management import BrokerRefused, Management, Rights
from shared.messaging.relay import EVENTS_EXCHANGE
from shared.messaging.routes import SERVICES
from shared.messaging.tasks import make_broker, queue_of, register
from shared.messaging.topology import BrokerSettings

HASH = "xL6QDrSq1RNk2uhnX/UPi2OMMQQ5TWkZ5OYaaY07iRJBI5l8"
NOBODY = Rights(configure="^$", write="^$", read="^$")
RESTARTS = 25  # more than the 20 after which RabbitMQ 4 would take a message by default


@pytest.fixture(scope="module")
def broker(vhosts: dict[str, str], service_stack: dict[str, str]) -> BrokerSettings:
    return topology.read_settings({**service_stack, **vhosts})


@pytest.fixture
def applied(broker: BrokerSettings) -> BrokerSettings:
    topology.apply(broker)
    return broker


@pytest.fixture
def management(broker: BrokerSettings) -> Management:
    return Management(broker.management_url)


@pytest.fixture
def channel(applied: BrokerSettings, vhosts: dict[str, str]) -> Iterator[BlockingChannel]:
    """Of our own user, in the partners' virtual host."""
    parameters = pika.URLParameters(vhosts["LINLI_PARTNER_BROKER_URL"])
    with BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel


@pytest.fixture
def partner(applied: BrokerSettings, management: Management) -> Iterator[str]:
    slug = f"p-{applied.partner_vhost[-8:]}".replace("_", "-")
    partner_access.grant(management, applied.partner_vhost, slug, HASH)
    yield slug
    partner_access.remove(management, applied.partner_vhost, slug)


def test_applying_twice_changes_nothing_and_leaves_no_difference(applied: BrokerSettings) -> None:
    topology.apply(applied)
    assert topology.check(applied) == []


def test_dramatiq_declares_its_queues_without_a_word(
    applied: BrokerSettings, vhosts: dict[str, str]
) -> None:
    """Any other argument would be a 406, and dramatiq would try again for ever."""
    for service in SERVICES:
        tasks = make_broker(vhosts["LINLI_BROKER_URL"])
        register(tasks, service, "nothing", lambda: None)
        tasks.declare_queue(queue_of(service), ensure=True)
        tasks.close()
    assert topology.check(applied) == []


def test_nothing_declared_is_told_as_missing(
    broker: BrokerSettings, management: Management
) -> None:
    topology.apply(broker)
    for vhost in (broker.vhost, broker.partner_vhost):
        management.delete_vhost(vhost)
    assert [each.kind for each in topology.check(broker)] == ["vhost", "vhost"]
    topology.apply(broker)
    assert topology.check(broker) == []


def no_binding(m: Management, s: BrokerSettings) -> None:
    [key] = [
        each["properties_key"]
        for each in m.bindings(s.vhost)
        if each["source"]
        and each["destination"] == "partners.events"
        and each["routing_key"] == "linli.partner.credited.v1"
    ]
    m.unbind(s.vhost, EVENTS_EXCHANGE, "partners.events", key)


def policy(definition: dict[str, object]) -> dict[str, object]:
    return {"pattern": "^ingress$", "apply-to": "queues", "definition": definition, "priority": 10}


def no_limits(m: Management, s: BrokerSettings) -> None:
    m.put_policy(s.partner_vhost, "ingress", policy({"max-length-bytes": 10**12}))


BREAKS: dict[str, tuple[str, Callable[[Management, BrokerSettings], None]]] = {
    "binding linli.events --linli.partner.credited.v1--> partners.events": (
        "is missing",
        no_binding,
    ),
    "binding linli.events --linli.points.credited.v1--> points.events": (
        "nobody declared it",
        lambda m, s: m.bind(s.vhost, EVENTS_EXCHANGE, "points.events", "linli.points.credited.v1"),
    ),
    "queue notify.tasks": ("is missing", lambda m, s: m.delete_queue(s.vhost, "notify.tasks")),
    "exchange unrouted": (
        "is missing",
        lambda m, s: m.delete_exchange(s.partner_vhost, "unrouted"),
    ),
    "policy reply-queues": (
        "is missing",
        lambda m, s: m.delete_policy(s.partner_vhost, "reply-queues"),
    ),
    "policy ingress": ("definition should be", no_limits),
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_break_is_named_and_applying_mends_it(
    name: str, applied: BrokerSettings, management: Management
) -> None:
    words, break_it = BREAKS[name]
    break_it(management, applied)
    told = [each.en for each in topology.check(applied)]
    assert any(each.startswith(f"{name} of ") and words in each for each in told), told
    assert all(" / " in str(each) for each in topology.check(applied))
    topology.apply(applied)
    assert topology.check(applied) == []


def test_a_foreign_policy_is_told(applied: BrokerSettings, management: Management) -> None:
    """It could win over ours by its priority, and drop what a full queue should refuse."""
    management.put_policy(applied.partner_vhost, "theirs", policy({"overflow": "drop-head"}))
    assert [(d.kind, d.name) for d in topology.check(applied)] == [("policy", "theirs")]
    management.delete_policy(applied.partner_vhost, "theirs")


def test_a_queue_of_the_wrong_type_is_told_and_not_touched(
    applied: BrokerSettings, management: Management
) -> None:
    management.delete_queue(applied.vhost, "points.events")
    management.put_queue(applied.vhost, "points.events", {"x-queue-type": "classic"})
    told = [each.en for each in topology.check(applied)]
    assert any("points.events" in each and "type should be quorum" in each for each in told)
    with pytest.raises(BrokerRefused, match=r"drain it, delete it, apply again"):
        topology.apply(applied)
    management.delete_queue(applied.vhost, "points.events")


def test_a_user_without_business_among_partners_is_told(
    applied: BrokerSettings, management: Management
) -> None:
    for vhost in (applied.vhost, applied.partner_vhost):
        name = f"stranger-{vhost[-8:]}"
        management.put_user(name, password="x")
        management.put_permission(vhost, name, NOBODY)
        assert [(d.kind, d.name) for d in topology.check(applied)] == [("user", name)]
        management.delete_user(name)


WIDER: dict[str, Callable[[Management, BrokerSettings, str], None]] = {
    "writes anywhere": lambda m, s, slug: m.put_permission(
        s.partner_vhost, slug, Rights(configure="^$", write=".*", read=rf"^out\.{slug}$")
    ),
    "dots not escaped": lambda m, s, slug: m.put_permission(
        s.partner_vhost, slug, Rights(configure="^$", write=f"^in.{slug}$", read=rf"^out\.{slug}$")
    ),
    "rights elsewhere": lambda m, s, slug: m.put_permission(s.vhost, slug, NOBODY),
    "more connections": lambda m, s, slug: m.put_user_limit(slug, "max-connections", 1000),
    "a tag with power": lambda m, s, slug: m.put_user(
        slug, password_hash=HASH, tags=("partner", "monitoring")
    ),
    "a second way out": lambda m, s, slug: m.bind(s.partner_vhost, f"in.{slug}", f"out.{slug}", ""),
    "no exchange": lambda m, s, slug: m.delete_exchange(s.partner_vhost, f"in.{slug}"),
    "no replies": lambda m, s, slug: m.delete_queue(s.partner_vhost, f"out.{slug}"),
}


@pytest.mark.parametrize("how", WIDER)
def test_a_partner_with_other_rights_is_told(
    how: str, applied: BrokerSettings, management: Management, partner: str
) -> None:
    assert topology.check(applied) == []
    WIDER[how](management, applied, partner)
    assert ("partner", partner) in {(d.kind, d.name) for d in topology.check(applied)}


def test_a_message_outlives_any_number_of_restarts_of_its_consumer(
    applied: BrokerSettings, vhosts: dict[str, str], channel: BlockingChannel
) -> None:
    channel.basic_publish("", topology.INGRESS, b"good")
    parameters = pika.URLParameters(vhosts["LINLI_PARTNER_BROKER_URL"])
    for _ in range(RESTARTS):
        with BlockingConnection(parameters) as connection:
            held = connection.channel()
            got = next(held.consume(topology.INGRESS, inactivity_timeout=30))
            assert got[2] == b"good"
    deadline = time.monotonic() + 60
    body = None
    while body is None and time.monotonic() < deadline:  # it comes back a moment after the close
        body = channel.basic_get(topology.INGRESS, auto_ack=True)[2]
    assert body == b"good"


def test_a_full_ingress_refuses_and_drops_nothing(
    applied: BrokerSettings, management: Management, channel: BlockingChannel
) -> None:
    small = {"max-length-bytes": 1000, "overflow": "reject-publish"}
    management.put_policy(applied.partner_vhost, "ingress", policy(small))
    accepted = 0
    with pytest.raises(NackError):
        for _ in range(200):
            channel.basic_publish("", topology.INGRESS, b"x" * 100)
            accepted += 1
    management.put_policy(
        applied.partner_vhost,
        "ingress",
        topology.partner_topology(management.version()).policies[0].body(),
    )
    waiting = channel.queue_declare(topology.INGRESS, passive=True).method.message_count
    assert waiting >= accepted >= 10
    channel.queue_purge(topology.INGRESS)
    assert topology.check(applied) == []


def test_a_reply_queue_nobody_reads_keeps_the_newest(
    applied: BrokerSettings, management: Management, channel: BlockingChannel, partner: str
) -> None:
    short = {"pattern": r"^out\.", "apply-to": "queues", "priority": 10}
    definition = {"max-length": 3, "overflow": "drop-head"}
    management.put_policy(
        applied.partner_vhost, "reply-queues", {**short, "definition": definition}
    )
    for number in range(10):
        channel.basic_publish("", f"out.{partner}", str(number).encode())
    kept = [channel.basic_get(f"out.{partner}", auto_ack=True)[2] for _ in range(4)]
    assert kept == [b"7", b"8", b"9", None]
    topology.apply(applied)

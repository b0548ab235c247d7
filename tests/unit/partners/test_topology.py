"""The topology as data, without a broker."""

from __future__ import annotations

import re

import pytest

from shared.messaging import partner_access, topology
from shared.messaging.management import Management
from shared.messaging.routes import ROUTES, SERVICES

OLD, NEW = (3, 10), (4, 0)


def test_every_route_is_bound_and_nothing_else_is() -> None:
    bound = {(b.queue, b.routing_key) for b in topology.internal_topology(OLD).bindings}
    assert bound == {
        (f"{service}.events", event_type)
        for event_type, hearers in ROUTES.items()
        for service in hearers
    }


@pytest.mark.parametrize("build", [topology.internal_topology, topology.partner_topology])
def test_quorum_queues_have_no_delivery_limit_on_any_version(build: object) -> None:
    """Version 4 has one by default; before it there is none, and -1 is refused."""
    assert callable(build)
    for policy in build(OLD).policies:
        assert "delivery-limit" not in policy.definition
    limits = {
        policy.name: policy.definition.get("delivery-limit") for policy in build(NEW).policies
    }
    unlimited = {"events", "tasks", "dead-tasks", "ingress"}
    assert {name for name, limit in limits.items() if limit == -1} == unlimited & set(limits)


@pytest.mark.parametrize("build", [topology.internal_topology, topology.partner_topology])
def test_every_queue_is_bounded_by_exactly_one_policy(build: object) -> None:
    assert callable(build)
    declared = build(NEW)
    policies = [policy for policy in declared.policies if policy.apply_to == "queues"]
    for queue in declared.queues:
        [policy] = [each for each in policies if re.search(each.pattern, queue.name)]
        assert {"max-length", "max-length-bytes"} & set(policy.definition), queue.name


def test_queues_of_events_refuse_when_full_and_never_drop() -> None:
    for build in (topology.internal_topology, topology.partner_topology):
        for policy in build(NEW).policies:
            if policy.name in {"events", "tasks", "ingress"}:
                assert policy.definition["overflow"] == "reject-publish"


def test_each_service_has_its_four_queues() -> None:
    names = {queue.name for queue in topology.internal_topology(OLD).queues}
    assert names == {
        f"{service}.{end}"
        for service in SERVICES
        for end in ("events", "tasks", "tasks.DQ", "tasks.XQ")
    }


def test_settings_come_from_the_addresses() -> None:
    settings = topology.read_settings(
        {
            "LINLI_BROKER_URL": "amqp://work%40er:p%2Fw@broker:5672/linli%2Ftwo",
            "LINLI_PARTNER_BROKER_URL": "amqp://intake:pw@broker/partners",
            "LINLI_RABBITMQ_MANAGEMENT_URL": "http://admin:secret@broker:15672",
        }
    )
    assert (settings.vhost, settings.partner_vhost) == ("linli/two", "partners")
    assert settings.own_users == {"work@er", "intake", "admin"}
    assert "secret" not in repr(settings)


@pytest.mark.parametrize("url", ["amqp://host", "amqp://host/", "amqp://host/%2F"])
def test_an_address_without_a_name_means_the_default_virtual_host(url: str) -> None:
    assert topology.vhost_of(url) == "/"


def test_a_partners_rights_are_patterns_of_its_own_names_only() -> None:
    rights = partner_access.rights_of("a-b")
    assert rights.configure == "^$"
    for pattern, start in ((rights.write, "in"), (rights.read, "out")):
        assert re.search(pattern, f"{start}.a-b")
        for other in (f"{start}-a-b", f"{start}.a-b.x", f"x{start}.a-b", "amq.default", "ingress"):
            assert not re.search(pattern, other)


@pytest.mark.parametrize("url", ["", "broker:15672", "http://"])
def test_a_management_address_without_a_host_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="管理地址"):
        Management(url)

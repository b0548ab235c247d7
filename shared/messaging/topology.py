"""The broker's exchanges, queues, bindings and policies as data; declared here, nowhere else.

Two virtual hosts. `linli`: one topic exchange, a quorum queue of events for each service, and
dramatiq's queues. `partners`: the quorum queue `ingress` and, for each partner system, what
`partner_access` makes. Arguments of a queue are frozen when it is made, so only its type (and
what dramatiq itself insists on) is an argument; every limit is a policy and can be changed.

No delivery limit, on purpose. A quorum queue counts a delivery again whenever a consumer's
connection ends with it in hand, and RabbitMQ 4 drops or dead-letters at the 20th by default. Our
subscribers hold a batch through an outage and never nack; a poison event is found by bisecting
and becomes a row. So a limit could only ever take good events, after enough restarts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from dramatiq.brokers.rabbitmq import DEAD_MESSAGE_TTL
from dramatiq.common import dq_name, xq_name

from shared import config
from shared.errors import Unavailable
from shared.messaging import partner_access
from shared.messaging.broker_state import BrokerState, Difference, read_state
from shared.messaging.declared import (
    Binding,
    Exchange,
    Policy,
    Queue,
    Topology,
    compare,
    difference,
)
from shared.messaging.management import EVERYTHING, Arguments, BrokerRefused, Management, Rights
from shared.messaging.partner_access import INGRESS
from shared.messaging.relay import EVENTS_EXCHANGE
from shared.messaging.routes import SERVICES, heard_by
from shared.messaging.tasks import queue_of

logger = logging.getLogger(__name__)

UNROUTED = "unrouted"
MIB = 1024 * 1024
EVENTS_BYTES_MAX = 1024 * MIB
TASKS_BYTES_MAX = 64 * MIB
DEAD_TASKS_MAX = 10_000
INGRESS_BYTES_MAX = 256 * MIB
REPLIES_MAX = 10_000
REPLIES_BYTES_MAX = 16 * MIB
READY_WITHIN_S = 20.0

# Intake reads what partners sent and answers on their reply queues; nothing else.
GATE_RIGHTS = Rights(configure="^$", write=r"^(amq\.default|out\..*)$", read=f"^{INGRESS}$")

_QUORUM: Arguments = {"x-queue-type": "quorum"}
_UNLIMITED_DELIVERIES_SINCE = (4, 0)  # before it there is no default limit, and -1 is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Where the broker is and which of its users are Linli's own."""

    management_url: str = field(repr=False)
    vhost: str
    partner_vhost: str
    worker_user: str
    gate_user: str

    @property
    def own_users(self) -> frozenset[str]:
        """Users that may have rights among the partners without being one."""
        return frozenset(
            {self.worker_user, self.gate_user, Management(self.management_url).username}
        )


def read_settings(env: Mapping[str, str] | None = None) -> BrokerSettings:
    """From LINLI_BROKER_URL, LINLI_PARTNER_BROKER_URL and LINLI_RABBITMQ_MANAGEMENT_URL."""
    worker_user, vhost = _user_and_vhost(config.read("LINLI_BROKER_URL", env=env))
    gate_user, partner_vhost = _user_and_vhost(config.read("LINLI_PARTNER_BROKER_URL", env=env))
    return BrokerSettings(
        management_url=config.read("LINLI_RABBITMQ_MANAGEMENT_URL", env=env),
        vhost=vhost,
        partner_vhost=partner_vhost,
        worker_user=worker_user,
        gate_user=gate_user,
    )


def vhost_of(url: str) -> str:
    """The virtual host that an amqp:// address names."""
    return _user_and_vhost(url)[1]


def _user_and_vhost(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return unquote(parts.username or "guest"), unquote(parts.path[1:]) or "/"


def internal_topology(version: tuple[int, int]) -> Topology:
    """The virtual host of the four services."""
    names = "|".join(SERVICES)
    return Topology(
        exchanges=(Exchange(name=EVENTS_EXCHANGE, kind="topic"),),
        queues=(
            *(Queue(name=f"{service}.events", arguments=_QUORUM) for service in SERVICES),
            *(queue for service in SERVICES for queue in task_queues(queue_of(service))),
        ),
        bindings=tuple(
            Binding(source=EVENTS_EXCHANGE, queue=f"{service}.events", routing_key=event_type)
            for service in SERVICES
            for event_type in heard_by(service)
        ),
        policies=(
            # A full queue refuses: the relay keeps its rows and tries again. Nothing is dropped.
            _policy("events", rf"^({names})\.events$", version, EVENTS_BYTES_MAX),
            _policy("tasks", rf"^({names})\.tasks(\.DQ)?$", version, TASKS_BYTES_MAX),
            Policy(
                name="dead-tasks",
                pattern=rf"^({names})\.tasks\.XQ$",
                apply_to="queues",
                definition={"max-length": DEAD_TASKS_MAX, **_unlimited(version)},
            ),
        ),
    )


def task_queues(name: str) -> tuple[Queue, ...]:
    """The three queues of one dramatiq queue, exactly as dramatiq declares them itself."""
    arguments = {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": xq_name(name),
        **_QUORUM,
    }
    return (
        Queue(name=name, arguments=arguments),
        Queue(name=dq_name(name), arguments=arguments),
        Queue(name=xq_name(name), arguments={"x-message-ttl": DEAD_MESSAGE_TTL, **_QUORUM}),
    )


def partner_topology(version: tuple[int, int]) -> Topology:
    """The partners' virtual host without any partner."""
    return Topology(
        # A partner's exchange is bound to `ingress`. Should that binding ever be missing, the
        # broker would confirm a publish and throw it away; the alternate exchange takes it to
        # `ingress` nevertheless, still under the name of the exchange it came through.
        exchanges=(Exchange(name=UNROUTED, kind="fanout"),),
        queues=(Queue(name=INGRESS, arguments=_QUORUM),),
        bindings=(Binding(source=UNROUTED, queue=INGRESS, routing_key=""),),
        policies=(
            _policy("ingress", f"^{INGRESS}$", version, INGRESS_BYTES_MAX),
            Policy(
                name="partner-exchanges",
                pattern=r"^in\.",
                apply_to="exchanges",
                definition={"alternate-exchange": UNROUTED},
            ),
            # Verdicts are rows as well: a partner that does not read loses only the oldest copies.
            Policy(
                name="reply-queues",
                pattern=r"^out\.",
                apply_to="queues",
                definition={
                    "max-length": REPLIES_MAX,
                    "max-length-bytes": REPLIES_BYTES_MAX,
                    "overflow": "drop-head",
                },
            ),
        ),
    )


def _policy(name: str, pattern: str, version: tuple[int, int], bytes_max: int) -> Policy:
    definition = {
        "max-length-bytes": bytes_max,
        "overflow": "reject-publish",
        **_unlimited(version),
    }
    return Policy(name=name, pattern=pattern, apply_to="queues", definition=definition)


def _unlimited(version: tuple[int, int]) -> dict[str, object]:
    return {"delivery-limit": -1} if version >= _UNLIMITED_DELIVERIES_SINCE else {}


def apply(settings: BrokerSettings) -> None:
    """Make the broker agree; safe to run again, and while everything runs.

    Raises BrokerRefused when a queue exists with another type or other arguments: drain it,
    delete it and run this again. Raises Unavailable when the broker does not come up in time.
    """
    management = Management(settings.management_url)
    version = management.version()
    _apply_vhosts(management, settings)
    _apply_one(management, settings.vhost, internal_topology(version))
    _apply_one(management, settings.partner_vhost, partner_topology(version))
    _drop_stale_bindings(management, settings.vhost, internal_topology(version))


def _apply_vhosts(management: Management, settings: BrokerSettings) -> None:
    existing = management.vhosts()
    for vhost, user, rights in (
        (settings.vhost, settings.worker_user, EVERYTHING),
        (settings.partner_vhost, settings.gate_user, GATE_RIGHTS),
    ):
        if vhost not in existing:
            management.put_vhost(vhost)
        if user not in management.permissions(vhost):
            management.put_permission(vhost, user, rights)


def _apply_one(management: Management, vhost: str, topology: Topology) -> None:
    # Policies come first, so that no queue is ever without its limits.
    for policy in topology.policies:
        management.put_policy(vhost, policy.name, policy.body())
    for exchange in topology.exchanges:
        management.put_exchange(vhost, exchange.name, exchange.kind)
    for queue in topology.queues:
        _declare(management, vhost, queue)
    for binding in topology.bindings:
        management.bind(vhost, binding.source, binding.queue, binding.routing_key)


def _declare(management: Management, vhost: str, queue: Queue) -> None:
    # A node that has just started answers before its quorum queues can elect a leader.
    until_s = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            management.put_queue(vhost, queue.name, queue.arguments)
        except Unavailable:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.3)
        except BrokerRefused as problem:
            raise BrokerRefused(
                f"queue {queue.name} (vhost {vhost})",
                f"{problem.en}。若队列已存在但类型或参数不同，请排空并删除后重试"
                " / if it exists with another type or arguments, drain it, delete it, apply again",
            ) from problem
        else:
            return


def _drop_stale_bindings(management: Management, vhost: str, topology: Topology) -> None:
    wanted = {(each.queue, each.routing_key) for each in topology.bindings}
    for each in management.bindings(vhost):
        at = (each["destination"], each["routing_key"])
        is_event = each["source"] == EVENTS_EXCHANGE and each["destination_type"] == "queue"
        if is_event and at[0] in {queue.name for queue in topology.queues} and at not in wanted:
            logger.info("stale binding removed", extra={"queue": at[0], "event_type": at[1]})
            management.unbind(vhost, EVENTS_EXCHANGE, at[0], each["properties_key"])


def check(settings: BrokerSettings) -> list[Difference]:
    """Every difference between what is declared and the live broker; empty when they agree."""
    management = Management(settings.management_url)
    version = management.version()
    existing = management.vhosts()
    found: list[Difference] = []
    for vhost, topology in (
        (settings.vhost, internal_topology(version)),
        (settings.partner_vhost, partner_topology(version)),
    ):
        if vhost not in existing:
            found.append(
                Difference("vhost", vhost, f"缺少虚拟主机 {vhost}", f"vhost {vhost} is missing")
            )
            continue
        state = read_state(management, vhost)
        found += compare(topology, state)
        is_partners = vhost == settings.partner_vhost
        found += _check_partners(state, settings) if is_partners else _check_users(state, settings)
    return found


def _check_partners(state: BrokerState, settings: BrokerSettings) -> list[Difference]:
    partners = partner_access.partners_of(state)
    found = [each for slug in sorted(partners) for each in partner_access.check(state, slug)]
    return found + _check_users(state, settings, partners)


def _check_users(
    state: BrokerState, settings: BrokerSettings, allowed: set[str] | None = None
) -> list[Difference]:
    """Who has rights here without being one of Linli's own users or a partner in its place."""
    inside = {user for user, held in state.rights.items() if state.vhost in held}
    strangers = inside - settings.own_users - (allowed or set())
    return [
        difference(state, "user", user, "不应有权限", "must have no rights here")
        for user in sorted(strangers)
    ]

"""What a virtual host must hold, as data, and where a live one differs from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.messaging.broker_state import BrokerState, Difference, Route
from shared.messaging.management import Arguments

_WORDS = {
    "exchange": "交换机",
    "queue": "队列",
    "policy": "策略",
    "binding": "绑定",
    "user": "用户",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A durable exchange."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A durable queue."""

    name: str
    arguments: Arguments = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """classic or quorum."""
        return str(self.arguments.get("x-queue-type", "classic"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """From an exchange to a queue."""

    source: str
    queue: str
    routing_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Limits of all queues or exchanges whose name matches."""

    name: str
    pattern: str
    apply_to: str
    definition: Mapping[str, object]

    def body(self) -> dict[str, object]:
        """As the management API wants it."""
        return {
            "pattern": self.pattern,
            "apply-to": self.apply_to,
            "definition": dict(self.definition),
            "priority": 10,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """What one virtual host must hold."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]
    policies: tuple[Policy, ...]


def compare(topology: Topology, state: BrokerState) -> list[Difference]:
    """Exchanges, queues, bindings and policies of one virtual host."""
    found: list[Difference] = []
    for exchange in topology.exchanges:
        live = state.exchanges.get(exchange.name)
        found += _property(state, "exchange", exchange.name, live, "type", exchange.kind)
        found += _property(state, "exchange", exchange.name, live, "durable", True)
    for queue in topology.queues:
        live = state.queues.get(queue.name)
        found += _property(state, "queue", queue.name, live, "type", queue.kind)
        found += _property(state, "queue", queue.name, live, "durable", True)
        found += _property(state, "queue", queue.name, live, "arguments", dict(queue.arguments))
    for policy in topology.policies:
        for name, value in policy.body().items():
            live = state.policies.get(policy.name)
            found += _property(state, "policy", policy.name, live, name, value)
    for name in sorted(set(state.policies) - {policy.name for policy in topology.policies}):
        found.append(difference(state, "policy", name, "不应有此策略", "nobody declared it"))
    wanted = {(b.source, "queue", b.queue, b.routing_key) for b in topology.bindings}
    for route in sorted(wanted - state.routes):
        found.append(difference(state, "binding", _arrow(route), "缺失", "is missing"))
    for route in sorted(state.routes - wanted):
        if not _is_partners_own(route, state):
            found.append(
                difference(state, "binding", _arrow(route), "不应有此绑定", "nobody declared it")
            )
    return list(dict.fromkeys(found))


def _property(
    state: BrokerState,
    kind: str,
    name: str,
    live: Mapping[str, object] | None,
    key: str,
    wanted: object,
) -> list[Difference]:
    if live is None:
        return [difference(state, kind, name, "缺失", "is missing")]
    if live.get(key) == wanted:
        return []
    return [
        difference(
            state,
            kind,
            name,
            f"{key} 应为 {wanted}，实为 {live.get(key)}",
            f"{key} should be {wanted}, is {live.get(key)}",
        )
    ]


def _arrow(route: Route) -> str:
    source, _, destination, routing_key = route
    return f"{source} --{routing_key}--> {destination}"


def _is_partners_own(route: Route, state: BrokerState) -> bool:
    # A partner's exchange that leads elsewhere is told by the partner's own check.
    return route[0].startswith("in.") and route[0][3:] in state.users


def difference(state: BrokerState, kind: str, name: str, zh: str, en: str) -> Difference:
    """Something wrong in a virtual host, told in both languages."""
    return Difference(
        kind,
        name,
        f"{state.vhost} 的{_WORDS[kind]} {name}：{zh}",
        f"{kind} {name} of {state.vhost}: {en}",
    )

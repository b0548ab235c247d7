"""What the live broker holds, read in a few calls, and how a difference from it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.messaging.management import Management, Rights

Route = tuple[str, str, str, str]  # source, destination type, destination, routing key


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: the kind of thing, its name, and what is wrong, in both languages."""

    kind: str
    name: str
    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.zh} / {self.en}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerState:
    """One virtual host, and all users of the broker with all their rights."""

    vhost: str
    exchanges: Mapping[str, dict[str, Any]]
    queues: Mapping[str, dict[str, Any]]
    routes: frozenset[Route]
    policies: Mapping[str, dict[str, Any]]
    users: Mapping[str, dict[str, Any]]
    rights: Mapping[str, Mapping[str, Rights]]  # by user, then by virtual host
    limits: Mapping[str, Mapping[str, int]]

    def routes_from(self, exchange: str) -> set[Route]:
        """Where an exchange leads."""
        return {route for route in self.routes if route[0] == exchange}


def read_state(management: Management, vhost: str) -> BrokerState:
    """Ask the broker; raises Unavailable when it cannot answer."""
    return BrokerState(
        vhost=vhost,
        exchanges={each["name"]: each for each in management.exchanges(vhost)},
        queues={each["name"]: each for each in management.queues(vhost)},
        # Every queue is bound to the default exchange by its name: that says nothing.
        routes=frozenset(
            (each["source"], each["destination_type"], each["destination"], each["routing_key"])
            for each in management.bindings(vhost)
            if each["source"]
        ),
        policies={each["name"]: each for each in management.policies(vhost)},
        users={each["name"]: each for each in management.users()},
        rights=management.all_permissions(),
        limits=management.user_limits(),
    )

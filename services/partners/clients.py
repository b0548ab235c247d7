"""The broker, as far as partners' accounts are concerned."""

from __future__ import annotations

from typing import Protocol

from shared.messaging import partner_access
from shared.messaging.broker_state import BrokerState, Difference, read_state
from shared.messaging.management import Management


class Survey(Protocol):
    """What the broker held at one moment."""

    def wrong(self, slug: str, password_hash: str) -> list[Difference]:
        """Where a partner that may post has more or less than it should."""

    def is_closed(self, slug: str) -> bool:
        """Whether there is an account, prepared but without any right."""

    def is_gone(self, slug: str) -> bool:
        """Whether nothing of the partner is left."""


class PartnerBroker(Protocol):
    """Accounts of partners on the broker. Each method may raise Unavailable and be repeated."""

    def survey(self) -> Survey:
        """Look at all accounts at once."""

    def grant(self, slug: str, password_hash: str) -> None:
        """Make the account and give it its rights; raises Conflict for a name that is taken."""

    def close(self, slug: str, password_hash: str) -> None:
        """As `withdraw`; the account stays, or is made. Raises Conflict for a name taken."""

    def withdraw(self, slug: str) -> None:
        """Take all rights and cut live connections, whatever else there is or is not."""

    def remove(self, slug: str) -> None:
        """As `withdraw`, and nothing is left."""

    def cut(self, slug: str) -> None:
        """Cut live connections; whoever has the password may come back."""

    def is_connected(self, slug: str) -> bool:
        """Whether a connection of the partner is open."""


class RabbitSurvey:
    """A Survey of RabbitMQ."""

    def __init__(self, state: BrokerState) -> None:
        self._state = state

    def wrong(self, slug: str, password_hash: str) -> list[Difference]:
        found = partner_access.check(self._state, slug)
        user = self._state.users.get(slug)
        if user is not None and user["password_hash"] != password_hash:
            zh, en = "密码不是最新", "the password is not the newest"
            found.append(partner_access.difference(slug, zh, en))
        return found

    def is_closed(self, slug: str) -> bool:
        return partner_access.is_partner(self._state, slug) and not self._state.rights.get(slug)

    def is_gone(self, slug: str) -> bool:
        return not partner_access.leftovers(self._state, slug)


class RabbitPartnerBroker:
    """The real one: RabbitMQ's management API, and the virtual host of the partners."""

    def __init__(self, management_url: str, partner_vhost: str) -> None:
        self._management = Management(management_url)
        self._vhost = partner_vhost

    def survey(self) -> RabbitSurvey:
        return RabbitSurvey(read_state(self._management, self._vhost))

    def grant(self, slug: str, password_hash: str) -> None:
        partner_access.grant(self._management, self._vhost, slug, password_hash)

    def close(self, slug: str, password_hash: str) -> None:
        partner_access.withdraw(self._management, slug)
        partner_access.prepare(self._management, self._vhost, slug, password_hash)

    def withdraw(self, slug: str) -> None:
        partner_access.withdraw(self._management, slug)

    def remove(self, slug: str) -> None:
        partner_access.remove(self._management, self._vhost, slug)

    def cut(self, slug: str) -> None:
        partner_access.close_connections(self._management, slug)

    def is_connected(self, slug: str) -> bool:
        return bool(self._management.connections_of(slug))

"""partners' settings, read from the environment once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.config import read
from shared.messaging.topology import vhost_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the database is: all that the web face needs."""

    database_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """The worker also talks to the broker, and to its management API.

    Only the virtual host is taken from LINLI_PARTNER_BROKER_URL, so the password in it may be left
    out here: it is intake's.
    """

    database_url: str
    broker_url: str
    partner_vhost: str
    management_url: str


def read_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Raises MissingSetting naming the first one that was not given."""
    return Settings(database_url=read("PARTNERS_DATABASE_URL", env=env))


def read_worker_settings(env: Mapping[str, str] | None = None) -> WorkerSettings:
    """Raises MissingSetting naming the first one that was not given."""
    return WorkerSettings(
        database_url=read("PARTNERS_DATABASE_URL", env=env),
        broker_url=read("LINLI_BROKER_URL", env=env),
        partner_vhost=vhost_of(read("LINLI_PARTNER_BROKER_URL", "amqp:///partners", env=env)),
        management_url=read("LINLI_RABBITMQ_MANAGEMENT_URL", env=env),
    )

"""intake's settings, read from the environment once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.config import read


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Addresses and keys; see docs/operator for what each is."""

    database_url: str
    broker_url: str
    partner_broker_url: str
    field_key: str
    index_key: str
    contact_key: str


def read_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Raises MissingSetting naming the first one that was not given."""
    return Settings(
        database_url=read("INTAKE_DATABASE_URL", env=env),
        broker_url=read("LINLI_BROKER_URL", env=env),
        partner_broker_url=read("LINLI_PARTNER_BROKER_URL", env=env),
        field_key=read("INTAKE_FIELD_KEY", env=env),
        index_key=read("INTAKE_INDEX_KEY", env=env),
        contact_key=read("LINLI_CONTACT_KEY", env=env),
    )

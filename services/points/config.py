"""points' settings, read from the environment once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.config import read


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where the database and the broker are.

    Without a district code or a key (base64 of an Ed25519 private key) there is no time bank.
    """

    database_url: str
    broker_url: str
    district_code: str = ""
    time_bank_key: str = ""


def read_settings(env: Mapping[str, str] | None = None) -> Settings:
    """Raises MissingSetting naming the first one that was not given."""
    return Settings(
        database_url=read("POINTS_DATABASE_URL", env=env),
        broker_url=read("LINLI_BROKER_URL", env=env),
        district_code=read("LINLI_DISTRICT_CODE", "", env),
        time_bank_key=read("POINTS_TIME_BANK_KEY", "", env),
    )

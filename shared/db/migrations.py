"""Runs a service's alembic migrations, as the role that owns its tables."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine
from sqlalchemy.engine import make_url

SERVICES = ("intake", "points", "partners", "notify")

_ROOT = Path(__file__).resolve().parents[2]


def configuration(service: str, owner_url: str = "") -> Config:
    """Alembic's configuration of a service, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(_ROOT / "services" / service / "migrations"))
    config.attributes["service"] = service
    if owner_url:
        config.attributes["url"] = make_url(owner_url).set(drivername="postgresql+psycopg")
    return config


def upgrade(service: str, owner_url: str) -> None:
    """Bring a service's database to the head; safe to call again, and by two at once."""
    command.upgrade(configuration(service, owner_url), "head")


def head(service: str) -> str:
    """The newest revision that the code knows."""
    revision = ScriptDirectory.from_config(configuration(service)).get_current_head()
    if revision is None:
        raise RuntimeError(f"service {service} has no migration")
    return revision


def current(engine: Engine) -> str | None:
    """The revision the database is at; None when it was never migrated."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()

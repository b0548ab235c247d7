"""The four services as the command line knows them; a service is imported when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from shared import config

if TYPE_CHECKING:
    from shared.db.session import Sessions

NAMES = ("intake", "points", "partners", "notify")

one = click.argument("service", type=click.Choice(NAMES), metavar="SVC")
maybe_one = click.argument(
    "service", type=click.Choice(NAMES), metavar="[SVC]", required=False, default=None
)


def chosen(service: str | None) -> tuple[str, ...]:
    """The service that was named, or all of them."""
    return (service,) if service else NAMES


def database_url(service: str) -> str:
    """The app role's URL; raises MissingSetting."""
    return config.read(f"{service.upper()}_DATABASE_URL")


@contextmanager
def sessions_of(service: str) -> Iterator[Sessions]:
    """Sessions on a service's database, as its app role."""
    from shared.db.session import make_engine, make_sessions  # noqa: PLC0415

    engine = make_engine(database_url(service), pool_size=1, application="linli-cli")
    try:
        yield make_sessions(engine)
    finally:
        engine.dispose()


def settings_of(service: str, *, of_worker: bool = False) -> Any:
    """The service's own settings, where they differ those of its worker; raises MissingSetting."""
    module = importlib.import_module(f"services.{service}.config")
    names = (
        ("read_worker_settings", "read_settings", "read")
        if of_worker
        else ("read_settings", "read")
    )
    return next(getattr(module, name) for name in names if hasattr(module, name))()

"""The migration makes exactly what the models say, and can be undone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, text

from services.notify.models import metadata
from shared.db import migrations
from shared.db.session import make_engine

_CHECKS = text(
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE contype = 'c' AND connamespace = CAST(:schema AS regnamespace)"
)
_INDEXES = text("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = :schema")


@pytest.fixture
def owner(databases: dict[str, str]) -> Iterator[Engine]:
    engine = make_engine(databases["NOTIFY_OWNER_DATABASE_URL"])
    yield engine
    engine.dispose()


def drawn(connection: Connection, schema: str) -> tuple[dict[str, str], dict[str, str]]:
    checks = dict(connection.execute(_CHECKS, {"schema": schema}).all())
    indexes = dict(connection.execute(_INDEXES, {"schema": schema}).all())
    indexes = {name: told.replace(f"{schema}.", "") for name, told in indexes.items()}
    return checks, {name: told for name, told in indexes.items() if "alembic" not in name}


def test_the_database_is_what_the_models_say(owner: Engine) -> None:
    with owner.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        assert compare_metadata(context, metadata) == []


def test_checks_and_indexes_are_those_of_the_models(owner: Engine) -> None:
    with owner.connect() as connection:
        migrated = drawn(connection, "public")
        connection.execute(text("CREATE SCHEMA drawn"))
        connection.execute(text("SET LOCAL search_path = drawn"))
        metadata.create_all(connection)
        modelled = drawn(connection, "drawn")
        connection.rollback()
    assert modelled == migrated


def test_down_and_up_again(owner: Engine, databases: dict[str, str]) -> None:
    url = databases["NOTIFY_OWNER_DATABASE_URL"]
    command.downgrade(migrations.configuration("notify", url), "base")
    with owner.connect() as connection:
        left = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ).scalars()
        assert set(left) == {"alembic_version"}
    migrations.upgrade("notify", url)
    assert migrations.current(owner) == migrations.head("notify")

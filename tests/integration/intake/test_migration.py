"""The migration makes exactly the tables that the models describe, and takes them away."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from services.intake.models import metadata
from shared.db import migrations
from shared.db.session import make_engine


def test_models_and_migration_agree(databases: dict[str, str]) -> None:
    engine = make_engine(databases["INTAKE_OWNER_DATABASE_URL"])
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert migrations.current(engine) == migrations.head("intake")
    engine.dispose()


def test_down_and_up_again(databases: dict[str, str]) -> None:
    url = databases["INTAKE_OWNER_DATABASE_URL"]
    command.downgrade(migrations.configuration("intake", url), "base")
    engine = make_engine(url)
    with engine.connect() as connection:
        left = connection.execute(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ).scalars()
        assert set(left) == {"alembic_version"}
    migrations.upgrade("intake", url)
    assert migrations.current(engine) == migrations.head("intake")
    engine.dispose()

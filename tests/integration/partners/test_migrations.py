"""The migrations and the models say the same, and go up, down and up again."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from services.partners.models import metadata
from shared.db import migrations
from shared.db.session import make_engine


def test_the_migrations_make_what_the_models_say(databases: dict[str, str]) -> None:
    owner_url = databases["PARTNERS_OWNER_DATABASE_URL"]
    configuration = migrations.configuration("partners", owner_url)
    command.downgrade(configuration, "base")
    command.upgrade(configuration, "head")
    engine = make_engine(owner_url, application="test")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        rows = connection.execute(text("SELECT count(*) FROM organisations"))
        assert rows.scalar_one() == 0
    engine.dispose()

"""The migration makes exactly what the models say, and can be undone."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, create_engine, text
from sqlalchemy.engine import make_url

from services.points.models import metadata
from shared.db import migrations
from tests.integration.points.database import Ledger, attended

_CHECKS = (
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
)


def test_the_database_is_what_the_models_say(ledger: Ledger) -> None:
    with ledger.owner_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": False})
        assert compare_metadata(context, metadata) == []


def test_the_checks_are_those_of_the_models(ledger: Ledger) -> None:
    # alembic does not compare check constraints: make them from the models and compare the two
    modelled = {
        str(constraint.name)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert {name for name, _ in ledger.rows(_CHECKS)} == modelled
    url = make_url(ledger.owner_url).set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    with engine.connect() as connection:
        migrated = dict(connection.execute(text(_CHECKS)).all())
        connection.execute(text("CREATE SCHEMA drawn"))
        connection.execute(text("SET LOCAL search_path = drawn"))
        metadata.create_all(connection)
        drawn = dict(connection.execute(text(_CHECKS.replace("'public'::", "'drawn'::"))).all())
        connection.rollback()
    engine.dispose()
    assert drawn == migrated


def test_down_and_up_again(ledger: Ledger) -> None:
    ledger.hear(attended("R000001", 60))
    configuration = migrations.configuration("points", ledger.owner_url)
    command.downgrade(configuration, "base")
    left = ledger.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        " AND relname NOT LIKE 'alembic%'"
    )
    assert left == []
    assert ledger.rows("SELECT FROM pg_proc WHERE proname = 'post_transfers'") == []
    migrations.upgrade("points", ledger.owner_url)
    assert migrations.current(ledger.engine) == migrations.head("points")
    ledger.hear(attended("R000001", 60))
    assert ledger.balance("R000001", "service_minutes") == 60

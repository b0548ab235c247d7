"""What every service's migrations/env.py runs; one advisory lock keeps two runs apart."""

from __future__ import annotations

from alembic import context
from sqlalchemy import MetaData, create_engine, pool, text

_MIGRATION_LOCK = 0x4C696E6C


def run(metadata: MetaData) -> None:
    """Apply the migrations that alembic asks for, in one transaction."""
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
        connection.execute(text("SET LOCAL lock_timeout = '10s'"))
        context.configure(
            connection=connection, target_metadata=metadata, compare_server_default=False
        )
        context.run_migrations()
    engine.dispose()

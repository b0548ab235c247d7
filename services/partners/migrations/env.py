"""Alembic's entry: all is in shared/db."""

from services.partners.models import metadata
from shared.db.alembic_env import run

run(metadata)

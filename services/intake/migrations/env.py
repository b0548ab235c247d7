"""Alembic's entry: all is in shared/db."""

from services.intake.models import metadata
from shared.db.alembic_env import run

run(metadata)

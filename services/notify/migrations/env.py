"""Alembic's entry point for notify."""

from __future__ import annotations

from services.notify.models import metadata
from shared.db.alembic_env import run

run(metadata)

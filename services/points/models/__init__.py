"""points' tables, one file a subject; importing this package knows them all."""

from __future__ import annotations

from services.points.models import (
    households,
    ledger,
    lots,
    proposals,
    public_notices,
    ratings,
    residents,
    rules,
)
from services.points.models.base import Base, messaging, metadata

__all__ = [
    "Base",
    "households",
    "ledger",
    "lots",
    "messaging",
    "metadata",
    "proposals",
    "public_notices",
    "ratings",
    "residents",
    "rules",
]

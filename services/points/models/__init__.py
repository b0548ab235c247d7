"""points' tables, one file a subject; importing this package knows them all."""

from __future__ import annotations

from services.points.models import ledger, residents, rules
from services.points.models.base import Base, messaging, metadata

__all__ = ["Base", "ledger", "messaging", "metadata", "residents", "rules"]

"""points' tables, one file a subject; importing this package knows them all."""

from __future__ import annotations

from services.points.models import (
    certificates,
    corrections,
    flags,
    households,
    imports,
    ledger,
    lots,
    proof,
    proposals,
    public_notices,
    ratings,
    residents,
    rewards,
    rules,
    time_bank,
)
from services.points.models.base import Base, messaging, metadata

__all__ = [
    "Base",
    "certificates",
    "corrections",
    "flags",
    "households",
    "imports",
    "ledger",
    "lots",
    "messaging",
    "metadata",
    "proof",
    "proposals",
    "public_notices",
    "ratings",
    "residents",
    "rewards",
    "rules",
    "time_bank",
]

"""points' named SELECTs, one file a subject; nothing here changes a row."""

from __future__ import annotations

from services.points.queries.books import (
    SEQ_MAX,
    AssetTotal,
    Holding,
    entries,
    holdings,
    totals,
)
from services.points.queries.rules import (
    RuleSets,
    published_bodies,
    published_rules,
    rule_sets,
    rules_by_version,
)

__all__ = [
    "SEQ_MAX",
    "AssetTotal",
    "Holding",
    "RuleSets",
    "entries",
    "holdings",
    "published_bodies",
    "published_rules",
    "rule_sets",
    "rules_by_version",
    "totals",
]

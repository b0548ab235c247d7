"""points' HTTP shapes, one file a subject."""

from __future__ import annotations

from services.points.schemas.books import (
    PAGE_DEFAULT,
    PAGE_MAX,
    RESIDENT_ASSETS,
    CapSchema,
    EntriesQuery,
    EntriesSchema,
    EntrySchema,
    PageQuery,
    PartnerAccountSchema,
    PassbookSchema,
    RuleSetSchema,
    RulesSchema,
    TotalsSchema,
    WordsSchema,
)

__all__ = [
    "PAGE_DEFAULT",
    "PAGE_MAX",
    "RESIDENT_ASSETS",
    "CapSchema",
    "EntriesQuery",
    "EntriesSchema",
    "EntrySchema",
    "PageQuery",
    "PartnerAccountSchema",
    "PassbookSchema",
    "RuleSetSchema",
    "RulesSchema",
    "TotalsSchema",
    "WordsSchema",
]

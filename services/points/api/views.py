"""How entries, holdings and rules are told as JSON."""

from __future__ import annotations

from typing import Any

from services.points.queries import RuleSets
from services.points.rules.documents import explain_entry
from services.points.rules.explaining import cap_of
from services.points.rules.statement import Entry

# What the entry tells in fields of its own is not told twice.
_TOLD = frozenset({"caps_hit", "points"})


def entry_view(entry: Entry, asset: str, rule_sets: RuleSets) -> dict[str, Any]:
    """One entry with its explanation, by the rules that were applied to it."""
    rules = rule_sets.get((entry.programme, entry.rule_version))
    facts = entry.explanation
    said = explain_entry(entry, rules)
    return {
        "seq": entry.seq,
        "asset": asset,
        "amount": entry.amount,
        "balance": entry.balance,
        "on_date": entry.on_date,
        "posted_at": entry.posted_at,
        "document_id": entry.document_id,
        "kind": entry.kind,
        "programme": entry.programme,
        "rule_version": entry.rule_version,
        "inputs": {name: value for name, value in facts.items() if name not in _TOLD},
        "caps_hit": [
            {"code": cap, "points_max": cap_of(rules, cap)} for cap in facts.get("caps_hit", ())
        ],
        "explanation": {"zh": said.zh, "en": said.en},
    }


def page_view(
    entries: list[Entry], asset: str, rule_sets: RuleSets, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """At most `limit` entries of one more than that, and where the next page begins."""
    shown = entries[:limit]
    following = shown[-1].seq if len(entries) > limit else None
    return [entry_view(entry, asset, rule_sets) for entry in shown], following

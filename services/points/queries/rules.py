"""The published rules."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.rule_form import read_rule_set
from services.points.rules.rule_set import RuleSet

RuleSets = dict[tuple[str | None, int | None], RuleSet]

_RULE_KEYS = text(
    "SELECT programme, version, published_at FROM rule_sets ORDER BY programme, version"
)
_RULE_BODY = text("SELECT body FROM rule_sets WHERE programme = :programme AND version = :version")
_PUBLISHED = text(
    "SELECT body, published_at FROM rule_sets ORDER BY valid_from DESC, version DESC LIMIT :most"
)

# A published version never changes, so what was read once is known for good.
_known: dict[tuple[str, int, datetime], RuleSet] = {}


def rule_sets(session: Session) -> list[RuleSet]:
    """Every published version, newest last."""
    keys = session.execute(_RULE_KEYS).all()
    for key in keys:
        programme, version, _ = key
        if key not in _known:
            body = session.execute(
                _RULE_BODY, {"programme": programme, "version": version}
            ).scalar_one()
            _known[key] = read_rule_set(body)
    return [_known[key] for key in keys]


def rules_by_version(session: Session) -> RuleSets:
    """Every published version, by programme and version."""
    return {(rules.programme, rules.version): rules for rules in rule_sets(session)}


def published_rules(session: Session, most: int = 50) -> list[tuple[RuleSet, datetime]]:
    """The newest published rules, and when they were published."""
    by_version = rules_by_version(session)
    return [
        (by_version[body["programme"], body["version"]], published_at)
        for body, published_at in published_bodies(session, most)
    ]


def published_bodies(session: Session, most: int = 50) -> list[tuple[dict[str, Any], datetime]]:
    """The newest published rules as they were published, and when."""
    return [(row.body, row.published_at) for row in session.execute(_PUBLISHED, {"most": most})]

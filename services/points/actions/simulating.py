"""Runs a draft over the last twelve months and keeps what was found. Touches no entry."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.queries import rules_by_version
from services.points.queries.rule_drafts import deeds, rule_draft
from services.points.rules.rule_form import read_rule_set
from services.points.rules.rule_set import RuleSet
from services.points.rules.simulating import Simulation, first_day, reads_from
from shared import clock
from shared.errors import Missing
from shared.messaging.transaction import Transaction

_KEEP = text(
    "INSERT INTO rule_simulations (draft_id, revision, result, made_by, made_at)"
    " VALUES (:draft_id, :revision, CAST(:result AS jsonb), :made_by, :now)"
    " ON CONFLICT (draft_id) DO UPDATE SET revision = excluded.revision,"
    " result = excluded.result, made_by = excluded.made_by, made_at = excluded.made_at"
)


def simulated(session: Session, rules: RuleSet, today: date) -> dict[str, Any]:
    """What these rules would have given; the form is that of `Simulation.result`.

    Reads the history once, in chunks: some half a minute for a million awards.
    """
    published = rules_by_version(session)
    first = first_day(today)
    simulation = Simulation(rules, published, first, today)
    for deed in deeds(session, reads_from([rules, *published.values()], first), today):
        simulation.add(deed)
    return simulation.result()


def simulate(tx: Transaction, draft_id: UUID, *, by: str) -> dict[str, Any]:
    """Simulate a draft as it stands. Raises Missing, or BadRules naming what is wrong with it."""
    draft = rule_draft(tx.session, draft_id)
    if draft is None:
        raise Missing("no_draft", "没有这份草案", "there is no such draft")
    result = simulated(tx.session, read_rule_set(draft.body), clock.today())
    tx.session.execute(
        _KEEP,
        {
            "draft_id": draft_id,
            "revision": draft.revision,
            "result": orjson.dumps(result).decode(),
            "made_by": by,
            "now": clock.now(),
        },
    )
    return result

"""Drafts of rules for the pages: one that waits for the manager, and one of the manager's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from services.points.actions import rule_drafts as drafting
from services.points.actions.simulating import simulate
from shared.messaging.transaction import Transaction

_PROGRAMMES = Path(__file__).parents[2] / "examples" / "programmes"


def drafted(tx: Transaction, manager: str) -> dict[str, str]:
    """The ids of `rule_draft` (submitted, simulated) and `own_rule_draft` (with a mistake)."""
    submitted = _programme() | {"programme": "ideal-bank", "version": 2}
    del submitted["communities"]
    draft = drafting.begin(tx, submitted, by="another-manager")
    simulate(tx, draft, by="another-manager")
    drafting.submit(tx, draft, revision=1, by="another-manager")
    wrong = _programme()
    wrong["caps"]["person_dya_points"] = 20
    own = drafting.begin(tx, wrong, by=manager)
    return {"rule_draft": str(draft), "own_rule_draft": str(own)}


def _programme() -> dict[str, Any]:
    body: dict[str, Any] = json.loads((_PROGRAMMES / "all-parts.json").read_text(encoding="utf-8"))
    return body

"""What concerns the whole district: the published rules, and the ledger's totals."""

from __future__ import annotations

from datetime import date
from typing import Any

from services.points import queries
from services.points.api.passbooks import PREFIX
from services.points.rules.rule_form import read_rule_set
from services.points.rules.rule_set import is_in_force
from services.points.rules.telling import for_everybody
from services.points.schemas import RulesSchema, TotalsSchema
from shared import clock
from shared.db.session import Sessions
from shared.web.access import public, require_role
from shared.web.openapi import ApiBlueprint


def make_district(sessions: Sessions) -> ApiBlueprint:
    """The two routes of the whole district."""
    blueprint = ApiBlueprint(
        "district", __name__, url_prefix=PREFIX, description="规则与总账 / rules and totals"
    )

    @blueprint.route("/rules", methods=["GET"])
    @blueprint.response(200, RulesSchema)
    @public
    def list_rules() -> dict[str, Any]:
        """已发布的积分规则，最新的在前。 / The published rules, the newest first."""
        with sessions() as session:
            published = queries.published_bodies(session)
            known = queries.rule_sets(session)
        rules = []
        for body, published_at in published:
            told = read_rule_set(body)
            rules.append(
                {
                    "programme": told.programme,
                    "version": told.version,
                    "valid_from": date.fromisoformat(body["valid_from"]),
                    "published_at": published_at,
                    "in_force": is_in_force(told, known, clock.today()),
                    "body": for_everybody(body),
                }
            )
        return {"rules": rules}

    @blueprint.route("/totals", methods=["GET"])
    @blueprint.response(200, TotalsSchema)
    @require_role("operator", "auditor")
    def get_totals() -> dict[str, Any]:
        """总账，当场清点；差额必须为 0。 / The totals, counted now; imbalances must be 0."""
        with sessions() as session:
            found = queries.totals(session)
        return {
            "residents_with_points": found["points"].holders,
            **{asset: total.held for asset, total in found.items()},
            "imbalance": {asset: total.issued - total.held for asset, total in found.items()},
            "reconciled_at": min(
                (t.reconciled_at for t in found.values() if t.reconciled_at), default=None
            ),
        }

    return blueprint

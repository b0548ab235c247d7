"""Passbooks and partners' accounts: each owner's own, and all of them for the district."""

from __future__ import annotations

from typing import Any

import flask
from flask import Response, request

from services.points import queries
from services.points.api.views import page_view
from services.points.queries import SEQ_MAX, Holding
from services.points.schemas import (
    RESIDENT_ASSETS,
    EntriesQuery,
    EntriesSchema,
    PageQuery,
    PartnerAccountSchema,
    PassbookSchema,
)
from shared.db.session import Sessions
from shared.web.access import require_role
from shared.web.auth import require_subject
from shared.web.openapi import ApiBlueprint

PREFIX = "/points/api/v1"
OFFICE = frozenset({"staff", "manager", "operator", "auditor"})
LAST_ENTRIES = 10

_NOT_YOURS = {"schema": "Problem", "description": "只能看自己的 / only your own"}


def make_passbooks(sessions: Sessions) -> ApiBlueprint:
    """The three routes of owners' accounts."""
    blueprint = ApiBlueprint(
        "passbooks", __name__, url_prefix=PREFIX, description="存折与贡献簿 / passbooks"
    )
    _add_passbook(blueprint, sessions)
    _add_entries(blueprint, sessions)
    _add_partner_account(blueprint, sessions)
    return blueprint


def _add_passbook(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/passbooks/<resident_no>", methods=["GET"])
    @blueprint.response(200, PassbookSchema)
    @blueprint.alt_response(403, **_NOT_YOURS)
    @require_role("resident", *OFFICE)
    def get_passbook(resident_no: str) -> dict[str, Any]:
        """一本存折；没有流水的编号余额为 0。 / A passbook; one without entries holds 0."""
        require_subject(resident_no, unless=OFFICE)
        with sessions() as session:
            held = queries.holdings(session, "resident", resident_no)
            pending = queries.holdings(session, "pending", resident_no)
            last = queries.entries(
                session, "points", "resident", resident_no, before=SEQ_MAX, most=LAST_ENTRIES
            )
            rule_sets = queries.rules_by_version(session)
        shown, _ = page_view(last, "points", rule_sets, LAST_ENTRIES)
        return {
            "resident_no": resident_no,
            "points": held.get("points", Holding()).balance,
            "points_pending": pending.get("points", Holding()).balance,
            "service_minutes": held.get("service_minutes", Holding()).balance,
            "entry_counts": {
                asset: held.get(asset, Holding()).entry_count for asset in RESIDENT_ASSETS
            },
            "last_entries": shown,
        }


def _add_entries(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/passbooks/<resident_no>/entries", methods=["GET"])
    @blueprint.arguments(EntriesQuery, location="query")
    @blueprint.response(200, EntriesSchema)
    @blueprint.alt_response(304, description="没有变化 / as your If-None-Match says")
    @blueprint.alt_response(403, **_NOT_YOURS)
    @require_role("resident", *OFFICE)
    def list_entries(asked: dict[str, Any], resident_no: str) -> Response:
        """流水，最新的在前，附每笔的缘由。 / Entries, the newest first, each with its why."""
        require_subject(resident_no, unless=OFFICE)
        asset, limit = asked["asset"], asked["limit"]
        with sessions() as session:
            found = queries.entries(
                session, asset, "resident", resident_no, before=asked["before"], most=limit + 1
            )
            rule_sets = queries.rules_by_version(session)
        shown, following = page_view(found, asset, rule_sets, limit)
        return _tagged(EntriesSchema().dump({"entries": shown, "next": following}))


def _add_partner_account(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/partner-accounts/<slug>", methods=["GET"])
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, PartnerAccountSchema)
    @blueprint.alt_response(403, **_NOT_YOURS)
    @require_role("partner", *OFFICE)
    def get_partner_account(asked: dict[str, Any], slug: str) -> dict[str, Any]:
        """合伙人的贡献簿，最新的在前。 / A partner's contributions, the newest first."""
        require_subject(slug, unless=OFFICE)
        asset, limit = "partner_contribution", asked["limit"]
        with sessions() as session:
            held = queries.holdings(session, "partner", slug).get(asset, Holding())
            found = queries.entries(
                session, asset, "partner", slug, before=asked["before"], most=limit + 1
            )
            rule_sets = queries.rules_by_version(session)
        shown, following = page_view(found, asset, rule_sets, limit)
        return {
            "slug": slug,
            "points": held.balance,
            "entry_count": held.entry_count,
            "entries": shown,
            "next": following,
        }


def _tagged(body: Any) -> Response:
    """With an ETag of the content: who asks again for what has not changed is told so."""
    response = Response(flask.json.dumps(body), mimetype="application/json")
    response.headers["Cache-Control"] = "private, no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response

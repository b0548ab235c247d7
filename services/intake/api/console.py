"""JSON for the district's own people: requests, and rejected events with re-drive."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response

from services.intake import queries
from services.intake.actions.redrive import redrive
from services.intake.schemas import (
    RedriveSchema,
    RejectedQuery,
    RejectedSchema,
    RequestSchema,
    RequestsQuery,
    RequestsSchema,
    VerdictsSchema,
)
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import Missing
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.openapi import ApiBlueprint

PREFIX = "/api/v1"


def make_console(sessions: Sessions, cipher: FieldCipher) -> ApiBlueprint:
    """The four routes under /api/v1."""
    blueprint = ApiBlueprint(
        "console", __name__, url_prefix=PREFIX, description="控制台 / the district's own"
    )
    _add_requests(blueprint, sessions, cipher)
    _add_rejected(blueprint, sessions, cipher)
    return blueprint


def _add_requests(blueprint: ApiBlueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.route("/requests", methods=["GET"])
    @blueprint.arguments(RequestsQuery, location="query")
    @blueprint.response(200, RequestsSchema)
    @require_role("staff", "operator", "auditor")
    def list_requests(asked: dict[str, Any]) -> dict[str, Any]:
        """诉求清单，最新的在前。 / Requests, the newest first."""
        limit, before = asked.pop("limit"), asked.pop("before", None)
        with sessions() as session:
            page = queries.requests(session, cipher, filters=asked, before=before, limit=limit)
        return {"requests": page.rows, "next": page.next}

    @blueprint.route("/requests/<request_no>", methods=["GET"])
    @blueprint.response(200, RequestSchema)
    @blueprint.alt_response(404, schema="Problem", description="没有这件诉求 / no such request")
    @require_role("staff", "operator", "auditor")
    def get_request(request_no: str) -> dict[str, Any]:
        """一件诉求。 / One request."""
        with sessions() as session:
            found = queries.request_of(session, cipher, request_no)
        if found is None:
            raise Missing("no_request", "没有这件诉求", "There is no such request")
        return found


def _add_rejected(blueprint: ApiBlueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.route("/events/rejected", methods=["GET"])
    @blueprint.arguments(RejectedQuery, location="query")
    @blueprint.response(200, RejectedSchema)
    @require_role("operator", "auditor")
    def list_rejected(asked: dict[str, Any]) -> dict[str, Any]:
        """被拒且未重审的事件。 / Rejected events that were not judged again."""
        with sessions() as session:
            page = queries.rejected_page(session, **asked)
        return {"events": page.rows, "next": page.next}

    @blueprint.route("/events/redrive", methods=["POST"])
    @blueprint.arguments(RedriveSchema)
    @blueprint.response(200, VerdictsSchema)
    @blueprint.alt_response(404, schema="Problem", description="没有可重审的 / nothing to re-drive")
    @require_role("operator")
    def redrive_event(asked: dict[str, Any]) -> Response:
        """重审一条被拒的事件。 / Judge a rejected event again."""
        with transaction(sessions) as tx:
            verdicts = redrive(tx, asked["partner"], asked["seq"], cipher=cipher)
        return Response(orjson.dumps({"verdicts": verdicts}), mimetype="application/json")

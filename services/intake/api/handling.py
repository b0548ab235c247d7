"""JSON of a request's steps: its history, and taking one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from services.intake.actions.handling import Asked, handle
from services.intake.queries.history import history_of
from services.intake.queries.reading import readable
from services.intake.schemas.handling import HistorySchema, StepAskedSchema, StepTakenSchema
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.openapi import ApiBlueprint


def make_handling_api(sessions: Sessions, cipher: FieldCipher) -> ApiBlueprint:
    """GET and POST `/api/v1/requests/<no>/steps`."""
    blueprint = ApiBlueprint(
        "handling", __name__, url_prefix="/api/v1", description="办理 / handling of requests"
    )

    @blueprint.route("/requests/<request_no>/steps", methods=["GET"])
    @blueprint.response(200, HistorySchema)
    @blueprint.alt_response(404, schema="Problem", description="没有这件诉求 / no such request")
    @require_role("staff", "operator", "auditor")
    def list_steps(request_no: str) -> dict[str, Any]:
        """一件诉求的全部步骤。 / The whole history of a request."""
        with sessions() as session:
            one = readable(session, cipher, request_no, signed_in())
            return {"steps": history_of(session, one["id"], one["unit_code"])}

    @blueprint.route("/requests/<request_no>/steps", methods=["POST"])
    @blueprint.arguments(StepAskedSchema)
    @blueprint.response(200, StepTakenSchema)
    @blueprint.alt_response(403, schema="Problem", description="不是您的岗位 / not your turn")
    @blueprint.alt_response(404, schema="Problem", description="没有这件诉求 / no such request")
    @blueprint.alt_response(409, schema="Problem", description="状态不允许 / not in this state")
    @require_role("staff", "resident")
    def take_step(asked: dict[str, Any], request_no: str) -> dict[str, Any]:
        """办理一步；同一 client_id 只算一步。 / Take a step; a client_id is one step."""
        account = signed_in()
        with transaction(sessions) as tx:
            one = readable(tx.session, cipher, request_no, account)
            return asdict(handle(tx, one["id"], Asked(**asked), account))

    return blueprint

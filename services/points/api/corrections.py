"""Corrections by two people, and the dry run of paper books."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from services.points.actions import corrections as correcting
from services.points.actions import importing
from services.points.api.passbooks import PREFIX
from services.points.queries import corrections as queries
from services.points.queries import imports
from services.points.schemas.corrections import (
    AdjustmentSchema,
    AwardReversalSchema,
    CorrectionDecisionSchema,
    CorrectionSchema,
    CorrectionsQuery,
    CorrectionsSchema,
    DocumentReversalSchema,
    ImportSchema,
    ImportSubmissionSchema,
)
from shared import clock
from shared.db.session import Sessions
from shared.errors import Missing, Rejected
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.openapi import ApiBlueprint

READERS = ("staff", "manager", "auditor")
_NONE = {"schema": "Problem", "description": "没有 / there is none"}
_CANNOT = {"schema": "Problem", "description": "现在不能办理 / it cannot be done now"}
_BAD = {"schema": "Problem", "description": "哪一项不对 / which field is wrong"}


def make_corrections(sessions: Sessions) -> ApiBlueprint:
    """The routes of corrections and imports."""
    blueprint = ApiBlueprint(
        "corrections", __name__, url_prefix=PREFIX, description="更正 / corrections"
    )
    _add_reading(blueprint, sessions)
    _add_proposals(blueprint, sessions)
    _add_decisions(blueprint, sessions)
    _add_imports(blueprint, sessions)
    return blueprint


def _add_reading(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/corrections", methods=["GET"])
    @blueprint.arguments(CorrectionsQuery, location="query")
    @blueprint.response(200, CorrectionsSchema)
    @require_role(*READERS)
    def list_corrections(asked: dict[str, Any]) -> dict[str, Any]:
        """更正提议，最新的在前，每次至多 100 份。 / Proposals, the newest first, 100 at a time."""
        with sessions() as session:
            return {"corrections": queries.corrections(session, clock.now(), **asked)}

    @blueprint.route("/corrections/<uuid:correction_id>", methods=["GET"])
    @blueprint.response(200, CorrectionSchema)
    @blueprint.alt_response(404, **_NONE)
    @require_role(*READERS)
    def get_correction(correction_id: UUID) -> Any:
        """一份提议。 / One proposal."""
        return _one(sessions, correction_id)


def _add_proposals(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/corrections/award-reversals", methods=["POST"])
    @blueprint.arguments(AwardReversalSchema)
    @blueprint.response(201, CorrectionSchema)
    @blueprint.alt_response(404, **_NONE)
    @blueprint.alt_response(409, **_CANNOT)
    @blueprint.alt_response(422, **_BAD)
    @require_role("manager")
    def propose_award_reversal(asked: dict[str, Any]) -> Any:
        """提议冲正一笔计分。 / Propose to reverse an award."""
        with transaction(sessions) as tx:
            made = correcting.propose_award_reversal(tx, by=_by(), **asked)
        return _one(sessions, made)

    @blueprint.route("/corrections/document-reversals", methods=["POST"])
    @blueprint.arguments(DocumentReversalSchema)
    @blueprint.response(201, CorrectionSchema)
    @blueprint.alt_response(404, **_NONE)
    @blueprint.alt_response(409, **_CANNOT)
    @blueprint.alt_response(422, **_BAD)
    @require_role("manager")
    def propose_document_reversal(asked: dict[str, Any]) -> Any:
        """提议整笔冲正一张凭证。 / Propose to reverse a document as a whole."""
        with transaction(sessions) as tx:
            made = correcting.propose_document_reversal(tx, by=_by(), **asked)
        return _one(sessions, made)

    @blueprint.route("/corrections/adjustments", methods=["POST"])
    @blueprint.arguments(AdjustmentSchema)
    @blueprint.response(201, CorrectionSchema)
    @blueprint.alt_response(409, **_CANNOT)
    @blueprint.alt_response(422, **_BAD)
    @require_role("staff", "manager")
    def propose_adjustment(asked: dict[str, Any]) -> Any:
        """提议人工调整。 / Propose an adjustment by hand."""
        with transaction(sessions) as tx:
            made = correcting.propose_adjustment(tx, by=_by(), **asked)
        return _one(sessions, made)


def _add_decisions(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/corrections/<uuid:correction_id>/approval", methods=["POST"])
    @blueprint.arguments(CorrectionDecisionSchema)
    @blueprint.response(200, CorrectionSchema)
    @blueprint.alt_response(404, **_NONE)
    @blueprint.alt_response(409, **_CANNOT)
    @require_role("manager")
    def approve_correction(asked: dict[str, Any], correction_id: UUID) -> Any:
        """同意并入账；不能是提出者本人。 / Approve; never by who proposed it."""
        with transaction(sessions) as tx:
            correcting.approve(tx, correction_id, by=_by(), **asked)
        return _one(sessions, correction_id)

    @blueprint.route("/corrections/<uuid:correction_id>/refusal", methods=["POST"])
    @blueprint.arguments(CorrectionDecisionSchema)
    @blueprint.response(200, CorrectionSchema)
    @blueprint.alt_response(404, **_NONE)
    @blueprint.alt_response(409, **_CANNOT)
    @require_role("manager")
    def refuse_correction(asked: dict[str, Any], correction_id: UUID) -> Any:
        """不同意。 / Refuse."""
        with transaction(sessions) as tx:
            correcting.refuse(tx, correction_id, by=_by(), **asked)
        return _one(sessions, correction_id)


def _add_imports(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/imports", methods=["POST"])
    @blueprint.response(201, ImportSchema)
    @blueprint.alt_response(422, **_BAD)
    @blueprint.doc(
        requestBody={
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    )
    @require_role("staff", "manager")
    def check_import() -> Any:
        """检查一个 xlsx 或 CSV 文件，不入账。 / The dry run of an xlsx or CSV file."""
        content = request.get_data()
        if not content:
            raise Rejected("no_file", "请上传文件", "send a file", pointer="/file")
        with transaction(sessions) as tx:
            report = importing.check_file(tx, content, by=_by())
        return _import(sessions, report.import_id)

    @blueprint.route("/imports/<uuid:import_id>", methods=["GET"])
    @blueprint.response(200, ImportSchema)
    @blueprint.alt_response(404, **_NONE)
    @require_role(*READERS)
    def get_import(import_id: UUID) -> Any:
        """一份文件的检查结果。 / What the dry run of a file found."""
        return _import(sessions, import_id)

    @blueprint.route("/imports/<uuid:import_id>/submission", methods=["POST"])
    @blueprint.arguments(ImportSubmissionSchema)
    @blueprint.response(201, CorrectionSchema)
    @blueprint.alt_response(404, **_NONE)
    @blueprint.alt_response(409, **_CANNOT)
    @require_role("staff", "manager")
    def submit_import(asked: dict[str, Any], import_id: UUID) -> Any:
        """提交复核。 / Propose to bring it in."""
        with transaction(sessions) as tx:
            made = correcting.propose_import(tx, import_id, by=_by(), **asked)
        return _one(sessions, made)


def _by() -> str:
    return signed_in().account_no


def _one(sessions: Sessions, correction_id: UUID) -> Any:
    with sessions() as session:
        found = queries.correction(session, correction_id, clock.now())
    if found is None:
        raise Missing("no_correction", "没有这份更正提议", "there is no such proposal")
    return found


def _import(sessions: Sessions, import_id: UUID) -> Any:
    with sessions() as session:
        found = imports.checked(session, import_id)
    if found is None:
        raise Missing("no_import", "没有这份文件", "there is no such file")
    return found

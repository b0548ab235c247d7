"""Flags for a person to judge, and who organises for which partner."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from services.points.actions import flags as flagging
from services.points.api.passbooks import PREFIX
from services.points.queries import flags as queries
from services.points.schemas.corrections import (
    FlagsQuery,
    FlagsSchema,
    JudgementSchema,
    OrganiserSchema,
    OrganisersSchema,
)
from shared.db.session import Sessions
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.openapi import ApiBlueprint

READERS = ("staff", "manager", "auditor")
_NONE = {"schema": "Problem", "description": "没有 / there is none"}
_CANNOT = {"schema": "Problem", "description": "已有结论或已登记 / it was done before"}


def make_flags(sessions: Sessions) -> ApiBlueprint:
    """The routes of flags and organisers."""
    blueprint = ApiBlueprint("flags", __name__, url_prefix=PREFIX, description="疑点 / flags")
    _add_flags(blueprint, sessions)
    _add_organisers(blueprint, sessions)
    return blueprint


def _add_flags(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/flags", methods=["GET"])
    @blueprint.arguments(FlagsQuery, location="query")
    @blueprint.response(200, FlagsSchema)
    @require_role(*READERS)
    def list_flags(asked: dict[str, Any]) -> dict[str, Any]:
        """疑点，最新的在前，至多 100 条。 / Flags, the newest 100 first."""
        with sessions() as session:
            return {"flags": queries.flags(session, **asked)}

    @blueprint.route("/flags/<uuid:flag_id>/judgement", methods=["POST"])
    @blueprint.arguments(JudgementSchema)
    @blueprint.response(204)
    @blueprint.alt_response(404, **_NONE)
    @blueprint.alt_response(409, **_CANNOT)
    @require_role("manager")
    def judge_flag(asked: dict[str, Any], flag_id: UUID) -> None:
        """下结论；不动账本。 / Judge it; the ledger stays as it is."""
        with transaction(sessions) as tx:
            flagging.judge(tx, flag_id, by=signed_in().account_no, **asked)


def _add_organisers(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route("/organisers", methods=["GET"])
    @blueprint.response(200, OrganisersSchema)
    @require_role(*READERS)
    def list_organisers() -> dict[str, Any]:
        """合伙人的组织者。 / Who organises for which partner."""
        with sessions() as session:
            return {"organisers": queries.organisers(session)}

    @blueprint.route("/organisers", methods=["POST"])
    @blueprint.arguments(OrganiserSchema)
    @blueprint.response(204)
    @blueprint.alt_response(409, **_CANNOT)
    @require_role("manager")
    def declare_organiser(asked: dict[str, Any]) -> None:
        """登记一位组织者。 / Declare one."""
        with transaction(sessions) as tx:
            flagging.declare_organiser(tx, by=signed_in().account_no, **asked)

    @blueprint.route("/organisers/<partner>/<resident_no>", methods=["DELETE"])
    @blueprint.response(204)
    @blueprint.alt_response(404, **_NONE)
    @require_role("manager")
    def end_organiser(partner: str, resident_no: str) -> None:
        """撤销登记。 / End it."""
        with transaction(sessions) as tx:
            flagging.end_organiser(tx, partner, resident_no, by=signed_in().account_no)

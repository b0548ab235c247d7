"""Drafts of rules: checked, edited, simulated, submitted, and published by a second manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from services.points.actions import rule_drafts as drafting
from services.points.actions.simulating import simulate
from services.points.api.passbooks import PREFIX
from services.points.queries.rule_drafts import rule_draft, rule_drafts
from services.points.rules.rule_form import BadRules, read_rule_set
from services.points.rules.telling import told
from services.points.schemas.rules import (
    CheckedRulesSchema,
    EditedRulesSchema,
    RejectedRulesSchema,
    RevisionSchema,
    RuleBodySchema,
    RuleDraftSchema,
    RuleDraftsSchema,
)
from shared.db.session import Sessions
from shared.errors import Missing
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.openapi import ApiBlueprint

DRAFTS = "/rules/drafts"
_ONE = f"{DRAFTS}/<uuid:draft_id>"
_NONE = {"schema": "Problem", "description": "没有这份草案 / no such draft"}
_CHANGED = {"schema": "Problem", "description": "草案已有变化 / the draft has changed"}
_NOT_YOU = {"schema": "Problem", "description": "须由另一人办理 / somebody else must"}
_BAD = {"schema": "Problem", "description": "规则不对 / what is wrong with the rules"}


def make_rules(sessions: Sessions) -> ApiBlueprint:
    """The routes below /rules that need a manager."""
    blueprint = ApiBlueprint(
        "rules", __name__, url_prefix=PREFIX, description="积分规则草案 / drafts of rules"
    )
    _add_reading(blueprint, sessions)
    _add_writing(blueprint, sessions)
    _add_steps(blueprint, sessions)
    return blueprint


def _add_reading(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route(DRAFTS, methods=["GET"])
    @blueprint.response(200, RuleDraftsSchema)
    @require_role("manager", "auditor")
    def list_drafts() -> dict[str, Any]:
        """草案清单。 / Drafts, the open ones first."""
        with sessions() as session:
            return {"drafts": rule_drafts(session)}

    @blueprint.route(_ONE, methods=["GET"])
    @blueprint.response(200, RuleDraftSchema)
    @blueprint.alt_response(404, **_NONE)
    @require_role("manager", "auditor")
    def get_draft(draft_id: UUID) -> Any:
        """一份草案。 / One draft."""
        return _one(sessions, draft_id)

    @blueprint.route("/rules/check", methods=["POST"])
    @blueprint.arguments(RuleBodySchema)
    @blueprint.response(200, CheckedRulesSchema)
    @require_role("manager", "auditor")
    def check_rules(asked: dict[str, Any]) -> dict[str, Any]:
        """检查规则，不保存。 / Check rules; nothing is stored."""
        try:
            said = told(read_rule_set(asked["body"])).sentences
        except BadRules as wrong:
            return {"problems": wrong.problems, "zh": [], "en": []}
        return {"problems": [], "zh": [one.zh for one in said], "en": [one.en for one in said]}


def _add_writing(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    @blueprint.route(DRAFTS, methods=["POST"])
    @blueprint.arguments(RuleBodySchema)
    @blueprint.response(201, RuleDraftSchema)
    @require_role("manager")
    def post_draft(asked: dict[str, Any]) -> Any:
        """新的草案；可以尚未写完。 / A new draft; it need not be complete yet."""
        with transaction(sessions) as tx:
            draft_id = drafting.begin(tx, asked["body"], by=_by())
        return _one(sessions, draft_id)

    @blueprint.route(_ONE, methods=["PUT"])
    @blueprint.arguments(EditedRulesSchema)
    @blueprint.response(200, RuleDraftSchema)
    @blueprint.alt_response(403, **_NOT_YOU)
    @blueprint.alt_response(404, **_NONE)
    @blueprint.alt_response(409, **_CHANGED)
    @require_role("manager")
    def put_draft(asked: dict[str, Any], draft_id: UUID) -> Any:
        """修改自己的草案。 / Change a draft of your own."""
        with transaction(sessions) as tx:
            drafting.edit(tx, draft_id, asked["body"], revision=asked["revision"], by=_by())
        return _one(sessions, draft_id)

    @blueprint.route(f"{_ONE}/simulate", methods=["POST"])
    @blueprint.response(200, RuleDraftSchema)
    @blueprint.alt_response(404, **_NONE)
    @blueprint.alt_response(422, **_BAD)
    @require_role("manager")
    def simulate_draft(draft_id: UUID) -> Any:
        """按过去 12 个月试算，不改动任何流水。 / Over the last 12 months; changes no entry."""
        with transaction(sessions) as tx:
            simulate(tx, draft_id, by=_by())
        return _one(sessions, draft_id)


def _add_steps(blueprint: ApiBlueprint, sessions: Sessions) -> None:
    def step(draft_id: UUID, take: Callable[[Transaction], object]) -> Any:
        with transaction(sessions) as tx:
            take(tx)
        return _one(sessions, draft_id)

    def add(name: str, verb: Callable[..., object], schema: type, about: str) -> None:
        @require_role("manager")
        def view(asked: dict[str, Any], draft_id: UUID) -> Any:
            return step(draft_id, lambda tx: verb(tx, draft_id, **asked, by=_by()))

        view.__name__ = f"{name}_draft"
        view.__doc__ = about
        for status, told_of in ((422, _BAD), (409, _CHANGED), (404, _NONE), (403, _NOT_YOU)):
            view = blueprint.alt_response(status, **told_of)(view)
        view = blueprint.response(200, RuleDraftSchema)(view)
        view = blueprint.arguments(schema)(view)
        blueprint.route(f"{_ONE}/{name}", methods=["POST"])(view)

    add("submit", drafting.submit, RevisionSchema, "提交审核。 / Submit your own draft.")
    add("withdraw", drafting.withdraw, RevisionSchema, "撤回再改。 / Take it back to change it.")
    add(
        "publish",
        drafting.publish,
        RevisionSchema,
        "由另一位管理员发布。 / Published by another manager than its maker.",
    )
    add("reject", drafting.reject, RejectedRulesSchema, "退回并说明理由。 / Refuse it, saying why.")


def _one(sessions: Sessions, draft_id: UUID) -> Any:
    with sessions() as session:
        draft = rule_draft(session, draft_id)
    if draft is None:
        raise Missing("no_draft", "没有这份草案", "there is no such draft")
    return draft


def _by() -> str:
    return signed_in().account_no

"""The manager's desk for rules: drafts, their preview and simulation, and the second person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import orjson
from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.points import queries
from services.points.actions import rule_drafts as drafting
from services.points.actions.rules import check_start
from services.points.actions.simulating import simulate
from services.points.pages.rules import shown_rules
from services.points.queries.rule_drafts import Draft, rule_draft, rule_drafts
from services.points.rules.explaining import CAPS, words
from services.points.rules.form import Problem
from services.points.rules.rule_form import MEMBERS, BadRules, read_rule_set
from services.points.rules.rule_set import RuleSet, is_in_force
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of

PLACE = "/points/rules/drafts"
COPIES_MAX = 50
STATES = {
    "draft": ("info", "起草中", "Draft"),
    "submitted": ("wait", "待审核", "Waiting"),
    "published": ("ok", "已发布", "Published"),
    "rejected": ("off", "已退回", "Rejected"),
}


def add_rule_drafts(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/rules/drafts and /points/rules/drafts/<draft_id>."""
    _add_list(blueprint, sessions)
    _add_one(blueprint, sessions)
    _add_steps(blueprint, sessions)


def _add_list(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PLACE)
    @require_role("manager", "auditor")
    def list_rule_drafts() -> str:
        with sessions() as session:
            drafts = rule_drafts(session)
            published = queries.published_rules(session, COPIES_MAX)
            known = queries.rule_sets(session)
        today = clock.today()
        return render_template(
            "rule_drafts.html",
            drafts=drafts,
            state=_state,
            name=_name,
            is_manager=signed_in().role == "manager",
            sources=[
                (
                    f"{rules.programme}.{rules.version}",
                    _source(rules, is_valid=is_in_force(rules, known, today)),
                )
                for rules, _ in published
            ],
        )

    @blueprint.post(PLACE)
    @require_role("manager")
    def begin_rule_draft() -> Response:
        with sessions() as session:
            body = _copied(
                queries.published_bodies(session, COPIES_MAX), request.form.get("source", "")
            )
        with transaction(sessions) as tx:
            draft_id = drafting.begin(tx, body, by=_by())
        return redirect(f"{PLACE}/{draft_id}", 303)


def _add_one(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(f"{PLACE}/<uuid:draft_id>")
    @require_role("manager", "auditor")
    def show_rule_draft(draft_id: UUID) -> str:
        return _shown(sessions, draft_id)

    @blueprint.post(f"{PLACE}/<uuid:draft_id>")
    @require_role("manager")
    def edit_rule_draft(draft_id: UUID) -> Response:
        written = request.form.get("body", "")
        try:
            body = orjson.loads(written)
            with transaction(sessions) as tx:
                drafting.edit(tx, draft_id, body, revision=_revision(), by=_by())
        except orjson.JSONDecodeError as wrong:
            at = f"{wrong.lineno}:{wrong.colno}"
            told = t(
                f"第 {wrong.lineno} 行第 {wrong.colno} 列不是 JSON，没有保存；请检查逗号、引号和括号",
                f"{at} is not JSON, nothing was saved: check commas, quotes and brackets",
            )
            page = _shown(sessions, draft_id, written=written, error=told)
            return Response(page, 422, mimetype="text/html")
        except Missing:
            raise
        except LinliError as wrong:
            page = _shown(sessions, draft_id, written=written, error=words_of(wrong))
            return Response(page, wrong.status, mimetype="text/html")
        flash(t("已保存。", "Saved."), "ok")
        return redirect(f"{PLACE}/{draft_id}", 303)


def _add_steps(blueprint: Blueprint, sessions: Sessions) -> None:
    def add(name: str, take: Callable[[Transaction, UUID], object], zh: str, en: str) -> None:
        @require_role("manager")
        def view(draft_id: UUID) -> Response:
            back = f"{PLACE}/{draft_id}"
            return act(sessions, lambda tx: take(tx, draft_id), back=back, done=t(zh, en))

        blueprint.add_url_rule(
            f"{PLACE}/<uuid:draft_id>/{name}", f"{name}_rule_draft", view, methods=["POST"]
        )

    add(
        "simulate",
        lambda tx, draft_id: simulate(tx, draft_id, by=_by()),
        "试算完成，没有改动任何流水。",
        "Simulated; no entry was changed.",
    )
    add(
        "submit",
        lambda tx, draft_id: drafting.submit(tx, draft_id, revision=_revision(), by=_by()),
        "已提交，请另一位方案管理员审核。",
        "Submitted; another manager must check it.",
    )
    add(
        "withdraw",
        lambda tx, draft_id: drafting.withdraw(tx, draft_id, revision=_revision(), by=_by()),
        "已撤回，可以继续修改。",
        "Taken back; you may change it.",
    )
    add(
        "publish",
        lambda tx, draft_id: drafting.publish(tx, draft_id, revision=_revision(), by=_by()),
        "已发布，到生效日自动启用。",
        "Published; it begins on its first day.",
    )
    add(
        "reject",
        lambda tx, draft_id: drafting.reject(
            tx, draft_id, revision=_revision(), by=_by(), reason=request.form.get("reason", "")
        ),
        "已退回。",
        "Rejected.",
    )


def _shown(
    sessions: Sessions, draft_id: UUID, *, written: str | None = None, error: str | None = None
) -> str:
    with sessions() as session:
        draft = rule_draft(session, draft_id)
        if draft is None:
            raise Missing("no_draft", "没有这份草案", "there is no such draft")
        rules, problems = _checked(session, draft)
    account = signed_in()
    is_manager = account.role == "manager"
    return render_template(
        "rule_draft.html",
        draft=draft,
        state=_state,
        name=_name(draft),
        written=written if written is not None else _written(draft.body),
        error=error,
        problems=problems,
        shown=None if rules is None else shown_rules(rules),
        found=draft.simulated,
        caps_hit=_caps_hit,
        is_manager=is_manager,
        is_own=is_manager and account.account_no == draft.made_by,
        place=f"{PLACE}/{draft_id}",
    )


def _checked(session: Any, draft: Draft) -> tuple[RuleSet | None, list[Problem]]:
    """The rules where they can be read, and what keeps them from being published."""
    try:
        rules = read_rule_set(draft.body)
    except BadRules as wrong:
        return None, wrong.problems
    if draft.state in ("draft", "submitted"):
        try:
            check_start(session, rules)
        except BadRules as wrong:
            return rules, wrong.problems
    return rules, []


def _copied(published: list[tuple[dict[str, Any], Any]], source: str) -> dict[str, Any]:
    """A draft to begin with: a published version, one higher, from the next month on."""
    following = _next_month(clock.today()).isoformat()
    for body, _ in published:
        if f"{body['programme']}.{body['version']}" == source:
            version = max(
                other["version"]
                for other, _ in published
                if other["programme"] == body["programme"]
            )
            return {**body, "version": version + 1, "valid_from": following}
    return {
        "programme": "",
        "version": 1,
        "valid_from": following,
        "activity": {
            "points_per_hour": {},
            "credited_minutes_max_per_activity": 120,
            "evidence": {
                "self_check": {"points": True, "hours": True},
                "organiser": {"points": True, "hours": True},
                "backfill": {"points": False, "hours": True},
            },
        },
        "caps": {"person_day_points": 20, "person_month_points": 200},
        "wish": {"partner_contribution_points": {}},
    }


def _next_month(today: date) -> date:
    return (today.replace(day=1) + timedelta(days=32)).replace(day=1)


def _source(rules: RuleSet, *, is_valid: bool) -> str:
    told = t(
        f"{rules.programme} 第 {rules.version} 版", f"{rules.programme}, version {rules.version}"
    )
    return told + (t("（现行）", " (in force)") if is_valid else "")


def _name(draft: Draft) -> str:
    programme, version = draft.body.get("programme"), draft.body.get("version")
    if not programme:
        return t("未命名草案", "A draft without a name")
    return t(f"{programme} 第 {version} 版", f"{programme}, version {version}")


def _state(draft: Draft) -> tuple[str, str]:
    tone, zh, en = STATES[draft.state]
    return tone, t(zh, en)


def _caps_hit(counts: dict[str, int]) -> str:
    parts = []
    for code, times in counts.items():
        cap = words(CAPS, code)
        parts.append(t(f"{cap.zh} {times} 次", f"{cap.en}: {times}"))
    return t("；", "; ").join(parts)


def _written(body: dict[str, Any]) -> str:
    # In the order in which people write them; the database keeps none.
    ordered = {name: body[name] for name in MEMBERS if name in body}
    return orjson.dumps({**ordered, **body}, option=orjson.OPT_INDENT_2).decode()


def _revision() -> int:
    """The revision a form was made for; 0 fits none."""
    asked = request.form.get("revision", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 0


def _by() -> str:
    return signed_in().account_no

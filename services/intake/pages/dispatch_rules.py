"""派单规则: the versions, and a draft that one manager edits rule by rule and another publishes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from services.intake.actions import dispatch_rules as drafting
from services.intake.pages.dispatch_words import STATES, unit_words, when_words
from services.intake.pages.words import options
from services.intake.queries import dispatch_desk as queries
from services.intake.rules.alerts import Level
from services.intake.rules.dispatch import BY_KIND, DESK
from services.intake.rules.dispatch_form import ASSIST_MAX, UNIT_KINDS, BadDispatchRules, read_rules
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import signed_in
from shared.web.i18n import t

PATH = "/desk/dispatch/rules"
READERS = ("staff", "manager", "operator", "auditor")
_split = re.compile(r"[\s,，、;；]+").split


def make_dispatch_rules(sessions: Sessions) -> Blueprint:
    """`/desk/dispatch/rules` and what is below it."""
    blueprint = Blueprint("dispatch_rules", __name__)

    @blueprint.get(PATH)
    @require_role(*READERS)
    def list_dispatch_rules() -> str:
        with sessions() as session:
            lists = queries.rule_lists(session)
        return render_template(
            "dispatch_rule_lists.html",
            lists=lists,
            state=_state,
            is_manager=signed_in().role == "manager",
        )

    @blueprint.post(PATH)
    @require_role("manager")
    def begin_dispatch_rules() -> Response:
        with transaction(sessions) as tx:
            draft_id = drafting.begin(tx, by=signed_in().account_no)
        return redirect(f"{PATH}/{draft_id}", 303)

    @blueprint.get(f"{PATH}/<int:list_id>")
    @require_role(*READERS)
    def show_dispatch_rules(list_id: int) -> str:
        return _shown(sessions, list_id)

    _add_edits(blueprint, sessions)
    _add_steps(blueprint, sessions)
    return blueprint


def _add_edits(blueprint: Blueprint, sessions: Sessions) -> None:
    def add(name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        @require_role("manager")
        def view(list_id: int) -> Response:
            try:
                with transaction(sessions) as tx:
                    drafting.edit(tx, list_id, change, revision=_revision(), by=_by())
            except Missing:
                raise
            except LinliError as problem:
                page = _shown(sessions, list_id, problem=problem)
                return Response(page, problem.status, mimetype="text/html")
            flash(t("已保存。", "Saved."), "ok")
            return redirect(f"{PATH}/{list_id}", 303)

        rule = f"{PATH}/<int:list_id>/{name}"
        blueprint.add_url_rule(rule, f"{name}_dispatch_rules", view, methods=["POST"])

    add("rule", _with_rule)
    add("drop", _without_rule)
    add("rest", _with_rest)


def _add_steps(blueprint: Blueprint, sessions: Sessions) -> None:
    def add(name: str, take: Callable[[Transaction, int], object], zh: str, en: str) -> None:
        @require_role("manager")
        def view(list_id: int) -> Response:
            back = f"{PATH}/{list_id}"
            return act(sessions, lambda tx: take(tx, list_id), back=back, done=t(zh, en))

        rule = f"{PATH}/<int:list_id>/{name}"
        blueprint.add_url_rule(rule, f"{name}_dispatch_rules", view, methods=["POST"])

    add(
        "submit",
        lambda tx, list_id: drafting.submit(tx, list_id, revision=_revision(), by=_by()),
        "已提交，请另一位管理员审核。",
        "Submitted; another manager must check it.",
    )
    add(
        "withdraw",
        lambda tx, list_id: drafting.withdraw(tx, list_id, revision=_revision(), by=_by()),
        "已撤回，可以继续修改。",
        "Taken back; you may change it.",
    )
    add(
        "publish",
        lambda tx, list_id: drafting.publish(tx, list_id, revision=_revision(), by=_by()),
        "已发布，立即生效。",
        "Published, and in force at once.",
    )
    add(
        "reject",
        lambda tx, list_id: drafting.reject(
            tx, list_id, revision=_revision(), by=_by(), reason=request.form.get("reason", "")
        ),
        "已退回。",
        "Rejected.",
    )


def _with_rule(body: dict[str, Any]) -> dict[str, Any]:
    rule, old = _rule_of(request.form), request.form.get("was", "")
    rules = list(body.get("rules", []))
    places = [n for n, each in enumerate(rules) if each.get("code") == old] if old else []
    if places:
        rules[places[0]] = rule
    else:
        rules.append(rule)
    return {**body, "rules": rules}


def _without_rule(body: dict[str, Any]) -> dict[str, Any]:
    code = request.form.get("was", "")
    return {**body, "rules": [each for each in body.get("rules", []) if each["code"] != code]}


def _with_rest(body: dict[str, Any]) -> dict[str, Any]:
    near = dict(each.partition("=")[::2] for each in _words("near_m"))
    return {
        **body,
        "villages": _words("villages"),
        "near_m": {name: _number(metres) for name, metres in near.items()},
    }


def _rule_of(form: MultiDict[str, str]) -> dict[str, Any]:
    """The rule that a form holds; what is odd in it is found when the list is read."""
    when: dict[str, Any] = {
        "categories": _words("categories"),
        "areas": _words("areas"),
        "track": form.get("track") or None,
        "urgencies": form.getlist("urgencies"),
        "levels": form.getlist("levels"),
        "weekdays": [_number(day) for day in form.getlist("weekdays")],
        "begins": form.get("begins") or None,
        "ends": form.get("ends") or None,
    }
    return {
        "code": form.get("code", "").strip(),
        "priority": _number(form.get("priority", "")),
        "when": {name: value for name, value in when.items() if value},
        "unit": form.get("unit", ""),
        "assist": [
            form[f"assist-{n}"] for n in range(1, ASSIST_MAX + 1) if form.get(f"assist-{n}")
        ],
        "reason_zh": form.get("reason_zh", ""),
        "reason_en": form.get("reason_en", ""),
    }


def _shown(
    sessions: Sessions,
    list_id: int,
    *,
    problem: LinliError | None = None,
) -> str:
    with sessions() as session:
        one = queries.rule_list(session, list_id)
        if one is None:
            raise Missing("no_draft", "没有这份规则", "there are no such rules")
        units = queries.units_to_choose(session)
        rules = read_rules(one["body"], one["version"])
        names = _names(session, one["body"])
    account = signed_in()
    is_manager = account.role == "manager"
    return render_template(
        "dispatch_rules.html",
        one=one,
        place=f"{PATH}/{list_id}",
        rules=[(rule, when_words(rule.when), unit_words(rule.unit, names)) for rule in rules.rules],
        assists=lambda rule: "、".join(unit_words(each, names) for each in rule.assist),
        near="\n".join(f"{name}={metres}" for name, metres in rules.near_m.items()),
        villages=" ".join(sorted(rules.villages)),
        units=_unit_options(units),
        editing=_rule_of(request.form) if "code" in request.form else _editing(one["body"]),
        was=request.form.get("was", request.args.get("edit", "")),
        problem=problem,
        problems=problem.problems if isinstance(problem, BadDispatchRules) else [],
        state=_state,
        levels=list(Level),
        options=options,
        is_manager=is_manager,
        is_own=is_manager and account.account_no == one["made_by"],
    )


def _editing(body: Mapping[str, Any]) -> dict[str, Any]:
    """The rule that `?edit=` names, as its list has it; empty for a new one."""
    wanted = request.args.get("edit")
    found = (each for each in body.get("rules", []) if each["code"] == wanted)
    return dict(next(found, {}))


def _names(session: Session, body: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    named = {each["unit"] for each in body.get("rules", [])}
    return queries.names_of(
        session, named.union(*(each["assist"] for each in body.get("rules", [])))
    )


def _unit_options(units: list[dict[str, Any]]) -> list[tuple[str, str]]:
    near = [(f"{BY_KIND}{kind}", unit_words(f"{BY_KIND}{kind}", {})) for kind in UNIT_KINDS[1:]]
    named = [(each["unit_code"], t(each["name"], each["name_en"])) for each in units]
    return [(DESK, unit_words(DESK, {})), *near, *named]


def _state(row: Mapping[str, Any]) -> tuple[str, str]:
    tone, zh, en = STATES[row["state"]]
    return tone, t(zh, en)


def _words(name: str) -> list[str]:
    return [each for each in _split(request.form.get(name, "")) if each]


def _number(written: str) -> int | str:
    """A whole number; anything else stays as it is, to be refused by its place."""
    stripped = written.strip()
    return int(stripped) if stripped.isascii() and stripped.isdigit() else written


def _revision() -> int:
    given = _number(request.form.get("revision", ""))
    return given if isinstance(given, int) else -1


def _by() -> str:
    return signed_in().account_no

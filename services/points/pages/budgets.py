"""预算与折算率: one manager proposes, another decides; everybody at the desk sees."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.points.actions import budgets as acting
from services.points.queries import budgets as known
from services.points.rules.budgets import STOPS, UNITS
from shared.db.session import Sessions
from shared.errors import LinliError, Rejected
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of

ROLES = ("manager", "auditor")
PLACE = "/points/budgets"
STATES = {
    None: ("wait", "待审核", "Waiting"),
    "approved": ("ok", "已批准", "Approved"),
    "refused": ("off", "已退回", "Refused"),
}

# Awards by rules have caps of their own (of a community, too): a budget only warns of them.
OFFERED = ("nothing", "redemptions")

_WHOLE = re.compile(r"\d{1,13}", re.ASCII)
_YUAN = re.compile(r"(\d{1,10})(?:\.(\d{1,2}))?", re.ASCII)
_FIELDS = ("community_code", "starts_on", "ends_on", "unit", "amount", "stops")
_RATE_FIELDS = ("programme", "valid_from", "rate")


def add_budgets(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/budgets and what is done there."""

    @blueprint.get(PLACE)
    @require_role(*ROLES)
    def list_budgets() -> str:
        return _shown(sessions)

    def propose(name: str, fields: tuple[str, ...], write: Callable[..., object]) -> None:
        @require_role("manager")
        def view() -> Response:
            form = {field: request.form.get(field, "").strip() for field in fields}
            try:
                with transaction(sessions) as tx:
                    write(tx, form, signed_in().account_no)
            except LinliError as wrong:
                page = _shown(sessions, form=form, problem=wrong)
                return Response(page, wrong.status, mimetype="text/html")
            flash(
                t("已提议，请另一位方案管理员审核。", "Proposed; another manager must decide."),
                "ok",
            )
            return redirect(PLACE, 303)

        blueprint.add_url_rule(f"{PLACE}/{name}", f"propose_{name}", view, methods=["POST"])

    propose("budget", _FIELDS, _propose_budget)
    propose("rate", _RATE_FIELDS, _propose_rate)

    @blueprint.post(f"{PLACE}/<any(budgets, point_rates):table>/<uuid:row_id>")
    @require_role("manager")
    def decide_budget(table: str, row_id: UUID) -> Response:
        by, approve = signed_in().account_no, request.form.get("decision") == "approve"

        def decide(tx: Transaction) -> None:
            acting.decide(tx, table, row_id, approve=approve, by=by)

        return act(sessions, decide, back=PLACE, done=t("已决定。", "Decided."))


def _propose_budget(tx: Transaction, form: dict[str, str], by: str) -> None:
    unit = form["unit"]
    acting.propose_budget(
        tx,
        community_code=form["community_code"],
        starts_on=_day(form, "starts_on"),
        ends_on=_day(form, "ends_on"),
        unit=unit,
        amount=_fen(form, "amount") if unit == "fen" else _whole(form, "amount"),
        stops=form["stops"],
        by=by,
    )


def _propose_rate(tx: Transaction, form: dict[str, str], by: str) -> None:
    acting.propose_rate(
        tx,
        programme=form["programme"],
        valid_from=_day(form, "valid_from"),
        fen_per_hundred=_fen(form, "rate"),
        by=by,
    )


def _day(form: dict[str, str], name: str) -> date:
    try:
        return date.fromisoformat(form[name])
    except ValueError:
        raise Rejected(
            "bad_day",
            "请填写日期，例如 2026-01-01",
            "give a day, such as 2026-01-01",
            pointer=f"/{name}",
        ) from None


def _whole(form: dict[str, str], name: str) -> int:
    if not _WHOLE.fullmatch(form[name]):
        raise Rejected(
            "bad_amount", "请填写整数", "give a whole number of points", pointer=f"/{name}"
        )
    return int(form[name])


def _fen(form: dict[str, str], name: str) -> int:
    """Yuan with at most two decimals, as fen."""
    found = _YUAN.fullmatch(form[name])
    if found is None:
        raise Rejected(
            "bad_amount",
            "请填写金额（元），最多两位小数",
            "give an amount in yuan with at most two decimals",
            pointer=f"/{name}",
        )
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _shown(
    sessions: Sessions, *, form: dict[str, str] | None = None, problem: LinliError | None = None
) -> str:
    with sessions() as session:
        budgets = known.budgets(session)
        rates = known.all_rates(session)
    errors = {}
    if problem is not None:
        errors[(problem.pointer or "").strip("/")] = words_of(problem)
    return render_template(
        "budgets.html",
        budgets=budgets,
        rates=rates,
        form=form or {},
        errors=errors,
        state=lambda decision: (STATES[decision][0], t(*STATES[decision][1:])),
        stop=lambda stops: t(*STOPS[stops]),
        stops=[(code, t(*STOPS[code])) for code in OFFERED],
        units=[(code, t(*words)) for code, words in UNITS.items()],
        is_manager=signed_in().role == "manager",
        own=signed_in().account_no,
    )

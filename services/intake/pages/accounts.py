"""Accounts: the operator's list, and one's own password."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.intake import queries
from services.intake.actions import accounts
from services.intake.pages.words import options, word
from shared.crypto import BlindIndex
from shared.db.session import Sessions
from shared.errors import LinliError, TooMany
from shared.messaging.transaction import transaction
from shared.web import auth
from shared.web.access import require_role
from shared.web.i18n import t, words_of

_FIELDS = ("login", "role", "subject", "display_name")


def make_accounts(sessions: Sessions, index: BlindIndex) -> Blueprint:
    """`/accounts` for operators, `/accounts/password` for everybody who is signed in."""
    blueprint = Blueprint("accounts", __name__)
    _add_list(blueprint, sessions)
    _add_changes(blueprint, sessions, index)
    _add_own_password(blueprint, sessions, index)
    return blueprint


def _add_list(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get("/accounts")
    @require_role("operator")
    def list_accounts() -> str:
        return _listed(sessions)

    @blueprint.post("/accounts")
    @require_role("operator")
    def add_account() -> Response:
        form = {name: request.form.get(name, "") for name in _FIELDS}
        try:
            with transaction(sessions) as tx:
                password = accounts.add_account(tx, **form)
        except LinliError as error:
            page = _listed(sessions, form=form, problem=error)
            return Response(page, error.status, mimetype="text/html")
        shown = _listed(sessions, made=(form["login"], password))
        return Response(shown, 201, mimetype="text/html")


def _add_changes(blueprint: Blueprint, sessions: Sessions, index: BlindIndex) -> None:
    @blueprint.post("/accounts/<account_no>/reset")
    @require_role("operator")
    def reset(account_no: str) -> str:
        with transaction(sessions) as tx:
            password = accounts.reset_password(tx, account_no, index)
        return _listed(sessions, made=(account_no, password))

    @blueprint.post("/accounts/<account_no>/active")
    @require_role("operator")
    def set_active(account_no: str) -> Response:
        is_active = request.form.get("active") == "1"
        if account_no == auth.signed_in().account_no and not is_active:
            flash(t("不能停用自己的账号。", "You cannot deactivate your own account."), "bad")
            return redirect("/accounts", 303)
        with transaction(sessions) as tx:
            accounts.set_active(tx, account_no, is_active)
        flash(t("已保存。", "Saved."), "ok")
        return redirect("/accounts", 303)


def _add_own_password(blueprint: Blueprint, sessions: Sessions, index: BlindIndex) -> None:
    @blueprint.route("/accounts/password", methods=["GET", "POST"])
    @require_role(*auth.ROLES)
    def change_password() -> str | Response:
        if request.method == "GET":
            return render_template("password.html", problem=None)
        try:
            accounts.change_password(
                sessions,
                index,
                account_no=auth.signed_in().account_no,
                current=request.form.get("current", ""),
                new=request.form.get("new", ""),
            )
        except LinliError as error:
            page = render_template("password.html", problem=error)
            # 401 would say that nobody is signed in.
            status = 422 if error.status == 401 else error.status
            response = Response(page, status, mimetype="text/html")
            if isinstance(error, TooMany):
                response.headers["Retry-After"] = str(error.retry_after_s)
            return response
        flash(t("密码已修改。", "Your password was changed."), "ok")
        return redirect("/", 303)


def _listed(
    sessions: Sessions,
    *,
    form: dict[str, str] | None = None,
    problem: LinliError | None = None,
    made: tuple[str, str] | None = None,
) -> str:
    with sessions() as session:
        page = queries.accounts(session, after=request.args.get("after", ""))
    errors: dict[str, Any] = {}
    if problem is not None and problem.pointer:
        errors[problem.pointer.strip("/")] = words_of(problem)
    return render_template(
        "accounts.html",
        page=page,
        form=form or {},
        problem=problem,
        errors=errors,
        made=made,
        word=word,
        options=options,
        own=auth.signed_in().account_no,
    )

"""The sign-in and sign-out pages; intake, which owns the accounts, plugs in what checks them."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from shared.errors import LinliError, TooMany, Unavailable
from shared.web import auth
from shared.web.access import public
from shared.web.auth import Account, safe_next
from shared.web.i18n import t

LOGIN_CHARS_MAX = 64

# (login name, password, address) -> the account. Raises Unauthenticated for a wrong name or
# password (the same words for both), TooMany when locked, Unavailable when it cannot say.
Verify = Callable[[str, str, str], Account]

HOME = {
    "operator": "/overview",
    "auditor": "/overview",
    "staff": "/requests",
    "manager": "/points/desk",
    "resident": "/passbooks/{subject}",
    "partner": "/partners/{subject}",
}


def home_of(account: Account) -> str:
    """Where an account lands when it asked for no page."""
    return HOME[account.role].format(subject=account.subject)


def register_sign_in(app: Flask, verify: Verify) -> None:
    """Add GET and POST /sign-in and POST /sign-out."""

    @public
    def sign_in() -> str | Response:
        going_to = safe_next(request.values.get("next"), "")
        account = auth.current_account()
        if request.method == "POST":
            return _attempt(verify, going_to)
        if account is not None:
            return redirect(going_to or home_of(account), 303)
        return _form(going_to)

    @public
    def sign_out() -> Response:
        auth.sign_out()
        flash(t("您已退出登录。", "You have signed out."), "ok")
        return redirect(auth.SIGN_IN_PATH, 303)

    app.add_url_rule(auth.SIGN_IN_PATH, "sign_in", sign_in, methods=["GET", "POST"])
    app.add_url_rule("/sign-out", "sign_out", sign_out, methods=["POST"])


def _attempt(verify: Verify, going_to: str) -> Response:
    login = request.form.get("login", "").strip()[:LOGIN_CHARS_MAX]
    password = request.form.get("password", "")
    missing = {}
    if not login:
        missing["login"] = t("请填写账号。", "Enter your account name.")
    if not password:
        missing["password"] = t("请填写密码。", "Enter your password.")
    if missing:
        return _refused(going_to, login, 422, errors=missing)
    try:
        account = verify(login, password, request.remote_addr or "")
    except LinliError as error:
        if error.status >= 500 and not isinstance(error, Unavailable):
            raise
        response = _refused(going_to, login, error.status, problem=error)
        if isinstance(error, TooMany | Unavailable):
            response.headers["Retry-After"] = str(max(1, error.retry_after_s))
        return response
    auth.sign_in(account)
    return redirect(going_to or home_of(account), 303)


def _refused(
    going_to: str,
    login: str,
    status: int,
    *,
    errors: dict[str, str] | None = None,
    problem: LinliError | None = None,
) -> Response:
    return Response(
        _form(going_to, login=login, errors=errors, problem=problem), status, mimetype="text/html"
    )


def _form(
    going_to: str,
    *,
    login: str = "",
    errors: dict[str, str] | None = None,
    problem: LinliError | None = None,
) -> str:
    return render_template(
        "sign_in.html", going_to=going_to, login=login, errors=errors or {}, problem=problem
    )

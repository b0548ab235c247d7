"""Language and elder mode: two cookies, switched by links and plain forms at /preferences.

Nothing but the look of this browser's pages changes, so it is a GET and needs no CSRF token.
"""

from __future__ import annotations

from flask import Flask, has_request_context, redirect, request
from werkzeug.wrappers import Response

from shared.web import i18n
from shared.web.access import public
from shared.web.auth import safe_next

PATH = "/preferences"
ELDER_COOKIE = "elder"
_ONE_YEAR_S = 31_536_000


def elder_mode() -> bool:
    """Whether the visitor wants larger type, more contrast and fewer things."""
    return has_request_context() and request.cookies.get(ELDER_COOKIE) == "1"


@public
def set_preferences() -> Response:
    """?lang=zh|en, ?elder=0|1, ?next=/path; what is odd is ignored."""
    response = redirect(safe_next(request.args.get("next")), 303)
    secure = request.is_secure
    if (lang := request.args.get("lang")) in i18n.LANGUAGES:
        response.set_cookie(
            i18n.COOKIE, lang, max_age=_ONE_YEAR_S, samesite="Lax", secure=secure, httponly=True
        )
    if (elder := request.args.get("elder")) in {"0", "1"}:
        response.set_cookie(
            ELDER_COOKIE, elder, max_age=_ONE_YEAR_S, samesite="Lax", secure=secure, httponly=True
        )
    return response


def install(app: Flask) -> None:
    """Every app answers it, so that the switches also work where it runs alone."""
    app.add_url_rule(PATH, "preferences", set_preferences)
    app.jinja_env.globals.update(elder_mode=elder_mode)

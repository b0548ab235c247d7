"""A token bound to the session cookie that every unsafe request of a page must repeat.

Forms send it as the field `csrf_token`, scripts as the header `X-CSRF-Token`. Doors that
authenticate by an API key carry no cookie that a foreign page could abuse and are exempt.
"""

from __future__ import annotations

import hmac
import secrets

from flask import Flask, request, session
from markupsafe import Markup

from shared.errors import Forbidden
from shared.web.access import current_access

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def csrf_token() -> str:
    """The token of this session; made (and with it the cookie) when a page first needs it."""
    token = session.get(FIELD)
    if not isinstance(token, str):
        token = session[FIELD] = secrets.token_urlsafe(32)
    return token


def csrf_field() -> Markup:
    """The hidden form field."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf_token())


def install(app: Flask) -> None:
    """Check each unsafe request; register after auth, which loads the session."""
    app.before_request(_check)
    app.jinja_env.globals.update(csrf_token=csrf_token, csrf_field=csrf_field)


def _check() -> None:
    if request.method in _SAFE or request.endpoint is None:
        return
    access = current_access()
    if access is not None and access.kind == "bearer":
        return
    expected = session.get(FIELD)
    sent = request.headers.get(HEADER) or request.form.get(FIELD, "")
    good = isinstance(expected, str) and hmac.compare_digest(expected.encode(), sent.encode())
    if not good or request.headers.get("Sec-Fetch-Site") == "cross-site":
        raise Forbidden(
            "csrf",
            "页面已过期或请求并非来自本站。请返回上一页，刷新后重试。",
            "The page is out of date or the request came from another site."
            " Go back, reload the page and try again.",
        )

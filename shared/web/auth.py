"""Who is signed in: a signed cookie that all four web apps can read, with idle and total limits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, g, redirect, request, session
from flask.sessions import SecureCookieSessionInterface
from werkzeug.wrappers import Response as BaseResponse

from shared import clock
from shared.errors import Forbidden, Unauthenticated
from shared.web import negotiation
from shared.web.access import current_access
from shared.web.settings import WebSettings

ROLES = ("resident", "staff", "manager", "partner", "operator", "auditor")
IDLE_LIMIT = timedelta(minutes=30)
TOTAL_LIMIT = timedelta(hours=12)
SIGN_IN_PATH = "/sign-in"

_TOUCH_EVERY = timedelta(minutes=1)  # a new cookie each minute, not with each answer
_NEXT_CHARS_MAX = 1000
_UNATTENDED_COOKIE = "linli_auto"  # set by refresh.js just before it reloads a page by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`subject` is the resident_no, partner slug or staff number; `name` is masked already."""

    account_no: str
    role: str
    subject: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise ValueError(f"unknown role {self.role}")


def sign_in(account: Account) -> None:
    """Begin a session; whatever the visitor's old cookie held is forgotten."""
    at = int(clock.now().timestamp())
    session.clear()
    session.update(account=asdict(account), issued_at=at, last_seen=at)
    g.account = account


def sign_out() -> None:
    """Forget the session in this browser."""
    session.clear()
    g.account = None


def current_account() -> Account | None:
    """The signed-in account, or None."""
    account = g.get("account")
    return account if isinstance(account, Account) else None


def signed_in() -> Account:
    """The signed-in account; raises Unauthenticated."""
    if (account := current_account()) is None:
        raise Unauthenticated("not_signed_in", "请先登录。", "Please sign in first.")
    return account


def require_subject(subject: str, *, unless: frozenset[str] = frozenset()) -> Account:
    """The account, when it is about itself or its role is in `unless`; raises Forbidden."""
    account = signed_in()
    if account.role in unless or (subject and account.subject == subject):
        return account
    raise Forbidden("not_yours", "您只能查看自己的内容。", "You may only see what is your own.")


def safe_next(target: str | None, default: str = "/") -> str:
    """A path on this site to go on to; anything that could lead elsewhere becomes `default`."""
    if target is None or len(target) > _NEXT_CHARS_MAX or not target.startswith("/"):
        return default
    if target.startswith("//") or "\\" in target or any(ord(c) < 0x21 for c in target):
        return default
    try:
        parts = urlsplit(target)
    except ValueError:
        return default
    return default if parts.scheme or parts.netloc else target


def sign_in_url() -> str:
    """The sign-in page, which comes back to the page asked for."""
    if request.method != "GET":
        return SIGN_IN_PATH
    asked = request.full_path if request.query_string else request.path
    return f"{SIGN_IN_PATH}?{urlencode({'next': safe_next(asked)})}"


class _SignedCookie(SecureCookieSessionInterface):
    digest_method = staticmethod(hashlib.sha256)  # Flask's own choice is still SHA-1


def install(app: Flask, settings: WebSettings) -> None:
    """Load the session of each request, check its limits and the route's declared access."""
    app.session_interface = _SignedCookie()
    app.config.update(
        SECRET_KEY=settings.session_key,
        # The __Host- prefix makes browsers insist on Secure, path / and no domain.
        SESSION_COOKIE_NAME="__Host-linli" if settings.secure_cookies else "linli_session",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=TOTAL_LIMIT + IDLE_LIMIT,
    )
    app.before_request(_load)
    app.before_request(_check_access)
    app.after_request(_keep_private)


def _load() -> None:
    g.account = None
    held = session.get("account")
    if held is None:
        return
    g.account = _still_valid(held, session.get("issued_at"), session.get("last_seen"))
    if g.account is None:
        session.clear()


def _still_valid(held: object, issued_at: object, last_seen: object) -> Account | None:
    if not (
        isinstance(held, Mapping) and isinstance(issued_at, int) and isinstance(last_seen, int)
    ):
        return None
    now = int(clock.now().timestamp())
    if now - issued_at > TOTAL_LIMIT.total_seconds():
        return None
    if now - last_seen > IDLE_LIMIT.total_seconds():
        return None
    try:
        account = Account(**{str(k): str(v) for k, v in held.items()})
    except (TypeError, ValueError):  # a cookie of another version of this class
        return None
    attended = _UNATTENDED_COOKIE not in request.cookies
    if attended and now - last_seen >= _TOUCH_EVERY.total_seconds():
        session["last_seen"] = now
    return account


def _check_access() -> BaseResponse | None:
    if request.endpoint is None:  # nothing matched: the 404 or 405 that follows is for everybody
        return None
    access = current_access()
    if access is None:
        raise Forbidden(
            "access_undeclared", "此功能未开放。", "This function is not open to anybody."
        )
    if access.kind != "roles":
        return None
    account = current_account()
    if account is None:
        if negotiation.wants_html():
            return redirect(sign_in_url(), 303)
        signed_in()
    elif account.role not in access.roles:
        raise Forbidden("wrong_role", "您的账号没有此项权限。", "Your account may not do this.")
    return None


def _keep_private(response: Response) -> Response:
    if "Cache-Control" not in response.headers:
        # Pages carry people's own affairs or a CSRF token: no shared cache may keep them.
        response.headers["Cache-Control"] = "no-store"
    return response

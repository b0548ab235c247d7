"""Who may use a route. Every route says so; one that does not is refused to everybody.

The declarations only mark the view: the base app checks them before anything of the route runs,
so the order of decorators cannot open a door.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from flask import Flask, current_app, request

View = TypeVar("View", bound=Callable[..., Any])
Kind = Literal["public", "roles", "bearer"]

_MARK = "_linli_access"
_ASKED_BY_BROWSERS = frozenset({"HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Access:
    """`bearer` routes check an API key themselves and carry no cookie, hence no CSRF token."""

    kind: Kind
    roles: frozenset[str] = frozenset()


def public(view: View) -> View:
    """Anybody may use this route; unsafe methods still need the CSRF token."""
    setattr(view, _MARK, Access("public"))
    return view


def bearer_door(view: View) -> View:
    """The route authenticates each request by its Authorization header, never by cookie."""
    setattr(view, _MARK, Access("bearer"))
    return view


def require_role(*roles: str) -> Callable[[View], View]:
    """Only signed-in people with one of these roles."""
    if not roles:
        raise ValueError("name at least one role")

    def mark(view: View) -> View:
        setattr(view, _MARK, Access("roles", frozenset(roles)))
        return view

    return mark


def access_of(app: Flask, endpoint: str, method: str) -> Access | None:
    """What a route declared: on the method of a MethodView, on its class, or on the function."""
    view = app.view_functions[endpoint]
    if (view_class := getattr(view, "view_class", None)) is not None:
        handler = getattr(view_class, method.lower(), None)
        for place in (handler, view_class):
            if isinstance(found := getattr(place, _MARK, None), Access):
                return found
    found = getattr(view, _MARK, None)
    return found if isinstance(found, Access) else None


def current_access() -> Access | None:
    """What the route of this request declared; None when no route matched or it is silent."""
    if request.endpoint is None:
        return None
    method = "GET" if request.method in _ASKED_BY_BROWSERS else request.method
    return access_of(current_app, request.endpoint, method)


def undeclared_routes(app: Flask) -> list[str]:
    """`METHOD /rule` of every route that says nothing; a test of each service holds it empty."""
    return sorted(
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - _ASKED_BY_BROWSERS
        if access_of(app, rule.endpoint, method) is None
    )

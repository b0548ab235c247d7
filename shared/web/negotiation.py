"""Whether an answer is for a person's browser (HTML) or for a program (JSON)."""

from __future__ import annotations

from typing import Any

from flask import current_app, request

_HTML = ("text/html", "application/xhtml+xml")


def is_api_view() -> bool:
    """Whether the matched route belongs to an API blueprint (see openapi.ApiBlueprint)."""
    blueprint: Any = current_app.blueprints.get(request.blueprint or "")
    return bool(getattr(blueprint, "is_linli_api", False))


def wants_html() -> bool:
    """Only who names HTML gets it: `*/*` (curl, scripts) is answered in JSON."""
    if is_api_view() or request.path.endswith(".json"):
        return False
    accepts = request.accept_mimetypes
    named = {mime.lower() for mime, quality in accepts if quality > 0}
    return any(mime in named for mime in _HTML) and (
        accepts.quality("text/html") >= accepts.quality("application/json")
    )

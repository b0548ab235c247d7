"""Routes that take more than the site's usual body: files that people send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import current_app, request

View = TypeVar("View", bound=Callable[..., Any])
_MARK = "_linli_body_limit"


def takes_up_to(limit_bytes: int) -> Callable[[View], View]:
    """Let this route read bodies of up to `limit_bytes`; every other keeps the site's limit."""

    def mark(view: View) -> View:
        setattr(view, _MARK, limit_bytes)
        return view

    return mark


def widen() -> None:
    """Give this request the limit of its route, before anything of its body is read."""
    if request.endpoint is None:
        return
    limit = getattr(current_app.view_functions.get(request.endpoint), _MARK, None)
    if isinstance(limit, int):
        request.max_content_length = limit

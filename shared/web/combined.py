"""Several services behind one address, in one process: by the first segment of the path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from flask import Flask

from shared.web import health
from shared.web.app import create_base_app
from shared.web.settings import WebSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# The gateway's configuration says the same to nginx. Everything else is intake's.
FIRST_SEGMENTS: Mapping[str, str] = {
    "passbooks": "points",
    "points": "points",
    "partners": "partners",
    "inbox": "notify",
    "notices": "notify",
    "notify": "notify",
}
DEFAULT_SERVICE = "intake"
_OF_ALL = frozenset({"/healthz", "/readyz", "/version", "/metrics"})


def service_of(path: str, segments: Mapping[str, str] = FIRST_SEGMENTS) -> str:
    """The service that answers a path; the default one for whatever nobody claims."""
    first = path[1:].split("/", 1)[0] if path.startswith("/") else path
    return segments.get(first, DEFAULT_SERVICE)


def create_combined_app(
    apps: Mapping[str, Flask],
    *,
    settings: WebSettings,
    segments: Mapping[str, str] = FIRST_SEGMENTS,
) -> WSGIApplication:
    """One WSGI application of several; `/healthz` and its like speak for all of them."""

    def ready() -> dict[str, str | None]:
        return {
            f"{name}.{check}": reason
            for name, app in apps.items()
            for check, reason in health.check(app.extensions["linli.ready"]).items()
        }

    front = create_base_app("linli", settings=settings, ready=ready, import_name="shared.web")
    missing = apps.get(DEFAULT_SERVICE, front)

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path in _OF_ALL or path.startswith("/linli/"):
            return front(environ, start)
        return apps.get(service_of(path, segments), missing)(environ, start)

    return application

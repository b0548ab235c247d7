"""The base every service's web app starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, request
from jinja2 import ChoiceLoader, FileSystemLoader
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix

from shared.web import (
    access,
    auth,
    bodies,
    csrf,
    display,
    headers,
    health,
    i18n,
    navigation,
    observing,
    plain_input,
    preferences,
    problems,
    routing,
    tracing,
)
from shared.web.settings import WebSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HERE = Path(__file__).parent
STATIC_MAX_AGE_S = 3600


def create_base_app(
    service: str,
    *,
    settings: WebSettings,
    ready: Callable[[], dict[str, str | None]],
    import_name: str | None = None,
) -> Flask:
    """A Flask app with everything but the service's own routes.

    `ready` names each check and why it fails (None when it is well). Templates and catalogues are
    those of `services.<service>`, or of `import_name`, and then the shared ones.
    """
    app = Flask(
        import_name or f"services.{service}",
        static_folder=str(HERE / "static"),
        static_url_path="/static",
    )
    routing.install(app)
    app.config.update(
        MAX_CONTENT_LENGTH=settings.body_limit_bytes,
        MAX_FORM_MEMORY_SIZE=settings.body_limit_bytes,
        SEND_FILE_MAX_AGE_DEFAULT=STATIC_MAX_AGE_S,
    )
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    _use_templates(app)
    access.public(app.view_functions["static"])

    # The order of these is the order in which a request meets them.
    observing.install(app, service)
    tracing.install(app)
    app.before_request(_refuse_large_bodies)
    plain_input.install(app)
    headers.install(app, https=settings.secure_cookies)
    problems.install(app)
    i18n.install(app)
    auth.install(app, settings)
    csrf.install(app)
    display.install(app)
    navigation.install(app)
    preferences.install(app)
    health.install(app, service, ready, revision=settings.revision)
    app.extensions["linli.ready"] = ready

    inner = app.wsgi_app
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        inner = ProxyFix(inner, x_for=count, x_proto=count, x_host=count)
    app.wsgi_app = _Guard(inner)  # type: ignore[assignment, method-assign, unused-ignore]
    return app


def _use_templates(app: Flask) -> None:
    own = Path(app.root_path) / "templates"
    app.jinja_loader = ChoiceLoader(
        [FileSystemLoader(folder) for folder in dict.fromkeys((own, HERE / "templates"))]
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def _refuse_large_bodies() -> None:
    bodies.widen()
    # Flask notices only when the body is read; a route that never reads would accept anything.
    limit = request.max_content_length
    if limit is not None and (request.content_length or 0) > limit:
        raise RequestEntityTooLarge


class _Guard:
    """Answers what fails before Flask can: a Host header that is not a host, for one."""

    def __init__(self, inner: WSGIApplication) -> None:
        self._inner = inner

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        try:
            return self._inner(environ, start)
        except HTTPException as error:
            status = error.code or 400
        except Exception as error:  # noqa: BLE001 - the last net under every request
            problems.log_failure("a request failed before the app could answer", error)
            status = 500
        return self._plain(status, start)

    @staticmethod
    def _plain(status: int, start: StartResponse) -> Iterable[bytes]:
        body: Any = problems.problem_bytes(status)
        start(
            f"{status} {'Bad Request' if status < 500 else 'Internal Server Error'}",
            [("Content-Type", problems.PROBLEM_JSON), ("Content-Length", str(len(body)))],
        )
        return [body]

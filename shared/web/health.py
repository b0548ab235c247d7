"""What machines ask: is the process up, is it ready, which version, and its metrics."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, Response, jsonify

from shared.metrics import exposition
from shared.web.access import public
from shared.web.problems import RETRY_AFTER_S, log_failure
from shared.web.settings import product_version

Ready = Callable[[], dict[str, str | None]]


def check(ready: Ready) -> dict[str, str | None]:
    """The checks' answers (None is well); a check that raises is itself a reason."""
    try:
        return ready()
    except Exception as problem:  # noqa: BLE001 - whatever is wrong, not ready is the answer
        log_failure("a readiness check raised", problem)
        return {"checks": f"检查失败 / the check failed: {type(problem).__name__}"}


def install(app: Flask, service: str, ready: Ready, *, revision: str) -> None:
    """Add /healthz, /readyz, /version and /metrics, each also under /<service>/."""

    @public
    def healthz() -> Response:
        return jsonify(status="ok", service=service)

    @public
    def readyz() -> Response:
        checks = check(ready)
        wrong = {name: reason for name, reason in checks.items() if reason is not None}
        shown = {name: reason or "ok" for name, reason in checks.items()}
        response = jsonify(status="not_ready" if wrong else "ready", service=service, checks=shown)
        if wrong:
            response.status_code = 503
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response

    @public
    def version() -> Response:
        return jsonify(service=service, version=product_version(), revision=revision or None)

    @public
    def metrics() -> Response:
        body, content_type = exposition()
        return Response(body, content_type=content_type)

    for view in (healthz, readyz, version, metrics):
        app.add_url_rule(f"/{view.__name__}", view.__name__, view)
        app.add_url_rule(f"/{service}/{view.__name__}", f"own_{view.__name__}", view)

"""One counter, one duration and one log line per request; the route's rule, never its path."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

from shared.metrics import http_request_duration, http_requests
from shared.web.auth import current_account

UNMATCHED = "(unmatched)"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Asked every few seconds by machines: worth a metric, not a log line.
_QUIET = ("/healthz", "/readyz", "/metrics", "/static/")
_log = logging.getLogger("linli.access")


def route_label() -> str:
    """The rule that matched: as many values as there are rules, plus one."""
    return request.url_rule.rule if request.url_rule is not None else UNMATCHED


def method_label() -> str:
    """The method, or OTHER for what no route takes."""
    return request.method if request.method in _METHODS else "OTHER"


def install(app: Flask, service: str) -> None:
    """Time each request from its first before_request; register before all others."""

    def begin() -> None:
        g.began = time.perf_counter()

    def record(response: Response) -> Response:
        seconds = time.perf_counter() - g.began
        route, method = route_label(), method_label()
        http_requests.labels(
            service=service, route=route, method=method, status=str(response.status_code)
        ).inc()
        http_request_duration.labels(service=service, route=route).observe(seconds)
        quiet = any(part in route for part in _QUIET) and response.status_code < 500
        account = current_account()
        _log.log(
            logging.DEBUG if quiet else logging.INFO,
            "request",
            extra={
                "service": service,
                "route": route,
                "method": method,
                "status": response.status_code,
                "duration_ms": round(seconds * 1000, 1),
                "role": account.role if account else "",
            },
        )
        return response

    app.before_request(begin)
    # after_request functions run last registered first, so this one, first, sees the end.
    app.after_request(record)

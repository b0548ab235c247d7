"""Turns the metrics into text for Prometheus, of one process or of all copies of a service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from shared.metrics import slots


def exposition() -> tuple[bytes, str]:
    """The text and its content type."""
    if slots.directory():
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=slots.directory())  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
    return generate_latest(REGISTRY), CONTENT_TYPE_LATEST


EVERYWHERE = "0.0.0.0"  # noqa: S104 - a container is scraped from outside


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Scrapes are not worth a log line."""


def serve(port: int, healthy: Callable[[], list[str]], *, host: str = EVERYWHERE) -> None:
    """Answer /metrics and /healthz of a worker for ever (run it in a thread of its own).

    `healthy` names what is wrong; an empty list answers 200, anything else 503.
    """

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == "/metrics":
            body, content_type = exposition()
            start("200 OK", [("Content-Type", content_type)])
            return [body]
        if path in {"/healthz", "/readyz"}:
            wrong = healthy()
            start(
                "503 Service Unavailable" if wrong else "200 OK", [("Content-Type", "text/plain")]
            )
            return ["\n".join(wrong or ["ok"]).encode()]
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"not found"]

    make_server(host, port, application, handler_class=_Quiet).serve_forever()

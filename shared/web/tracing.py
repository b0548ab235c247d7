"""Request ids and W3C trace context: taken over when sane, made when not, bound to the logs."""

from __future__ import annotations

import os
import re

from flask import Flask, Response, g, has_request_context, request

from shared import ids, log

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


def request_id() -> str:
    """The id of this request; empty outside of one."""
    return str(g.get("request_id", "")) if has_request_context() else ""


def sane_request_id(offered: str | None) -> str:
    """The caller's id when it is 8 to 64 plain characters, else a new one."""
    if offered is not None and _REQUEST_ID.fullmatch(offered):
        return offered
    return str(ids.uuid7())


def next_traceparent(offered: str | None) -> str:
    """Our own span in the caller's trace, or in a new one (W3C Trace Context, version 00)."""
    trace, flags = os.urandom(16).hex(), "01"
    found = _TRACEPARENT.fullmatch(offered or "")
    if found is not None and found[1] != _NO_TRACE and found[2] != _NO_SPAN:
        trace, flags = found[1], found[3]
    return f"00-{trace}-{os.urandom(8).hex()}-{flags}"


def install(app: Flask) -> None:
    """Bind both ids for the time of each request and echo them in the answer."""

    def begin() -> None:
        g.request_id = sane_request_id(request.headers.get("X-Request-ID"))
        g.traceparent = next_traceparent(request.headers.get("traceparent"))
        log.correlation_id.set(g.request_id)
        log.traceparent.set(g.traceparent)

    def echo(response: Response) -> Response:
        response.headers["X-Request-ID"] = g.request_id
        response.headers["traceparent"] = g.traceparent
        return response

    def unbind(_error: BaseException | None) -> None:
        # Server threads are reused: the next request must not inherit these.
        log.correlation_id.set("")
        log.traceparent.set("")

    app.before_request(begin)
    app.after_request(echo)
    app.teardown_request(unbind)

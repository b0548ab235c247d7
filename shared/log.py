"""JSON logs, one object a line. Only listed keys leave the process: no personal data can."""

from __future__ import annotations

import contextvars
import json
import logging
import sys
from datetime import UTC, datetime

# Bound by the web layer for a request and by the frame for an event.
correlation_id: contextvars.ContextVar[str] = contextvars.ContextVar("correlation_id", default="")
traceparent: contextvars.ContextVar[str] = contextvars.ContextVar("traceparent", default="")

# What may be passed as `extra=`; anything else is dropped, so a phone number cannot slip out.
EXTRA_KEYS = frozenset(
    {
        *("service", "event_type", "event_id", "task", "partner", "reason", "count"),
        *("duration_ms", "route", "method", "status", "queue", "actor", "attempts"),
        *("path", "account", "role", "door", "channel", "revision"),
    }
)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: at, level, logger, message, correlation_id, traceparent, extras."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if bound := correlation_id.get():
            line["correlation_id"] = bound
        if trace := traceparent.get():
            line["traceparent"] = trace
        line.update({k: v for k, v in record.__dict__.items() if k in EXTRA_KEYS})
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(level: str = "INFO") -> None:
    """Send all logs of the process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("pika").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("dramatiq").setLevel(logging.WARNING)

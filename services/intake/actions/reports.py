"""Keeps the newest report of each service, for the operator's overview."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

_NOTE = text(
    "INSERT INTO service_reports AS r (service, process, outbox_pending, outbox_oldest_at,"
    " dead_letters, queues, reported_at) VALUES (:service, :process, :outbox_pending,"
    " :outbox_oldest_at, :dead_letters, CAST(:queues AS jsonb), :reported_at)"
    " ON CONFLICT (service) DO UPDATE SET process = excluded.process,"
    " outbox_pending = excluded.outbox_pending, outbox_oldest_at = excluded.outbox_oldest_at,"
    " dead_letters = excluded.dead_letters, queues = excluded.queues,"
    " reported_at = excluded.reported_at WHERE r.reported_at < excluded.reported_at"
)


def note(session: Session, data: dict[str, Any]) -> None:
    """Take over a report unless a newer one is known."""
    session.execute(_NOTE, {**data, "queues": orjson.dumps(data["queues"]).decode()})

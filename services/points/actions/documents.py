"""Writes down why transfers that are no awards are made, and by whom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from shared import clock

_WRITE = text(
    "INSERT INTO documents (document_id, kind, on_date, made_by, checked_by, facts, made_at)"
    " VALUES (:document_id, :kind, :on_date, :made_by, :checked_by, CAST(:facts AS jsonb), :now)"
)


def write_document(
    session: Session,
    document_id: UUID,
    kind: str,
    *,
    made_by: str,
    facts: Mapping[str, Any],
    checked_by: str | None = None,
    on_date: date | None = None,
) -> None:
    """One document, of today unless a day is given; `facts` bring its sentence as `zh` and `en`."""
    session.execute(
        _WRITE,
        {
            "document_id": document_id,
            "kind": kind,
            "on_date": on_date or clock.today(),
            "made_by": made_by,
            "checked_by": checked_by,
            "facts": orjson.dumps(dict(facts)).decode(),
            "now": clock.now(),
        },
    )

"""partners' named SELECTs; nothing here changes a row."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

PAGE_MAX = 50
HISTORY_MAX = 50
ENTRIES_MAX = 50

_WANTED = text(
    "SELECT slug, status, activating, amqp_password_hash, cut_wanted, broker_problem"
    " FROM organisations WHERE slug > :after ORDER BY slug LIMIT :limit"
)


@dataclass(frozen=True, slots=True)
class WantedRow:
    """What the broker should hold for an organisation, and whether it last disagreed."""

    slug: str
    status: str
    activating: bool
    amqp_password_hash: str
    cut_wanted: bool
    broker_problem: str | None


def wanted_after(session: Session, after: str, limit: int) -> list[WantedRow]:
    """Every organisation, whatever its status, in order of slug."""
    rows = session.execute(_WANTED, {"after": after, "limit": limit})
    return [WantedRow(**row) for row in rows.mappings()]

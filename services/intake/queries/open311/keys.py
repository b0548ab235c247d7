"""Who may post: clients' keys, what is left of their minute, and the list for operators."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from shared.db.arrays import literal

_DOOR = text(
    "SELECT key_hash, key_no, per_minute - CASE WHEN minute_at = date_trunc('minute',"
    " CAST(:now AS timestamptz)) THEN minute_count ELSE 0 END AS minute_left FROM open311_keys"
    " WHERE revoked_at IS NULL AND key_hash = ANY(CAST(:hashes AS text[]))"
)
_KEYS = text(
    "SELECT key_no, name, per_minute, posted_count, minute_at, created_at, created_by, revoked_at"
    " FROM open311_keys ORDER BY revoked_at IS NOT NULL, key_no DESC LIMIT 500"
)


class ClientKey(NamedTuple):
    """A key that is good, and how many posts are left in this minute."""

    key_no: int
    minute_left: int


def client_keys(session: Session, hashes: Iterable[str], now: datetime) -> dict[str, ClientKey]:
    """By the key's hash; unknown and revoked ones are left out."""
    rows = session.execute(_DOOR, {"hashes": literal(set(hashes)), "now": now})
    return {row.key_hash: ClientKey(row.key_no, row.minute_left) for row in rows}


def listed_keys(session: Session) -> list[dict[str, Any]]:
    """All of them without what they are, the newest first, revoked ones last."""
    return [dict(row) for row in session.execute(_KEYS).mappings()]

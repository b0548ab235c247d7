"""开放接口密钥: made once and shown once, counted, revoked."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter

from sqlalchemy import select, text

from services.intake.models import Open311Key
from shared import clock
from shared.db.arrays import literal
from shared.errors import Missing, Rejected
from shared.messaging.transaction import Transaction

PREFIX = "o311-"
PER_MINUTE_MAX = 100_000
PER_MINUTE_USUAL = 600
NAME_CHARACTERS_MAX = 80
_KEY_BYTES = 24

_COUNT = text(
    "UPDATE open311_keys k SET posted_count = posted_count + n.count, minute_count = n.count"
    " + CASE WHEN k.minute_at = date_trunc('minute', CAST(:now AS timestamptz))"
    " THEN k.minute_count ELSE 0 END,"
    " minute_at = date_trunc('minute', CAST(:now AS timestamptz))"
    " FROM unnest(CAST(:keys AS bigint[]), CAST(:counts AS int[])) AS n (key_no, count)"
    " WHERE k.key_no = n.key_no"
)


def digest(key: str) -> str:
    """How a key is known here: its SHA-256, never itself."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def add_key(
    tx: Transaction, name: str, *, by: str, per_minute: int = PER_MINUTE_USUAL
) -> tuple[int, str]:
    """The number of a new key, and the key itself: it is not kept and cannot be told again.

    Raises Rejected naming the field.
    """
    name = name.strip()
    if not 1 <= len(name) <= NAME_CHARACTERS_MAX or "\x00" in name:
        raise Rejected(
            "open311_key",
            f"name：须为 1 至 {NAME_CHARACTERS_MAX} 个字符，写明谁在用",
            f"name: 1 to {NAME_CHARACTERS_MAX} characters, say who uses it",
            pointer="/name",
        )
    if not 1 <= per_minute <= PER_MINUTE_MAX:
        raise Rejected(
            "open311_key",
            f"per_minute：须为 1 至 {PER_MINUTE_MAX}",
            f"per_minute: must be from 1 to {PER_MINUTE_MAX}",
            pointer="/per_minute",
        )
    key = PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    row = Open311Key(
        name=name,
        key_hash=digest(key),
        per_minute=per_minute,
        minute_count=0,
        posted_count=0,
        created_at=clock.now(),
        created_by=by,
    )
    tx.session.add(row)
    tx.session.flush()
    return row.key_no, key


def revoke_key(tx: Transaction, key_no: int) -> None:
    """Let a key open nothing any more; one that is revoked stays so. Raises Missing."""
    row = tx.session.scalar(select(Open311Key).where(Open311Key.key_no == key_no).with_for_update())
    if row is None:
        raise Missing("no_open311_key", "没有这个密钥", "There is no such key")
    row.revoked_at = row.revoked_at or clock.now()
    tx.session.flush()


def count_posts(tx: Transaction, posts: Counter[int]) -> None:
    """Count them for their keys; last in its transaction, since the keys' rows stay locked."""
    if posts:
        keys = sorted(posts)
        tx.session.execute(
            _COUNT,
            {
                "now": clock.now(),
                "keys": literal(keys),
                "counts": literal(posts[key] for key in keys),
            },
        )

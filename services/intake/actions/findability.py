"""Makes residents findable: keyed digests of initials, name and last four digits."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text

from services.intake.rules.tokens import tokens_of
from shared.crypto import BlindIndex, FieldCipher
from shared.db.arrays import hex_literal, literal
from shared.messaging.transaction import Transaction

BATCH_ROWS = 500

_FORGET = text("DELETE FROM resident_tokens WHERE resident_no = ANY(CAST(:numbers AS text[]))")
_REMEMBER = text(
    "INSERT INTO resident_tokens (token, resident_no) SELECT * FROM"
    " unnest(CAST(:tokens AS bytea[]), CAST(:numbers AS text[])) ON CONFLICT DO NOTHING"
)
_UNFINDABLE = text(
    "SELECT resident_no, name_sealed, phone_sealed FROM residents WHERE token_version = 0"
    f" ORDER BY resident_no LIMIT {BATCH_ROWS} FOR UPDATE SKIP LOCKED"
)
_DONE = text(
    "UPDATE residents SET token_version = 1 WHERE resident_no = ANY(CAST(:numbers AS text[]))"
)


def remember(
    tx: Transaction,
    index: BlindIndex,
    people: Iterable[tuple[str, str, str | None]],
    changed: Iterable[str],
) -> None:
    """Write the tokens of (resident_no, name, phone); those of `changed` had others before."""
    if stale := list(changed):
        tx.session.execute(_FORGET, {"numbers": literal(stale)})
    rows = [
        (token, number) for number, name, phone in people for token in tokens_of(index, name, phone)
    ]
    if rows:
        tokens, numbers = zip(*rows, strict=True)
        tx.session.execute(_REMEMBER, {"tokens": hex_literal(tokens), "numbers": literal(numbers)})


def catch_up(tx: Transaction, cipher: FieldCipher, index: BlindIndex) -> int:
    """Tokens of residents that were registered before there were any, some at a time."""
    waiting = tx.session.execute(_UNFINDABLE).all()
    if not waiting:
        return 0
    people = [
        (
            row.resident_no,
            cipher.decrypt(row.name_sealed, bound_to=row.resident_no),
            row.phone_sealed and cipher.decrypt(row.phone_sealed, bound_to=row.resident_no),
        )
        for row in waiting
    ]
    numbers = [row.resident_no for row in waiting]
    remember(tx, index, people, numbers)
    tx.session.execute(_DONE, {"numbers": literal(numbers)})
    return len(waiting)

"""What the sealer and the verifier read: entries as hashes, blocks, and who waits to be sealed.

PostgreSQL writes and hashes the entries itself (`rules.proof.entry_text` is the same in Python,
held together by a test): millions of rows need not travel to be sealed or verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.proof import DISTRICT, ENTRY, Header
from shared.db.arrays import literal

_COLUMNS = (
    "amount, kind, asset, document_id, expires_on, source_id, posted_at FROM transfers"
    " WHERE {side}_account_id = k.account_id AND {side}_seq BETWEEN k.first_seq AND k.last_seq"
)
# Each side by its own index, for the entries of one range of an account.
ENTRIES_OF_K = (
    "SELECT credit_seq AS seq, credit_balance AS balance, debit_account_id AS other, amount AS"
    f" signed, {_COLUMNS.format(side='credit')} UNION ALL SELECT debit_seq, debit_balance,"
    f" credit_account_id, -amount, {_COLUMNS.format(side='debit')}"
)
_ENTRY_TEXT = (
    f"'{ENTRY}|' || k.account_id || '|' || l.asset || '|' || a.owner_kind || '|' || a.owner || '|'"
    " || l.seq || '|' || l.signed || '|' || l.balance || '|' || l.other || '|' || l.kind || '|'"
    " || l.document_id || '|' || coalesce(to_char(l.expires_on, 'YYYY-MM-DD'), '-') || '|'"
    " || coalesce(l.source_id::text, '-') || '|'"
    " || to_char(l.posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24\\:MI\\:SS.US\"Z\"')"
)
_LEAF = f"sha256('\\x00'::bytea || convert_to({_ENTRY_TEXT}, 'UTF8'))"
_LEAVES = (
    "SELECT k.block_id, k.account_id, k.first_seq, k.last_seq, e.leaves FROM {ranges}"
    " LEFT JOIN accounts a ON a.id = k.account_id CROSS JOIN LATERAL (SELECT"
    f" string_agg({_LEAF}, ''::bytea ORDER BY l.seq) AS leaves FROM ({ENTRIES_OF_K}) l) e"
    " ORDER BY k.block_id, k.place"
)
_LEAVES_OF_WAITING = text(
    _LEAVES.format(
        ranges="unnest(CAST(:blocks AS bigint[]), CAST(:accounts AS bigint[]),"
        " CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[])) WITH ORDINALITY"
        " AS k (block_id, account_id, first_seq, last_seq, place)"
    )
)
_LEAVES_OF_BLOCKS = text(
    _LEAVES.format(
        ranges="(SELECT * FROM sealed_ranges WHERE block_id = ANY(CAST(:blocks AS bigint[]))) k"
    )
)
_LEAF_OF_EACH = text(
    f"SELECT l.seq, {_LEAF} FROM (SELECT CAST(:account_id AS bigint) AS account_id,"
    " CAST(:first_seq AS bigint) AS first_seq, CAST(:last_seq AS bigint) AS last_seq) k"
    f" JOIN accounts a ON a.id = k.account_id CROSS JOIN LATERAL ({ENTRIES_OF_K}) l"
)

_WAITING = (
    "SELECT a.id AS account_id, coalesce(r.community_code, '{district}') AS community,"
    " coalesce(s.last_seq, 0) AS sealed_to, a.seq FROM {accounts}"
    " LEFT JOIN LATERAL (SELECT last_seq FROM sealed_ranges WHERE account_id = a.id"
    " ORDER BY last_seq DESC LIMIT 1) s ON true"
    " LEFT JOIN residents r ON r.resident_no = a.owner"
    " AND a.owner_kind IN ('resident', 'pending', 'held')"
    " WHERE a.seq > coalesce(s.last_seq, 0) ORDER BY a.id"
)
_WAITING_OF = text(
    _WAITING.format(
        district=DISTRICT,
        accounts="(SELECT * FROM accounts WHERE id = ANY(CAST(:accounts AS bigint[]))) a",
    )
)
_WAITING_AFTER = text(
    _WAITING.format(
        district=DISTRICT,
        accounts="(SELECT * FROM accounts WHERE id > :after ORDER BY id LIMIT :most) a",
    )
)
_SWEPT_TO = text(
    "SELECT max(id) FROM (SELECT id FROM accounts WHERE id > :after ORDER BY id LIMIT :most) a"
)
# The newest pages only: rows of `transfers` are never changed, so new ones are (nearly) at its end.
_TOUCHED = text(
    "SELECT DISTINCT id FROM (SELECT unnest(ARRAY[CASE WHEN credit_seq IS NOT NULL THEN"
    " credit_account_id END, CASE WHEN debit_seq IS NOT NULL THEN debit_account_id END]) AS id"
    " FROM transfers WHERE ctid >= CAST(:from AS tid)) t WHERE id IS NOT NULL"
)
_PAGES = text(
    "SELECT pg_relation_size('transfers') / CAST(current_setting('block_size') AS bigint)"
)

_BLOCKS = text(
    "SELECT b.id, b.community, b.height, b.sealed_on, b.sealed_at, b.entry_count, b.leaves,"
    " b.root, b.before, b.hash, p.hash AS before_hash FROM sealed_blocks b"
    " LEFT JOIN sealed_blocks p ON p.community = b.community AND p.height = b.height - 1"
    " WHERE b.id = ANY(CAST(:blocks AS bigint[])) ORDER BY b.id"
)
_BLOCKS_AFTER = text(
    "SELECT id, entry_count FROM sealed_blocks WHERE id > :after ORDER BY id LIMIT :most"
)
_DAY_BLOCKS = text(
    "SELECT community, height, entry_count, hash FROM sealed_blocks WHERE sealed_on = :on"
    " ORDER BY community, height"
)
_DAYS_OF = text(
    "SELECT community, first_height, last_height, entry_count, blocks_root, root FROM proof_days"
    " WHERE on_date = :on ORDER BY community"
)


class Waiting(NamedTuple):
    """An account with entries that are not sealed yet."""

    account_id: int
    community: str
    sealed_to: int
    seq: int


class Range(NamedTuple):
    """Entries of one account in one block; `leaves` are those found now, one behind the other."""

    block_id: int
    account_id: int
    first_seq: int
    last_seq: int
    leaves: bytes | None

    @property
    def is_whole(self) -> bool:
        """Whether each of its entries was found."""
        return len(self.leaves or b"") == 32 * (self.last_seq - self.first_seq + 1)


class Block(NamedTuple):
    """A block as it is stored, and the hash of the one before it."""

    id: int
    header: Header
    leaves: bytes
    hash: bytes
    before_hash: bytes | None


class DayBlock(NamedTuple):
    """What a day's root needs of a block."""

    community: str
    height: int
    entry_count: int
    hash: bytes


def waiting_of(session: Session, accounts: Sequence[int]) -> list[Waiting]:
    """Those of these accounts that have something to seal."""
    if not accounts:
        return []
    return [Waiting(*row) for row in session.execute(_WAITING_OF, {"accounts": literal(accounts)})]


def waiting_after(session: Session, after: int, most: int) -> tuple[list[Waiting], int | None]:
    """Those of the next `most` accounts by id that have something to seal, and the last id looked
    at (None at the end).
    """
    asked = {"after": after, "most": most}
    found = [Waiting(*row) for row in session.execute(_WAITING_AFTER, asked)]
    return found, session.execute(_SWEPT_TO, asked).scalar_one()


def touched(session: Session, page: int) -> list[int]:
    """Accounts that transfers on these and later pages of the table belong to."""
    return list(session.execute(_TOUCHED, {"from": f"({page},0)"}).scalars())


def pages(session: Session) -> int:
    """How many pages the table of transfers has."""
    return int(session.execute(_PAGES).scalar_one())


def leaves_of_waiting(session: Session, ranges: Sequence[tuple[int, int, int, int]]) -> list[Range]:
    """The hashes of (block, account, first, last), in that order."""
    blocks, accounts, firsts, lasts = (literal(column) for column in zip(*ranges, strict=True))
    asked = {"blocks": blocks, "accounts": accounts, "firsts": firsts, "lasts": lasts}
    return [Range(*row) for row in session.execute(_LEAVES_OF_WAITING, asked)]


def leaves_of_blocks(session: Session, blocks: Sequence[int]) -> list[Range]:
    """The hashes, as they are now, of what these blocks sealed."""
    rows = session.execute(_LEAVES_OF_BLOCKS, {"blocks": literal(blocks)})
    return [Range(*row) for row in rows]


def leaf_of_each(session: Session, one: Range) -> dict[int, bytes]:
    """The hash of each entry of a range that is there now, by its number."""
    asked = {
        "account_id": one.account_id,
        "first_seq": one.first_seq,
        "last_seq": one.last_seq,
    }
    return {seq: leaf for seq, leaf in session.execute(_LEAF_OF_EACH, asked) if leaf is not None}


def blocks(session: Session, ids: Sequence[int]) -> list[Block]:
    """These blocks, by id."""
    found = []
    for row in session.execute(_BLOCKS, {"blocks": literal(ids)}).mappings():
        told = dict(row)
        block_id, leaves, of_block, before_hash = (
            told.pop(name) for name in ("id", "leaves", "hash", "before_hash")
        )
        found.append(Block(block_id, Header(**told), leaves, of_block, before_hash))
    return found


def blocks_after(session: Session, after: int, entries: int, most: int = 500) -> list[int]:
    """The ids of the next blocks: at least one, if there is one, of about so many entries."""
    ids, total = [], 0
    for block_id, count in session.execute(_BLOCKS_AFTER, {"after": after, "most": most}):
        ids.append(block_id)
        total += count
        if total >= entries:
            break
    return ids


def day_blocks(session: Session, on: date) -> dict[str, list[DayBlock]]:
    """The blocks sealed on a day, by community."""
    found: dict[str, list[DayBlock]] = {}
    for row in session.execute(_DAY_BLOCKS, {"on": on}):
        found.setdefault(row.community, []).append(DayBlock(*row))
    return found


def days_of(session: Session, on: date) -> dict[str, Any]:
    """The days of communities that were closed for a date, by community."""
    return {row.community: row for row in session.execute(_DAYS_OF, {"on": on})}

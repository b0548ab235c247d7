"""Seals entries, off the way of awards: blocks in a chain for each community, roots for each day.

What an account has unsealed is known by its numbers alone: they have no gaps, and what they count
is committed when the account shows them. Neither instants nor ids decide anything.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby

from sqlalchemy import text

from services.points.queries import sealing as queries
from services.points.queries.sealing import DayBlock, Range, Waiting
from services.points.rules import proof
from services.points.rules.proof import NOTHING_BEFORE, Header
from shared import clock, metrics
from shared.db.arrays import hex_literal, literal
from shared.messaging.transaction import Transaction

logger = logging.getLogger(__name__)

ENTRIES_MAX = 40_000  # in one run, about a second and a half
BLOCK_MAX = 4_096
SWEEP_ACCOUNTS = 40_000  # looked at in one run
SWEEP_EVERY = timedelta(hours=1)
# A transaction may fill a page long before it commits: so far behind the end we look again.
PAGES_BEHIND = 256
LOCK_KEY = 0x7365616C  # "seal"

_LOCK = text("SELECT pg_try_advisory_xact_lock(:key)")
_STATE = text("SELECT page, swept_to, swept_at FROM sealing_state WHERE id = 1")
_KEEP_STATE = text(
    "INSERT INTO sealing_state (id, page, swept_to, swept_at) VALUES (1, :page, :to, :at)"
    " ON CONFLICT (id) DO UPDATE SET page = excluded.page, swept_to = excluded.swept_to,"
    " swept_at = excluded.swept_at"
)
_HEADS = text(
    "SELECT c.community, b.height, b.hash, b.sealed_on"
    " FROM unnest(CAST(:communities AS text[])) AS c (community)"
    " CROSS JOIN LATERAL (SELECT height, hash, sealed_on FROM sealed_blocks"
    " WHERE community = c.community ORDER BY height DESC LIMIT 1) b"
)
_CLOSED_TO = text(
    "SELECT greatest((SELECT max(on_date) + 1 FROM proof_roots),"
    " (SELECT max(sealed_on) FROM sealed_blocks))"
)
_WRITE_BLOCKS = text(
    "INSERT INTO sealed_blocks (community, height, sealed_on, sealed_at, entry_count, leaves, root,"
    " before, hash) SELECT b.community, b.height, :on, :at, b.entry_count, b.leaves, b.root,"
    " b.before, b.hash FROM unnest(CAST(:communities AS text[]), CAST(:heights AS bigint[]),"
    " CAST(:counts AS int[]), CAST(:leaves AS bytea[]), CAST(:roots AS bytea[]),"
    " CAST(:befores AS bytea[]), CAST(:hashes AS bytea[]))"
    " AS b (community, height, entry_count, leaves, root, before, hash)"
    " RETURNING community, height, id"
)
_WRITE_RANGES = text(
    "INSERT INTO sealed_ranges (block_id, account_id, first_seq, last_seq, place) SELECT * FROM"
    " unnest(CAST(:blocks AS bigint[]), CAST(:accounts AS bigint[]), CAST(:firsts AS bigint[]),"
    " CAST(:lasts AS bigint[]), CAST(:places AS int[]))"
)
_OPEN_DAYS = text(
    "SELECT DISTINCT sealed_on FROM sealed_blocks WHERE sealed_on < :today AND sealed_on"
    " > coalesce((SELECT max(on_date) FROM proof_roots), '-infinity'::date) ORDER BY 1"
)
_WRITE_DAYS = text(
    "INSERT INTO proof_days (community, on_date, first_height, last_height, entry_count,"
    " blocks_root, root) SELECT d.community, :on, d.first_height, d.last_height, d.entry_count,"
    " d.blocks_root, d.root FROM unnest(CAST(:communities AS text[]), CAST(:firsts AS bigint[]),"
    " CAST(:lasts AS bigint[]), CAST(:counts AS bigint[]), CAST(:blocks_roots AS bytea[]),"
    " CAST(:roots AS bytea[]))"
    " AS d (community, first_height, last_height, entry_count, blocks_root, root)"
)
_WRITE_ROOT = text(
    "INSERT INTO proof_roots (on_date, community_count, root) VALUES (:on, :count, :root)"
)
_FREEZE = text(
    "UPDATE accounts SET frozen_reason = :why WHERE id = ANY(CAST(:accounts AS bigint[]))"
    " AND frozen_reason IS NULL"
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a run sealed; `is_done` when nothing more is known to wait.

    `is_locked`: somebody else was sealing, so nothing was done.
    """

    entry_count: int
    block_count: int
    is_done: bool
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class _Block:
    """A block that is being made."""

    header: Header
    ranges: list[Range]


def seal(tx: Transaction, most: int = ENTRIES_MAX) -> Sealed:
    """Seal what waits, at most about `most` entries, and close the days that have ended.

    One sealer at a time: another that runs meanwhile does nothing.
    """
    if not tx.session.execute(_LOCK, {"key": LOCK_KEY}).scalar_one():
        return Sealed(0, 0, is_done=False, is_locked=True)
    now = clock.now()
    _close_days(tx, clock.today())
    waiting, is_done = _find(tx, now, most)
    parts = _parts(waiting, most)
    blocks = _make(tx, parts, now) if parts else []
    if blocks:
        _write(tx, blocks, now)
    count = sum(block.header.entry_count for block in blocks)
    metrics.proof_sealed.set(now.timestamp())
    return Sealed(count, len(blocks), is_done)


def _find(tx: Transaction, now: datetime, most: int) -> tuple[list[Waiting], bool]:
    """Accounts with something to seal: those of new transfers, then a part of a sweep over all.

    The second value says whether that is all there is.
    """
    end = queries.pages(tx.session)
    row = tx.session.execute(_STATE).one_or_none()
    page, swept_to, swept_at = row or (end, 0, None)
    if swept_at is not None and now - swept_at >= SWEEP_EVERY:
        swept_to, swept_at = 0, None
    behind = max(min(page, end) - PAGES_BEHIND, 0)
    found = queries.waiting_of(tx.session, queries.touched(tx.session, behind))
    is_all = _count(found) <= most
    if is_all:
        page = end
        if swept_at is None:
            swept, last = queries.waiting_after(tx.session, swept_to, SWEEP_ACCOUNTS)
            known, room = {one.account_id for one in found}, most - _count(found)
            for one in swept:
                if one.account_id in known:
                    continue
                found.append(one)
                room -= one.seq - one.sealed_to
                if room <= 0:
                    # What is left of this account, if any, is found again from here.
                    last, is_all = one.account_id - (room < 0), False
                    break
            if last is None:
                swept_at = now
            else:
                swept_to = max(last, swept_to)
    tx.session.execute(_KEEP_STATE, {"page": page, "to": swept_to, "at": swept_at})
    return found, is_all and swept_at is not None


def _count(waiting: Sequence[Waiting]) -> int:
    return sum(one.seq - one.sealed_to for one in waiting)


def _parts(waiting: Sequence[Waiting], most: int) -> list[tuple[str, list[tuple[int, int, int]]]]:
    """Blocks to be made: a community, and (account, first, last) of at most BLOCK_MAX entries."""
    taken = []
    for one in waiting:
        last = min(one.seq, one.sealed_to + most)
        if last > one.sealed_to:
            taken.append((one.community, one.account_id, one.sealed_to + 1, last))
            most -= last - one.sealed_to
    taken.sort()
    return [
        (community, part)
        for community, rows in groupby(taken, key=lambda row: row[0])
        for part in _cut([row[1:] for row in rows])
    ]


def _cut(ranges: Sequence[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    part: list[tuple[int, int, int]] = []
    room = BLOCK_MAX
    for account_id, first, last in ranges:
        start = first
        while start <= last:
            end = min(last, start + room - 1)
            part.append((account_id, start, end))
            room -= end - start + 1
            start = end + 1
            if room == 0:
                yield part
                part, room = [], BLOCK_MAX
    if part:
        yield part


def _make(
    tx: Transaction, parts: list[tuple[str, list[tuple[int, int, int]]]], now: datetime
) -> list[_Block]:
    """Hash the entries and chain the blocks; what an account does not hold is not sealed."""
    asked = [(n, *one) for n, (_, ranges) in enumerate(parts) for one in ranges]
    found: dict[int, list[Range]] = {}
    broken: set[int] = set()
    for one in queries.leaves_of_waiting(tx.session, asked):
        if one.account_id in broken:
            continue  # what follows a missing entry cannot be sealed before it
        if one.is_whole:
            found.setdefault(one.block_id, []).append(one)
        else:
            broken.add(one.account_id)
    if broken:
        logger.error("entries are missing", extra={"reason": f"accounts {sorted(broken)[:20]}"})
        freeze(tx, sorted(broken), "封存时缺流水 / entries were missing when they were sealed")
    communities = sorted({community for community, _ in parts})
    heads = {
        row.community: (row.height, row.hash)
        for row in tx.session.execute(_HEADS, {"communities": literal(communities)})
    }
    on, made = _day(tx), list[_Block]()
    for number, ranges in sorted(found.items()):
        community = parts[number][0]
        height, before = heads.get(community, (0, NOTHING_BEFORE))
        leaves = [leaf for one in ranges for leaf in proof.split(one.leaves or b"")]
        header = Header(
            community=community,
            height=height + 1,
            sealed_on=on,
            sealed_at=now,
            entry_count=len(leaves),
            root=proof.root(leaves),
            before=before,
        )
        heads[community] = (header.height, header.hash)
        made.append(_Block(header, ranges))
    return made


def _day(tx: Transaction) -> date:
    """Today, or later where the clock was set back: a day that was closed stays closed."""
    latest = tx.session.execute(_CLOSED_TO).scalar_one()
    return max(clock.today(), latest) if latest else clock.today()


def _write(tx: Transaction, blocks: list[_Block], now: datetime) -> None:
    headers = [block.header for block in blocks]
    rows = tx.session.execute(
        _WRITE_BLOCKS,
        {
            "on": headers[0].sealed_on,
            "at": now,
            "communities": literal(header.community for header in headers),
            "heights": literal(header.height for header in headers),
            "counts": literal(header.entry_count for header in headers),
            "leaves": hex_literal(
                b"".join(one.leaves or b"" for one in block.ranges) for block in blocks
            ),
            "roots": hex_literal(header.root for header in headers),
            "befores": hex_literal(header.before for header in headers),
            "hashes": hex_literal(header.hash for header in headers),
        },
    )
    ids = {(row.community, row.height): row.id for row in rows}
    ranges = []
    for block in blocks:
        place = 0
        for one in block.ranges:
            block_id = ids[block.header.community, block.header.height]
            ranges.append((block_id, one.account_id, one.first_seq, one.last_seq, place))
            place += one.last_seq - one.first_seq + 1
    names = ("blocks", "accounts", "firsts", "lasts", "places")
    columns = (literal(column) for column in zip(*ranges, strict=True))
    tx.session.execute(_WRITE_RANGES, dict(zip(names, columns, strict=True)))


def _close_days(tx: Transaction, today: date) -> None:
    """The roots of days that have ended; nothing can be sealed on them any more."""
    for on in list(tx.session.execute(_OPEN_DAYS, {"today": today}).scalars()):
        days = {name: day_root(name, on, blocks)
                for name, blocks in queries.day_blocks(tx.session, on).items()}  # fmt: skip
        told = sorted(days.items())
        tx.session.execute(
            _WRITE_DAYS,
            {
                "on": on,
                "communities": literal(name for name, _ in told),
                "firsts": literal(day.first_height for _, day in told),
                "lasts": literal(day.last_height for _, day in told),
                "counts": literal(day.entry_count for _, day in told),
                "blocks_roots": hex_literal(day.blocks_root for _, day in told),
                "roots": hex_literal(day.root for _, day in told),
            },
        )
        root = proof.root([day.root for _, day in told])
        tx.session.execute(_WRITE_ROOT, {"on": on, "count": len(told), "root": root})


@dataclass(frozen=True, slots=True)
class Day:
    """A community's day as it is closed."""

    first_height: int
    last_height: int
    entry_count: int
    blocks_root: bytes
    root: bytes


def day_root(community: str, on: date, blocks: Sequence[DayBlock]) -> Day:
    """The root of a community's day over the blocks that were sealed on it, in their order."""
    count = sum(block.entry_count for block in blocks)
    blocks_root = proof.root([block.hash for block in blocks])
    told = proof.day_text(community, on, len(blocks), count, blocks_root)
    return Day(blocks[0].height, blocks[-1].height, count, blocks_root, proof.leaf(told))


def freeze(tx: Transaction, accounts: Sequence[int], why: str) -> None:
    """No transfer moves these accounts any more; one that was frozen keeps its reason."""
    if accounts:
        tx.session.execute(_FREEZE, {"accounts": literal(accounts), "why": why})

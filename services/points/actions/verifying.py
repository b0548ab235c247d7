"""Verifies what was sealed against what the ledger holds now, a part at a time.

A pass goes through all blocks, then all days, then all accounts. Each night one begins; what it
finds is kept, freezes the accounts concerned and raises the gauge that alerts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.actions.sealing import day_root, freeze
from services.points.queries import proof as told
from services.points.queries import sealing as queries
from services.points.queries.proof import Pass
from services.points.queries.sealing import Range
from services.points.rules import proof
from services.points.rules.proof_breaks import Break, Part, breaks_of_block
from shared import clock, metrics
from shared.clock import DISTRICT_TIMEZONE
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction

logger = logging.getLogger(__name__)

ENTRIES_AT_ONCE = 30_000  # about a second
DAYS_AT_ONCE = 31
BREAKS_MAX = 1_000  # kept of one pass
STARTS_AT_HOUR = 2  # of the district's night
FROZEN = "封存核验不符 / the sealed proof disagrees"

_GAPS = text(
    "SELECT account_id, first_seq FROM (SELECT account_id, first_seq,"
    " lag(last_seq, 1, 0::bigint) OVER (PARTITION BY account_id ORDER BY last_seq) AS before"
    " FROM sealed_ranges) r WHERE first_seq <> before + 1 ORDER BY 1, 2 LIMIT :most"
)
_BEYOND = text(
    "SELECT s.account_id, coalesce(a.seq, 0) + 1 FROM (SELECT account_id, max(last_seq) AS seq"
    " FROM sealed_ranges GROUP BY account_id) s LEFT JOIN accounts a ON a.id = s.account_id"
    " WHERE coalesce(a.seq, 0) < s.seq ORDER BY 1 LIMIT :most"
)
_LOST = text(
    "SELECT r.account_id, r.first_seq FROM sealed_ranges r LEFT JOIN sealed_blocks b"
    " ON b.id = r.block_id WHERE b.id IS NULL ORDER BY 1, 2 LIMIT :most"
)
_DATES = text(
    "SELECT on_date FROM (SELECT on_date FROM proof_roots UNION SELECT on_date FROM proof_days"
    " UNION SELECT sealed_on FROM sealed_blocks WHERE sealed_on"
    " < (SELECT max(on_date) FROM proof_roots)) d"
    " WHERE on_date > coalesce(CAST(:after AS date), '-infinity'::date) ORDER BY 1 LIMIT :most"
)
_ROOT = text("SELECT root, community_count FROM proof_roots WHERE on_date = :on")
_HELD = text(
    "SELECT n.community, n.height FROM unnest(CAST(:communities AS text[]),"
    " CAST(:heights AS bigint[]), CAST(:hashes AS text[])) AS n (community, height, hash)"
    " LEFT JOIN sealed_blocks b ON b.community = n.community AND b.height = n.height"
    " WHERE encode(b.hash, 'hex') IS DISTINCT FROM lower(n.hash) ORDER BY 1, 2"
)
_START = text(
    "INSERT INTO proof_passes (started_at, checked_to, entry_count) VALUES (:now, 0, 0)"
    " RETURNING id, started_at, finished_at, checked_to, days_to, entry_count"
)
_KEEP = text(
    "UPDATE proof_passes SET checked_to = :checked_to, days_to = :days_to,"
    " entry_count = :entry_count, finished_at = :finished_at WHERE id = :id"
)
_FOUND = text(
    "INSERT INTO proof_breaks (pass_id, what, community, height, account_id, seq, found_at)"
    " SELECT :pass_id, b.*, :now FROM unnest(CAST(:whats AS text[]), CAST(:communities AS text[]),"
    " CAST(:heights AS bigint[]), CAST(:accounts AS bigint[]), CAST(:seqs AS bigint[])) AS b"
)
# What the last whole pass found, and what the one that goes on has found already.
_STANDING = text(
    "SELECT (SELECT max(finished_at) FROM proof_passes),"
    " (SELECT count(*) FROM proof_breaks WHERE pass_id >= coalesce("
    "(SELECT max(id) FROM proof_passes WHERE finished_at IS NOT NULL), 0))"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """A part of a pass: the last block looked at (None: there was none) and what was found."""

    last_id: int | None
    entry_count: int
    breaks: list[Break]


def check_blocks(session: Session, after: int, entries: int = ENTRIES_AT_ONCE) -> Checked:
    """The next blocks after this id, of about so many entries."""
    ids = queries.blocks_after(session, after, entries)
    if not ids:
        return Checked(None, 0, [])
    parts: dict[int, list[Part]] = {block_id: [] for block_id in ids}
    for one in queries.leaves_of_blocks(session, ids):
        part = Part(one.account_id, one.first_seq, one.last_seq, one.leaves or b"")
        parts[one.block_id].append(part)

    def leaf_of_each(part: Part) -> Mapping[int, bytes]:
        asked = Range(0, part.account_id, part.first_seq, part.last_seq, None)
        return queries.leaf_of_each(session, asked)

    count, found = 0, list[Break]()
    for block in queries.blocks(session, ids):
        count += block.header.entry_count
        found += breaks_of_block(
            block.header, block.leaves, block.hash, block.before_hash, parts[block.id], leaf_of_each
        )
    return Checked(ids[-1], count, found)


def check_days(
    session: Session, after: date | None, most: int = DAYS_AT_ONCE
) -> tuple[date | None, list[Break]]:
    """The next days after this one; the last one looked at (None: there was none)."""
    days = list(session.execute(_DATES, {"after": after, "most": most}).scalars())
    return (days[-1] if days else None), [each for on in days for each in _check_day(session, on)]


def _check_day(session: Session, on: date) -> Iterator[Break]:
    kept, blocks = queries.days_of(session, on), queries.day_blocks(session, on)
    for community in sorted(kept.keys() | blocks.keys()):
        day, sealed = kept.get(community), blocks.get(community)
        if day is None or sealed is None:
            yield Break(what="day", community=community, on=on)
            continue
        made = day_root(community, on, sealed)
        numbers = (day.first_height, day.last_height, day.entry_count)
        if (made.root, made.blocks_root) != (day.root, day.blocks_root) or numbers != (
            made.first_height,
            made.last_height,
            made.entry_count,
        ):
            yield Break(what="day", community=community, on=on)
    root = session.execute(_ROOT, {"on": on}).one_or_none()
    days = [kept[community].root for community in sorted(kept)]
    if root is None or not days or (proof.root(days), len(days)) != (root[0], root[1]):
        yield Break(what="district", on=on)


def check_accounts(session: Session) -> list[Break]:
    """Sealed numbers have no gaps, their blocks are there, and no account has fewer entries."""
    return [
        Break(what=what, account_id=account_id, seq=seq)
        for what, asked in (("gap", _GAPS), ("beyond", _BEYOND), ("block", _LOST))
        for account_id, seq in session.execute(asked, {"most": BREAKS_MAX})
    ]


def check_heads(session: Session, noted: list[tuple[str, int, str]]) -> list[Break]:
    """Blocks that were noted elsewhere, as (community, height, hash), are still in their chains:
    nothing in the database can tell that a chain's newest blocks were taken away.
    """
    communities, heights, hashes = zip(*noted, strict=True) if noted else ((), (), ())
    asked = {"communities": literal(communities), "heights": literal(heights)}
    rows = session.execute(_HELD, {**asked, "hashes": literal(hashes)})
    return [Break(what="head", community=community, height=height) for community, height in rows]


def walk(session: Session) -> Iterator[Checked]:
    """A whole verification, part by part; changes nothing."""
    after: int | None = 0
    while after is not None:
        part = check_blocks(session, after)
        after = part.last_id
        yield part
    day: date | None = None
    while True:
        day, found = check_days(session, day)
        yield Checked(None, 0, found)
        if day is None:
            break
    yield Checked(None, 0, check_accounts(session))


def verify_part(tx: Transaction) -> Pass | None:
    """Begin the night's pass when it is due, or go on with the one that is not finished."""
    now = clock.now()
    last = told.last_pass(tx.session)
    if last is None or last.finished_at is not None:
        if last is not None and not _is_due(last.started_at, now):
            _observe(tx)
            return None
        last = Pass(**tx.session.execute(_START, {"now": now}).mappings().one())
    found, kept = _next_part(tx.session, last, now)
    _keep_breaks(tx, last.id, found, now)
    tx.session.execute(
        _KEEP,
        {
            "id": kept.id,
            "checked_to": kept.checked_to,
            "days_to": kept.days_to,
            "entry_count": kept.entry_count,
            "finished_at": kept.finished_at,
        },
    )
    _observe(tx)
    if kept.finished_at is not None:
        # Logs leave the machine: what they say of the chains' ends nobody changes here.
        heads = " ".join(f"{name}:{height}:{head}" for name, height, head in told.heads(tx.session))
        logger.info("proof verified", extra={"count": kept.entry_count, "reason": heads})
    return kept


def _observe(tx: Transaction) -> None:
    """From the tables, so that a worker that has just started knows as much as the last one."""
    finished_at, count = tx.session.execute(_STANDING).one()
    metrics.proof_breaks.set(count)
    if finished_at is not None:
        metrics.proof_verified.set(finished_at.timestamp())


def _next_part(session: Session, done: Pass, now: datetime) -> tuple[list[Break], Pass]:
    part = check_blocks(session, done.checked_to)
    checked_to, days_to, finished_at = done.checked_to, done.days_to, None
    found = part.breaks
    if part.last_id is not None:
        checked_to = part.last_id
    else:
        day, found = check_days(session, days_to)
        if day is not None:
            days_to = day
        else:
            found, finished_at = check_accounts(session), now
    return found, Pass(
        id=done.id,
        started_at=done.started_at,
        finished_at=finished_at,
        checked_to=checked_to,
        days_to=days_to,
        entry_count=done.entry_count + part.entry_count,
    )


def _is_due(started_at: datetime, now: datetime) -> bool:
    """Once a night, at STARTS_AT_HOUR of the district or when it can."""
    begins = now.astimezone(DISTRICT_TIMEZONE).replace(
        hour=STARTS_AT_HOUR, minute=0, second=0, microsecond=0
    )
    if now < begins:
        begins -= timedelta(days=1)
    return started_at < begins


def _keep_breaks(tx: Transaction, pass_id: int, found: list[Break], now: datetime) -> None:
    if not found:
        return
    kept = found[:BREAKS_MAX]
    tx.session.execute(
        _FOUND,
        {
            "pass_id": pass_id,
            "now": now,
            "whats": literal(each.what + (f":{each.on}" if each.on else "") for each in kept),
            "communities": literal(each.community for each in kept),
            "heights": literal(each.height for each in kept),
            "accounts": literal(each.account_id for each in kept),
            "seqs": literal(each.seq for each in kept),
        },
    )
    freeze(tx, sorted({e.account_id for e in found if e.account_id is not None}), FROZEN)
    first = found[0]
    logger.error(
        "the proof is broken",
        extra={"count": len(found), "reason": f"{first.what} {first.account_id} {first.seq}"},
    )

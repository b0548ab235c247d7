"""How entries become roots that can be printed: the form that is hashed, and Merkle trees.

Hashes are SHA-256. A leaf is hashed behind the byte 0x00 and an inner node behind 0x01, as in
RFC 6962; a node without a neighbour goes up unchanged. Every text that is hashed begins with its
kind and version, so none can be taken for another: entries are leaves of a block, blocks are
leaves of their community's day, and days are leaves of the district's day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

NOTHING_BEFORE = bytes(32)
DISTRICT = "district"
ENTRY = "linli-entry-v1"
BLOCK = "linli-block-v1"
DAY = "linli-day-v1"
FIELDS = (
    "account_id",
    "asset",
    "owner_kind",
    "owner",
    "seq",
    "amount",
    "balance",
    "other_account_id",
    "kind",
    "document_id",
    "expires_on",
    "source_id",
    "posted_at",
)
_LEAF, _NODE = b"\x00", b"\x01"
_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a block says of itself; its hash is what the next block continues."""

    community: str
    height: int
    sealed_on: date
    sealed_at: datetime
    entry_count: int
    root: bytes
    before: bytes

    @property
    def text(self) -> str:
        """The form that is hashed."""
        told = (
            BLOCK,
            self.community,
            self.height,
            self.sealed_on.isoformat(),
            instant(self.sealed_at),
            self.entry_count,
            self.root.hex(),
            self.before.hex(),
        )
        return "|".join(map(str, told))

    @property
    def hash(self) -> bytes:
        """Of the text, as a leaf."""
        return leaf(self.text)


def instant(at: datetime) -> str:
    """2026-11-22T03:00:00.000000Z: to the microsecond, in UTC, always of the same length."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entry_text(entry: Mapping[str, Any]) -> str:
    """The form of an entry that is hashed: its fields in the order of FIELDS, `-` for none."""
    return "|".join((ENTRY, *(_written(entry[name]) for name in FIELDS)))


def _written(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date | UUID):
        return value.isoformat() if isinstance(value, date) else str(value)
    return str(value)


def day_text(
    community: str, on: date, block_count: int, entry_count: int, blocks_root: bytes
) -> str:
    """A community's day, as it is hashed; the hash is the root that is printed."""
    told = (DAY, community, on.isoformat(), block_count, entry_count, blocks_root.hex())
    return "|".join(map(str, told))


def leaf(text: str) -> bytes:
    """The hash of a text as a leaf."""
    return hashlib.sha256(_LEAF + text.encode()).digest()


def split(leaves: bytes) -> list[bytes]:
    """Hashes that were stored one behind the other."""
    return [leaves[at : at + _SIZE] for at in range(0, len(leaves), _SIZE)]


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes. Raises ValueError when there is none."""
    if not leaves:
        raise ValueError("a tree needs a leaf")
    level = list(leaves)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def _parents(level: list[bytes]) -> list[bytes]:
    sha256, pairs = hashlib.sha256, iter(level)
    both = zip(pairs, pairs, strict=False)  # two by two; one left over is taken below
    above = [sha256(_NODE + left + right).digest() for left, right in both]
    if len(level) % 2:
        above.append(level[-1])
    return above


def path(leaves: Sequence[bytes], places: Sequence[int]) -> list[bytes]:
    """The hashes that, with the leaves at these places, give the root; none of them twice.

    In the order in which `climb` asks for them: level by level, from left to right.
    """
    level, known, given = list(leaves), sorted(set(places)), list[bytes]()
    while len(level) > 1:
        for place in _missing(known, len(level)):
            given.append(level[place])
        known = sorted({place // 2 for place in known})
        level = _parents(level)
    return given


def _missing(known: list[int], width: int) -> Iterator[int]:
    """The neighbours of known places that are not known themselves."""
    held = set(known)
    for place in known:
        if place ^ 1 not in held and place ^ 1 < width:
            yield place ^ 1


def climb(known: Mapping[int, bytes], width: int, given: Sequence[bytes]) -> bytes:
    """The root over `width` leaves of which some are known by place; raises ValueError."""
    level, waiting = dict(known), iter(given)
    while width > 1:
        for place in list(_missing(sorted(level), width)):
            level[place] = next(waiting, b"")
        above = {}
        for place in sorted({place // 2 for place in level}):
            left, right = level[2 * place], level.get(2 * place + 1)
            above[place] = left if right is None else hashlib.sha256(_NODE + left + right).digest()
        level, width = above, (width + 1) // 2
    if set(level) != {0} or next(waiting, None) is not None:
        raise ValueError("the path does not fit the tree")
    return level[0]

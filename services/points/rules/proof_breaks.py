"""What is wrong with a sealed block, told as exactly as its hashes allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from services.points.rules import proof
from services.points.rules.proof import NOTHING_BEFORE, Header

_SIZE = 32

WORDS = {
    "changed": ("流水被改动", "the entry was changed"),
    "missing": ("流水缺失", "the entry is missing"),
    "leaves": ("区块中此流水的指纹被改动", "the block's hash of this entry was changed"),
    "ranges": ("区块的流水目录被改动", "the block's list of entries was changed"),
    "root": ("区块的根被改动", "the block's root was changed"),
    "hash": ("区块的指纹与内容不符", "the block's hash is not that of its content"),
    "chain": ("区块没有接上前一块", "the block does not continue the one before"),
    "gap": ("封存的流水号不连续", "sealed numbers have a gap"),
    "beyond": ("账户的流水比封存的少", "the account has fewer entries than were sealed"),
    "block": ("流水所在的区块缺失", "the block of this entry is missing"),
    "day": ("社区当日的根不符", "the root of the community's day is wrong"),
    "district": ("全区当日的根不符", "the district's root of the day is wrong"),
    "head": ("链尾与外部留存的不符", "the chain does not hold the block that was noted elsewhere"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """One thing that is wrong: `what` is a key of WORDS; the rest says where, as far as known."""

    what: str
    community: str | None = None
    height: int | None = None
    account_id: int | None = None
    seq: int | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A range of an account in a block: its stored hashes, and those its entries have now."""

    account_id: int
    first_seq: int
    last_seq: int
    found: bytes

    @property
    def size(self) -> int:
        """In bytes, of all its hashes."""
        return _SIZE * (self.last_seq - self.first_seq + 1)


def breaks_of_block(
    header: Header,
    stored: bytes,
    block_hash: bytes,
    before_hash: bytes | None,
    parts: Sequence[Part],
    leaf_of_each: Callable[[Part], Mapping[int, bytes]],
) -> list[Break]:
    """Everything that is wrong with a block; `leaf_of_each` is asked only where entries differ."""

    def of_block(what: str) -> Break:
        return Break(what=what, community=header.community, height=header.height)

    found: list[Break] = []
    is_true = proof.root(proof.split(stored)) == header.root
    if b"".join(part.found for part in parts) != stored:
        if sum(part.size for part in parts) != len(stored):
            found.append(of_block("ranges"))
        found += _entries(header, stored, parts, leaf_of_each, is_true=is_true)
    elif not is_true:
        found.append(of_block("root"))
    if header.hash != block_hash:
        found.append(of_block("hash"))
    if header.before != (before_hash if header.height > 1 else NOTHING_BEFORE):
        found.append(of_block("chain"))
    return found


def _entries(
    header: Header,
    stored: bytes,
    parts: Sequence[Part],
    leaf_of_each: Callable[[Part], Mapping[int, bytes]],
    *,
    is_true: bool,
) -> list[Break]:
    """The entries that differ. Where the stored hashes give no root, but those of the entries do,
    the entries are sound and it is the block that was changed.
    """
    now = b"".join(part.found for part in parts)
    is_block = not is_true and bool(now) and proof.root(proof.split(now)) == header.root
    found, at = list[Break](), 0
    for part in parts:
        kept = stored[at : at + part.size]
        at += part.size
        if part.found == kept:
            continue
        leaves = leaf_of_each(part)
        for number, was in enumerate(proof.split(kept)):
            seq = part.first_seq + number
            leaf = leaves.get(seq)
            if leaf == was:
                continue
            what = "missing" if leaf is None else "leaves" if is_block else "changed"
            found.append(
                Break(
                    what=what,
                    community=header.community,
                    height=header.height,
                    account_id=part.account_id,
                    seq=seq,
                )
            )
    return found

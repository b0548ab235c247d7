"""Merkle trees of any size: a path gives the root, and nothing but the true leaves does."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.points.rules import proof

TREES = st.integers(1, 70).flatmap(
    lambda width: st.tuples(
        st.just(width), st.sets(st.integers(0, width - 1), min_size=1, max_size=width)
    )
)


def leaves(width: int) -> list[bytes]:
    return [hashlib.sha256(str(place).encode()).digest() for place in range(width)]


def by_the_book(hashes: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written: split at the largest power of two below the width."""
    if len(hashes) == 1:
        return hashes[0]
    at = 1 << (len(hashes) - 1).bit_length() - 1
    left, right = by_the_book(hashes[:at]), by_the_book(hashes[at:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(st.integers(1, 200))
def test_the_root_is_that_of_the_standard(width: int) -> None:
    assert proof.root(leaves(width)) == by_the_book(leaves(width))


@given(TREES)
def test_a_path_leads_to_the_root_and_tells_no_node_twice(tree: tuple[int, set[int]]) -> None:
    width, places = tree
    hashes = leaves(width)
    path = proof.path(hashes, sorted(places))
    known = {place: hashes[place] for place in places}
    assert proof.climb(known, width, path) == proof.root(hashes)
    assert len(set(path)) == len(path)
    assert len(path) <= len(places) * width.bit_length()
    assert not set(path) & set(known.values())


@given(TREES, st.data())
def test_another_leaf_another_place_or_another_path_leads_elsewhere(
    tree: tuple[int, set[int]], data: st.DataObject
) -> None:
    width, places = tree
    hashes = leaves(width)
    path, true = proof.path(hashes, sorted(places)), proof.root(hashes)
    place = data.draw(st.sampled_from(sorted(places)))
    known = {each: hashes[each] for each in places}
    assert proof.climb({**known, place: bytes(32)}, width, path) != true
    for node in range(len(path)):
        other = [*path[:node], bytes(32), *path[node + 1 :]]
        assert proof.climb(known, width, other) != true
    with pytest.raises(ValueError, match="does not fit"):
        proof.climb(known, width, [*path, bytes(32)])


def test_a_leaf_cannot_be_taken_for_a_node() -> None:
    left, right = leaves(2)
    assert proof.leaf((left + right).hex()) != proof.root([left, right])
    assert hashlib.sha256(b"\x00" + left + right).digest() != proof.root([left, right])


def test_there_is_no_root_of_nothing() -> None:
    with pytest.raises(ValueError, match="needs a leaf"):
        proof.root([])

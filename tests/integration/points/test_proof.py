"""Sealed entries: whatever somebody with every right changes afterwards is found and named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.points.actions.sealing import seal
from services.points.actions.verifying import check_heads
from services.points.queries.proof import heads, last_pass, printed_root
from services.points.queries.sealing import Range, leaf_of_each
from services.points.rules import proof
from shared.messaging.transaction import transaction
from tests.integration.points.database import Ledger, attended, delivered, publish_rules
from tests.integration.points.sealing import (
    NEXT_DAY,
    NOON,
    as_superuser,
    at,
    nightly,
    place,
    seal_all,
    verify,
)

A, B, C = "R000001", "R000002", "R000003"
HERE, THERE = "990101001001", "990101001002"


@pytest.fixture
def sealed(ledger: Ledger) -> Iterator[Ledger]:
    """A and B in one community, C in another, a partner in none; sealed on two days."""
    publish_rules(ledger)
    place(ledger, A, HERE)
    place(ledger, B, HERE)
    place(ledger, C, THERE)
    ledger.hear(*(attended(A, 60, day=day) for day in range(1, 6)), delivered("shop-01"))
    with at(NOON):
        seal_all(ledger)
    ledger.hear(*(attended(owner, 30, day=7) for owner in (A, B, C)))
    with at(NEXT_DAY):
        seal_all(ledger)
        yield ledger


def account(ledger: Ledger, owner: str, asset: str = "points") -> int:
    return int(
        ledger.scalar(
            "SELECT id FROM accounts WHERE owner = :owner AND asset = :asset"
            " AND owner_kind <> 'issuer'",
            owner=owner,
            asset=asset,
        )
    )


def named(ledger: Ledger) -> list[tuple[str, int | None, int | None]]:
    return [(each.what, each.account_id, each.seq) for each in verify(ledger)]


def test_everything_is_sealed_once_and_verifies(sealed: Ledger) -> None:
    assert verify(sealed) == []
    entries = sealed.scalar("SELECT sum(seq)::bigint FROM accounts WHERE owner_kind <> 'issuer'")
    assert sealed.scalar("SELECT sum(entry_count)::bigint FROM sealed_blocks") == entries == 17
    assert sealed.rows("SELECT community, height, sealed_on FROM sealed_blocks ORDER BY 1, 2") == [
        (HERE, 1, date(2026, 10, 20)),
        (HERE, 2, date(2026, 10, 21)),
        (THERE, 1, date(2026, 10, 21)),
        ("district", 1, date(2026, 10, 20)),
    ]
    assert seal_all(sealed) == 0


def test_python_and_the_database_write_an_entry_alike(sealed: Ledger) -> None:
    points = account(sealed, A)
    row = sealed.rows(
        "SELECT credit_account_id, asset, 'resident', :owner, credit_seq, amount, credit_balance,"
        " debit_account_id, kind, document_id, expires_on, source_id, posted_at FROM transfers"
        " WHERE credit_account_id = :id AND credit_seq = 3",
        id=points,
        owner=A,
    )[0]
    told = proof.entry_text(dict(zip(proof.FIELDS, row, strict=True)))
    assert told.startswith(f"linli-entry-v1|{points}|points|resident|{A}|3|6|18|")
    with sealed.sessions() as session:
        assert leaf_of_each(session, Range(0, points, 3, 3, None)) == {3: proof.leaf(told)}


def test_small_runs_and_large_ones_seal_the_same_entries(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(*(attended(f"R1{n:05}", 60, day=1 + n % 9) for n in range(30)))
    with transaction(ledger.sessions) as tx:
        assert seal(tx, 7).entry_count == 7
    assert seal_all(ledger, most=7) == 53
    ledger.hear(*(attended(f"R1{n:05}", 60, day=10) for n in range(30)))
    assert seal_all(ledger, most=7) == 60
    assert verify(ledger) == []


def test_an_account_that_was_passed_over_is_found_by_the_sweep(sealed: Ledger) -> None:
    # The hint points behind the end of the table, as after a transaction that took very long.
    sealed.hear(attended(A, 60, day=8))
    as_superuser(sealed, "UPDATE sealing_state SET page = 100000000")
    sealed.hear(attended(B, 60, day=8))
    with at(NEXT_DAY + timedelta(hours=2)):
        assert seal_all(sealed) == 4


def test_one_sealer_at_a_time(sealed: Ledger) -> None:
    sealed.hear(attended(A, 60, day=8))
    with transaction(sealed.sessions) as tx:
        assert seal(tx).entry_count == 2
        other: list[int] = []

        def run() -> None:
            with transaction(sealed.sessions) as tx2:
                other.append(seal(tx2).entry_count)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(60)
        assert other == [0]
    assert verify(sealed) == []


def test_awards_go_on_while_entries_are_sealed(sealed: Ledger) -> None:
    sealed.hear(attended(A, 60, day=8))
    with transaction(sealed.sessions) as tx:
        seal(tx)
        sealed.hear(attended(A, 60, day=9))  # takes the account's lock: the sealer holds none
    assert seal_all(sealed) == 2
    assert verify(sealed) == []


SET = {
    "amount": "amount + 1",
    "credit_balance": "credit_balance + 1",
    "credit_seq": "credit_seq + 1000",
    "debit_account_id": "(SELECT id FROM accounts WHERE owner_kind = 'issuer'"
    " AND asset = 'time_coins')",
    "asset": "'time_coins'",
    "kind": "'import'",
    "document_id": "gen_random_uuid()",
    "expires_on": "expires_on - 1",
    "source_id": "source_id + 1",
    "posted_at": "posted_at + interval '1 microsecond'",
}


@pytest.mark.parametrize("column", SET)
def test_a_changed_field_names_the_entry(sealed: Ledger, column: str) -> None:
    points = account(sealed, A)
    touched = as_superuser(
        sealed,
        f"UPDATE transfers SET {column} = {SET[column]}"
        " WHERE credit_account_id = %(id)s AND credit_seq = 3",
        id=points,
    )
    assert touched == 1
    what = "missing" if column == "credit_seq" else "changed"
    assert named(sealed) == [(what, points, 3)]


def test_the_entry_of_another_account_names_itself(sealed: Ledger) -> None:
    points, others = account(sealed, A), account(sealed, B)
    as_superuser(
        sealed,
        "UPDATE transfers SET credit_account_id = %(other)s, credit_seq = 9"
        " WHERE credit_account_id = %(id)s AND credit_seq = 3",
        id=points,
        other=others,
    )
    assert named(sealed) == [("missing", points, 3)]


def test_accounts_whose_owners_were_swapped(sealed: Ledger) -> None:
    points, others = account(sealed, A), account(sealed, B)
    as_superuser(
        sealed,
        "UPDATE accounts SET owner = CASE id WHEN %(a)s THEN 'R000098' ELSE 'R000099' END"
        " WHERE id IN (%(a)s, %(b)s)",
        a=points,
        b=others,
    )
    assert named(sealed) == [
        *(("changed", points, seq) for seq in range(1, 7)),
        ("changed", others, 1),
    ]


def test_both_sides_of_a_move_between_residents_are_sealed(ledger: Ledger) -> None:
    publish_rules(ledger)
    ledger.hear(attended(A, 60), attended(B, 60))
    a, b = account(ledger, A), account(ledger, B)
    with ledger.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO transfers SELECT :b, 2, 8, :a, 2, 4, asset, 2, 'gift',"
                " gen_random_uuid(), expires_on, source_id, now() FROM transfers"
                " WHERE credit_account_id = :a"
            ),
            {"a": a, "b": b},
        )
    assert seal_all(ledger) == 6
    as_superuser(ledger, "UPDATE transfers SET debit_balance = 5 WHERE kind = 'gift'")
    assert named(ledger) == [("changed", a, 2)]
    as_superuser(ledger, "UPDATE transfers SET debit_balance = 4 WHERE kind = 'gift'")
    assert named(ledger) == []
    as_superuser(ledger, "UPDATE transfers SET debit_seq = 3 WHERE kind = 'gift'")
    assert named(ledger) == [("missing", a, 2)]
    as_superuser(ledger, "UPDATE transfers SET debit_seq = 2, amount = 3 WHERE kind = 'gift'")
    assert named(ledger) == [("changed", a, 2), ("changed", b, 2)]


def test_a_deleted_entry_is_named(sealed: Ledger) -> None:
    points = account(sealed, A)
    as_superuser(
        sealed,
        "DELETE FROM transfers WHERE credit_account_id = %(id)s AND credit_seq = 2",
        id=points,
    )
    assert named(sealed) == [("missing", points, 2)]


def test_a_tail_cut_off_with_its_number_is_named(sealed: Ledger) -> None:
    points = account(sealed, A)
    as_superuser(
        sealed,
        "DELETE FROM transfers WHERE credit_account_id = %(id)s AND credit_seq > 4",
        id=points,
    )
    as_superuser(sealed, "UPDATE accounts SET seq = 4, balance = 24 WHERE id = %(id)s", id=points)
    assert named(sealed) == [("missing", points, 5), ("missing", points, 6), ("beyond", points, 5)]


def test_an_entry_put_in_between_is_found(sealed: Ledger) -> None:
    points = account(sealed, A)
    as_superuser(sealed, "DROP INDEX IF EXISTS uq_transfers_debit")
    as_superuser(
        sealed,
        "INSERT INTO transfers SELECT debit_account_id, NULL, NULL, credit_account_id, 3, 9, asset,"
        " 9, 'redemption', gen_random_uuid(), expires_on, source_id, posted_at FROM transfers"
        " WHERE credit_account_id = %(id)s AND credit_seq = 3",
        id=points,
    )
    found = verify(sealed)
    assert found
    assert {(each.account_id, each.height) for each in found} == {(points, 1)}
    as_superuser(sealed, "DELETE FROM transfers WHERE kind = 'redemption'")
    as_superuser(
        sealed,
        "CREATE UNIQUE INDEX uq_transfers_debit ON transfers (debit_account_id, debit_seq)"
        " WHERE debit_seq IS NOT NULL",
    )
    assert verify(sealed) == []


def test_swapped_entries_are_named(sealed: Ledger) -> None:
    points = account(sealed, A)
    as_superuser(
        sealed,
        "UPDATE transfers t SET document_id = o.document_id FROM transfers o"
        " WHERE t.credit_account_id = %(id)s AND o.credit_account_id = %(id)s"
        " AND t.credit_seq IN (2, 4) AND o.credit_seq = 6 - t.credit_seq",
        id=points,
    )
    assert named(sealed) == [("changed", points, 2), ("changed", points, 4)]


BLOCK = "UPDATE sealed_blocks SET {} WHERE community = '990101001001' AND height = {}"


@pytest.mark.parametrize(
    ("change", "height", "what"),
    [
        ("root = set_byte(root, 5, 255 - get_byte(root, 5))", 1, {"root", "hash"}),
        ("hash = set_byte(hash, 5, 255 - get_byte(hash, 5))", 1, {"hash", "chain", "day"}),
        ("before = set_byte(before, 5, 255 - get_byte(before, 5))", 2, {"chain", "hash"}),
        ("leaves = set_byte(leaves, 70, 255 - get_byte(leaves, 70))", 1, {"leaves"}),
        ("sealed_at = sealed_at + interval '1 microsecond'", 1, {"hash"}),
        ("sealed_on = sealed_on + 1", 1, {"hash", "day"}),
        ("height = 7", 2, {"hash", "chain"}),
        ("community = '990101001009'", 2, {"hash", "chain"}),
    ],
)
def test_a_changed_block_is_found(sealed: Ledger, change: str, height: int, what: set[str]) -> None:
    assert as_superuser(sealed, BLOCK.format(change, height)) == 1
    found = verify(sealed)
    assert {each.what for each in found} == what
    assert all(each.community or each.on for each in found)


def test_a_changed_block_takes_no_sound_entry_with_it(sealed: Ledger) -> None:
    as_superuser(
        sealed, BLOCK.format("leaves = set_byte(leaves, 70, 255 - get_byte(leaves, 70))", 1)
    )
    [found] = verify(sealed)
    assert (found.what, found.account_id, found.seq) == ("leaves", account(sealed, A), 3)


def test_a_block_made_anew_around_a_changed_entry_breaks_what_follows(sealed: Ledger) -> None:
    """Entry, hashes, root and block are all rewritten so that the block is sound in itself."""
    points = account(sealed, A)
    as_superuser(
        sealed,
        "UPDATE transfers SET amount = 5 WHERE credit_account_id = %(id)s AND credit_seq = 1",
        id=points,
    )
    forge_block(sealed, HERE, 1)
    found = verify(sealed)
    assert {(each.what, each.community, each.height) for each in found} >= {("chain", HERE, 2)}
    assert "day" in {each.what for each in found}


def forge_block(ledger: Ledger, community: str, height: int) -> None:
    from services.points.queries import sealing  # noqa: PLC0415

    ((block_id,),) = ledger.rows(
        "SELECT id FROM sealed_blocks WHERE community = :c AND height = :h", c=community, h=height
    )
    with ledger.sessions() as session:
        leaves = b"".join(
            one.leaves or b"" for one in sealing.leaves_of_blocks(session, [block_id])
        )
        [block] = sealing.blocks(session, [block_id])
    root = proof.root(proof.split(leaves))
    header = proof.Header(
        **{name: getattr(block.header, name) for name in proof.Header.__slots__} | {"root": root}
    )
    as_superuser(
        ledger,
        "UPDATE sealed_blocks SET leaves = %(leaves)s, root = %(root)s, hash = %(hash)s"
        " WHERE id = %(id)s",
        leaves=leaves, root=root, hash=header.hash, id=block_id,
    )  # fmt: skip


def test_a_block_taken_away_is_found(sealed: Ledger) -> None:
    as_superuser(sealed, f"DELETE FROM sealed_blocks WHERE community = '{HERE}' AND height = 1")
    found = {(each.what, each.account_id) for each in verify(sealed)}
    assert ("block", account(sealed, A)) in found
    assert {"chain", "day"} <= {what for what, _ in found}


def test_ranges_that_were_changed_are_found(sealed: Ledger) -> None:
    points = account(sealed, A)
    as_superuser(
        sealed, "DELETE FROM sealed_ranges WHERE account_id = %(id)s AND last_seq = 5", id=points
    )
    found = {(each.what, each.account_id) for each in verify(sealed)}
    assert {("ranges", None), ("gap", points)} <= found


def test_days_and_the_districts_roots_are_verified(sealed: Ledger) -> None:
    flip = "root = set_byte(root, 0, 255 - get_byte(root, 0))"
    as_superuser(sealed, f"UPDATE proof_days SET {flip} WHERE community = 'district'")
    assert {each.what for each in verify(sealed)} == {"day", "district"}
    as_superuser(sealed, f"UPDATE proof_days SET {flip} WHERE community = 'district'")
    assert verify(sealed) == []
    as_superuser(sealed, f"UPDATE proof_roots SET {flip}")
    assert {each.what for each in verify(sealed)} == {"district"}


def test_a_chain_cut_at_its_end_is_known_by_what_was_noted_elsewhere(sealed: Ledger) -> None:
    with sealed.sessions() as session:
        noted = heads(session)
        assert check_heads(session, noted) == []
    as_superuser(
        sealed,
        "DELETE FROM sealed_ranges r USING sealed_blocks b WHERE b.id = r.block_id"
        " AND b.community = %(here)s AND b.height = 2",
        here=HERE,
    )
    as_superuser(sealed, f"DELETE FROM sealed_blocks WHERE community = '{HERE}' AND height = 2")
    seal_all(sealed)  # sealed again, at another moment
    with sealed.sessions() as session, at(NEXT_DAY + timedelta(minutes=1)):
        found = check_heads(session, noted)
    assert [(each.what, each.community, each.height) for each in found] in (
        [("head", HERE, 2)],
        [],  # the very same block, sealed in the same moment by a clock that stands still
    )


@pytest.mark.parametrize("table", ["sealed_blocks", "sealed_ranges", "proof_days", "proof_roots"])
@pytest.mark.parametrize("change", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0}"])
def test_the_application_can_only_add(sealed: Ledger, table: str, change: str) -> None:
    column = {"sealed_ranges": "place"}.get(table, "root")
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        sealed.engine.begin() as connection,
    ):
        connection.execute(text(change.format(table, column)))


def test_the_nightly_check_freezes_the_account_and_says_which_entry(sealed: Ledger) -> None:
    points = account(sealed, A)
    nightly(sealed)
    with sealed.sessions() as session:
        first = last_pass(session)
    assert first is not None
    assert first.finished_at is not None
    assert first.entry_count == 17
    nightly(sealed)  # not due again
    as_superuser(
        sealed,
        "UPDATE transfers SET amount = 7 WHERE credit_account_id = %(id)s AND credit_seq = 2",
        id=points,
    )
    with at(NEXT_DAY + timedelta(days=1)):
        nightly(sealed)
    found = sealed.rows("SELECT what, community, height, account_id, seq FROM proof_breaks")
    assert found == [("changed", HERE, 1, points, 2)]
    frozen = sealed.rows("SELECT id FROM accounts WHERE frozen_reason IS NOT NULL")
    assert frozen == [(points,)]
    before = sealed.balance(A)
    sealed.hear(attended(A, 60, day=12), attended(B, 60, day=12))
    assert (sealed.balance(A), sealed.balance(B)) == (before, 3 + 6)


def test_a_missing_entry_is_not_sealed_over(sealed: Ledger) -> None:
    points = account(sealed, A)
    sealed.hear(attended(A, 60, day=8), attended(B, 60, day=8))
    as_superuser(
        sealed,
        "DELETE FROM transfers WHERE credit_account_id = %(id)s AND credit_seq = 7",
        id=points,
    )
    with transaction(sealed.sessions) as tx:
        assert seal(tx).entry_count == 3
    assert sealed.rows("SELECT id FROM accounts WHERE frozen_reason IS NOT NULL") == [(points,)]
    assert verify(sealed) == []


def test_roots_are_printed_for_days_that_are_over(sealed: Ledger) -> None:
    with sealed.sessions() as session:
        told = printed_root(session, HERE, date(2026, 10, 20))
        assert told is not None
        assert (told.entry_count, told.first_height, told.last_height) == (10, 1, 1)
        assert printed_root(session, HERE, date(2026, 10, 21)) is None
        assert printed_root(session, THERE, date(2026, 10, 20)) is None
    with at(NEXT_DAY + timedelta(days=1)):
        seal_all(sealed)
        assert verify(sealed) == []
    with sealed.sessions() as session:
        told = printed_root(session, THERE, date(2026, 10, 21))
        assert told is not None
        assert len(told.root) == 32


def test_a_clock_set_back_opens_no_closed_day(sealed: Ledger) -> None:
    sealed.hear(attended(A, 60, day=8))
    with at(NOON):
        seal_all(sealed)
    days: Any = sealed.scalar("SELECT max(sealed_on) FROM sealed_blocks WHERE community = :c",
                              c=HERE)  # fmt: skip
    assert days == date(2026, 10, 21)
    assert verify(sealed) == []

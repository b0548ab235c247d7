"""What points hears, on a real database: once, twice, out of order, and beside poison."""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from services.points import queries
from services.points.rules.earning import in_force
from shared.errors import Conflict, Rejected
from shared.messaging import dead_letters
from shared.schemas import decode
from shared.schemas.envelope import Event
from tests.integration.points.database import (
    RULES,
    Ledger,
    attended,
    delivered,
    message,
    packed,
    publish_rules,
)

A, B = "R000001", "R000002"
EXAMPLES = Path(__file__).parents[3] / "shared" / "schemas" / "examples"
HEARD = ("linli.contribution.recorded.v1", "linli.wish.delivered.v1")
GOLDEN = [path for name in HEARD for path in sorted((EXAMPLES / name).glob("*.json"))]


@pytest.fixture
def book(ledger: Ledger) -> Ledger:
    publish_rules(ledger)
    return ledger


def letters(ledger: Ledger) -> list[dict[str, Any]]:
    with ledger.sessions() as session:
        return dead_letters.listed(session)


def kept(ledger: Ledger) -> dict[str, Any]:
    """All that a second delivery must not change."""
    return {
        **ledger.snapshot(),
        "inbox": ledger.rows("SELECT *, xmin::text FROM inbox ORDER BY event_id"),
        "outbox": ledger.rows("SELECT *, xmin::text FROM outbox ORDER BY id"),
    }


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_golden_example_heard_twice_leaves_the_same_rows(book: Ledger, path: Path) -> None:
    event = decode(json.loads(path.read_bytes()))
    book.hear(event)
    once = kept(book)
    assert once["awards"]
    assert once["outbox"]
    book.hear(event)
    book.hear(event, event)
    assert kept(book) == once
    assert letters(book) == []


def test_a_batch_heard_again_in_other_company_and_order(book: Ledger) -> None:
    events = [attended(A, 45, day=day) for day in range(1, 20)] + [delivered("shop-01")]
    book.hear(*events)
    once = kept(book)
    book.hear(*reversed(events), in_messages_of=3)
    assert kept(book) == once
    book.hear(attended(B, 60), *events)
    assert [row for row in book.snapshot()["transfers"] if row in once["transfers"]] == once[
        "transfers"
    ]
    assert book.balance(B) == 6


def test_another_body_under_a_known_id_is_a_dead_letter(book: Ledger) -> None:
    event = attended(A, 60)
    book.hear(event)
    once = book.snapshot()
    forged = Event(
        event.id,
        event.source,
        event.type,
        event.time,
        {**event.data, "minutes": 120},
        event.correlationid,
        None,
        None,
        None,
    )
    book.hear(forged)
    assert book.snapshot() == once
    assert [letter["reason"] for letter in letters(book)] == ["id_conflict"]


def test_the_issuers_are_never_written(book: Ledger) -> None:
    sql = "SELECT xmin::text, ctid::text, balance, seq FROM accounts WHERE owner_kind = 'issuer'"
    before = book.rows(sql)
    for day in range(1, 6):
        book.hear(attended(A, 60, day=day), delivered("shop-01", day=day))
    assert book.reconcile()["accounts"] == 0
    assert book.rows(sql) == before


def test_issuers_balances_are_what_they_issued(book: Ledger) -> None:
    book.hear(attended(A, 60), attended(B, 200), delivered("shop-01"), delivered("shop-02"))
    assert set(book.reconcile().values()) == {0}
    issued = dict(book.rows("SELECT asset, balance FROM issuer_balances"))
    assert {asset: amount for asset, amount in issued.items() if amount} == {
        "points": -18,
        "service_minutes": -260,
        "partner_contribution": -16,
    }


def test_the_event_tells_both_balances_even_where_no_points_were_earned(book: Ledger) -> None:
    book.hear(attended(A, 60))
    book.hear(attended(A, 30, evidence="backfill"))
    told = [(d["points"], d["points_balance"], d["minutes_balance"]) for d in book.said()]
    assert told == [(6, 6, 60), (0, 6, 90)]


def test_without_rules_minutes_count_and_points_do_not(ledger: Ledger) -> None:
    ledger.hear(attended(A, 60), delivered("shop-01"))
    assert (ledger.balance(A), ledger.balance(A, "service_minutes")) == (0, 60)
    assert ledger.balance("shop-01", "partner_contribution") == 0
    assert {d.get("rule", {}).get("programme") for d in ledger.said()} == {"none", None}


def test_rules_of_the_day_it_happened_on(book: Ledger) -> None:
    later: dict[str, Any] = copy.deepcopy(RULES)
    later |= {"version": 2, "valid_from": "2026-11-01"}
    later["activity"]["points_per_hour"]["elder_care"] = 10
    publish_rules(book, later)
    # 16:00 UTC is midnight in the district
    book.hear(attended(A, 60, day=31, hour=15), attended(B, 60, day=31, hour=16))
    assert (book.balance(A), book.balance(B)) == (6, 10)
    assert sorted(book.rows("SELECT on_date, rule_version FROM awards")) == [
        (date(2026, 10, 31), 1),
        (date(2026, 11, 1), 2),
    ]


def test_poison_is_found_and_the_others_are_credited(book: Ledger) -> None:
    book.hear(attended(B, 60))
    with book.engine.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET frozen_reason = 'dispute' WHERE owner = :o"), {"o": B}
        )
    good = [attended(f"R1{number:05}", 60) for number in range(20)]
    poison = [attended(B, 60, day=10), attended(B, 30, day=11)]
    mixed = [*good[:7], poison[0], *good[7:15], poison[1], *good[15:]]
    broken = [message(b"\xff not json"), message(b'{"specversion": "1.0"}')]
    book.take([*packed(mixed[:10]), *broken, *packed(mixed[10:])])
    assert all(book.balance(f"R1{number:05}") == 6 for number in range(20))
    assert (book.balance(B), book.balance(B, "service_minutes")) == (6, 60)
    assert sorted(letter["reason"] for letter in letters(book)) == [
        "account_frozen",
        "account_frozen",
        "undecodable",
        "undecodable",
    ]
    assert {letter["event_id"] for letter in letters(book)} > {one.id for one in poison}
    assert set(book.reconcile().values()) == {0}


def test_publishing_the_same_again_is_no_change(book: Ledger) -> None:
    before = book.rows("SELECT *, xmin::text FROM rule_sets")
    publish_rules(book, dict(reversed(RULES.items())))
    assert book.rows("SELECT *, xmin::text FROM rule_sets") == before


def test_publishing_other_content_under_a_version_is_refused(book: Ledger) -> None:
    before = book.rows("SELECT *, xmin::text FROM rule_sets")
    with pytest.raises(Conflict, match="rules_published"):
        publish_rules(book, RULES | {"caps": {"person_day_points": 21, "person_month_points": 200}})
    with pytest.raises(Rejected):
        publish_rules(book, {**RULES, "version": 0})
    assert book.rows("SELECT *, xmin::text FROM rule_sets") == before


@pytest.mark.parametrize("valid_from", ["2026-11-02", "2026-10-01"])
def test_a_later_version_starts_with_a_month_and_after_what_was_credited(
    book: Ledger, valid_from: str
) -> None:
    book.hear(attended(A, 60, day=9))
    with pytest.raises(Rejected, match="bad_rules"):
        publish_rules(book, RULES | {"version": 2, "valid_from": valid_from})


def test_published_rules_are_read_back(book: Ledger) -> None:
    publish_rules(book, RULES | {"version": 2, "valid_from": "2027-01-01"})
    with book.sessions() as session:
        published = queries.rule_sets(session)
    assert [rules.version for rules in published] == [1, 2]
    new_year_eve = in_force(published, date(2026, 12, 31))
    assert new_year_eve is not None
    assert new_year_eve.version == 1
    assert in_force(published, date(2025, 12, 31)) is None

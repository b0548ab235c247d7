"""Writers who bypass the code: the database itself keeps the ledger true.

All of it runs as the role that the application signs in with.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from services.points.rules.lots import NEVER
from shared.ids import uuid7
from tests.integration.points.database import Ledger, attended, publish_rules

A, B = "R000001", "R000002"
COLUMNS = (
    "credit_account_id, credit_seq, credit_balance, debit_account_id, debit_seq, debit_balance,"
    " asset, amount, kind, document_id, expires_on, source_id, posted_at"
)


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    """A holds 15 points in two entries, B 6 points in one; both have service minutes."""
    publish_rules(ledger)
    ledger.hear(attended(A, 60), attended(A, 90, day=10), attended(B, 60))
    assert ledger.balance(A) == 15
    assert ledger.balance(B) == 6
    return ledger


def account(ledger: Ledger, owner: str, asset: str = "points") -> int:
    found = ledger.scalar(
        "SELECT id FROM accounts WHERE owner = :owner AND asset = :asset", owner=owner, asset=asset
    )
    assert isinstance(found, int)
    return found


def forge(ledger: Ledger, *rows: dict[str, Any]) -> None:
    """All rows in one INSERT, committed."""
    values, bound = [], {}
    source_id = ledger.scalar("SELECT min(id) FROM lot_sources")
    for number, row in enumerate(rows):
        whole = {
            "debit_seq": None,
            "debit_balance": None,
            "asset": "points",
            "kind": "award",
            "document_id": uuid7(),
            "expires_on": NEVER,
            "source_id": source_id,
            **row,
        }
        values.append(
            "(" + ", ".join(f":{c.strip()}_{number}" for c in COLUMNS.split(",")[:-1]) + ", now())"
        )
        bound |= {f"{name}_{number}": value for name, value in whole.items()}
    statement = text(f"INSERT INTO transfers ({COLUMNS}) VALUES {', '.join(values)}")
    with ledger.engine.begin() as connection:
        connection.execute(statement, bound)


def award_to(ledger: Ledger, owner: str, **changes: Any) -> dict[str, Any]:
    """A transfer of one point that would be good, with some columns changed."""
    credit = account(ledger, owner, "points")
    balance, seq = ledger.rows("SELECT balance, seq FROM accounts WHERE id = :id", id=credit)[0]
    good = {
        "credit_account_id": credit,
        "credit_seq": seq + 1,
        "credit_balance": balance + 1,
        "debit_account_id": account(ledger, "district", "points"),
        "amount": 1,
    }
    return good | changes


def from_a_to_b(ledger: Ledger, amount: int, **changes: Any) -> dict[str, Any]:
    """A numbered transfer between residents that would be good, with some columns changed."""
    good = award_to(ledger, B, amount=amount, credit_balance=ledger.balance(B) + amount) | {
        "debit_account_id": account(ledger, A),
        "debit_seq": 3,
        "debit_balance": ledger.balance(A) - amount,
    }
    return good | changes


def refused(ledger: Ledger, *rows: dict[str, Any]) -> None:
    before = ledger.snapshot()
    with pytest.raises(DBAPIError):
        forge(ledger, *rows)
    assert ledger.snapshot() == before


@pytest.mark.parametrize("table", ["transfers", "awards", "rule_sets"])
@pytest.mark.parametrize(
    "change", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0}", "DROP TABLE {0}"]
)
def test_what_is_written_cannot_be_changed(filled: Ledger, table: str, change: str) -> None:
    column = {"transfers": "amount", "awards": "points", "rule_sets": "version"}[table]
    before = filled.snapshot()
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        filled.engine.begin() as connection,
    ):
        connection.execute(text(change.format(table, column)))
    assert filled.snapshot() == before


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE accounts SET balance = 1000",
        "UPDATE accounts SET seq = seq + 1",
        "UPDATE accounts SET owner = 'R999999'",
        "DELETE FROM accounts",
        "TRUNCATE accounts",
        "INSERT INTO accounts (asset, owner_kind, owner, balance) VALUES"
        " ('points', 'resident', 'R000009', 500)",
        "ALTER TABLE transfers DISABLE TRIGGER post_transfers",
        "DROP FUNCTION post_transfers() CASCADE",
        "SET session_replication_role = replica",
        "CREATE TABLE own (LIKE transfers)",
        "CREATE TEMP TABLE own (LIKE transfers)",
    ],
)
def test_accounts_move_only_with_transfers(filled: Ledger, change: str) -> None:
    before = filled.snapshot()
    with (
        pytest.raises(ProgrammingError, match=r"permission denied|must be owner"),
        filled.engine.begin() as connection,
    ):
        connection.execute(text(change))
    assert filled.snapshot() == before


def test_the_guard_cannot_be_hung_on_another_table(filled: Ledger) -> None:
    allowed = filled.scalar("SELECT has_function_privilege('post_transfers()', 'EXECUTE')")
    assert allowed is False


def test_there_is_one_issuer_of_an_asset(filled: Ledger) -> None:
    with pytest.raises(IntegrityError), filled.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO accounts (asset, owner_kind, owner) VALUES"
                " ('points', 'issuer', 'somebody')"
            )
        )


def test_a_good_transfer_is_taken(filled: Ledger) -> None:
    forge(filled, award_to(filled, A))
    assert filled.balance(A) == 16
    forge(filled, from_a_to_b(filled, 5, debit_seq=4))
    assert (filled.balance(A), filled.balance(B)) == (11, 11)
    assert filled.reconcile() == {
        "points": 0,
        "service_minutes": 0,
        "partner_contribution": 0,
        "honour_points": 0,
        "time_coins": 0,
        "accounts": 0,
        "lots": 0,
    }


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"credit_seq": 2}, id="a number that is taken"),
        pytest.param({"credit_seq": 4}, id="a gap"),
        pytest.param({"credit_seq": 0}, id="before the first"),
        pytest.param({"credit_balance": 17}, id="balance too high"),
        pytest.param({"credit_balance": 15}, id="balance not moved"),
        pytest.param({"amount": 0, "credit_balance": 15}, id="nothing"),
        pytest.param({"amount": -1, "credit_balance": 14}, id="negative"),
        pytest.param({"amount": 2**63 - 1}, id="huge"),
        pytest.param({"asset": "service_minutes"}, id="another asset"),
        pytest.param({"asset": "gold"}, id="no such asset"),
        pytest.param({"kind": "present"}, id="no such kind"),
        pytest.param({"debit_seq": 1}, id="number without balance"),
        pytest.param({"debit_balance": 1}, id="balance without number"),
        pytest.param({"debit_account_id": 10**9}, id="no such debit account"),
        pytest.param({"credit_account_id": 10**9, "credit_seq": 1}, id="no such account"),
        pytest.param({"document_id": None}, id="no document"),
    ],
)
def test_a_forged_award_is_refused(filled: Ledger, changes: dict[str, Any]) -> None:
    refused(filled, award_to(filled, A, **changes))


def test_only_the_issuer_of_the_asset_is_debited_without_a_number(filled: Ledger) -> None:
    refused(filled, award_to(filled, A, debit_account_id=account(filled, B)))
    minutes_issuer = account(filled, "district", "service_minutes")
    refused(filled, award_to(filled, A, debit_account_id=minutes_issuer))
    issuer = account(filled, "district")
    refused(filled, award_to(filled, A, debit_seq=1, debit_balance=0))
    refused(
        filled,
        award_to(filled, A, credit_account_id=issuer, credit_seq=1, credit_balance=1)
        | {"debit_account_id": account(filled, A), "debit_seq": 3, "debit_balance": 14},
    )


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"debit_seq": 2}, id="a number that is taken"),
        pytest.param({"debit_seq": 4}, id="a gap"),
        pytest.param({"debit_balance": 15}, id="debit not moved"),
        pytest.param({"debit_balance": 14}, id="debited less"),
        pytest.param({"credit_balance": 12}, id="credited more"),
        pytest.param({"asset": "service_minutes"}, id="another asset"),
    ],
)
def test_a_forged_transfer_between_residents_is_refused(
    filled: Ledger, changes: dict[str, Any]
) -> None:
    refused(filled, from_a_to_b(filled, 5, **changes))


def test_nobody_is_debited_below_zero(filled: Ledger) -> None:
    refused(filled, from_a_to_b(filled, 16))


def test_nobody_is_below_zero_even_for_a_moment(filled: Ledger) -> None:
    # 15 - 20 + 8 ends above zero; the entry in between would have shown -5
    overdraft = from_a_to_b(filled, 20)
    refill = award_to(filled, A, credit_seq=4, credit_balance=3, amount=8)
    refused(filled, overdraft, refill)


def test_a_number_is_used_once_even_across_both_sides(filled: Ledger) -> None:
    # A's numbers would be 3 (debit), 3 (credit), 5: three rows, from 3 to 5, one number missing
    given = from_a_to_b(filled, 4, debit_balance=15 - 4 + 10)
    got = award_to(filled, A, credit_seq=3, credit_balance=15 - 4 + 10, amount=10)
    last = award_to(filled, A, credit_seq=5, credit_balance=22)
    refused(filled, given, got, last)


def test_rows_of_one_statement_must_continue_each_other(filled: Ledger) -> None:
    first = award_to(filled, A)
    refused(filled, first, first)
    refused(filled, first, first | {"credit_seq": 5, "credit_balance": 17})
    refused(filled, first, first | {"credit_seq": 4, "credit_balance": 16})
    refused(filled, first, award_to(filled, B, credit_balance=1000))
    forge(filled, first | {"credit_seq": 4, "credit_balance": 17}, first)
    assert filled.balance(A) == 17


def test_a_frozen_account_takes_no_transfer(filled: Ledger) -> None:
    with filled.engine.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET frozen_reason = 'dispute' WHERE owner = :owner"), {"owner": A}
        )
    refused(filled, award_to(filled, A))
    refused(filled, from_a_to_b(filled, 5))
    refused(filled, award_to(filled, B), award_to(filled, A))


def test_two_writers_of_one_number(filled: Ledger) -> None:
    row = award_to(filled, A)
    forge(filled, row)
    refused(filled, row)
    assert filled.balance(A) == 16


def test_reconciling_sees_what_a_superuser_broke(filled: Ledger) -> None:
    with filled.owner_engine.begin() as connection:
        connection.execute(
            text("UPDATE accounts SET balance = 16 WHERE id = :id"), _points_of_a(filled)
        )
    assert filled.reconcile() | {"points": None} == {
        "points": None,
        "service_minutes": 0,
        "partner_contribution": 0,
        "honour_points": 0,
        "time_coins": 0,
        "accounts": 1,
        "lots": 1,
    }
    assert filled.reconcile()["points"] == -1


def _points_of_a(ledger: Ledger) -> dict[str, int]:
    return {"id": account(ledger, A)}

"""The ledger against itself: what a superuser breaks is counted by name and its accounts frozen."""

from __future__ import annotations

import pytest

from services.points.actions.reconciling import ALWAYS, HOURLY, Check, reconcile, reconcile_all
from shared.messaging.transaction import transaction
from tests.integration.points.database import Ledger, attended, delivered, publish_rules
from tests.integration.points.sealing import as_superuser

A, B = "R000001", "R000002"
POINTS_OF_A = "(SELECT id FROM accounts WHERE owner = 'R000001' AND asset = 'points')"


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    publish_rules(ledger)
    ledger.hear(attended(A, 60), attended(A, 30, evidence="backfill"), attended(B, 60))
    ledger.hear(delivered("shop-01"))
    return ledger


def breaks(ledger: Ledger) -> dict[str, int]:
    with transaction(ledger.sessions) as tx:
        found = reconcile_all(tx)
    return {name: value for name, value in found.items() if value}


def frozen(ledger: Ledger) -> set[tuple[str, str]]:
    return set(ledger.rows("SELECT owner, asset FROM accounts WHERE frozen_reason IS NOT NULL"))


def test_a_sound_ledger_has_no_breaks_and_nothing_is_frozen(filled: Ledger) -> None:
    assert breaks(filled) == {}
    assert frozen(filled) == set()


@pytest.mark.parametrize(
    ("harm", "check", "accounts"),
    [
        (
            f"UPDATE accounts SET balance = balance + 1 WHERE id = {POINTS_OF_A}",
            "accounts",
            {(A, "points")},
        ),
        (
            f"UPDATE lots SET remaining = 5 WHERE account_id = {POINTS_OF_A}",
            "lots",
            {(A, "points")},
        ),
        (
            "UPDATE awards SET points = points + 1 WHERE owner = 'R000001' AND points > 0",
            "awards",
            {(A, "points")},
        ),
        ("DELETE FROM awards WHERE owner = 'shop-01'", "awards",
         {("shop-01", "partner_contribution")}),
        ("DELETE FROM inbox", "inbox", set()),
        (
            f"UPDATE transfers SET kind = 'import' , document_id = gen_random_uuid()"
            f" WHERE credit_account_id = {POINTS_OF_A}",
            "documents",
            {(A, "points")},
        ),
        (
            "INSERT INTO accounts (asset, owner_kind, owner, balance) VALUES"
            " ('points', 'pending', 'R000009', 3)",
            "pending",
            {("R000009", "points")},
        ),
    ],
)  # fmt: skip
def test_a_break_is_named_and_its_account_frozen(
    filled: Ledger, harm: str, check: str, accounts: set[tuple[str, str]]
) -> None:
    as_superuser(filled, harm)
    assert breaks(filled).get(check) == 1
    assert accounts <= frozen(filled)
    assert (B, "points") not in frozen(filled)


def test_what_was_frozen_before_keeps_its_reason(filled: Ledger) -> None:
    as_superuser(filled, "UPDATE accounts SET frozen_reason = 'dispute' WHERE owner = 'R000001'")
    as_superuser(filled, f"UPDATE accounts SET balance = 1 WHERE id = {POINTS_OF_A}")
    assert breaks(filled)["accounts"] == 1
    assert filled.rows("SELECT DISTINCT frozen_reason FROM accounts WHERE owner = 'R000001'") == [
        ("dispute",)
    ]


def test_a_subject_can_add_a_check_of_its_own(filled: Ledger) -> None:
    own = Check("own", f"SELECT {POINTS_OF_A} UNION ALL SELECT NULL")
    with transaction(filled.sessions) as tx:
        assert reconcile(tx, (own,))["own"] == 2
    assert frozen(filled) == {(A, "points")}


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in (*ALWAYS, *HOURLY)]
    assert len(set(names)) == len(names)

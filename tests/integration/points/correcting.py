"""Small ways to propose and to approve corrections in a test, and to look at what came of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from services.points.actions import corrections
from services.points.actions.residents import register_residents
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from shared.schemas import make
from tests.integration.points.database import Ledger

MAKER, CHECKER = "manager-1", "manager-2"
WHY, YES = "核对签到表后发现有误", "已核对，同意"


def register(ledger: Ledger, *resident_nos: str) -> None:
    """Let points know of residents."""
    events = [
        make(
            "linli.resident.registered.v1",
            {
                "resident_no": no,
                "household_no": f"H{no[1:]}",
                "grid_code": "990101001001001",
                "community_code": "990101001001",
                "language": "zh",
                "contact_sealed": None,
                "revision": 1,
            },
            source="/linli/intake",
            correlationid=str(uuid7()),
        )
        for no in resident_nos
    ]
    with transaction(ledger.sessions) as tx:
        register_residents(tx, [(event, event.data) for event in events])


def propose_reversal(ledger: Ledger, award_id: Any, **more: Any) -> UUID:
    with transaction(ledger.sessions) as tx:
        return corrections.propose_award_reversal(
            tx,
            UUID(str(award_id)),
            **dict[str, Any](by=MAKER, reason_code="not_done", reason=WHY) | more,
        )


def approve(ledger: Ledger, correction_id: UUID, by: str = CHECKER) -> UUID:
    with transaction(ledger.sessions) as tx:
        return corrections.approve(tx, correction_id, by=by, decision=YES)


def reverse(ledger: Ledger, award_id: Any, **more: Any) -> UUID:
    return approve(ledger, propose_reversal(ledger, award_id, **more))


def reverse_document(ledger: Ledger, document_id: UUID, policy: str = "within_balance") -> UUID:
    with transaction(ledger.sessions) as tx:
        made = corrections.propose_document_reversal(
            tx, document_id, by=MAKER, reason_code="other", reason=WHY, policy=policy
        )
    return approve(ledger, made)


def adjust(ledger: Ledger, resident_no: str, amount: int, **more: Any) -> UUID:
    with transaction(ledger.sessions) as tx:
        given: dict[str, Any] = {
            "by": MAKER,
            "asset": "points",
            "amount": amount,
            "reason_code": "missed",
            "reason": WHY,
        }
        made = corrections.propose_adjustment(tx, resident_no, **given | more)
    return approve(ledger, made)


def award_ids(ledger: Ledger, owner: str) -> list[UUID]:
    """A resident's awards in the order they were credited."""
    found = ledger.rows(
        "SELECT award_id FROM awards WHERE owner = :owner ORDER BY award_no", owner=owner
    )
    return [row[0] for row in found]


def standing(ledger: Ledger) -> tuple[list[Any], list[Any]]:
    """All balances and all that is left in lots; what is empty is as if it were not there."""
    return (
        ledger.rows(
            "SELECT asset, owner_kind, owner, balance FROM accounts WHERE balance > 0"
            " ORDER BY 1, 2, 3"
        ),
        ledger.rows(
            "SELECT account_id, expires_on, source_id, remaining FROM lots WHERE remaining > 0"
            " ORDER BY 1, 2, 3"
        ),
    )


def part(ledger: Ledger, document_id: UUID, asset: str = "points") -> tuple[int, ...]:
    """(due, taken, ended, owed, unrecovered) of an asset in a reversal."""
    return ledger.rows(
        "SELECT sum(due)::int, sum(taken)::int, sum(ended)::int, sum(owed)::int,"
        " sum(unrecovered)::int FROM reversal_parts p JOIN accounts a ON a.id = p.account_id"
        " WHERE document_id = :document_id AND a.asset = :asset",
        document_id=document_id,
        asset=asset,
    )[0]


def csv_of(rows: Iterable[Iterable[Any]], heading: str = "") -> bytes:
    """A paper book's lines as CSV."""
    columns = heading or (
        "book_no,line_no,resident_no,on_date,points,service_minutes,honour_points,expires_on"
    )
    return "\n".join([columns, *(",".join(str(cell) for cell in row) for row in rows)]).encode()

"""What the pages of points owed, budgets and expiry show: lots that end, budgets, rates."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from services.points.actions import budgets, ledger
from services.points.actions.documents import write_document
from services.points.rules.lots import NEVER, Lot, take
from shared import clock
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

MAKER, CHECKER = "another-manager", "a-third-manager"
HOME = "990201001002"  # where most of the month's residents live


def owed(tx: Transaction, resident: str, manager: str) -> None:
    """Points that end soon, later and never; budgets in every state, one of them exceeded."""
    today = clock.today()
    for days, amount in ((9, 35), (40, 1200), (100, 640), (200, 2300)):
        _bring_in(tx, resident, amount, today + timedelta(days=days), "ideal-bank")
    _bring_in(tx, "R900009", 880, NEVER, "mutual-aid")
    _take_out(tx, resident, 120)
    for programme, rate in (("", 1000), ("mutual-aid", 500)):
        rate_id = budgets.propose_rate(
            tx, programme=programme, valid_from=today, fen_per_hundred=rate, by=MAKER
        )
        budgets.decide(tx, "point_rates", rate_id, approve=True, by=CHECKER)
    budgets.propose_rate(tx, programme="", valid_from=today, fen_per_hundred=1200, by=MAKER)
    _budget(tx, "", 1_000_000, "redemptions", decided=True)
    _budget(tx, HOME, 20_000, "nothing", decided=True)  # ¥200: more is committed already
    _budget(tx, HOME, 60_000, "redemptions", decided=False)
    _budget(tx, "", 2_000_000, "nothing", decided=None)
    _budget(tx, HOME, 1_500, "nothing", decided=None, unit="points", by=manager)


def _bring_in(tx: Transaction, owner: str, amount: int, expires_on: date, programme: str) -> None:
    key = ("points", "resident", owner)
    account = ledger.locked(tx.session, [key])[key]
    source = (programme, "community")
    lot = Lot(expires_on, ledger.sources(tx.session, [source])[source])
    document_id, posting = uuid7(), ledger.posting(tx.session)
    _write(tx, document_id, "import")
    posting.issue(account, amount, document_id, "import", lot)
    posting.post(tx.session, clock.now())


def _take_out(tx: Transaction, owner: str, amount: int) -> None:
    key = ("points", "resident", owner)
    account = ledger.locked(tx.session, [key])[key]
    document_id, posting = uuid7(), ledger.posting(tx.session)
    _write(tx, document_id, "adjustment")
    for lot, part in take(ledger.held_lots(tx.session, [account])[account.id], amount):
        posting.retire(account, part, document_id, "adjustment", lot)
    posting.post(tx.session, clock.now())


def _write(tx: Transaction, document_id: UUID, kind: str) -> None:
    words = {"zh": "纸质存折转入", "en": "from a paper book"}
    write_document(tx.session, document_id, kind, made_by=MAKER, checked_by=CHECKER, facts=words)


def _budget(
    tx: Transaction,
    community: str,
    amount: int,
    stops: str,
    *,
    decided: bool | None,
    unit: str = "fen",
    by: str = MAKER,
) -> None:
    today = clock.today()
    budget_id = budgets.propose_budget(
        tx,
        community_code=community,
        starts_on=today.replace(month=1, day=1),
        ends_on=today.replace(month=12, day=31),
        unit=unit,
        amount=amount,
        stops=stops,
        by=by,
    )
    if decided is not None:
        budgets.decide(tx, "budgets", budget_id, approve=decided, by=CHECKER)

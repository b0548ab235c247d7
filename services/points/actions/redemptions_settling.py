"""Ends what was redeemed: posts what was collected, gives back what was cancelled or ran out.

Each redemption leaves `held` exactly once: whoever ends it holds the accounts of all who pay, and
only the row that is still `held` moves. What is given back are the hold's own lots, with their own
expiry, also when that day has passed meanwhile: the sweep of expiry decides about those.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.actions import honour_certificates, households, ledger
from services.points.actions.ledger import Account, Key, Posting
from services.points.rules.lots import Lot
from services.points.rules.redemptions import (
    ENDS_IN,
    RELEASED_WORDS,
    How,
    State,
    redemption_no,
    told_to_others,
)
from shared import clock
from shared.clock import local_date
from shared.db.arrays import literal
from shared.ids import uuid7
from shared.messaging.transaction import Transaction
from shared.schemas import make
from shared.schemas.envelope import Event
from shared.schemas.redemptions import REDEMPTION_POSTED, REDEMPTION_RELEASED

SOURCE = "/linli/points"
DUE_AT_ONCE = 200

_FIND = text(
    "SELECT redemption_id, resident_no, asset, reward_id FROM redemptions"
    " WHERE redemption_id = ANY(CAST(:ids AS uuid[])) AND state = 'held'"
)
# What is frozen waits until somebody has judged it, and holds up nobody else.
_DUE = text(
    "SELECT r.redemption_id FROM redemptions r JOIN accounts a ON a.owner = r.resident_no"
    " AND a.owner_kind = 'held' AND a.asset = r.asset"
    " JOIN accounts b ON b.owner = a.owner AND b.owner_kind = 'resident' AND b.asset = a.asset"
    " WHERE r.state = 'held' AND r.due_at <= :now"
    " AND a.frozen_reason IS NULL AND b.frozen_reason IS NULL"
    " AND NOT EXISTS (SELECT FROM household_spends h JOIN accounts f ON f.owner = h.resident_no"
    " AND f.owner_kind IN ('held', 'resident') AND f.asset = r.asset"
    " WHERE h.document_id = r.redemption_id AND f.frozen_reason IS NOT NULL)"
    " ORDER BY r.due_at LIMIT :most"
)
_LOCK_STOCKS = text(
    "SELECT reward_id FROM reward_stocks WHERE reward_id = ANY(CAST(:rewards AS bigint[]))"
    " ORDER BY reward_id FOR UPDATE"
)
_LOCK = text(
    "SELECT redemption_id, id, resident_no, reward_id, kind, title, partner, quantity, asset,"
    " price, held_on FROM redemptions WHERE redemption_id = ANY(CAST(:ids AS uuid[]))"
    " AND state = 'held' ORDER BY id FOR UPDATE"
)
_SETTLE = text(
    "UPDATE redemptions r SET state = :state, settled_at = s.at, settled_how = :how,"
    " settled_by = s.by, settle_document_id = s.document_id"
    " FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[]), CAST(:bys AS text[]),"
    " CAST(:documents AS uuid[])) AS s (redemption_id, at, by, document_id)"
    " WHERE r.redemption_id = s.redemption_id AND r.state = 'held'"
)
_STOCKS = text(
    "UPDATE reward_stocks t SET held = held - s.n,"
    " collected = collected + CASE WHEN :is_collected THEN s.n ELSE 0 END"
    " FROM unnest(CAST(:rewards AS bigint[]), CAST(:counts AS bigint[])) AS s (reward_id, n)"
    " WHERE t.reward_id = s.reward_id"
)
_HELD_LOTS = text(
    "SELECT t.document_id, a.owner, t.expires_on, t.source_id, t.amount FROM transfers t"
    " JOIN accounts a ON a.id = t.credit_account_id"
    " WHERE t.document_id = ANY(CAST(:ids AS uuid[])) AND t.kind = 'hold'"
    " ORDER BY t.document_id, a.owner, t.expires_on, t.source_id"
)
_DOCUMENTS = text(
    "INSERT INTO documents (document_id, kind, on_date, made_by, facts, made_at)"
    " SELECT d.document_id, :kind, :today, d.by, d.facts, :now FROM ROWS FROM ("
    "unnest(CAST(:documents AS uuid[]), CAST(:bys AS text[])),"
    " jsonb_array_elements(CAST(:facts AS jsonb))) AS d (document_id, by, facts)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """One redemption that shall end; `at` is when it was collected or given up."""

    redemption_id: UUID
    by: str
    at: datetime
    source_event_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Books:
    """Locked accounts, and of each redemption what is put aside: whose, which lot, how much."""

    accounts: dict[Key, Account]
    aside: dict[UUID, list[tuple[str, Lot, int]]]

    def is_shared(self, row: Any) -> bool:
        """Whether somebody of the household pays a part."""
        return any(owner != row.resident_no for owner, _, _ in self.aside[row.redemption_id])


def settle(tx: Transaction, endings: Sequence[Ending], how: How) -> set[UUID]:
    """End those that are still held, all by the same way; the ids of those that were.

    Raises Conflict when an account of one of them is frozen.
    """
    by_id = {one.redemption_id: one for one in endings}
    found = tx.session.execute(_FIND, {"ids": literal(sorted(by_id))}).all()
    if not found:
        return set()
    # What was held is a fact that no longer changes: it is read before the locks, to know them.
    ids = literal(sorted(row.redemption_id for row in found))
    aside = _by_hold(tx.session.execute(_HELD_LOTS, {"ids": ids}))
    accounts = ledger.locked(tx.session, _keys(found, aside))
    tx.session.execute(_LOCK_STOCKS, {"rewards": literal(sorted({r.reward_id for r in found}))})
    held = tx.session.execute(_LOCK, {"ids": literal(sorted(r.redemption_id for r in found))}).all()
    if held:
        books = _Books(accounts, aside)
        _end(tx, [(row, by_id[row.redemption_id]) for row in held], how, books)
    return {row.redemption_id for row in held}


def release_due(tx: Transaction, most: int = DUE_AT_ONCE) -> int:
    """Give back what was not collected in time, the longest overdue first; how many."""
    now = clock.now()
    due = tx.session.execute(_DUE, {"now": now, "most": most}).scalars()
    endings = [Ending(redemption_id=one, by="clock", at=now) for one in due]
    return len(settle(tx, endings, How.TIMEOUT))


def _by_hold(rows: Iterable[Any]) -> dict[UUID, list[tuple[str, Lot, int]]]:
    aside: dict[UUID, list[tuple[str, Lot, int]]] = {}
    for hold_id, owner, expires_on, source_id, amount in rows:
        aside.setdefault(hold_id, []).append((owner, Lot(expires_on, source_id), amount))
    return aside


def _keys(rows: Iterable[Any], aside: dict[UUID, list[tuple[str, Lot, int]]]) -> list[Key]:
    # Both, also of what is only posted: who gives back and who posts lock alike.
    return [
        (r.asset, kind, owner)
        for r in rows
        for owner in {r.resident_no, *(part[0] for part in aside.get(r.redemption_id, ()))}
        for kind in ("held", "resident")
    ]


def _end(tx: Transaction, held: list[tuple[Any, Ending]], how: How, books: _Books) -> None:
    now = clock.now()
    state = ENDS_IN[how]
    documents = {row.redemption_id: uuid7() for row, _ in held}
    tx.session.execute(
        _SETTLE,
        {
            "state": state.value,
            "how": how.value,
            "ids": literal(row.redemption_id for row, _ in held),
            "times": literal(one.at for _, one in held),
            "bys": literal(one.by for _, one in held),
            "documents": literal(documents[row.redemption_id] for row, _ in held),
        },
    )
    _move_stock(tx.session, held, is_collected=state is State.COLLECTED)
    shared = {row.redemption_id for row, _ in held if books.is_shared(row)}
    _write_documents(tx.session, held, how, documents, shared)
    if shared and state is State.RELEASED:
        households.give_back(tx, *sorted(shared))
    posting = ledger.posting(tx.session)
    _post(posting, held, state, books, documents)
    posting.post(tx.session, now)
    if state is State.COLLECTED:
        honour_certificates.issue(tx.session, [row for row, _ in held if row.kind == "honour"])
    tx.emit(_said(row, one, how, now) for row, one in held)


def _move_stock(session: Session, held: list[tuple[Any, Ending]], *, is_collected: bool) -> None:
    counts: Counter[int] = Counter()
    for row, _ in held:
        counts[row.reward_id] += row.quantity
    rewards = sorted(counts)
    session.execute(
        _STOCKS,
        {
            "is_collected": is_collected,
            "rewards": literal(rewards),
            "counts": literal(counts[each] for each in rewards),
        },
    )


def _post(
    posting: Posting,
    held: list[tuple[Any, Ending]],
    state: State,
    books: _Books,
    documents: dict[UUID, UUID],
) -> None:
    for row, _ in held:
        document_id = documents[row.redemption_id]
        for owner, lot, amount in books.aside[row.redemption_id]:
            put_aside = books.accounts[row.asset, "held", owner]
            if state is State.COLLECTED:
                posting.retire(put_aside, amount, document_id, "redemption", lot)
            else:
                back = books.accounts[row.asset, "resident", owner]
                posting.move(put_aside, back, amount, document_id, "release", lot)


def _write_documents(
    session: Session,
    held: list[tuple[Any, Ending]],
    how: How,
    documents: dict[UUID, UUID],
    shared: set[UUID],
) -> None:
    now = clock.now()
    kind = "redemption" if ENDS_IN[how] is State.COLLECTED else "release"
    facts = [
        _facts(row, how)
        | (told_to_others(kind, row.resident_no) if row.redemption_id in shared else {})
        for row, _ in held
    ]
    session.execute(
        _DOCUMENTS,
        {
            "kind": kind,
            "today": local_date(now),
            "documents": literal(documents[row.redemption_id] for row, _ in held),
            "bys": literal(one.by for _, one in held),
            "facts": orjson.dumps(facts).decode(),
            "now": now,
        },
    )


def _facts(row: Any, how: How) -> dict[str, Any]:
    number = redemption_no(row.held_on, row.id)
    what_zh, what_en = f"“{row.title}”×{row.quantity}", f"{row.title} x{row.quantity}"
    facts = {"redemption_no": number, "reward_id": row.reward_id, "how": how.value}
    if ENDS_IN[how] is State.COLLECTED:
        return facts | {
            "zh": f"已领取{what_zh}，编号 {number}",
            "en": f"collected {what_en}, {number}",
        }
    why = RELEASED_WORDS[how]
    return facts | {
        "zh": f"兑换{what_zh}{why.zh}，积分按原到期日退回，编号 {number}",
        "en": f"{what_en} {why.en}, given back with its own expiry, {number}",
    }


def _said(row: Any, ending: Ending, how: How, now: datetime) -> Event:
    number = redemption_no(row.held_on, row.id)
    told = {
        "redemption_no": number,
        "resident_no": row.resident_no,
        "partner": row.partner,
        "reward": row.title,
        "quantity": row.quantity,
        "asset": row.asset,
        "price": row.price,
    }
    if ENDS_IN[how] is State.COLLECTED:
        told |= {
            "source_event_id": ending.source_event_id,
            "collected_at": ending.at,
            "posted_at": now,
        }
        return make(REDEMPTION_POSTED, told, source=SOURCE, correlationid=number)
    told |= {"reason": how.value, "released_at": now}
    return make(REDEMPTION_RELEASED, told, source=SOURCE, correlationid=number)

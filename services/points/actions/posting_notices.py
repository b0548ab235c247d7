"""Posts the lines of notices that have ended, a part at a time, each exactly once.

A line is posted in the transaction that moves its points. One worker has a notice in hand at a
time; what it did not finish, the next run does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, text

from services.points.actions import ledger
from services.points.actions.ledger import Account, Key
from services.points.actions.public_notices import SOURCE, close
from services.points.rules.lots import Lot
from shared import clock
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction
from shared.schemas import make
from shared.schemas.envelope import Event
from shared.schemas.points import POINTS_POSTED

POINTS = "points"
RESIDENTS_MAX = 1000  # in one transaction, each with all lines of the notice

# Whose accounts are frozen waits, and keeps nobody else waiting.
_READY = (
    "l.state = 'shown' AND NOT EXISTS (SELECT FROM accounts a WHERE a.owner = l.resident_no"
    " AND a.owner_kind IN ('resident', 'pending') AND a.asset = 'points'"
    " AND a.frozen_reason IS NOT NULL)"
)
_ENDED = text(
    "SELECT n.notice_id, n.notice_no FROM public_notices n WHERE n.closed_at IS NULL"
    " AND n.ends_at <= :now AND EXISTS (SELECT FROM public_notice_lines l"
    f" WHERE l.notice_id = n.notice_id AND {_READY})"
    " ORDER BY n.ends_at, n.notice_id LIMIT 1 FOR UPDATE OF n SKIP LOCKED"
)
_LINES = text(
    "SELECT l.award_id, l.resident_no, l.points, l.expires_on, l.source_id"
    " FROM public_notice_lines l WHERE l.notice_id = :notice_id AND l.state = 'shown'"
    " AND l.resident_no IN (SELECT DISTINCT l.resident_no FROM public_notice_lines l"
    f" WHERE l.notice_id = :notice_id AND {_READY} ORDER BY 1 LIMIT :most)"
    " ORDER BY l.award_id FOR UPDATE OF l"
)
_POSTED = text(
    "UPDATE public_notice_lines SET state = 'posted', posted_at = :now"
    " WHERE award_id = ANY(CAST(:award_ids AS uuid[]))"
)


def post_ended(tx: Transaction, most: int = RESIDENTS_MAX) -> int:
    """Post the lines of one notice that has ended, of at most `most` residents; how many lines.

    Says one event for each resident. 0: nothing is left that may be posted now.
    """
    now = clock.now()
    notice = tx.session.execute(_ENDED, {"now": now}).one_or_none()
    if notice is None:
        return 0
    asked = {"notice_id": notice.notice_id, "most": most}
    lines = tx.session.execute(_LINES, asked).all()
    accounts = ledger.locked(tx.session, _keys(lines))
    posting = ledger.posting(tx.session)
    for line in lines:
        pending, resident = _pair(accounts, line.resident_no)
        lot = Lot(line.expires_on, line.source_id)
        posting.move(pending, resident, line.points, line.award_id, "posting", lot)
    posting.post(tx.session, now)
    tx.session.execute(_POSTED, {"now": now, "award_ids": literal(line.award_id for line in lines)})
    close(tx.session, notice.notice_id, now)
    tx.emit(_posted(notice.notice_no, lines, accounts))
    return len(lines)


def _keys(lines: Sequence[Row[Any]]) -> list[Key]:
    return [
        (POINTS, owner_kind, line.resident_no)
        for line in lines
        for owner_kind in ("pending", "resident")
    ]


def _pair(accounts: dict[Key, Account], resident_no: str) -> tuple[Account, Account]:
    return accounts[POINTS, "pending", resident_no], accounts[POINTS, "resident", resident_no]


def _posted(notice_no: str, lines: Sequence[Row[Any]], accounts: dict[Key, Account]) -> list[Event]:
    now = clock.now()
    points: dict[str, list[int]] = {}
    for line in lines:
        points.setdefault(line.resident_no, []).append(line.points)
    return [
        make(
            POINTS_POSTED,
            {
                "resident_no": resident_no,
                "notice_no": notice_no,
                "line_count": len(of_one),
                "points": sum(of_one),
                "points_balance": accounts[POINTS, "resident", resident_no].balance,
                "posted_at": now,
            },
            source=SOURCE,
            correlationid=notice_no,
        )
        for resident_no, of_one in points.items()
    ]

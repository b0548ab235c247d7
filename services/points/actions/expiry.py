"""Ends lots whose last day is over, and tells people beforehand. Never by label: by what is left.

The law: a lot is good to the end of its day (Asia/Shanghai). What is put aside for a redemption,
still on public notice or on its way to another district does not end while it is there: it posts
as it was agreed. If it comes back to its owner after its day, the next sweep ends it. A frozen
account is left alone until somebody has judged it.

A sweep is cut into stretches of accounts. Each is one transaction that locks its accounts in the
order of their ids and takes only what is left under those locks: it may be stopped anywhere,
run again, and run by several workers at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.lots import NEVER, ended_words
from shared import clock, metrics
from shared.db.arrays import literal
from shared.ids import uuid7
from shared.messaging.transaction import Transaction
from shared.schemas import make
from shared.schemas.envelope import Event
from shared.schemas.points import POINTS_EXPIRING

SOURCE = "/linli/points"
BY = "clock"
LOTS_AT_ONCE = 5_000
NOTICE_DAYS = (7, 30)  # the nearest first
KEPT_DAYS = 60  # spent lots and announcements, after their last day
DROPPED_AT_ONCE = 50_000

# Those whose points end; the others only keep points for somebody for a while.
_OWNERS = "('resident', 'pool')"

_STRETCHES = text(
    "SELECT account_id FROM (SELECT l.account_id, row_number() OVER (ORDER BY l.account_id) AS n,"
    " count(*) OVER () AS all_of_them FROM lots l JOIN accounts a ON a.id = l.account_id"
    " WHERE l.remaining > 0 AND l.expires_on < :today AND a.frozen_reason IS NULL"
    f" AND a.owner_kind IN {_OWNERS}) due WHERE n % :most = 0 OR n = all_of_them ORDER BY 1"
)
# Whoever is in the middle of an award or a redemption is not waited for: the next sweep comes.
_LOCK = text(
    "SELECT a.id FROM accounts a WHERE a.id > :after AND a.id <= :through"
    f" AND a.frozen_reason IS NULL AND a.owner_kind IN {_OWNERS}"
    " AND EXISTS (SELECT FROM lots l WHERE l.account_id = a.id AND l.remaining > 0"
    " AND l.expires_on < :today) ORDER BY a.id FOR UPDATE SKIP LOCKED"
)
_DUE = (
    " FROM lots l JOIN lot_sources s ON s.id = l.source_id"
    " WHERE l.account_id = ANY(CAST(:accounts AS bigint[])) AND l.remaining > 0"
    " AND l.expires_on < :today"
)
_KINDS = text(f"SELECT DISTINCT s.programme, l.expires_on{_DUE} ORDER BY 1, 2")
_DOCUMENTS = text(
    "INSERT INTO documents (document_id, kind, on_date, made_by, facts, made_at)"
    " SELECT d.document_id, 'expiry', :today, :by, d.facts, :now FROM ROWS FROM ("
    "unnest(CAST(:ids AS uuid[])), jsonb_array_elements(CAST(:facts AS jsonb)))"
    " AS d (document_id, facts)"
)
_END = text(
    "INSERT INTO transfers (credit_account_id, debit_account_id, debit_seq, debit_balance, asset,"
    " amount, kind, document_id, expires_on, source_id, posted_at)"
    " SELECT i.id, a.id, a.seq + row_number() OVER account,"
    " a.balance - sum(l.remaining) OVER account, a.asset, l.remaining, 'expiry', d.document_id,"
    " l.expires_on, l.source_id, :now FROM lots l JOIN lot_sources s ON s.id = l.source_id"
    " JOIN accounts a ON a.id = l.account_id"
    " JOIN accounts i ON i.asset = a.asset AND i.owner_kind = 'issuer'"
    " JOIN unnest(CAST(:ids AS uuid[]), CAST(:programmes AS text[]), CAST(:days AS date[]))"
    " AS d (document_id, programme, expires_on)"
    " ON d.programme = s.programme AND d.expires_on = l.expires_on"
    " WHERE l.account_id = ANY(CAST(:accounts AS bigint[])) AND l.remaining > 0"
    " AND l.expires_on < :today WINDOW account AS (PARTITION BY a.id"
    " ORDER BY l.expires_on, l.source_id ROWS UNBOUNDED PRECEDING)"
    " RETURNING asset, amount"
)
_LEFT = text(
    "SELECT CASE WHEN a.frozen_reason IS NOT NULL THEN 'frozen'"
    f" WHEN a.owner_kind IN {_OWNERS} THEN 'due' ELSE 'kept' END AS why, count(*) AS lots"
    " FROM lots l JOIN accounts a ON a.id = l.account_id"
    " WHERE l.remaining > 0 AND l.expires_on < :today GROUP BY 1"
)
_DROP = text("SELECT drop_spent_lots(:before, :most)")
_FORGET = text("DELETE FROM expiry_announcements WHERE expires_on < :before")

# What ends soon in a resident's account, by day, and the announcement that is due for it.
_SOON = (
    " FROM lots l JOIN accounts a ON a.id = l.account_id"
    " CROSS JOIN LATERAL (SELECT min(n) AS days_before"
    " FROM unnest(CAST(:notices AS int[])) AS n WHERE l.expires_on - :today <= n) w"
    " WHERE l.remaining > 0 AND a.asset = 'points' AND a.owner_kind = 'resident'"
    " AND l.expires_on >= :today AND w.days_before IS NOT NULL"
    " AND l.expires_on <= :last AND NOT EXISTS (SELECT FROM expiry_announcements e"
    " WHERE (e.account_id, e.expires_on, e.days_before)"
    " = (l.account_id, l.expires_on, w.days_before))"
)
_SOON_STRETCHES = text(
    "SELECT account_id FROM (SELECT l.account_id, row_number() OVER (ORDER BY l.account_id) AS n,"
    f" count(*) OVER () AS all_of_them{_SOON}) due"
    " WHERE n % :most = 0 OR n = all_of_them ORDER BY 1"
)
_ANNOUNCE = text(
    "WITH due AS (SELECT l.account_id, a.owner, a.balance, l.expires_on, w.days_before,"
    f" sum(l.remaining) AS points{_SOON}"
    " AND l.account_id > :after AND l.account_id <= :through"
    " GROUP BY l.account_id, a.owner, a.balance, l.expires_on, w.days_before"
    "), told AS (INSERT INTO expiry_announcements"
    " (account_id, expires_on, days_before, points, announced_at)"
    " SELECT account_id, expires_on, days_before, points, :now FROM due"
    " ORDER BY account_id, expires_on ON CONFLICT DO NOTHING RETURNING *)"
    " SELECT d.owner, d.balance, t.expires_on, t.days_before, t.points"
    " FROM told t JOIN due d USING (account_id, expires_on, days_before)"
    " ORDER BY d.account_id, t.expires_on"
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Accounts numbered above `after`, up to and with `through`."""

    after: int
    through: int


@dataclass(slots=True)
class Swept:
    """What a sweep ended: how many lots, and how much in them."""

    lots: int = 0
    amount: int = 0


def stretches(session: Session, today: date, most: int = LOTS_AT_ONCE) -> list[Stretch]:
    """Where lots have ended, cut so that each holds about `most` lots; empty when there are none.

    It names places, not lots: what each holds is looked at again under its locks.
    """
    return _cut(session.execute(_STRETCHES, {"today": today, "most": most}).scalars())


def _cut(ends: Any) -> list[Stretch]:
    found: list[Stretch] = []
    for through in ends:
        after = found[-1].through if found else 0
        if through > after:
            found.append(Stretch(after, through))
    return found


def sweep(tx: Transaction, stretch: Stretch, today: date) -> Swept:
    """End what has ended in a stretch of accounts: the points go back to the issuer.

    Accounts that others have locked, and frozen ones, are passed over.
    """
    session, now = tx.session, clock.now()
    asked: dict[str, Any] = {"today": today}
    locked = session.execute(_LOCK, {**asked, "after": stretch.after, "through": stretch.through})
    asked["accounts"] = literal(locked.scalars())
    # Read in a statement of its own: it sees what those have done who held the locks before.
    kinds = session.execute(_KINDS, asked).all()
    if not kinds:
        return Swept()
    ids = [uuid7() for _ in kinds]
    _write_documents(session, dict(zip(ids, [(k[0], k[1]) for k in kinds], strict=True)), today)
    ended = session.execute(
        _END,
        {
            **asked,
            "ids": literal(ids),
            "programmes": literal(programme for programme, _ in kinds),
            "days": literal(day for _, day in kinds),
            "now": now,
        },
    ).all()
    swept = Swept(len(ended), sum(amount for _, amount in ended))
    for asset, _ in ended[:1]:
        metrics.ledger_transfers.labels(asset).inc(swept.lots)
    return swept


def _write_documents(session: Session, kinds: dict[UUID, tuple[str, date]], today: date) -> None:
    facts = [
        {
            "programme": programme,
            "ended_on": day,
            **dict(zip(("zh", "en"), ended_words(programme, day), strict=True)),
        }
        for programme, day in kinds.values()
    ]
    session.execute(
        _DOCUMENTS,
        {
            "ids": literal(kinds),
            "facts": orjson.dumps(facts).decode(),
            "today": today,
            "by": BY,
            "now": clock.now(),
        },
    )


def left(session: Session, today: date) -> dict[str, int]:
    """Lots past their day with something in them, by why: `due`, `frozen`, or `kept` (put aside,
    on public notice, on the way)."""
    counts = {"due": 0, "frozen": 0, "kept": 0}
    counts.update((why, lots) for why, lots in session.execute(_LEFT, {"today": today}))
    for why, lots in counts.items():
        metrics.lots_past_their_day.labels(why).set(lots)
    return counts


def announcements(session: Session, today: date, most: int = LOTS_AT_ONCE) -> list[Stretch]:
    """Where residents are to be told of points that end soon; empty when all were told."""
    return _cut(session.execute(_SOON_STRETCHES, {**_soon(today), "most": most}).scalars())


def announce(tx: Transaction, stretch: Stretch, today: date) -> int:
    """Tell the residents of a stretch, each once for a day and a notice; how many were told.

    Who earns points that end in less than 30 days is told at the next of the notices.
    """
    now = clock.now()
    asked = {**_soon(today), "after": stretch.after, "through": stretch.through, "now": now}
    told = tx.session.execute(_ANNOUNCE, asked).all()
    tx.emit(_expiring(row, today) for row in told)
    return len(told)


def _soon(today: date) -> dict[str, Any]:
    return {
        "today": today,
        "notices": literal(NOTICE_DAYS),
        "last": min(today + timedelta(days=max(NOTICE_DAYS)), NEVER - timedelta(days=1)),
    }


def _expiring(row: Any, today: date) -> Event:
    return make(
        POINTS_EXPIRING,
        {
            "resident_no": row.owner,
            "points": int(row.points),
            "points_balance": row.balance,
            "ends_on": row.expires_on,
            "days_left": (row.expires_on - today).days,
            "announced_at": clock.now(),
        },
        source=SOURCE,
        correlationid=str(uuid7()),
    )


def tidy(tx: Transaction, today: date) -> int:
    """Drop lots that were spent and ended long ago, and what was announced of them."""
    before = today - timedelta(days=KEPT_DAYS)
    tx.session.execute(_FORGET, {"before": before})
    asked = {"before": before, "most": DROPPED_AT_ONCE}
    return int(tx.session.execute(_DROP, asked).scalar_one())

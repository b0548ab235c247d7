"""Closes days: what they changed is written down once, for each community and programme.

After that a month that was printed stays as it was printed, wherever residents move later.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta

from sqlalchemy import text

from services.points.queries import liability as counted
from services.points.rules.liability import MOVED, Change, moved, untied
from shared import clock, metrics
from shared.clock import DISTRICT_TIMEZONE
from shared.db.arrays import literal
from shared.messaging.transaction import Transaction

# No transaction lasts so long: whatever was posted before midnight is there by then.
SETTLED = timedelta(minutes=15)

_CLOSE = text(
    "INSERT INTO liability_closings (through, cut_at, closed_at) VALUES (:through, :cut_at, :now)"
)
_BOOK = text(
    "INSERT INTO liability_days (on_date, asset, community_code, programme, kind, amount)"
    " SELECT * FROM unnest(CAST(:days AS date[]), CAST(:assets AS text[]),"
    " CAST(:communities AS text[]), CAST(:programmes AS text[]), CAST(:kinds AS text[]),"
    " CAST(:amounts AS bigint[]))"
)
_FORGET_AGES = text("DELETE FROM liability_ages")
# What is left of a lot is what came to it last: within a lot the oldest is spent first. All that
# is one holder's counts as one, so that putting points aside makes them no younger.
_AGES = text(
    "WITH holders AS (SELECT a.id, CASE WHEN a.owner_kind IN ('resident', 'pending', 'held')"
    " THEN 'resident' ELSE a.owner_kind END AS owner_kind, a.owner FROM accounts a"
    " WHERE a.owner_kind <> 'issuer' AND a.asset IN ('points', 'time_coins')"
    "), left_over AS (SELECT h.owner_kind, h.owner, a.asset, l.expires_on, l.source_id,"
    " sum(l.remaining) AS points FROM lots l JOIN holders h ON h.id = l.account_id"
    " JOIN accounts a ON a.id = l.account_id WHERE l.remaining > 0 GROUP BY 1, 2, 3, 4, 5"
    "), births AS (SELECT h.owner_kind, h.owner, t.asset, t.expires_on, t.source_id,"
    " date_trunc('month', t.posted_at AT TIME ZONE 'Asia/Shanghai')::date AS earned_month,"
    " sum(t.amount) AS amount FROM transfers t JOIN holders h ON h.id = t.credit_account_id"
    " LEFT JOIN holders d ON d.id = t.debit_account_id"
    " WHERE t.expires_on IS NOT NULL"
    " AND (d.owner_kind, d.owner) IS DISTINCT FROM (h.owner_kind, h.owner)"
    " GROUP BY 1, 2, 3, 4, 5, 6"
    "), newest AS (SELECT b.*, o.points, sum(b.amount) OVER (PARTITION BY b.owner_kind, b.owner,"
    " b.asset, b.expires_on, b.source_id ORDER BY b.earned_month DESC) AS so_far"
    " FROM births b JOIN left_over o USING (owner_kind, owner, asset, expires_on, source_id))"
    " INSERT INTO liability_ages (asset, community_code, earned_month, points)"
    " SELECT n.asset, coalesce(r.community_code, ''), n.earned_month,"
    " sum(least(n.amount, n.points - (n.so_far - n.amount)))::bigint FROM newest n"
    " LEFT JOIN residents r ON n.owner_kind = 'resident' AND r.resident_no = n.owner"
    " WHERE n.points > n.so_far - n.amount GROUP BY 1, 2, 3"
)


def close_days(tx: Transaction) -> bool:
    """Close all days up to yesterday, unless they are closed; whether it did.

    Reads as of one moment, a quarter of an hour after midnight at the earliest. Whoever moved
    house since the closing before has moved on the last of the days.
    """
    now = clock.now()
    today = clock.local_date(now)
    cut_at = datetime.combine(today, time(), DISTRICT_TIMEZONE)
    through = today - timedelta(days=1)
    counted.one_moment(tx.session)
    last = counted.last_closing(tx.session)
    if now < cut_at + SETTLED or (last is not None and last.through >= through):
        return False
    found = counted.tally(tx.session, last.cut_at if last else None)
    moves = moved(found.outstanding, found.booked, found.flows)
    tx.session.execute(_CLOSE, {"through": through, "cut_at": cut_at, "now": now})
    _book(
        tx,
        [
            *(change for change in found.flows if change.on_date <= through),
            *(Change(through, place, MOVED, amount) for place, amount in moves.items()),
        ],
    )
    tx.session.execute(_FORGET_AGES)
    tx.session.execute(_AGES)
    metrics.liability_untied.set(untied(moves))
    return True


def _book(tx: Transaction, changes: list[Change]) -> None:
    if changes:
        tx.session.execute(
            _BOOK,
            {
                "days": literal(change.on_date for change in changes),
                "assets": literal(change.place.asset for change in changes),
                "communities": literal(change.place.community_code for change in changes),
                "programmes": literal(change.place.programme for change in changes),
                "kinds": literal(change.heading for change in changes),
                "amounts": literal(change.amount for change in changes),
            },
        )

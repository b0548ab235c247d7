"""Small ways to publish notices, to object and to decide in a test, and to look at the law."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

from services.points.actions import public_notices
from services.points.actions.posting_notices import post_ended
from services.points.rules.public_notices import Period
from shared import clock
from shared.messaging.transaction import transaction
from tests.integration.points.database import RULES, Ledger

SHOWN_RULES = RULES | {"notice": True}
COMMUNITY = "990101001001"
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))
PUBLISHED_AT = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
MAKER, JUDGE, CLERK = "manager-1", "manager-2", "clerk-1"

_UNBALANCED = (
    "SELECT owner, balance, listed FROM (SELECT coalesce(a.owner, l.resident_no) AS owner,"
    " coalesce(a.balance, 0) AS balance, coalesce(l.points, 0) AS listed FROM"
    " (SELECT owner, balance FROM accounts WHERE owner_kind = 'pending' AND asset = 'points') a"
    " FULL JOIN (SELECT resident_no, sum(points) AS points FROM public_notice_lines"
    " WHERE state IN ('waiting', 'shown', 'disputed') GROUP BY 1) l ON l.resident_no = a.owner"
    ") x WHERE balance <> listed"
)


@contextmanager
def time_at(at: datetime) -> Iterator[None]:
    """The clock stands at an instant; `clock.advance` moves it on."""
    clock.freeze(at)
    try:
        yield
    finally:
        clock.freeze(None)


def days(count: float) -> timedelta:
    return timedelta(days=count)


def publish(
    ledger: Ledger,
    *,
    community: str = COMMUNITY,
    period: Period = OCTOBER,
    for_days: int | None = None,
    by: str = MAKER,
) -> str:
    with transaction(ledger.sessions) as tx:
        return public_notices.publish_notice(
            tx, community_code=community, period=period, days=for_days, by=by
        )


def dispute(
    ledger: Ledger, notice_no: str, line_no: int, *, by: str = "someone", role: str = "resident"
) -> None:
    with transaction(ledger.sessions) as tx:
        public_notices.raise_objection(
            tx,
            notice_no=notice_no,
            line_no=line_no,
            reason="not_done",
            why="当天没有看到这次活动",
            by=by,
            role=role,
        )


def decide(ledger: Ledger, notice_no: str, line_no: int, outcome: str, *, by: str = JUDGE) -> None:
    with transaction(ledger.sessions) as tx:
        public_notices.decide(
            tx,
            notice_no=notice_no,
            line_no=line_no,
            outcome=outcome,
            decision="已向组织者核实",
            by=by,
        )


def post(ledger: Ledger, most: int = 1000) -> int:
    """One run of the clock's job."""
    with transaction(ledger.sessions) as tx:
        return post_ended(tx, most)


def post_all(ledger: Ledger, most: int = 1000) -> int:
    """Runs until nothing is left; how many lines."""
    posted = 0
    while count := post(ledger, most):
        posted += count
    return posted


def states(ledger: Ledger) -> dict[str, int]:
    return dict(ledger.rows("SELECT state, count(*) FROM public_notice_lines GROUP BY 1"))


def unbalanced(ledger: Ledger) -> list[tuple[object, ...]]:
    """Residents whose pending points are not what is undecided; empty when the law holds."""
    return ledger.rows(_UNBALANCED)


def of_kind(ledger: Ledger, owner: str, owner_kind: str) -> int:
    """Points of an owner in accounts of one kind."""
    found = ledger.rows(
        "SELECT balance FROM accounts WHERE owner = :owner AND owner_kind = :owner_kind"
        " AND asset = 'points'",
        owner=owner,
        owner_kind=owner_kind,
    )
    return found[0][0] if found else 0

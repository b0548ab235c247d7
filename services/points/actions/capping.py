"""Reads and writes what caps have counted, a batch at a time, so that none is ever exceeded.

A person's counters are kept under the lock of the person's account, which every award takes
anyway. Those that several persons share are rows of their own: opened at 0 and then locked, both
in one order, after all accounts; so batches that share them wait for each other, never crosswise,
and two that are the first to come both find the row. Rules without such caps pay nothing for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.caps import Meter, Place, new_meter
from shared.db.arrays import literal

_USAGE = text(
    "SELECT u.account_id, u.span, u.starts_on, u.used FROM cap_usage u"
    " JOIN unnest(CAST(:accounts AS bigint[]), CAST(:spans AS text[]), CAST(:starts AS date[]))"
    " AS k (account_id, span, starts_on) USING (account_id, span, starts_on)"
)
_USE = text(
    "INSERT INTO cap_usage (account_id, span, starts_on, used) SELECT * FROM"
    " unnest(CAST(:accounts AS bigint[]), CAST(:spans AS text[]), CAST(:starts AS date[]),"
    " CAST(:used AS int[]))"
    " ON CONFLICT (account_id, span, starts_on) DO UPDATE SET used = excluded.used"
)
_KEYS = (
    "unnest(CAST(:levels AS text[]), CAST(:scopes AS text[]), CAST(:spans AS text[]),"
    " CAST(:starts AS date[]))"
)
_OPEN_SHARED = text(
    "INSERT INTO scope_usage (level, scope, span, starts_on, used)"
    f" SELECT k.*, 0 FROM {_KEYS} AS k ON CONFLICT DO NOTHING"
)
# Sorted by the database, so that every batch locks in the same order, whatever its own.
_LOCK_SHARED = text(
    "SELECT u.level, u.scope, u.span, u.starts_on, u.used FROM scope_usage u"
    f" JOIN {_KEYS} AS k (level, scope, span, starts_on) USING (level, scope, span, starts_on)"
    " ORDER BY u.level, u.scope, u.span, u.starts_on FOR UPDATE OF u"
)
_USE_SHARED = text(
    "UPDATE scope_usage u SET used = k.used FROM ROWS FROM"
    " (unnest(CAST(:levels AS text[]), CAST(:scopes AS text[]), CAST(:spans AS text[]),"
    " CAST(:starts AS date[]), CAST(:used AS bigint[])))"
    " AS k (level, scope, span, starts_on, used)"
    " WHERE (u.level, u.scope, u.span, u.starts_on) = (k.level, k.scope, k.span, k.starts_on)"
)


def metered(session: Session, counted: Iterable[list[Place]]) -> Meter:
    """What these counters have counted; call it when the accounts are locked already."""
    meter = new_meter()
    wanted = {place for places in counted for place in places}
    own = [place for place in wanted if place[0] == "person"]
    if own:
        for account_id, span, starts_on, used in session.execute(_USAGE, _own(own)).all():
            meter.used["person", account_id, span, starts_on] = used
    if len(own) < len(wanted):
        shared = _shared(_sorted(place for place in wanted if place[0] != "person"))
        session.execute(_OPEN_SHARED, shared)
        for level, scope, span, starts_on, used in session.execute(_LOCK_SHARED, shared).all():
            meter.used[level, scope, span, starts_on] = used
    return meter


def keep(session: Session, meter: Meter) -> None:
    """Store what was counted; the locks keep others away until the commit."""
    own = _sorted(place for place in meter.changed if place[0] == "person")
    if own:
        session.execute(_USE, {**_own(own), "used": literal(meter.used[place] for place in own)})
    if len(own) < len(meter.changed):
        shared = _sorted(place for place in meter.changed if place[0] != "person")
        used = literal(meter.used[place] for place in shared)
        session.execute(_USE_SHARED, {**_shared(shared), "used": used})


def _sorted(places: Iterable[Place]) -> list[Place]:
    return sorted(places)


def _own(places: list[Place]) -> dict[str, Any]:
    return {
        "accounts": literal(place[1] for place in places),
        "spans": literal(place[2] for place in places),
        "starts": literal(place[3] for place in places),
    }


def _shared(places: list[Place]) -> dict[str, Any]:
    return {"levels": literal(place[0] for place in places)} | {
        "scopes": literal(place[1] for place in places),
        "spans": literal(place[2] for place in places),
        "starts": literal(place[3] for place in places),
    }

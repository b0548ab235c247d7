"""Who follows a request: residents who hear what becomes of it beside the one who asked."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text

from shared import clock
from shared.db.arrays import literal
from shared.errors import Missing, Rejected
from shared.messaging.transaction import Transaction

AT_ONCE_MAX = 1000

_REQUEST = text("SELECT resident_no FROM requests WHERE id = :id")
_UNKNOWN = text(
    "SELECT n FROM unnest(CAST(:residents AS text[])) AS n WHERE NOT EXISTS"
    " (SELECT 1 FROM residents r WHERE r.resident_no = n) ORDER BY n LIMIT 1"
)
_FOLLOW = text(
    # In one order, so that two who add the same people wait and do not deadlock.
    "INSERT INTO followers (request_id, resident_no, because_of, since)"
    " SELECT :id, n, CAST(:because_of AS bigint), :now FROM unnest(CAST(:residents AS text[]))"
    " AS n ORDER BY n ON CONFLICT (request_id, resident_no) DO NOTHING RETURNING resident_no"
)


def follow(
    tx: Transaction, request_id: int, resident_nos: Iterable[str], because_of: int | None = None
) -> list[str]:
    """Let residents follow a request; those who do so newly, by number. Safe to repeat.

    `because_of` is the request that brought them, when one was merged or grouped into this one.
    Who asked for it hears of it anyway and is left out. At most 1,000 at once. Raises Missing for
    an unknown request and Rejected for an unknown resident.
    """
    asker = tx.session.execute(_REQUEST, {"id": request_id}).one_or_none()
    if asker is None:
        raise Missing("no_request", "没有这件诉求", "There is no such request")
    residents = sorted({*resident_nos} - {asker.resident_no})
    if len(residents) > AT_ONCE_MAX:
        raise Rejected(
            "too_many",
            f"resident_no：一次最多 {AT_ONCE_MAX} 人，请分批",
            f"resident_no: at most {AT_ONCE_MAX} at once, split the list",
            pointer="/resident_no",
        )
    if not residents:
        return []
    listed = literal(residents)
    unknown = tx.session.execute(_UNKNOWN, {"residents": listed}).scalar_one_or_none()
    if unknown is not None:
        raise Rejected(
            "unknown_resident",
            f"resident_no：查无此居民 {unknown}",
            f"resident_no: no such resident {unknown}",
            pointer="/resident_no",
        )
    values = {"id": request_id, "because_of": because_of, "now": clock.now(), "residents": listed}
    return sorted(tx.session.execute(_FOLLOW, values).scalars())

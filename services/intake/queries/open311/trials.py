"""The sandbox's requests, as the test endpoint shows them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.open311.services import Offered
from services.intake.rules.open311.asking import Asked
from shared.db.arrays import literal

_COLUMNS = (
    "SELECT t.public_code, t.key_no, t.service_code, t.status, t.extended_status, t.description,"
    " t.address, t.grid_code, t.lat, t.lon, t.media_urls, t.opened_at, t.updated_at,"
    " g.name AS grid_name, c.name AS community_name FROM open311_trials t"
    " LEFT JOIN areas g ON g.code = t.grid_code LEFT JOIN areas c ON c.code = g.parent_code WHERE "
)
_SEEN = "(t.service_code = ANY(CAST(:public AS text[])) OR t.key_no = :key_no)"
_ORDER = " ORDER BY t.opened_at DESC, t.public_code DESC LIMIT :limit OFFSET :skipped"
_TOKEN = text("SELECT public_code FROM open311_trials WHERE token = :token")


def shown_trials(
    session: Session,
    asked: Asked,
    offered: Offered,
    key_no: int | None,
    grids: list[str] | None,
) -> list[dict[str, Any]]:
    """A page of them, the newest first."""
    where: list[str] = [_SEEN]
    values: dict[str, Any] = {"public": literal(offered.public_categories), "key_no": key_no}
    if grids is not None:
        where.append("t.grid_code = ANY(CAST(:grids AS text[]))")
        values["grids"] = literal(grids)
    if asked.codes is not None:
        where.append("t.public_code = ANY(CAST(:codes AS text[]))")
        values["codes"] = literal(asked.codes)
    else:
        where.append("t.opened_at >= :start AND t.opened_at <= :end")
        where.append("t.status = ANY(CAST(:statuses AS text[]))")
        values |= {
            "start": asked.start,
            "end": asked.end,
            "statuses": literal(sorted(asked.statuses)),
        }
        if asked.service_codes is not None:
            where.append("t.service_code = ANY(CAST(:services AS text[]))")
            values["services"] = literal(asked.service_codes)
    rows = session.execute(
        text(_COLUMNS + " AND ".join(where) + _ORDER),
        {**values, "limit": asked.page_size, "skipped": asked.skipped},
    )
    return [dict(row) for row in rows.mappings()]


def shown_trial(
    session: Session, code: str, offered: Offered, key_no: int | None
) -> dict[str, Any] | None:
    """One of them, when the reader may see it."""
    row = (
        session.execute(
            text(f"{_COLUMNS}{_SEEN} AND t.public_code = :code"),
            {"public": literal(offered.public_categories), "key_no": key_no, "code": code},
        )
        .mappings()
        .one_or_none()
    )
    return None if row is None else dict(row)


def trial_behind(session: Session, token: str) -> str | None:
    """The public code that a token of the sandbox stands for."""
    return session.execute(_TOKEN, {"token": token}).scalar_one_or_none()

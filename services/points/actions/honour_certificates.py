"""Certificates of honours: written when an honour that was redeemed is collected."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.rules.certificates import honour_number
from shared import clock
from shared.db.arrays import literal

REGISTER = "honours"  # one series of numbers for the whole district

_NUMBERS = text(
    "INSERT INTO certificate_registers AS r (community_code, year, last_serial)"
    " VALUES (:register, :year, :count) ON CONFLICT (community_code, year)"
    " DO UPDATE SET last_serial = r.last_serial + :count RETURNING last_serial"
)
_ISSUE = text(
    "INSERT INTO honour_certificates (redemption_id, certificate_no, code, resident_no, title,"
    " issued_on) SELECT r.*, :today FROM unnest(CAST(:ids AS uuid[]), CAST(:numbers AS text[]),"
    " CAST(:codes AS text[]), CAST(:residents AS text[]), CAST(:titles AS text[])) AS r"
)


def issue(session: Session, collected: Sequence[Any]) -> None:
    """Number and write the certificate of each redemption, in the transaction that posts it."""
    if not collected:
        return
    today = clock.today()
    asked = {"register": REGISTER, "year": today.year, "count": len(collected)}
    last = session.execute(_NUMBERS, asked).scalar_one()
    first = last - len(collected) + 1
    session.execute(
        _ISSUE,
        {
            "today": today,
            "ids": literal(row.redemption_id for row in collected),
            "numbers": literal(honour_number(today.year, first + n) for n in range(len(collected))),
            "codes": literal(secrets.token_hex(10) for _ in collected),
            "residents": literal(row.resident_no for row in collected),
            "titles": literal(row.title for row in collected),
        },
    )

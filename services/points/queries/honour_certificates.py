"""Certificates of honours, by the code that is printed on them or by their redemption."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_COLUMNS = "certificate_no, code, resident_no, title, issued_on FROM honour_certificates"
_BY_CODE = text(f"SELECT {_COLUMNS} WHERE code = :code")
_OF_REDEMPTION = text(f"SELECT {_COLUMNS} WHERE redemption_id = :id")


@dataclass(frozen=True, slots=True)
class HonourTold:
    """A certificate as it is shown."""

    certificate_no: str
    code: str
    resident_no: str
    title: str
    issued_on: date


def honour_by_code(session: Session, code: str) -> HonourTold | None:
    """None when no certificate has this code."""
    row = session.execute(_BY_CODE, {"code": code}).one_or_none()
    return None if row is None else HonourTold(*row)


def honour_of(session: Session, redemption_id: UUID) -> HonourTold | None:
    """None while the honour is not collected, and for what is no honour."""
    row = session.execute(_OF_REDEMPTION, {"id": redemption_id}).one_or_none()
    return None if row is None else HonourTold(*row)

"""Forms that were printed, scans that came back, and the records that codes lead to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.rules.paper import Code
from shared.crypto import FieldCipher
from shared.db.arrays import literal

_FORM = text(
    "SELECT f.form_no, f.kind, f.grid_code, g.name AS grid_name, s.stall_no, s.place, s.held_on,"
    " f.printed_at FROM paper_forms f LEFT JOIN areas g ON g.code = f.grid_code"
    " LEFT JOIN tea_stalls s ON s.id = f.stall_id WHERE f.form_no = :no"
)
_SCAN = text("SELECT image_sealed FROM scans WHERE scan_no = :no")
_HAS_SCAN = text("SELECT EXISTS (SELECT 1 FROM scans WHERE scan_no = :no)")
_OF_REQUEST = text(
    "SELECT s.scan_no, s.scanned_at, s.scanned_by FROM scan_requests r"
    " JOIN scans s ON s.scan_no = r.scan_no WHERE r.request_id = :id ORDER BY s.scanned_at"
)
# One round trip for a whole sheet: what each of its codes is of.
_LEADS = text(
    "WITH asked AS (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:codes AS text[]))"
    " AS a (kind, code))"
    " SELECT a.kind, a.code, r.id AS request_id, r.request_no, r.title, f.kind AS form_kind,"
    " s.stall_no, h.application_no FROM asked a"
    " LEFT JOIN paper_forms f ON a.kind = 'form' AND f.form_no = a.code"
    " LEFT JOIN tea_stalls s ON s.id = f.stall_id"
    " LEFT JOIN hall_applications h ON a.kind = 'application' AND h.public_code = a.code"
    " LEFT JOIN requests r ON (a.kind = 'request' AND r.public_code = a.code) OR"
    " (a.kind = 'form' AND r.door IN ('counter', 'phone') AND r.client_id = 'paper:' || a.code)"
)


def form_of(session: Session, form_no: str) -> dict[str, Any] | None:
    """A form by the number in its code."""
    row = session.execute(_FORM, {"no": form_no}).mappings().one_or_none()
    return None if row is None else dict(row)


def has_scan(session: Session, scan_no: str) -> bool:
    """Whether there is this scan."""
    return bool(session.execute(_HAS_SCAN, {"no": scan_no}).scalar_one())


def scan_image(session: Session, cipher: FieldCipher, scan_no: str) -> bytes | None:
    """The picture of a sheet, a JPEG; None for an unknown one."""
    sealed = session.execute(_SCAN, {"no": scan_no}).scalar_one_or_none()
    return None if sealed is None else cipher.decrypt_bytes(sealed, bound_to=scan_no)


def scans_of(session: Session, request_id: int) -> list[dict[str, Any]]:
    """The scans of a request, the oldest first; never their pictures."""
    return [dict(row) for row in session.execute(_OF_REQUEST, {"id": request_id}).mappings()]


def leads(session: Session, codes: Sequence[Code]) -> list[dict[str, Any]]:
    """What each code leads to, in the order of `codes`; fields are None where it leads nowhere."""
    values = {
        "kinds": literal(code.kind for code in codes),
        "codes": literal(code.code for code in codes),
    }
    rows = {
        (row["kind"], row["code"]): dict(row) for row in session.execute(_LEADS, values).mappings()
    }
    return [rows[code.kind, code.code] for code in codes]

"""Gives out all that is held of one resident, and notes to whom and why, in one transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import text

from services.intake.models import PersonExport
from services.intake.queries.person import held
from shared import clock
from shared.crypto import FieldCipher
from shared.errors import Missing, Rejected
from shared.messaging.transaction import Transaction

REASON_MAX = 200


def give_out(
    tx: Transaction,
    cipher: FieldCipher,
    resident_no: str,
    *,
    account_no: str,
    form: str,
    reason: str | None,
) -> tuple[datetime, dict[str, Any]]:
    """When, and what; a reason is asked of everybody but the resident. Raises Rejected, Missing."""
    if reason is not None and not 2 <= len(reason.strip()) <= REASON_MAX:
        raise Rejected(
            "reason",
            f"reason：请写明为何导出，2 至 {REASON_MAX} 个字符",
            f"reason: say why, in 2 to {REASON_MAX} characters",
            pointer="/reason",
        )
    known = tx.session.execute(
        text("SELECT 1 FROM residents WHERE resident_no = :no"), {"no": resident_no}
    ).first()
    if known is None:
        raise Missing("no_resident", "查无此居民", "There is no such resident")
    at = clock.now()
    tx.session.add(
        PersonExport(
            at=at,
            account_no=account_no,
            resident_no=resident_no,
            form=form,
            reason=reason.strip() if reason else None,
        )
    )
    return at, held(tx.session, cipher, resident_no)

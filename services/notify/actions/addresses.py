"""What notify learns of residents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.notify.models import Contacts
from shared.db.arrays import literal

_REGISTER = text(
    "INSERT INTO address_book AS known (resident_no, name, phone, phone_index, language,"
    " revision, updated_at)"
    " SELECT d.*, :at FROM unnest(CAST(:resident_nos AS text[]), CAST(:names AS text[]),"
    " CAST(:phones AS text[]), CAST(:indexes AS bytea[]), CAST(:languages AS text[]),"
    " CAST(:revisions AS bigint[])) AS d"
    " ON CONFLICT (resident_no) DO UPDATE SET name = excluded.name, phone = excluded.phone,"
    " phone_index = excluded.phone_index, language = excluded.language,"
    " revision = excluded.revision, updated_at = excluded.updated_at"
    " WHERE known.revision < excluded.revision"
)
# Rows that a task holds just now are skipped: their own back-off brings them here again.
_WAKE = text(
    "UPDATE deliveries SET next_attempt_at = :at, queued_until = NULL WHERE id IN"
    " (SELECT d.id FROM deliveries d JOIN notices n ON n.id = d.notice_id"
    " WHERE n.resident_no = ANY(:resident_nos) AND d.state = 'pending'"
    " AND d.last_error = 'address_unknown' ORDER BY d.id FOR UPDATE OF d SKIP LOCKED)"
)


@dataclass(frozen=True, slots=True)
class Registration:
    """What intake says of a resident."""

    resident_no: str
    language: str
    contact_sealed: str | None
    revision: int


def register_residents(
    session: Session, contacts: Contacts, heard: Iterable[Registration], at: datetime
) -> None:
    """Write the newest revision of each resident, and wake what waits for an address.

    Raises BadContact.
    """
    newest: dict[str, Registration] = {}
    for one in heard:
        known = newest.get(one.resident_no)
        if known is None or known.revision < one.revision:
            newest[one.resident_no] = one
    ordered = [newest[resident_no] for resident_no in sorted(newest)]  # one order of locks for all
    sealed = [
        contacts.seal(one.resident_no, contacts.unseal(one.resident_no, one.contact_sealed))
        for one in ordered
    ]
    resident_nos = [one.resident_no for one in ordered]
    session.execute(
        _REGISTER,
        {
            "at": at,
            "resident_nos": resident_nos,
            "names": literal(one.name for one in sealed),
            "phones": literal(one.phone for one in sealed),
            "indexes": [one.phone_index for one in sealed],
            "languages": literal(one.language for one in ordered),
            "revisions": literal(one.revision for one in ordered),
        },
    )
    session.execute(_WAKE, {"at": at, "resident_nos": resident_nos})

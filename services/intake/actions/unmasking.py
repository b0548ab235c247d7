"""Shows what is masked, to who gives a reason; the row that says so comes before the answer."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text

from services.intake.rules.people import SEALED_FIELDS, listed, reason_of
from shared import clock
from shared.crypto import FieldCipher
from shared.db.arrays import literal
from shared.errors import Missing
from shared.messaging.transaction import Transaction

_SEALED = text("SELECT name_sealed, phone_sealed FROM residents WHERE resident_no = :resident_no")
_WRITE = text(
    "INSERT INTO unmaskings (at, account_no, resident_no, field, reason)"
    " SELECT :now, :account_no, resident_no, field, :reason FROM"
    " unnest(CAST(:numbers AS text[]), CAST(:fields AS text[])) AS seen (resident_no, field)"
)


def unmask(
    tx: Transaction, cipher: FieldCipher, *, resident_no: str, field: str, reason: str, by: str
) -> str:
    """The name or the phone; show it only after the transaction has committed.

    Raises Missing when there is no such resident or no phone, Rejected for the field or the reason.
    """
    listed("field", field, SEALED_FIELDS)
    row = tx.session.execute(_SEALED, {"resident_no": resident_no}).one_or_none()
    if row is None:
        raise Missing("no_resident", "没有这位居民", "There is no such resident")
    opened = {
        name: sealed and cipher.decrypt(sealed, bound_to=resident_no)
        for name, sealed in (("name", row.name_sealed), ("phone", row.phone_sealed))
    }
    why = reason_of(reason, tuple(each for each in opened.values() if each))
    if not opened[field]:
        raise Missing("no_phone", "没有登记电话", "No phone is registered")
    write_down(tx, [(resident_no, field)], reason=why, by=by)
    return str(opened[field])


def write_down(tx: Transaction, seen: Sequence[tuple[str, str]], *, reason: str, by: str) -> None:
    """One row for each (resident_no, field) that is about to be shown, or taken away in a file."""
    if not seen:
        return
    numbers, fields = zip(*seen, strict=True)
    tx.session.execute(
        _WRITE,
        {
            "now": clock.now(),
            "account_no": by,
            "reason": reason,
            "numbers": literal(numbers),
            "fields": literal(fields),
        },
    )

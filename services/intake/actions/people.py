"""Consents given and withdrawn, and what residents are to their community."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.intake.rules.people import HOWS, PURPOSES, ROLES, listed
from shared import clock
from shared.db.arrays import literal
from shared.errors import Missing, Rejected
from shared.messaging.transaction import Transaction

_GIVE = text(
    "INSERT INTO consents (resident_no, purpose, how, given_at, given_by)"
    " SELECT resident_no, :purpose, :how, :now, :by FROM unnest(CAST(:numbers AS text[]))"
    " AS n (resident_no)"
    " ON CONFLICT (resident_no, purpose) WHERE withdrawn_at IS NULL DO NOTHING"
)
_WITHDRAW = text(
    "UPDATE consents SET withdrawn_at = :now, withdrawn_by = :by, withdrawn_how = :how"
    " WHERE resident_no = :resident_no AND purpose = :purpose AND withdrawn_at IS NULL"
)
_RESIDENT = text("SELECT 1 FROM residents WHERE resident_no = :resident_no")
_TAKE_ROLE = text(
    "INSERT INTO resident_roles (resident_no, role, area_code, since, until)"
    " VALUES (:resident_no, :role, :area_code, :since, NULL)"
    " ON CONFLICT (resident_no, role) DO UPDATE SET area_code = excluded.area_code,"
    " since = CASE WHEN resident_roles.until IS NULL THEN resident_roles.since"
    " ELSE excluded.since END, until = NULL"
)
_END_ROLE = text(
    "UPDATE resident_roles SET until = greatest(since, :today)"
    " WHERE resident_no = :resident_no AND role = :role AND until IS NULL"
)


def give_consent(tx: Transaction, *, resident_no: str, purpose: str, how: str, by: str) -> None:
    """Write it down; one that stands already stays as it was given."""
    listed("purpose", purpose, PURPOSES)
    listed("how", how, HOWS)
    _must_be_known(tx, resident_no)
    give_consents(tx, [resident_no], purpose, how, by)


def give_consents(
    tx: Transaction, resident_nos: Sequence[str], purpose: str, how: str, by: str
) -> None:
    """The same for people that are known to be there, and values that were checked."""
    values = {"numbers": literal(resident_nos), "purpose": purpose, "how": how, "by": by}
    tx.session.execute(_GIVE, {**values, "now": clock.now()})


def withdraw_consent(tx: Transaction, *, resident_no: str, purpose: str, how: str, by: str) -> None:
    """End the one that stands; none is no fault: whoever withdraws twice has withdrawn."""
    listed("purpose", purpose, PURPOSES)
    listed("how", how, HOWS)
    _must_be_known(tx, resident_no)
    tx.session.execute(
        _WITHDRAW,
        {"resident_no": resident_no, "purpose": purpose, "how": how, "by": by, "now": clock.now()},
    )


def take_role(
    tx: Transaction, *, resident_no: str, role: str, area_code: str, since: date | None = None
) -> None:
    """The resident is this from a day on (today); again says only where it counts."""
    listed("role", role, ROLES)
    _must_be_known(tx, resident_no)
    values = {"resident_no": resident_no, "role": role, "area_code": area_code}
    try:
        tx.session.execute(_TAKE_ROLE, {**values, "since": since or clock.today()})
    except IntegrityError as problem:
        raise Rejected(
            "no_area",
            f"area_code：没有区域 {area_code}",
            f"area_code: there is no area {area_code}",
            pointer="/area_code",
        ) from problem


def end_role(tx: Transaction, *, resident_no: str, role: str) -> None:
    """Today is the last day of it."""
    listed("role", role, ROLES)
    values = {"resident_no": resident_no, "role": role, "today": clock.today()}
    tx.session.execute(_END_ROLE, values)


def _must_be_known(tx: Transaction, resident_no: str) -> None:
    if tx.session.execute(_RESIDENT, {"resident_no": resident_no}).first() is None:
        raise Missing("no_resident", "没有这位居民", "There is no such resident")

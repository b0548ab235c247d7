"""The one-stop hall as people see it: matters, what is known of a resident, applications."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.intake.queries.paging import PAGE, Page
from services.intake.queries.worktime import work_time
from services.intake.rules.catalogue import Limit, Unit
from services.intake.rules.clocks import due_of
from services.intake.rules.hall import FACTS, merged_facts
from shared import clock
from shared.clock import local_date
from shared.crypto import FieldCipher, mask_name, mask_phone

_STREET_CHARACTERS = 4  # of an address that are shown
_EARLIER_MAX = 20  # applications that are looked at for what is known
_NEWEST = (
    "SELECT DISTINCT ON (code) code, version, group_code, name_zh, name_en, who_zh, who_en,"
    " place_zh, place_en, promised_days, fee_fen, documents, facts, is_offered, published_at"
    " FROM hall_matters %s ORDER BY code, version DESC"
)
_REGISTER = text(
    "SELECT r.name_sealed, r.phone_sealed, r.birth_year, r.household_no, g.name AS grid,"
    " c.name AS community, b.address,"
    " nullif(concat_ws('-', b.label, nullif(h.unit, ''), h.room), '') AS door"
    " FROM residents r JOIN households h ON h.household_no = r.household_no"
    " JOIN areas g ON g.code = r.grid_code LEFT JOIN areas c ON c.code = g.parent_code"
    " LEFT JOIN buildings b ON b.building_no = h.building_no WHERE r.resident_no = :no"
)
_EARLIER = text(
    "SELECT public_code, facts_sealed FROM hall_applications WHERE resident_no = :no"
    " ORDER BY id DESC LIMIT :limit"
)
_APPLICATION = (
    "SELECT a.id, a.application_no, a.public_code, a.matter_code, a.matter_version, a.resident_no,"
    " a.state, a.agent, a.consent_how, a.consent_at, a.facts_sealed, a.applied_at, a.due_on,"
    " a.updated_at, m.name_zh, m.name_en, m.place_zh, m.place_en, m.promised_days, m.fee_fen,"
    " m.documents, m.facts, n.name_sealed FROM hall_applications a"
    " JOIN hall_matters m ON m.code = a.matter_code AND m.version = a.matter_version"
    " LEFT JOIN residents n ON n.resident_no = a.resident_no WHERE %s"
)
_STEPS = text(
    "SELECT s.step_no, s.at, s.action, s.to_state, s.actor_kind, s.actor, n.note FROM hall_steps s"
    " LEFT JOIN hall_notes n USING (application_id, step_no)"
    " WHERE s.application_id = :id ORDER BY s.step_no"
)
_DOCUMENTS = text(
    "SELECT document_code, copies, seen_at FROM hall_documents WHERE application_id = :id"
)
_FILTERS = {"state": "a.state = :state", "resident_no": "a.resident_no = :resident_no",
            "matter": "a.matter_code = :matter"}  # fmt: skip
_LAST = 2**63 - 1


def matters(session: Session, *, group: str = "", q: str = "") -> list[dict[str, Any]]:
    """The matters that are offered, in their newest version, by group and code."""
    found = [dict(row) for row in session.execute(text(_NEWEST % "")).mappings()]
    asked = q.strip().lower()
    return sorted(
        (
            row
            for row in found
            if row["is_offered"]
            and (not group or row["group_code"] == group)
            and (asked in row["name_zh"] or asked in row["name_en"].lower() or asked == row["code"])
        ),
        key=lambda row: (row["group_code"], row["code"]),
    )


def matter_of(session: Session, code: str) -> dict[str, Any] | None:
    """A matter in its newest version, be it offered or not."""
    statement = text(_NEWEST % "WHERE code = :code")
    row = session.execute(statement, {"code": code}).mappings().one_or_none()
    return None if row is None else dict(row)


def known_facts(session: Session, cipher: FieldCipher, resident_no: str) -> dict[str, str] | None:
    """What the register and earlier applications say of a resident; None for an unknown one."""
    row = session.execute(_REGISTER, {"no": resident_no}).one_or_none()
    if row is None:
        return None
    phone = row.phone_sealed
    home = " ".join(part for part in (row.community, row.address, row.door) if part)
    register = {
        "name": cipher.decrypt(row.name_sealed, bound_to=resident_no),
        "phone": cipher.decrypt(phone, bound_to=resident_no) if phone else "",
        "birth_year": str(row.birth_year or ""),
        "household_no": row.household_no,
        "grid": row.grid,
        "home_address": home if row.door else "",
    }
    found = session.execute(_EARLIER, {"no": resident_no, "limit": _EARLIER_MAX}).all()
    earlier = [_unsealed(cipher, each.facts_sealed, each.public_code) for each in reversed(found)]
    return merged_facts(register, earlier)


def shown_fact(code: str, value: str) -> str:
    """A fact as a page shows it: what is personal is masked."""
    if not FACTS[code].is_personal:
        return value
    if code.endswith("name"):
        return mask_name(value)
    if code.endswith("phone"):
        return mask_phone(value)
    if code.endswith("address"):
        return value[:_STREET_CHARACTERS] + "****"
    return "*" * (len(value) - 4) + value[-4:] if len(value) > 4 else "*" * len(value)


def applications(
    session: Session,
    cipher: FieldCipher,
    *,
    filters: Mapping[str, str],
    before: int = _LAST,
    limit: int = PAGE,
) -> Page:
    """Applications, the newest first. Filters: state, resident_no, matter."""
    given = {name: value for name, value in filters.items() if value and name in _FILTERS}
    where = " AND ".join(["a.id < :before", *(_FILTERS[name] for name in given)])
    statement = text(_APPLICATION % where + " ORDER BY a.id DESC LIMIT :limit")
    found = session.execute(statement, {"before": before, "limit": limit + 1, **given}).mappings()
    rows = [_masked(dict(row), cipher) for row in found]
    return Page(rows[:limit], str(rows[limit - 1]["id"]) if len(rows) > limit else None)


def application_of(
    session: Session, cipher: FieldCipher, *, number: str = "", public_code: str = ""
) -> dict[str, Any] | None:
    """One application by its number or its code, with `known` facts masked."""
    where = "a.public_code = :no" if public_code else "a.application_no = :no"
    found = session.execute(text(_APPLICATION % where), {"no": public_code or number})
    row = found.mappings().one_or_none()
    return None if row is None else _masked(dict(row), cipher)


def steps_of(session: Session, application_id: int) -> list[dict[str, Any]]:
    """The history of an application."""
    return [dict(row) for row in session.execute(_STEPS, {"id": application_id}).mappings()]


def documents_of(session: Session, application_id: int) -> dict[str, int]:
    """How many copies of each document are here; a document that was only shown has 0."""
    found = session.execute(_DOCUMENTS, {"id": application_id})
    return {row.document_code: row.copies for row in found}


def promised_on(session: Session, days: int) -> date:
    """The last working day of a promise made now; weekends rest while there is no calendar."""
    work, now = work_time(session), clock.now()
    if work is None or days == 0:
        return local_date(now)
    return local_date(due_of(work, now, Limit(days, Unit.WORK_DAYS)).at)


def _masked(row: dict[str, Any], cipher: FieldCipher) -> dict[str, Any]:
    sealed, name = row.pop("facts_sealed"), row.pop("name_sealed")
    facts = _unsealed(cipher, sealed, row["public_code"])
    row["known"] = {code: shown_fact(code, facts[code]) for code in facts if code in FACTS}
    if name:
        row["name"] = mask_name(cipher.decrypt(name, bound_to=row["resident_no"]))
    return row


def _unsealed(cipher: FieldCipher, sealed: str, public_code: str) -> dict[str, str]:
    facts: dict[str, str] = json.loads(cipher.decrypt(sealed, bound_to=public_code))
    return facts

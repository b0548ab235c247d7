"""一站式大厅: publish matters, take applications, and let them move by the law of rules/hall.py."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, text

from services.intake.actions.opening import SOURCE
from services.intake.models import HallApplication, HallMatter, HallNote, HallStep
from services.intake.queries.hall import documents_of, known_facts, matter_of, promised_on
from services.intake.rules.hall import (
    BY_RESIDENT,
    CONSENTS,
    COPIES_MAX,
    NEEDS_NOTE,
    NOTE_CHARACTERS_MAX,
    HallAction,
    HallState,
    after,
    application_no,
    check_facts,
    check_matter,
    missing_documents,
    to_ask,
)
from services.intake.rules.requests import new_public_code
from services.intake.rules.states import Actor
from shared import clock
from shared.crypto import FieldCipher
from shared.db.arrays import literal
from shared.errors import Conflict, Missing, Rejected
from shared.ids import uuid7_text
from shared.messaging.transaction import Transaction
from shared.schemas import make
from shared.schemas.hall import HALL_MOVED

# What a resident is told of; the office's own steps are on the page.
_TOLD: Mapping[HallAction, str] = {
    HallAction.ASK: "hall_missing",
    HallAction.ACCEPT: "hall_accepted",
    HallAction.FINISH: "hall_done",
    HallAction.REFUSE: "hall_refused",
}
SEED = Path(__file__).parents[1] / "seeds" / "hall_matters.json"

_ANY = text("SELECT EXISTS (SELECT 1 FROM hall_matters)")
_NEWEST = text(
    "SELECT DISTINCT ON (code) code, version, group_code, name_zh, name_en, who_zh, who_en,"
    " place_zh, place_en, promised_days, fee_fen, documents, facts, is_offered FROM hall_matters"
    " ORDER BY code, version DESC"
)
_NEW = text(
    "INSERT INTO hall_applications (application_no, public_code, form_token, matter_code,"
    " matter_version, resident_no, state, agent, consent_how, consent_at, facts_sealed, applied_at,"
    " updated_at, step_count) VALUES (:code, :code, :token, :matter, :version, :resident,"
    " 'received', :agent, :how, :consent_at, :sealed, :now, :now, 1)"
    " ON CONFLICT (form_token) DO NOTHING RETURNING id"
)
_NUMBER = text("UPDATE hall_applications SET application_no = :no WHERE id = :id")
_BY_TOKEN = text(
    "SELECT application_no, matter_code, resident_no FROM hall_applications"
    " WHERE form_token = :token"
)
_SEE = text(
    "INSERT INTO hall_documents (application_id, document_code, copies, seen_by, seen_at)"
    " SELECT :id, code, copies, :by, :now FROM unnest(CAST(:codes AS text[]),"
    " CAST(:copies AS int[])) AS d (code, copies)"
    " ON CONFLICT (application_id, document_code) DO UPDATE SET copies = excluded.copies,"
    " seen_by = excluded.seen_by, seen_at = excluded.seen_at"
)
_UNSEE = text(
    "DELETE FROM hall_documents WHERE application_id = :id"
    " AND document_code <> ALL(CAST(:codes AS text[]))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApplication:
    """What a form asks for; `consent_how` where somebody acts for the resident."""

    token: str
    matter_code: str
    resident_no: str
    facts: Mapping[str, str] = field(default_factory=dict)
    consent_how: str | None = None


def set_up(tx: Transaction) -> int:
    """Publish the matters that come with Linli where there are none; how many."""
    if tx.session.execute(_ANY).scalar_one():
        return 0
    return publish(tx, json.loads(SEED.read_text(encoding="utf-8"))["matters"])


def publish(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> int:
    """Add a version of each matter that differs from its newest; how many. Raises Rejected."""
    for row in rows:
        check_matter(row)
    known = {row["code"]: dict(row) for row in tx.session.execute(_NEWEST).mappings()}
    added = []
    for row in rows:
        wanted = {
            **{name: row[name] for name in ("code", "name_zh", "name_en", "who_zh", "who_en",
                                            "place_zh", "place_en", "promised_days", "fee_fen")},
            "group_code": row["group"],
            "documents": list(row.get("documents", [])),
            "facts": list(row.get("facts", [])),
            "is_offered": bool(row.get("is_offered", True)),
        }  # fmt: skip
        newest = known.get(row["code"], {"version": 0})
        version = newest.pop("version")
        if newest != wanted:
            added.append({**wanted, "version": version + 1, "published_at": clock.now()})
    if added:
        tx.session.execute(insert(HallMatter), added)
    return len(added)


def apply(tx: Transaction, new: NewApplication, actor: Actor, cipher: FieldCipher) -> str:
    """The number of an application; the same token again is the same one.

    Only what nobody told us yet is taken from the form; the rest is what is known. Raises Missing
    for an unknown matter or resident, Rejected naming the field.
    """
    known = known_facts(tx.session, cipher, new.resident_no)
    if known is None:
        raise Missing("no_resident", "查无此居民", "There is no such resident")
    repeated = tx.session.execute(_BY_TOKEN, {"token": new.token}).one_or_none()
    if repeated is not None:
        return _same(repeated, new)
    matter = matter_of(tx.session, new.matter_code)
    if matter is None or not matter["is_offered"]:
        raise Missing("no_matter", "没有这个事项", "There is no such matter")
    agent = _agent(new, actor)
    # What was typed wins: whoever corrects a fact types it.
    given = {code: value for code, value in new.facts.items() if value.strip()}
    kept = check_facts(
        [
            code
            for code in matter["facts"]
            if code in given or code in to_ask(matter["facts"], known)
        ],
        given,
    )
    facts = {code: kept.get(code) or known[code] for code in matter["facts"]}
    code, now = new_public_code(), clock.now()
    values = {
        "code": code,
        "token": new.token,
        "matter": matter["code"],
        "version": matter["version"],
        "resident": new.resident_no,
        "agent": agent,
        "how": new.consent_how if agent else None,
        "consent_at": now if agent else None,
        "sealed": cipher.encrypt(json.dumps(facts, ensure_ascii=False), bound_to=code),
        "now": now,
    }
    made = tx.session.execute(_NEW, values).scalar_one_or_none()
    if made is None:  # another worker was quicker with the same form
        return _same(tx.session.execute(_BY_TOKEN, {"token": new.token}).one(), new)
    number = application_no(clock.today(), made)
    tx.session.execute(_NUMBER, {"no": number, "id": made})
    _write_step(tx, made, 1, HallAction.APPLY, None, HallState.RECEIVED, actor, None)
    return number


def _same(row: Any, new: NewApplication) -> str:
    if (row.matter_code, row.resident_no) != (new.matter_code, new.resident_no):
        raise Conflict(
            "id_conflict",
            "form_token：这张表已用于另一项申请，请重新打开表单",
            "form_token: this form was used for another application: open it anew",
            pointer="/form_token",
        )
    return str(row.application_no)


def _agent(new: NewApplication, actor: Actor) -> str | None:
    if actor.kind == "resident":
        return None
    if new.consent_how not in CONSENTS:
        raise Rejected(
            "consent",
            "consent_how：代办须记录居民如何同意",
            "consent_how: say how the resident agreed that you act for them",
            pointer="/consent_how",
        )
    return actor.no


def see_documents(tx: Transaction, number: str, copies: Mapping[str, int], by: str) -> None:
    """Tick the documents that were seen, with how many copies stay; others are not ticked.

    Raises Rejected for one that is not on the matter's checklist.
    """
    row = _locked(tx, number)
    listed = _checklist(tx, row)
    for code, count in copies.items():
        if code not in {each["code"] for each in listed} or not 0 <= count <= COPIES_MAX:
            raise Rejected(
                "document",
                f"{code}：不在材料清单上，或份数超出 0 至 {COPIES_MAX}",
                f"{code}: not on the checklist, or not 0 to {COPIES_MAX} copies",
                pointer=f"/{code}",
            )
    values = {"id": row.id, "codes": literal(copies), "copies": literal(copies.values())}
    tx.session.execute(_UNSEE, values)
    tx.session.execute(_SEE, {**values, "by": by, "now": clock.now()})


def move(
    tx: Transaction, number: str, action: HallAction, actor: Actor, note: str = ""
) -> HallState:
    """Take a step; the state it led to. The promised days begin with ACCEPT.

    Raises Conflict where the law forbids it, Rejected for a note that is missing or too long and
    for ACCEPT while a needed document was not seen.
    """
    if actor.kind == "resident" and action not in BY_RESIDENT:
        raise Conflict("not_yours", "这一步由工作人员办理", "This step is the office's")
    note = note.strip()
    if (action in NEEDS_NOTE and not note) or len(note) > NOTE_CHARACTERS_MAX:
        raise Rejected(
            "note",
            f"note：请写明理由或所缺材料，不超过 {NOTE_CHARACTERS_MAX} 个字符",
            f"note: say why or what is missing, at most {NOTE_CHARACTERS_MAX} characters",
            pointer="/note",
        )
    row = _locked(tx, number)
    before = HallState(row.state)
    to = after(action, before)
    if action is HallAction.ACCEPT:
        _check_documents(tx, row)
        row.due_on = promised_on(tx.session, _matter(tx, row).promised_days)
    elif action is HallAction.ASK:
        row.due_on = None  # the clock begins anew when all is there
    row.state, row.updated_at = to, clock.now()
    row.step_count += 1
    tx.session.flush()
    _write_step(tx, row.id, row.step_count, action, before, to, actor, note or None)
    if action in _TOLD:
        promised = row.due_on if action is HallAction.ACCEPT else None
        on_date = promised or clock.today()
        tell(tx, [(number, row.resident_no, _TOLD[action], on_date)])
    return to


def tell(tx: Transaction, said: Iterable[tuple[str, str, str, date]]) -> None:
    """Say (number, resident, way, day) of what residents are told from the hall."""
    now = clock.now()
    tx.emit(
        make(
            HALL_MOVED,
            {
                "hall_no": number,
                "resident_no": resident_no,
                "way": way,
                "on_date": on_date,
                "moved_at": now,
            },
            source=SOURCE,
            correlationid=uuid7_text(),
        )
        for number, resident_no, way, on_date in said
    )


def _check_documents(tx: Transaction, row: HallApplication) -> None:
    listed = _checklist(tx, row)
    missing = missing_documents(listed, documents_of(tx.session, row.id))
    if missing:
        names = {each["code"]: each for each in listed}
        zh = "、".join(names[code]["name_zh"] for code in missing)
        en = ", ".join(names[code]["name_en"] for code in missing)
        raise Rejected("documents", f"还缺：{zh}", f"still missing: {en}", pointer="/documents")


def _matter(tx: Transaction, row: HallApplication) -> HallMatter:
    found = tx.session.get(HallMatter, (row.matter_code, row.matter_version))
    assert found is not None  # a foreign key says so
    return found


def _checklist(tx: Transaction, row: HallApplication) -> list[dict[str, Any]]:
    return _matter(tx, row).documents


def _locked(tx: Transaction, number: str) -> HallApplication:
    row = tx.session.scalar(
        select(HallApplication).where(HallApplication.application_no == number).with_for_update(),
        execution_options={"populate_existing": True},
    )
    if row is None:
        raise Missing("no_application", "没有这件申请", "There is no such application")
    return row


def _write_step(
    tx: Transaction,
    application_id: int,
    step_no: int,
    action: HallAction,
    before: HallState | None,
    to: HallState,
    actor: Actor,
    note: str | None,
) -> None:
    key = {"application_id": application_id, "step_no": step_no}
    said = {"action": action, "from_state": before, "to_state": to}
    who = {"actor_kind": actor.kind, "actor": actor.no, "at": clock.now()}
    tx.session.execute(insert(HallStep).values(**key, **said, **who))
    if note:
        tx.session.execute(insert(HallNote).values(**key, note=note))

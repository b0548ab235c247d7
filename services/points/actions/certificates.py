"""Certificates of service: asked for, made, issued by a second person, refused or revoked.

Who has recorded the service certifies it. A certificate is shown for at least seven days before
it is valid, and an award that is reversed takes every certificate with it that counts it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, timedelta
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.queries import certificates as queries
from services.points.queries.certificates import Office, Told
from services.points.queries.proof import latest_root
from services.points.rules.certificates import (
    NOTES_CHARS_MAX,
    NOTICE_DAYS_MIN,
    contents,
    number,
)
from shared import clock
from shared.db.arrays import literal
from shared.errors import Conflict, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

NOTICE_DAYS_MAX = 60
SYSTEM = "system"  # stands for the clock where no person did it
REVERSED = "所计的服务记录已被冲正 / a record of service that it counts was reversed"
_COMMUNITY = re.compile(r"[0-9A-Za-z_-]{1,32}", re.ASCII)

_LOCK = text("SELECT 1 FROM certificates WHERE certificate_id = :id FOR UPDATE")
_ASK = text(
    "INSERT INTO certificates (certificate_id, resident_no, community_code, from_on, until_on,"
    " notes, state, code, replaces, asked_by, asked_at) VALUES (:id, :resident_no, :community,"
    " :from_on, :until_on, :notes, 'asked', :code, :replaces, :by, :now)"
)
_MAKE = text(
    "UPDATE certificates SET state = 'made', community_code = :community, made_by = :by,"
    " made_at = :now, minutes = :minutes, contents = CAST(:contents AS jsonb)"
    " WHERE certificate_id = :id"
)
_COUNT = text(
    "INSERT INTO certificate_awards (certificate_id, award_id, minutes)"
    " SELECT :id, c.* FROM unnest(CAST(:awards AS uuid[]), CAST(:minutes AS int[])) AS c"
)
_NUMBER = text(
    "INSERT INTO certificate_registers AS r (community_code, year, last_serial)"
    " VALUES (:community, :year, 1) ON CONFLICT (community_code, year)"
    " DO UPDATE SET last_serial = r.last_serial + 1 RETURNING last_serial"
)
_ISSUE = text(
    "UPDATE certificates SET state = 'issued', checked_by = :by, checked_at = :now,"
    " certificate_no = :no, year = :year, serial = :serial, issued_on = :today,"
    " valid_on = :valid_on, office = CAST(:office AS jsonb), proof_on = :proof_on,"
    " proof_root = :proof_root WHERE certificate_id = :id"
)
_END = text(
    "UPDATE certificates SET state = :state, ended_by = :by, ended_at = :now,"
    " ended_reason = :reason WHERE certificate_id = :id"
)
_TOUCHED = text(
    "SELECT DISTINCT c.certificate_id FROM certificates c"
    " JOIN certificate_awards a ON a.certificate_id = c.certificate_id"
    " WHERE a.award_id = ANY(CAST(:awards AS uuid[])) AND c.state IN ('made', 'issued')"
    " ORDER BY 1"
)
_KEEP_OFFICE = text(
    "INSERT INTO certificate_offices (community_code, issuer, responsible, handler, contact,"
    " notice_days, changed_by, changed_at) VALUES (:community_code, :issuer, :responsible,"
    " :handler, :contact, :notice_days, :by, :now) ON CONFLICT (community_code) DO UPDATE SET"
    " issuer = excluded.issuer, responsible = excluded.responsible, handler = excluded.handler,"
    " contact = excluded.contact, notice_days = excluded.notice_days,"
    " changed_by = excluded.changed_by, changed_at = excluded.changed_at"
)


def ask(
    tx: Transaction,
    resident_no: str,
    from_on: date,
    until_on: date,
    notes: str,
    by: str,
    replaces: UUID | None = None,
) -> UUID:
    """Ask for a certificate of the service between two days; raises Rejected."""
    if from_on > until_on or until_on > clock.today():
        raise Rejected(
            "bad_period",
            "期间应从早到晚，且不晚于今天",
            "the period must run from the earlier to the later day and end by today",
            pointer="/until_on",
        )
    if len(notes) > NOTES_CHARS_MAX:
        raise Rejected(
            "too_long",
            f"备注最多 {NOTES_CHARS_MAX} 个字",
            f"notes have at most {NOTES_CHARS_MAX} characters",
            pointer="/notes",
        )
    community = queries.community_of(tx.session, resident_no)
    if community is None:
        raise Rejected(
            "unknown_resident",
            "没有这位居民，或名册还未送到，请核对编号",
            "there is no such resident, or the register has not arrived: check the number",
            pointer="/resident_no",
        )
    certificate_id = uuid7()
    tx.session.execute(
        _ASK,
        {
            "id": certificate_id,
            "resident_no": resident_no,
            "community": community,
            "from_on": from_on,
            "until_on": until_on,
            "notes": notes,
            "code": secrets.token_hex(10),
            "replaces": replaces,
            "by": by,
            "now": clock.now(),
        },
    )
    return certificate_id


def make(tx: Transaction, certificate_id: UUID, by: str) -> None:
    """Fix what it counts: every award in its period that has service time and stands today."""
    told = _locked(tx.session, certificate_id, "asked")
    counted = queries.counted(tx.session, told.resident_no, told.from_on, told.until_on)
    if not counted:
        raise Rejected(
            "no_service",
            "这段时间没有可证明的服务时长",
            "there is no service time in this period to certify",
            pointer="/from_on",
        )
    community = queries.community_of(tx.session, told.resident_no) or told.community_code
    tx.session.execute(
        _MAKE,
        {
            "id": certificate_id,
            "community": community,
            "by": by,
            "now": clock.now(),
            "minutes": sum(one.minutes for one in counted),
            "contents": orjson.dumps(contents(counted)).decode(),
        },
    )
    tx.session.execute(
        _COUNT,
        {
            "id": certificate_id,
            "awards": literal(one.award_id for one in counted),
            "minutes": literal(one.minutes for one in counted),
        },
    )


def issue(tx: Transaction, certificate_id: UUID, by: str) -> str:
    """Check, number and issue it; the number. Its notice begins today.

    Raises Conflict for its own maker, without an issuing office, or when an award it counts was
    reversed meanwhile.
    """
    told = _locked(tx.session, certificate_id, "made")
    if told.made_by == by:
        raise Conflict(
            "four_eyes",
            "制证与签发须由两人分别办理",
            "somebody else than its maker must issue it",
        )
    office = queries.office(tx.session, told.community_code)
    if office is None:
        raise Conflict(
            "no_office",
            f"请先填写社区 {told.community_code} 的出具单位",
            f"enter the issuing office of community {told.community_code} first",
        )
    if queries.with_reversed(tx.session, certificate_id):
        raise Conflict("reversed", *REVERSED.split(" / "))
    today = clock.today()
    serial = tx.session.execute(
        _NUMBER, {"community": told.community_code, "year": today.year}
    ).scalar_one()
    certificate_no = number(told.community_code, today.year, serial)
    root = latest_root(tx.session, told.community_code, today)
    tx.session.execute(
        _ISSUE,
        {
            "id": certificate_id,
            "by": by,
            "now": clock.now(),
            "no": certificate_no,
            "year": today.year,
            "serial": serial,
            "today": today,
            "valid_on": today + timedelta(days=office.notice_days),
            "office": orjson.dumps(asdict(office)).decode(),
            "proof_on": root.on_date if root else None,
            "proof_root": root.root if root else None,
        },
    )
    return certificate_no


def refuse(tx: Transaction, certificate_id: UUID, by: str, reason: str) -> None:
    """Not issued; it has no number."""
    _locked(tx.session, certificate_id, "asked", "made")
    _end(tx, certificate_id, "refused", by, reason)


def revoke(tx: Transaction, certificate_id: UUID, by: str, reason: str) -> None:
    """Issued, and no longer worth anything; it keeps its number in the register."""
    _locked(tx.session, certificate_id, "issued")
    _end(tx, certificate_id, "revoked", by, reason)


def after_reversal(tx: Transaction, award_ids: Iterable[UUID]) -> list[UUID]:
    """Awards were reversed: revoke what was issued on them and ask for it anew, refuse what was
    only made. Which certificates.
    """
    found = list(tx.session.execute(_TOUCHED, {"awards": literal(award_ids)}).scalars())
    return [one for one in found if _withdraw(tx, one)]


def sweep(tx: Transaction) -> list[UUID]:
    """The same for whatever was reversed, however it was done."""
    return [one for one in queries.with_reversed(tx.session) if _withdraw(tx, one)]


def keep_office(tx: Transaction, office: Office, by: str) -> None:
    """What stands on the certificates that a community issues from now on; raises Rejected."""
    if not _COMMUNITY.fullmatch(office.community_code):
        raise Rejected(
            "bad_community", "社区代码不对", "no community's code", pointer="/community_code"
        )
    for name in ("issuer", "responsible", "handler", "contact"):
        if not 1 <= len(getattr(office, name)) <= NOTES_CHARS_MAX:
            raise Rejected(
                "required",
                f"此项必填，最多 {NOTES_CHARS_MAX} 个字",
                f"this must be filled in, with at most {NOTES_CHARS_MAX} characters",
                pointer=f"/{name}",
            )
    if not NOTICE_DAYS_MIN <= office.notice_days <= NOTICE_DAYS_MAX:
        raise Rejected(
            "bad_notice",
            f"公示期须为 {NOTICE_DAYS_MIN} 至 {NOTICE_DAYS_MAX} 天",
            f"the notice takes {NOTICE_DAYS_MIN} to {NOTICE_DAYS_MAX} days",
            pointer="/notice_days",
        )
    tx.session.execute(_KEEP_OFFICE, {**asdict(office), "by": by, "now": clock.now()})


def _withdraw(tx: Transaction, certificate_id: UUID) -> bool:
    tx.session.execute(_LOCK, {"id": certificate_id})
    told = queries.certificate(tx.session, certificate_id)
    if told is None or told.state not in {"made", "issued"}:
        return False
    ended = "revoked" if told.state == "issued" else "refused"
    _end(tx, certificate_id, ended, SYSTEM, REVERSED)
    if ended == "revoked" and queries.community_of(tx.session, told.resident_no):
        ask(tx, told.resident_no, told.from_on, told.until_on, told.notes, SYSTEM, certificate_id)
    return True


def _locked(session: Session, certificate_id: UUID, *states: str) -> Told:
    session.execute(_LOCK, {"id": certificate_id})
    told = queries.certificate(session, certificate_id)
    if told is None:
        raise Missing("no_certificate", "没有这份证明", "there is no such certificate")
    if told.state not in states:
        raise Conflict(
            "certificate_moved",
            "这份证明已被办理，请刷新后再看",
            "somebody has dealt with this certificate: reload and look again",
        )
    return told


def _end(tx: Transaction, certificate_id: UUID, state: str, by: str, reason: str) -> None:
    if not 1 <= len(reason) <= NOTES_CHARS_MAX:
        raise Rejected(
            "required",
            f"请写明理由，最多 {NOTES_CHARS_MAX} 个字",
            f"give the reason in at most {NOTES_CHARS_MAX} characters",
            pointer="/reason",
        )
    tx.session.execute(
        _END,
        {"id": certificate_id, "state": state, "by": by, "reason": reason, "now": clock.now()},
    )

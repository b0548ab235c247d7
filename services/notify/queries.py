"""Named SELECTs of notify; nothing here changes a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.notify.models import Contact, Contacts
from services.notify.rules import Channel, Kind, State, render, title
from shared.crypto import mask_name, mask_phone
from shared.errors import NotYet

PAGE_MAX = 50

_ACTIVE_VERSION = text(
    "SELECT max(version) FROM templates WHERE kind = :kind AND active_from <= :at"
)
_BODIES = text(
    "SELECT kind, version, language, body FROM templates WHERE channel = 'in_app'"
    " AND (kind, version) IN (SELECT * FROM unnest(CAST(:kinds AS text[]),"
    " CAST(:versions AS int[])))"
)
_SMS_TEMPLATE = text(
    "SELECT provider_code, body FROM templates WHERE kind = :kind AND version = :version"
    " AND channel = 'sms' AND language = :language"
)
_TEMPLATES = text(
    "SELECT id, kind, version, channel, language, body, provider_code, active_from FROM templates"
    " ORDER BY kind, version DESC, channel, language"
)
_ADDRESS = text(
    "SELECT resident_no, name, phone, language FROM address_book WHERE resident_no = :resident_no"
)
_ADDRESSES = text(
    "SELECT resident_no, name, phone FROM address_book WHERE resident_no = ANY(:resident_nos)"
)
_INBOX = text(
    "SELECT id, resident_no, kind, template_version, params, created_at, accepted_at, read_at"
    " FROM notices WHERE resident_no = :resident_no AND id < :before ORDER BY id DESC LIMIT :most"
)
_NOTICES_AFTER = text(
    "SELECT id, resident_no, kind, template_version, params, created_at, accepted_at, read_at"
    " FROM notices WHERE id > :after AND (CAST(:resident_no AS text) IS NULL"
    " OR resident_no = :resident_no) ORDER BY id LIMIT :most"
)
_UNREAD = text("SELECT count(*) FROM notices WHERE resident_no = :resident_no AND read_at IS NULL")
_COUNTS = text("SELECT kind, count(*) FROM notices GROUP BY kind ORDER BY kind")
_STATES = text("SELECT state, count(*) FROM deliveries GROUP BY state")
_DUE_OLDEST = text(
    "SELECT min(next_attempt_at) FROM deliveries WHERE state IN ('pending', 'sending')"
    " AND next_attempt_at <= :at"
)
_DELIVERIES = text(
    "SELECT d.id, d.state, d.attempts, d.next_attempt_at, d.last_error, d.created_at, d.sent_at,"
    " d.delivered_at, n.resident_no, n.kind, d.channel FROM deliveries d"
    " JOIN notices n ON n.id = d.notice_id WHERE d.id < :before"
    " AND (CAST(:state AS text) IS NULL OR d.state = :state) ORDER BY d.id DESC LIMIT :most"
)

# Sorts after every UUID of version 7 that can be made.
LAST_ID = UUID(int=2**128 - 1)
FIRST_ID = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A notice as its reader sees it."""

    id: UUID
    resident_no: str
    kind: Kind
    title: str
    text: str
    created_at: datetime
    accepted_at: datetime
    read_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryLine:
    """A delivery as staff see it; name and phone are masked."""

    id: UUID
    resident_no: str
    name: str
    phone: str
    kind: Kind
    channel: Channel
    state: State
    attempts: int
    last_error: str | None
    next_attempt_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Addressee:
    """Whom an SMS goes to, in which language."""

    contact: Contact
    language: str


def active_version(session: Session, kind: Kind, at: datetime) -> int:
    """The version that notices written at this instant pin; raises NotYet if there is none."""
    version = session.execute(_ACTIVE_VERSION, {"kind": kind, "at": at}).scalar()
    if version is None:
        raise NotYet(
            "no_template", f"通知 {kind} 没有生效的模板", f"no template of {kind} is active"
        )
    return int(version)


def sms_template(session: Session, kind: Kind, version: int, language: str) -> tuple[str, str]:
    """The vendor's template code and the body of a pinned version."""
    row = session.execute(
        _SMS_TEMPLATE, {"kind": kind, "version": version, "language": language}
    ).one()
    return row.provider_code, row.body


def templates(session: Session) -> list[dict[str, Any]]:
    """Every text of every version; there are few, for each is written by a person."""
    return [dict(row) for row in session.execute(_TEMPLATES).mappings()]


def addressee(session: Session, contacts: Contacts, resident_no: str) -> Addressee | None:
    """The address book's entry; None when intake has not told of this resident (yet)."""
    row = session.execute(_ADDRESS, {"resident_no": resident_no}).one_or_none()
    if row is None:
        return None
    return Addressee(contacts.open(resident_no, row.name, row.phone), row.language)


def known_contacts(
    session: Session, contacts: Contacts, resident_nos: Iterable[str]
) -> dict[str, Contact]:
    """The contacts of several residents; whoever is unknown is left out."""
    rows = session.execute(_ADDRESSES, {"resident_nos": sorted(set(resident_nos))})
    return {row.resident_no: contacts.open(row.resident_no, row.name, row.phone) for row in rows}


def inbox(
    session: Session,
    contacts: Contacts,
    resident_no: str,
    *,
    language: str,
    before: UUID = LAST_ID,
    most: int = PAGE_MAX,
) -> list[Letter]:
    """A page of a resident's inbox, newest first, in the reader's language."""
    rows = session.execute(
        _INBOX,
        {"resident_no": resident_no, "before": before, "most": min(most, PAGE_MAX)},
    ).all()
    return _letters(session, contacts, rows, language)


def notices_after(
    session: Session,
    contacts: Contacts,
    *,
    language: str,
    after: UUID = FIRST_ID,
    resident_no: str | None = None,
    masked: bool = True,
    most: int = PAGE_MAX,
) -> list[Letter]:
    """Notices in the order they were written, of one resident or of all."""
    rows = session.execute(
        _NOTICES_AFTER,
        {"after": after, "resident_no": resident_no, "most": min(most, PAGE_MAX)},
    ).all()
    return _letters(session, contacts, rows, language, masked=masked)


def unread(session: Session, resident_no: str) -> int:
    """How many notices a resident has not marked as read."""
    return int(session.execute(_UNREAD, {"resident_no": resident_no}).scalar_one())


def counts(session: Session) -> dict[str, int]:
    """Notices by kind; every kind is there, 0 if it has none."""
    found: Mapping[str, int] = dict(session.execute(_COUNTS).all())
    return {kind.value: found.get(kind, 0) for kind in Kind}


def delivery_states(session: Session) -> dict[str, int]:
    """Deliveries by state; every state is there."""
    found: Mapping[str, int] = dict(session.execute(_STATES).all())
    return {state.value: found.get(state, 0) for state in State}


def due_oldest(session: Session, at: datetime) -> datetime | None:
    """Since when the most overdue delivery is due; None when none is."""
    oldest: datetime | None = session.execute(_DUE_OLDEST, {"at": at}).scalar()
    return oldest


def deliveries(
    session: Session,
    contacts: Contacts,
    *,
    state: State | None = None,
    before: UUID = LAST_ID,
    most: int = PAGE_MAX,
) -> list[DeliveryLine]:
    """A page of deliveries, newest first."""
    rows = session.execute(
        _DELIVERIES, {"state": state, "before": before, "most": min(most, PAGE_MAX)}
    ).all()
    known = known_contacts(session, contacts, (row.resident_no for row in rows))
    nobody = Contact(None, None)
    return [_line(row, known.get(row.resident_no, nobody)) for row in rows]


def _line(row: Row[Any], contact: Contact) -> DeliveryLine:
    return DeliveryLine(
        id=row.id,
        resident_no=row.resident_no,
        name=mask_name(contact.name) if contact.name else "",
        phone=mask_phone(contact.phone) if contact.phone else "",
        kind=Kind(row.kind),
        channel=Channel(row.channel),
        state=State(row.state),
        attempts=row.attempts,
        last_error=row.last_error,
        next_attempt_at=row.next_attempt_at,
        created_at=row.created_at,
        sent_at=row.sent_at,
        delivered_at=row.delivered_at,
    )


def _letters(
    session: Session,
    contacts: Contacts,
    rows: Iterable[Row[Any]],
    language: str,
    *,
    masked: bool = False,
) -> list[Letter]:
    rows = list(rows)
    if not rows:
        return []
    pinned = sorted({(row.kind, row.template_version) for row in rows})
    bodies = {
        (row.kind, row.version, row.language): row.body
        for row in session.execute(
            _BODIES,
            {"kinds": [kind for kind, _ in pinned], "versions": [number for _, number in pinned]},
        )
    }
    known = known_contacts(session, contacts, (row.resident_no for row in rows))
    letters = []
    for row in rows:
        contact = known.get(row.resident_no)
        name = contact.name if contact else None
        if name and masked:
            name = mask_name(name)
        body = bodies[row.kind, row.template_version, language]
        letters.append(
            Letter(
                id=row.id,
                resident_no=row.resident_no,
                kind=Kind(row.kind),
                title=title(Kind(row.kind), language),
                text=render(body, row.params, language, name),
                created_at=row.created_at,
                accepted_at=row.accepted_at,
                read_at=row.read_at,
            )
        )
    return letters

"""Register organisations, change their terms, suspend, activate and revoke them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from services.partners.actions import announcing, credentials
from services.partners.actions.credentials import Secrets
from services.partners.models import Agreement, Organisation
from services.partners.rules import organisations as rules
from services.partners.rules.organisations import Kind, Status
from shared import clock
from shared.errors import Conflict, Rejected
from shared.schemas.envelope import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an agreement says; both days belong to it (Asia/Shanghai)."""

    no: str
    valid_from: date
    valid_to: date
    event_types: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPartner:
    """An organisation to register; quotas count events."""

    slug: str
    name: str
    kind: Kind
    terms: Terms
    system: str = "main"
    per_minute: int = rules.DEFAULT_PER_MINUTE
    per_day: int = rules.DEFAULT_PER_DAY


def register(session: Session, new: NewPartner, secrets: Secrets, *, by: str) -> None:
    """Write the organisation down, suspended: it becomes active when the broker agrees.

    Raises Rejected for what it may not be called or agree to, Conflict for a slug in use.
    """
    slug = rules.check_slug(new.slug)
    if session.get(Organisation, slug) is not None:
        raise Conflict(
            "slug_in_use",
            f"代号“{slug}”已有合伙人使用，请换一个",
            f"there is a partner {slug!r} already: choose another slug",
            pointer="/slug",
        )
    organisation = Organisation(
        slug=slug,
        name=_text(new.name, rules.NAME_CHARACTERS_MAX, "/name"),
        kind=Kind(new.kind).value,
        system=rules.check_system(new.system),
        status=Status.SUSPENDED.value,
        reason="registered",
        activating=False,
        revision=0,
        per_minute=new.per_minute,
        per_day=new.per_day,
        amqp_password_hash="",
        cut_wanted=False,
        registered_at=clock.now(),
    )
    session.add(organisation)
    session.flush()
    session.add(_agreement(slug, new.terms))
    credentials.install(session, organisation, secrets)
    announcing.note(session, slug, "register", by=by)


def agree(session: Session, slug: str, terms: Terms, *, by: str) -> list[Event]:
    """Put a new agreement in force; the old one stays as history."""
    organisation = announcing.changeable(session, slug)
    announcing.in_force(session, slug).superseded_at = clock.now()
    session.flush()
    session.add(_agreement(slug, terms))
    announcing.note(session, slug, "agree", by=by, detail=terms.no)
    return announcing.terms_changed(session, organisation)


def agree_if_new(session: Session, slug: str, terms: Terms, *, by: str) -> list[Event]:
    """As `agree`, unless the agreement in force says the same already."""
    old = announcing.in_force(session, slug)
    event_types = rules.check_event_types(terms.event_types)
    if (old.no, old.valid_from, old.valid_to, old.event_types) == (
        terms.no,
        terms.valid_from,
        terms.valid_to,
        event_types,
    ):
        return []
    return agree(session, slug, terms, by=by)


def set_quota(
    session: Session, slug: str, *, per_minute: int, per_day: int, by: str
) -> list[Event]:
    """How many events the partner may send by both doors together."""
    organisation = announcing.changeable(session, slug)
    organisation.per_minute, organisation.per_day = per_minute, per_day
    detail = f"{per_minute} a minute, {per_day} a day"
    announcing.note(session, slug, "set_quota", by=by, detail=detail)
    return announcing.terms_changed(session, organisation)


def suspend(session: Session, slug: str, *, reason: str, by: str) -> list[Event]:
    """The partner may not post from now on; says nothing when it is so already."""
    organisation = announcing.changeable(session, slug)
    reason = _text(reason, rules.REASON_CHARACTERS_MAX, "/reason")
    organisation.activating = False
    announcing.note(session, slug, "suspend", by=by, detail=reason)
    # One that nobody was told of yet is told as suspended, so that intake knows its name.
    is_news = organisation.status == Status.ACTIVE or organisation.revision == 0
    organisation.status, organisation.reason = Status.SUSPENDED.value, reason
    return [announcing.suspended(organisation, reason)] if is_news else []


def ask_activation(session: Session, slug: str, *, by: str) -> None:
    """Let it become active as soon as the broker gives it exactly its rights."""
    organisation = announcing.changeable(session, slug)
    if organisation.status != Status.ACTIVE:
        organisation.activating = True
        announcing.note(session, slug, "ask_activation", by=by)


def revoke(session: Session, slug: str, *, by: str) -> list[Event]:
    """For good: it may not post, its keys end, nothing can be changed any more."""
    organisation = announcing.changeable(session, slug)
    organisation.activating = False
    organisation.status, organisation.reason = Status.REVOKED.value, "revoked"
    for key in announcing.keys_in_use(session, slug):
        key.revoked_at = clock.now()
    announcing.note(session, slug, "revoke", by=by)
    return [announcing.suspended(organisation, "revoked")]


def _agreement(slug: str, terms: Terms) -> Agreement:
    if terms.valid_from > terms.valid_to:
        raise Rejected(
            "bad_dates",
            "意向书的截止日不能早于起始日",
            "an agreement cannot end before it begins",
            pointer="/agreement/valid_to",
        )
    return Agreement(
        slug=slug,
        no=_text(terms.no, rules.NO_CHARACTERS_MAX, "/agreement/no"),
        valid_from=terms.valid_from,
        valid_to=terms.valid_to,
        event_types=rules.check_event_types(terms.event_types),
        agreed_at=clock.now(),
    )


def _text(value: str, characters_max: int, pointer: str) -> str:
    value = value.strip()
    if not value or len(value) > characters_max or not value.isprintable():
        raise Rejected(
            "bad_text",
            f"须填写 1 至 {characters_max} 个字符，不含换行等控制字符",
            f"give 1 to {characters_max} characters without control characters",
            pointer=pointer,
        )
    return value

"""How the district is told what a partner may do: always the whole of it, with a revision."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.partners.models import Agreement, ApiKey, Change, Organisation
from services.partners.rules.organisations import Status, check_not_revoked
from shared import clock
from shared.errors import Missing
from shared.ids import uuid7
from shared.log import correlation_id
from shared.schemas.envelope import Event, make
from shared.schemas.partners import PARTNER_ACTIVATED, PARTNER_SUSPENDED

SOURCE = "/linli/partners"


def locked(session: Session, slug: str) -> Organisation:
    """The organisation's row, held until the transaction ends; raises Missing."""
    organisation = session.get(Organisation, slug, with_for_update=True, populate_existing=True)
    if organisation is None:
        raise Missing("no_partner", f"没有代号为“{slug}”的合伙人", f"there is no partner {slug!r}")
    return organisation


def changeable(session: Session, slug: str) -> Organisation:
    """As `locked`; raises Conflict when it was revoked for good."""
    organisation = locked(session, slug)
    check_not_revoked(slug, organisation.status)
    return organisation


def in_force(session: Session, slug: str) -> Agreement:
    """The agreement of now; every organisation has one."""
    wanted = select(Agreement).where(Agreement.slug == slug, Agreement.superseded_at.is_(None))
    return session.execute(wanted).scalar_one()


def keys_in_use(session: Session, slug: str) -> list[ApiKey]:
    """The keys that open the HTTP door, oldest first."""
    wanted = (
        select(ApiKey)
        .where(ApiKey.slug == slug, ApiKey.revoked_at.is_(None))
        .order_by(ApiKey.created_at, ApiKey.slot)
    )
    return list(session.execute(wanted).scalars())


def note(session: Session, slug: str, verb: str, *, by: str, detail: str | None = None) -> None:
    """Write down who did what."""
    session.add(Change(slug=slug, at=clock.now(), by=by, verb=verb, detail=detail))


def terms_changed(session: Session, organisation: Organisation) -> list[Event]:
    """Tell the new terms of an active partner; of any other nobody needs to know yet."""
    return [activated(session, organisation)] if organisation.status == Status.ACTIVE else []


def activated(session: Session, organisation: Organisation) -> Event:
    """The partner may post, under these terms and with these keys."""
    session.flush()
    organisation.revision += 1
    agreement = in_force(session, organisation.slug)
    data = {
        "slug": organisation.slug,
        "name": organisation.name,
        "kind": organisation.kind,
        "system": organisation.system,
        "revision": organisation.revision,
        "api_key_hashes": [key.key_hash for key in keys_in_use(session, organisation.slug)],
        "agreement": {
            "no": agreement.no,
            "valid_from": agreement.valid_from.isoformat(),
            "valid_to": agreement.valid_to.isoformat(),
            "event_types": list(agreement.event_types),
        },
        "quota": {"per_minute": organisation.per_minute, "per_day": organisation.per_day},
    }
    return _say(PARTNER_ACTIVATED, data)


def suspended(organisation: Organisation, reason: str) -> Event:
    """The partner may not post any more."""
    organisation.revision += 1
    data = {"slug": organisation.slug, "revision": organisation.revision, "reason": reason}
    return _say(PARTNER_SUSPENDED, data)


def _say(event_type: str, data: dict[str, object]) -> Event:
    return make(
        event_type,
        data,
        source=SOURCE,
        correlationid=correlation_id.get() or str(uuid7()),
        subject=str(data["slug"]),
    )

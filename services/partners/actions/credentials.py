"""API keys and AMQP passwords: made here, shown once by the caller, kept as hashes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.partners.actions import announcing
from services.partners.models import ApiKey, Organisation
from services.partners.rules import keys
from shared import clock
from shared.errors import Rejected
from shared.schemas.envelope import Event

OVERLAP_MAX = timedelta(days=30)
EXPIRE_MAX = 500


@dataclass(frozen=True, slots=True)
class Secrets:
    """Fresh secrets. They exist in memory only, until they are shown to whoever asked."""

    amqp_password: str = field(repr=False)
    api_key: str = field(repr=False)

    @property
    def amqp_password_hash(self) -> str:
        """As RabbitMQ keeps it; another each time it is asked for."""
        return keys.broker_hash(self.amqp_password, os.urandom(keys.SALT_BYTES))


def fresh_secrets() -> Secrets:
    """A new password and a new key, 256 random bits each."""
    return Secrets(
        keys.make_password(os.urandom(keys.SECRET_BYTES)),
        keys.make_key(os.urandom(keys.SECRET_BYTES)),
    )


def install(session: Session, organisation: Organisation, secrets: Secrets) -> None:
    """Make these the organisation's secrets, beside a key that may still be in use.

    The caller has made room: at most one other key is in use.
    """
    taken = {key.slot for key in announcing.keys_in_use(session, organisation.slug)}
    free = next(slot for slot in (1, 2) if slot not in taken)
    session.add(
        ApiKey(
            key_hash=keys.key_hash(secrets.api_key),
            slug=organisation.slug,
            slot=free,
            hint=secrets.api_key[-keys.HINT_CHARACTERS :],
            created_at=clock.now(),
        )
    )
    organisation.amqp_password_hash = secrets.amqp_password_hash
    session.flush()


def rotate(
    session: Session, slug: str, secrets: Secrets, *, overlap: timedelta, by: str
) -> list[Event]:
    """New key and password. The newest old key works on for `overlap`; zero cuts it at once.

    The old password ends at once for new connections; with no overlap, live ones are cut too.
    Raises Missing, Conflict when revoked, Rejected for an overlap over 30 days.
    """
    if not timedelta(0) <= overlap <= OVERLAP_MAX:
        raise Rejected(
            "bad_overlap",
            f"新旧密钥并用期须在 0 至 {OVERLAP_MAX.days} 天之间",
            f"the overlap must be from 0 to {OVERLAP_MAX.days} days",
            pointer="/overlap_hours",
        )
    organisation = announcing.changeable(session, slug)
    now = clock.now()
    in_use = announcing.keys_in_use(session, slug)
    kept = in_use[-1:] if overlap else []
    for key in in_use:
        if key in kept:
            key.expires_at = min(now + overlap, key.expires_at or now + overlap)
        else:
            key.revoked_at = now
    session.flush()
    install(session, organisation, secrets)
    organisation.cut_wanted = organisation.cut_wanted or not overlap
    announcing.note(session, slug, "rotate", by=by, detail=f"overlap {overlap}")
    return announcing.terms_changed(session, organisation)


def expire(session: Session) -> list[Event]:
    """End the keys whose overlap is over, and tell it."""
    now = clock.now()
    wanted = (
        select(ApiKey.slug)
        .where(ApiKey.revoked_at.is_(None), ApiKey.expires_at <= now)
        .order_by(ApiKey.slug)
        .distinct()
        .limit(EXPIRE_MAX)
    )
    said: list[Event] = []
    for slug in session.execute(wanted).scalars().all():
        organisation = announcing.locked(session, slug)
        for key in announcing.keys_in_use(session, slug):
            if key.expires_at is not None and key.expires_at <= now:
                key.revoked_at = now
        announcing.note(session, slug, "expire_key", by="clock")
        said += announcing.terms_changed(session, organisation)
    return said

"""What became of making the broker agree with an organisation's row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.partners.actions import announcing
from services.partners.models import Organisation
from services.partners.rules.organisations import Status
from shared import clock
from shared.messaging.broker_state import Difference
from shared.schemas.envelope import Event

PROBLEM_CHARACTERS_MAX = 1000

# One at a time makes the broker agree with a slug; "part" keeps these locks apart from others.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:slug, 1885434484))")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the broker should hold for an organisation, as its row said when it was read."""

    slug: str
    status: str
    activating: bool
    amqp_password_hash: str
    cut_wanted: bool

    @property
    def may_post(self) -> bool:
        """Whether it should have rights."""
        return self.status == Status.ACTIVE or self.activating


def take(session: Session, slug: str) -> Wanted | None:
    """Wait for one's turn with this slug, then what is wanted; None for an unknown slug.

    The row itself is not locked: a suspension must never wait for a slow broker.
    """
    session.execute(_LOCK, {"slug": slug})
    organisation = session.get(Organisation, slug, populate_existing=True)
    return None if organisation is None else _wanted(organisation)


def note_agreed(session: Session, wanted: Wanted, problems: Sequence[Difference]) -> list[Event]:
    """Keep what is wrong; with nothing wrong, activate what asked for it.

    A row that was changed meanwhile is left to whoever changed it, who comes by here as well.
    A deviation ends the wish to activate: a person must look first.
    """
    organisation = announcing.locked(session, wanted.slug)
    if _wanted(organisation) != wanted:
        return []
    shown = "; ".join(map(str, problems))[:PROBLEM_CHARACTERS_MAX]
    organisation.broker_problem = shown or None
    organisation.broker_checked_at = clock.now()
    organisation.activating = False
    if problems:
        return []
    organisation.cut_wanted = False
    if not wanted.activating:
        return []
    organisation.status, organisation.reason = Status.ACTIVE.value, None
    announcing.note(session, wanted.slug, "activate", by="broker")
    return [announcing.activated(session, organisation)]


def _wanted(organisation: Organisation) -> Wanted:
    return Wanted(
        organisation.slug,
        organisation.status,
        organisation.activating,
        organisation.amqp_password_hash,
        organisation.cut_wanted,
    )

"""The kinds that forms offer: those of the catalogue in force today."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.intake.queries.catalogue import catalogue_at
from services.intake.rules.kinds import Kind, KindGroup, kinds_of
from shared import clock


def kind_groups(session: Session) -> list[KindGroup]:
    """By group, in the catalogue's order; none while no catalogue is in force."""
    catalogue = catalogue_at(session, clock.now())
    return [] if catalogue is None else kinds_of(catalogue)


def kinds(session: Session) -> list[Kind]:
    """All of them, in the catalogue's order."""
    return [kind for group in kind_groups(session) for kind in group.kinds]

"""What the codes of categories are called, by the catalogue in force."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from services.intake.queries.catalogue import catalogue_at


def category_names(session: Session, at: datetime) -> dict[str, tuple[str, str]]:
    """(Chinese, English) of each condition and event; empty while no catalogue is in force."""
    catalogue = catalogue_at(session, at)
    if catalogue is None:
        return {}
    events = {code: (one.name_zh, one.name_en) for code, one in catalogue.events.items()}
    return events | {code: (one.name_zh, one.name_en) for code, one in catalogue.conditions.items()}

"""What intake hears from the other services."""

from __future__ import annotations

from typing import Any

from services.intake.actions import partners, reports
from shared.messaging.handlers import Handlers
from shared.messaging.transaction import Transaction
from shared.schemas.envelope import Event


def make_handlers() -> Handlers:
    """The events intake hears, each by one function."""
    handlers = Handlers()

    @handlers.on("linli.partner.activated.v1")
    def take_over_terms(tx: Transaction, event: Event, data: dict[str, Any]) -> list[Event]:
        partners.activate(tx.session, data)
        return []

    @handlers.on("linli.partner.suspended.v1")
    def close_the_doors(tx: Transaction, event: Event, data: dict[str, Any]) -> list[Event]:
        partners.suspend(tx.session, data)
        return []

    @handlers.on("linli.service.reported.v1")
    def note_the_report(tx: Transaction, event: Event, data: dict[str, Any]) -> list[Event]:
        reports.note(tx.session, data)
        return []

    return handlers

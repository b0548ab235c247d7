"""What partners hears: credits to contribution accounts."""

from __future__ import annotations

from services.partners.actions import contribution
from shared.messaging.handlers import Handlers, Heard
from shared.messaging.transaction import Transaction
from shared.schemas.envelope import Event
from shared.schemas.points import PARTNER_CREDITED


def make_handlers() -> Handlers:
    """The events partners hears."""
    handlers = Handlers()

    @handlers.on_batch(PARTNER_CREDITED)
    def add_contribution(tx: Transaction, heard: list[Heard]) -> list[Event]:
        contribution.add(tx.session, [data for _, data in heard])
        return []

    return handlers

"""What partners hears: credits to contribution accounts, and redemptions to hand out."""

from __future__ import annotations

from services.partners.actions import contribution, redemptions
from shared.messaging.handlers import Handlers, Heard
from shared.messaging.transaction import Transaction
from shared.schemas.envelope import Event
from shared.schemas.points import PARTNER_CREDITED
from shared.schemas.redemptions import (
    REDEMPTION_HELD,
    REDEMPTION_POSTED,
    REDEMPTION_REFUSED,
    REDEMPTION_RELEASED,
)


def make_handlers() -> Handlers:
    """The events partners hears."""
    handlers = Handlers()

    @handlers.on_batch(PARTNER_CREDITED)
    def add_contribution(tx: Transaction, heard: list[Heard]) -> list[Event]:
        contribution.add(tx.session, [data for _, data in heard])
        return []

    _add_redemptions(handlers)
    return handlers


def _add_redemptions(handlers: Handlers) -> None:
    @handlers.on_batch(REDEMPTION_HELD)
    def expect(tx: Transaction, heard: list[Heard]) -> list[Event]:
        redemptions.keep(tx.session, redemptions.HELD, [data for _, data in heard])
        return []

    @handlers.on_batch(REDEMPTION_POSTED)
    def note_collected(tx: Transaction, heard: list[Heard]) -> list[Event]:
        redemptions.keep(tx.session, redemptions.COLLECTED, [data for _, data in heard])
        return []

    @handlers.on_batch(REDEMPTION_RELEASED)
    def note_released(tx: Transaction, heard: list[Heard]) -> list[Event]:
        redemptions.keep(tx.session, redemptions.RELEASED, [data for _, data in heard])
        return []

    @handlers.on_batch(REDEMPTION_REFUSED)
    def note_refused(tx: Transaction, heard: list[Heard]) -> list[Event]:
        redemptions.keep_refused(tx.session, [data for _, data in heard])
        return []

"""What points hears: residents, their contributions, and partners' claims to redemptions."""

from __future__ import annotations

from services.points.actions import crediting, redemptions_claimed, residents
from shared.messaging.handlers import Handlers


def make_handlers() -> Handlers:
    """The events points hears, each by one function over a whole batch."""
    handlers = Handlers()
    handlers.on_batch("linli.resident.registered.v1")(residents.register_residents)
    handlers.on_batch("linli.contribution.recorded.v1")(crediting.credit_activities)
    handlers.on_batch("linli.wish.delivered.v1")(crediting.credit_wishes)
    handlers.on_batch("linli.redemption.claimed.v1")(redemptions_claimed.claim)
    return handlers

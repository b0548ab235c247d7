"""What points hears: residents and their contributions."""

from __future__ import annotations

from services.points.actions import crediting, residents
from shared.messaging.handlers import Handlers


def make_handlers() -> Handlers:
    """The events points hears, each by one function over a whole batch."""
    handlers = Handlers()
    handlers.on_batch("linli.resident.registered.v1")(residents.register_residents)
    handlers.on_batch("linli.contribution.recorded.v1")(crediting.credit_activities)
    handlers.on_batch("linli.wish.delivered.v1")(crediting.credit_wishes)
    return handlers

"""How a service says which function hears which event."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from shared.messaging.transaction import Transaction
from shared.schemas.envelope import Event

# A heard event with its data already loaded by its schema.
Heard = tuple[Event, dict[str, Any]]
BatchHandler = Callable[[Transaction, list[Heard]], Iterable[Event]]
Handler = Callable[[Transaction, Event, dict[str, Any]], Iterable[Event]]


class Handlers:
    """The events a service hears; each type exactly once."""

    def __init__(self) -> None:
        self._by_type: dict[str, BatchHandler] = {}

    def on(self, event_type: str) -> Callable[[Handler], Handler]:
        """The function hears one event at a time and returns the events it causes."""

        def register(function: Handler) -> Handler:
            def each(tx: Transaction, batch: list[Heard]) -> list[Event]:
                return [said for event, data in batch for said in function(tx, event, data)]

            self._add(event_type, each)
            return function

        return register

    def on_batch(self, event_type: str) -> Callable[[BatchHandler], BatchHandler]:
        """The function hears all waiting events of the type at once, where speed matters."""

        def register(function: BatchHandler) -> BatchHandler:
            self._add(event_type, function)
            return function

        return register

    def _add(self, event_type: str, function: BatchHandler) -> None:
        if event_type in self._by_type:
            raise ValueError(f"{event_type} is heard twice")
        self._by_type[event_type] = function

    def types(self) -> set[str]:
        """All types heard."""
        return set(self._by_type)

    def of(self, event_type: str) -> BatchHandler | None:
        """The function that hears a type; None when nobody does."""
        return self._by_type.get(event_type)

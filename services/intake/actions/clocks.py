"""The clocks of a request: what a step starts, stops, freezes and moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.messaging.transaction import Transaction

if TYPE_CHECKING:
    from services.intake.actions.steps import Moved


def follow(tx: Transaction, moved: Sequence[Moved]) -> None:
    """Set the clocks of requests that took a step, in the same transaction."""

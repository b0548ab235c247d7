"""Who hears of a request's steps: the resident who asked, and those who follow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.messaging.transaction import Transaction

if TYPE_CHECKING:
    from services.intake.actions.steps import Moved


def tell(tx: Transaction, moved: Sequence[Moved]) -> None:
    """Say the steps that people are told of, one event for each who hears."""

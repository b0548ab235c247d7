"""Judges rejected events again, after the rules, the register or the agreement were mended."""

from __future__ import annotations

from typing import Any

from services.intake.actions import gate, rejection
from services.intake.actions.gate import Sent
from shared.crypto import FieldCipher
from shared.messaging.transaction import Transaction


def redrive(
    tx: Transaction, partner: str, seq: int, *, cipher: FieldCipher
) -> list[dict[str, Any]]:
    """The new verdicts; the old row stays as it was. Raises Missing if there is nothing left."""
    items = rejection.take(tx, partner, seq, cipher)
    verdicts = gate.receive(
        tx, [Sent(partner, item) for item in items], door="redrive", cipher=cipher
    )
    rejection.mark_redriven(tx, partner, seq)
    return verdicts

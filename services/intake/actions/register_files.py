"""The register as a workbook: checked first, then written whole or not at all."""

from __future__ import annotations

from shared.messaging.transaction import Transaction


def forget(tx: Transaction) -> None:
    """Nothing yet."""

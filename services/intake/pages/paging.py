"""How many rows a page of a list has."""

from __future__ import annotations

from shared.web.preferences import elder_mode

ROWS = 25
ROWS_ELDER = 10


def rows_per_page() -> int:
    """Fewer in elder mode, where a phone shows a row as a card as high as its screen."""
    return ROWS_ELDER if elder_mode() else ROWS

"""预警响应级别: five levels, proclaimed by a person, never computed. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Level(StrEnum):
    """The least first: flood alerts are Ⅳ blue, Ⅲ yellow, Ⅱ orange, Ⅰ red."""

    NORMAL = "normal"
    BLUE = "blue"
    YELLOW = "yellow"
    ORANGE = "orange"
    RED = "red"


SEVERITY: Final = {level: place for place, level in enumerate(Level)}
BASIS_CHARACTERS_MAX: Final = 200
"""Of what a proclamation rests on: the order's number, who telephoned."""

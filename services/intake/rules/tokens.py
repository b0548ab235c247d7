"""Keyed digests that find a sealed name or phone: of initials, a name, four digits. Pure."""

from __future__ import annotations

import unicodedata
from typing import Final

from services.intake.rules.initials import initials_of
from shared.crypto import BlindIndex

TOKEN_BYTES: Final = 16
TAIL_DIGITS: Final = 4


def initials_token(index: BlindIndex, initials: str) -> bytes:
    """What stands in the table for `wxy`."""
    return index.of(f"initials {initials.lower()}")[:TOKEN_BYTES]


def name_token(index: BlindIndex, name: str) -> bytes:
    """What stands in the table for a whole name; width, case and spaces do not matter."""
    plain = "".join(unicodedata.normalize("NFKC", name).casefold().split())
    return index.of(f"name {plain}")[:TOKEN_BYTES]


def tail_token(index: BlindIndex, digits: str) -> bytes:
    """What stands in the table for the last four digits of a phone."""
    return index.of(f"tail {digits}")[:TOKEN_BYTES]


def tokens_of(index: BlindIndex, name: str, phone: str | None) -> list[bytes]:
    """All by which one resident is found."""
    found = [initials_token(index, each) for each in initials_of(name)]
    found.append(name_token(index, name))
    if phone is not None:
        found.append(tail_token(index, phone[-TAIL_DIGITS:]))
    return found

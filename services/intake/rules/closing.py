"""When a request may be called done, and what its resident may say of it. Pure."""

from __future__ import annotations

from typing import Final

PHOTO_KINDS: Final = ("before", "after", "evidence")
OUTCOMES: Final = ("resolved", "partly", "explained", "unresolved")  # the handler's word
SOLVED: Final = ("solved", "partly", "unsolved")  # the resident's word
SATISFIED: Final = ("satisfied", "basically", "dissatisfied")
VERDICT_WAYS: Final = ("link", "page", "call_back")

"""Whether a request may be shown to anybody: one decision for every public page and door. Pure.

Marked public is not enough. What nobody has classified, what the catalogue calls sensitive (such
as disputes, relief, family matters), and what tells on somebody stays inside, whoever marked it.
"""

from __future__ import annotations

from typing import Final, Protocol

NEVER_PUBLIC_NATURES: Final = frozenset({"report"})  # 举报: who tells on somebody is protected
NEVER_PUBLIC_STATES: Final = frozenset({"void"})  # it never was a request


class Condition(Protocol):
    """What the catalogue says of a condition."""

    @property
    def is_sensitive(self) -> bool:
        """Never to be shown."""

    @property
    def is_public(self) -> bool:
        """May be shown."""


def may_be_public(*, is_public: bool, nature: str, state: str, condition: Condition | None) -> bool:
    """Whether anybody may see it; `condition` is the catalogue's newest word, None without one."""
    return (
        is_public
        and nature not in NEVER_PUBLIC_NATURES
        and state not in NEVER_PUBLIC_STATES
        and condition is not None
        and condition.is_public
        and not condition.is_sensitive
    )

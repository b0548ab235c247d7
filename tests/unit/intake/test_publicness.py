"""Only what everybody may know is public, whatever else was marked so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from services.intake.rules.publicness import may_be_public


@dataclass(frozen=True)
class Condition:
    is_sensitive: bool = False
    is_public: bool = True


SHOWN: dict[str, Any] = {
    "is_public": True, "nature": "help", "state": "in_progress", "condition": Condition(),
}  # fmt: skip


def test_what_is_marked_classified_and_harmless_is_public() -> None:
    assert may_be_public(**SHOWN)


@pytest.mark.parametrize(
    "change",
    [
        {"is_public": False},
        {"nature": "report"},
        {"state": "void"},
        {"condition": None},
        {"condition": Condition(is_sensitive=True)},
        {"condition": Condition(is_public=False)},
    ],
    ids=str,
)
def test_each_reason_alone_keeps_it_inside(change: dict[str, Any]) -> None:
    assert not may_be_public(**{**SHOWN, **change})

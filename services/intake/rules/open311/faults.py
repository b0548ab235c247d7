"""What is wrong with a call: the standard wants all of it in one list, each with a code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
BAD: Final = 400


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them; `code` is stable, for programs, the texts are for people."""

    status: int
    code: str
    zh: str
    en: str

    @property
    def told(self) -> str:
        """Chinese first, then English."""
        return f"{self.zh} / {self.en}"


class Refused(Exception):
    """Nothing was done, for these reasons; `status` is the one that the standard wants.

    A wrong key outweighs everything (and is told alone), what is unknown outweighs what is bad.
    """

    def __init__(self, faults: Iterable[Fault]) -> None:
        found = list(dict.fromkeys(faults))
        keys = [fault for fault in found if fault.status == FORBIDDEN]
        self.faults = keys[:1] or found
        unknown = any(fault.status == NOT_FOUND for fault in found)
        self.status = FORBIDDEN if keys else NOT_FOUND if unknown else _worst(found)
        super().__init__(", ".join(fault.code for fault in self.faults))


def _worst(faults: list[Fault]) -> int:
    return max((fault.status for fault in faults), default=BAD)


def bad(name: str, zh: str, en: str) -> Fault:
    """A parameter that is missing or wrong: `name` is the standard's name of it."""
    return Fault(BAD, name, f"{name}：{zh}", f"{name}: {en}")


def missing(name: str) -> Fault:
    """A parameter that must be given."""
    return bad(name, "必填", "is required")


def unknown(name: str, value: str, zh: str, en: str) -> Fault:
    """Something that does not exist, or not for whoever asks."""
    shown = value[:64]
    return Fault(NOT_FOUND, name, f"{name}：{zh} {shown}", f"{name}: {en} {shown}")


NO_KEY: Final = Fault(
    FORBIDDEN,
    "api_key",
    "api_key：请带上密钥，向街道申请",
    "api_key: send your key; the district gives you one",
)
WRONG_KEY: Final = Fault(
    FORBIDDEN,
    "api_key",
    "api_key：密钥无效或已停用，请联系街道",
    "api_key: not known or revoked: ask the district",
)

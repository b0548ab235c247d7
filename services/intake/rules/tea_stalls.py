"""茶摊: what a line of a sitting says, who said it, and which lines are alike. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from rapidfuzz import fuzz

from services.intake.rules.requests import TITLE_CHARACTERS_MAX
from shared.errors import Rejected

PLACE_CHARACTERS_MAX: Final = 80
WHO_CHARACTERS_MAX: Final = 80
ENTRIES_MAX: Final = 50  # in one call; a page sends more in several
GROUPED_MAX: Final = 400  # lines of one sitting that are compared; each with each
ALIKE: Final = 62.0  # of 100; people put one matter in different words

_RESIDENT = re.compile(r"[A-Za-z]+-?[0-9]{4,}")
_PHONE = re.compile(r"\+?[0-9](?:[ -]?[0-9]){6,14}")
_MARKS = re.compile(r"[\W_]+")
# Said by everybody about everything: they make different matters look alike.
_FILLERS = re.compile(
    r"请|希望|建议|能不能|可不可以|尽快|赶紧|社区|我们|一下|帮忙|谢谢|了|的|啊|呢|吧"
)


@dataclass(frozen=True, slots=True)
class Who:
    """Who said it, as far as the line tells: a number of the register, or a name and a phone."""

    resident_no: str | None = None
    name: str | None = None
    phone: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A request of a sitting, for comparison."""

    request_no: str
    kind: str
    text: str


def read_who(typed: str) -> Who:
    """`R000127`, `13812345678`, `王秀英 138 1234 5678` or a name alone; empty is nobody."""
    typed = " ".join(typed.split())
    if len(typed) > WHO_CHARACTERS_MAX:
        raise Rejected(
            "who",
            f"who：不得超过 {WHO_CHARACTERS_MAX} 个字符",
            f"who: at most {WHO_CHARACTERS_MAX} characters",
            pointer="/who",
        )
    if _RESIDENT.fullmatch(typed):
        return Who(resident_no=typed.upper())
    found = _PHONE.search(typed)
    phone = re.sub(r"[ -]", "", found[0]) if found else None
    name = (typed[: found.start()] + typed[found.end() :] if found else typed).strip(" ,，:：;；")
    return Who(name=name or None, phone=phone)


def title_of(text: str) -> str:
    """The first line of what was said, short enough for a title."""
    first = text.strip().split("\n", 1)[0].strip()
    if len(first) <= TITLE_CHARACTERS_MAX:
        return first
    return first[: TITLE_CHARACTERS_MAX - 1] + "…"


def alike(lines: Sequence[Line]) -> list[list[Line]]:
    """Groups of two and more that seem to say the same, the largest first; a person decides.

    Each line joins the first group whose first line it is like: no chain of small steps puts
    strangers together. At most `GROUPED_MAX` lines are looked at.
    """
    groups: list[tuple[str, list[Line]]] = []
    for line in lines[:GROUPED_MAX]:
        said = _core(line.text)
        for first, members in groups:
            if members[0].kind == line.kind and likeness(first, said) >= ALIKE:
                members.append(line)
                break
        else:
            groups.append((said, [line]))
    return sorted((each for _, each in groups if len(each) > 1), key=len, reverse=True)


def likeness(one: str, other: str) -> float:
    """0 to 100. A short line that is all inside a long one counts nearly as an equal one."""
    if not one or not other:
        return 0.0
    whole: float = fuzz.ratio(one, other)
    inside: float = fuzz.partial_ratio(one, other) if min(len(one), len(other)) >= 4 else 0.0
    return max(whole, inside * 0.9)


def _core(text: str) -> str:
    return _FILLERS.sub("", _MARKS.sub("", text.lower()))


def stall_no(on: date, number: int) -> str:
    """T + the day + a number that never repeats, such as T20261003-000042."""
    return f"T{on:%Y%m%d}-{number:06d}"


def check_place(place: str) -> str:
    """The place as it is kept; raises Rejected."""
    place = " ".join(place.split())
    if not 1 <= len(place) <= PLACE_CHARACTERS_MAX:
        raise Rejected(
            "place",
            f"place：须为 1 至 {PLACE_CHARACTERS_MAX} 个字符",
            f"place: must have 1 to {PLACE_CHARACTERS_MAX} characters",
            pointer="/place",
        )
    return place

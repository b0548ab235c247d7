"""领单: what may be opened for claiming, and what a claim's minutes may be. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from services.intake.rules.handling import Standing
from shared.errors import Rejected

ROLES: Final = ("party_member", "volunteer")
"""Residents with one of these roles, where the request is, may claim."""
PLACES_MAX: Final = 500
ABOUT_CHARACTERS_MAX: Final = 200
PLACE_CHARACTERS_MAX: Final = 100
SKILL_CHARACTERS_MAX: Final = 20
SKILLS_MAX: Final = 20
WINDOW_MAX: Final = timedelta(hours=24)
AHEAD_MAX: Final = timedelta(days=366)

_unwanted = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]").search


_DESK: Final = frozenset({"clerk", "dispatcher", "head", "secretary"})


def may_lead(standing: Standing) -> bool:
    """Whether somebody opens, confirms and closes claims: of the unit, or of the area's desk."""
    return bool(standing.own or standing.area & _DESK)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOpening:
    """So many places, for whoever can do all of `skills`, from `starts_at` to `ends_at`."""

    about: str
    place: str
    places: int
    skills: Sequence[str]
    starts_at: datetime
    ends_at: datetime


def check_opening(new: NewOpening, now: datetime) -> None:
    """Raises Rejected naming the field."""
    _text("claim_about", new.about, ABOUT_CHARACTERS_MAX)
    _text("claim_place", new.place, PLACE_CHARACTERS_MAX)
    if not 1 <= new.places <= PLACES_MAX:
        raise wrong("claim_places", f"须为 1 至 {PLACES_MAX}", f"must be from 1 to {PLACES_MAX}")
    if not new.starts_at < new.ends_at <= new.starts_at + WINDOW_MAX:
        raise wrong(
            "claim_to",
            "结束须晚于开始，且不超过 24 小时",
            "must be after the beginning, by at most 24 hours",
        )
    if not now < new.ends_at <= now + AHEAD_MAX:
        raise wrong("claim_on", "须为今后一年内的时间", "must be within the next year")


def read_skills(listed: Iterable[str]) -> list[str]:
    """Each skill once, in order; raises Rejected for one that is too long, or too many."""
    skills = list(dict.fromkeys(each.strip() for each in listed if each.strip()))
    if len(skills) > SKILLS_MAX:
        raise wrong("skills", f"最多 {SKILLS_MAX} 项", f"at most {SKILLS_MAX}")
    for skill in skills:
        _text("skills", skill, SKILL_CHARACTERS_MAX)
    return skills


def check_minutes(minutes: int, starts_at: datetime, ends_at: datetime) -> None:
    """Raises Rejected for more than the time it was open for."""
    most = (ends_at - starts_at) // timedelta(minutes=1)
    if not 1 <= minutes <= most:
        raise wrong("minutes", f"须为 1 至 {most} 分钟", f"must be from 1 to {most} minutes")


def _text(name: str, value: str, most: int) -> None:
    if not 1 <= len(value.strip()) <= most or _unwanted(value):
        raise wrong(name, f"须为 1 至 {most} 个字", f"must have 1 to {most} characters")


def wrong(name: str, zh: str, en: str) -> Rejected:
    """What is wrong with a field of a claim's form."""
    return Rejected("claim", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")

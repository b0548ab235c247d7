"""结案和评单: when a request may be called done, and how its resident is asked. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from services.intake.rules import pictures
from services.intake.rules.coordinates import Place, metres_between
from shared.errors import Rejected

PHOTO_KINDS: Final = ("before", "after", "evidence")
OUTCOMES: Final = ("resolved", "partly", "explained", "unresolved")  # the handler's word
PROVEN: Final = frozenset({"resolved", "partly"})  # outcomes that say something was done there
SOLVED: Final = ("solved", "partly", "unsolved")  # the resident's word
SATISFIED: Final = ("satisfied", "basically", "dissatisfied")
VERDICT_WAYS: Final = ("link", "page", "call_back")
WORDS_CHARACTERS_MAX: Final = 500
TRIES_MAX: Final = 3  # call-backs that nobody answers
CLOCKS_DIFFER: Final = timedelta(minutes=10)


class ClosingCondition(Protocol):
    """What the catalogue asks for before a request of a condition is done."""

    @property
    def needs_before(self) -> bool:
        """A photo of how it was."""

    @property
    def needs_after(self) -> bool:
        """A photo of how it is now."""

    @property
    def near_m(self) -> int | None:
        """How far from the place the photo after may have been taken, in metres."""


class Shown(Protocol):
    """A photo as proof looks at it."""

    @property
    def kind(self) -> str: ...
    @property
    def uploaded_at(self) -> datetime: ...
    @property
    def taken_at(self) -> datetime | None: ...
    @property
    def lat(self) -> float | None: ...
    @property
    def lon(self) -> float | None: ...
    @property
    def sha256(self) -> bytes: ...
    @property
    def likeness(self) -> int: ...
    @property
    def is_blank(self) -> bool: ...


Photo = TypeVar("Photo", bound=Shown)


@dataclass(frozen=True, slots=True)
class Terms:
    """How residents are asked, as a version of the terms has it."""

    version: int
    link_days: int
    window_days: int
    sample_percent: int
    sample_natures: tuple[str, ...]
    call_back_days: int


def check_proof(
    asks: ClosingCondition | None,
    photos: Sequence[Photo],
    *,
    since: datetime,
    place: Place | None,
    is_used_elsewhere: Callable[[Photo], bool],
) -> list[Photo]:
    """The photos after that prove it; raises Rejected saying what is missing or wrong.

    `since` is when the request was made or last given back: a photo older than that proves
    nothing. `place` is the request's own. Without a condition nothing is asked for.
    """
    before = [photo for photo in photos if photo.kind == "before"]
    after = [photo for photo in photos if photo.kind == "after"]
    if asks is None:
        return after
    if asks.needs_before and not before:
        raise _refused("缺少处理前的照片", "a photo of how it was before is missing")
    if not asks.needs_after:
        return after
    fresh = [photo for photo in after if photo.uploaded_at >= since]
    if not fresh:
        raise _refused(
            "缺少处理后的照片：请在提出诉求（或退回重办）之后拍摄并上传",
            "a photo after the work is missing: take one after the request was made or sent back",
        )
    problems: list[Rejected] = []
    good = []
    for photo in reversed(fresh):  # the newest is what the handler means
        problem = _problem_of(
            photo, asks, before, since=since, place=place, is_used_elsewhere=is_used_elsewhere
        )
        if problem is None:
            good.append(photo)
        else:
            problems.append(problem)
    if not good:
        raise problems[0]
    return good


def _problem_of(
    photo: Photo,
    asks: ClosingCondition,
    before: Sequence[Photo],
    *,
    since: datetime,
    place: Place | None,
    is_used_elsewhere: Callable[[Photo], bool],
) -> Rejected | None:
    if photo.is_blank:
        return _refused("处理后的照片一片空白，请重拍", "the photo after is blank: take another")
    if (wrong_time := _wrong_time(photo, since)) is not None:
        return wrong_time
    if any(_same(photo, other) for other in before):
        return _refused(
            "处理后的照片与处理前的是同一张", "the photo after is the same as one from before"
        )
    away_m = _away_m(photo, before, place)
    if asks.near_m is not None and away_m is not None and away_m > asks.near_m:
        return _refused(
            f"处理后的照片拍摄地点距现场约 {away_m:.0f} 米，须在 {asks.near_m} 米以内",
            f"the photo after was taken some {away_m:.0f} m away; at most {asks.near_m} m",
        )
    if is_used_elsewhere(photo):
        return _refused(
            "处理后的照片已用于另一件诉求", "the photo after was used for another request"
        )
    return None


def _wrong_time(photo: Shown, since: datetime) -> Rejected | None:
    if photo.taken_at is not None and photo.taken_at < since:
        return _refused(
            "处理后的照片拍摄于诉求提出（或退回）之前",
            "the photo after was taken before the request was made or sent back",
        )
    if photo.taken_at is not None and photo.taken_at > photo.uploaded_at + CLOCKS_DIFFER:
        return _refused(
            "处理后照片的拍摄时间晚于上传时间，请校准手机时间",
            "the photo after says that it was taken after it came: set the telephone's clock",
        )
    return None


def _same(one: Shown, other: Shown) -> bool:
    if one.sha256 == other.sha256:
        return True
    near = pictures.distance(one.likeness, other.likeness) <= pictures.SAME_WITHIN
    return near and not (one.is_blank or other.is_blank)


def _away_m(photo: Shown, before: Sequence[Shown], place: Place | None) -> float | None:
    """How far the photo is from the nearest place that is known of the request, in metres."""
    if photo.lat is None or photo.lon is None:
        return None
    known = [(each.lat, each.lon) for each in before if each.lat is not None]
    if place is not None:
        known.append(place)
    distances = [
        metres_between((photo.lat, photo.lon), (lat, lon))
        for lat, lon in known
        if lat is not None and lon is not None
    ]
    return min(distances, default=None)


def check_two_people(checker: str, *handlers: str | None) -> None:
    """Raises Rejected when somebody would check the own work."""
    if checker in handlers:
        raise Rejected(
            "same_person",
            "核查人不能是承办人，请由另一人核查",
            "nobody checks the own work: let somebody else do it",
            pointer="/action",
        )


def is_sampled(public_code: str, round_no: int, percent: int) -> bool:
    """Whether a silent round is called back: decided by the request itself, picked by nobody."""
    digest = hashlib.sha256(f"{public_code}:{round_no}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100 < percent


def why_called_back(
    terms: Terms, *, public_code: str, round_no: int, nature: str, is_asked: bool
) -> str | None:
    """Why a silent round is called back: nature, unasked or sample; None when it is not."""
    if nature in terms.sample_natures:
        return "nature"
    if not is_asked:
        return "unasked"
    return "sample" if is_sampled(public_code, round_no, terms.sample_percent) else None


def _refused(zh: str, en: str) -> Rejected:
    return Rejected("proof", f"photo：{zh}", f"photo: {en}", pointer="/photo")

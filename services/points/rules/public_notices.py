"""公示: awards are shown before they count. The law of lines, notices and objections; no I/O.

A line is one award. It waits to be shown, is shown for days, and then counts, unless somebody
objects: an objection stops its own line and no other, until a manager has decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from shared.errors import Conflict, Rejected

DAYS_DEFAULT = 7
DAYS_MAX = 90
LINES_MAX = 5_000  # in one notice; what is more waits for the next
TEXT_MIN, TEXT_MAX = 4, 500


class State(StrEnum):
    """Where a line stands."""

    WAITING = "waiting"
    SHOWN = "shown"
    DISPUTED = "disputed"
    POSTED = "posted"
    REVERSED = "reversed"


# The database holds the same (migration 0003). A line may be reversed for other reasons than an
# objection, such as an award that turns out to be wrong; what is posted is reversed elsewhere.
TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.WAITING: frozenset({State.SHOWN, State.REVERSED}),
    State.SHOWN: frozenset({State.DISPUTED, State.POSTED, State.REVERSED}),
    State.DISPUTED: frozenset({State.SHOWN, State.REVERSED}),
    State.POSTED: frozenset(),
    State.REVERSED: frozenset(),
}
UNDECIDED = frozenset({State.WAITING, State.SHOWN, State.DISPUTED})


class Reason(StrEnum):
    """What somebody objects to."""

    NOT_DONE = "not_done"
    WRONG_AMOUNT = "wrong_amount"
    WRONG_PERSON = "wrong_person"
    TWICE = "twice"
    OTHER = "other"


class Outcome(StrEnum):
    """What a manager decides."""

    DISMISSED = "dismissed"
    UPHELD = "upheld"


@dataclass(frozen=True, slots=True)
class Period:
    """The days whose awards a notice shows, both inclusive."""

    first: date
    last: date


def notice_days(declared: object) -> int | None:
    """How many days a rule set shows its awards, by its part `notice`; None: it does not.

    `true` (7 days) or `{"days": n}`, n from 1 to 90. Raises Rejected for anything else.
    """
    if declared is None or declared is False:
        return None
    days = DAYS_DEFAULT if declared is True else None
    if isinstance(declared, Mapping) and set(declared) == {"days"}:
        days = declared["days"]
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= DAYS_MAX:
        raise Rejected(
            "bad_rules",
            f'规则 notice 应为 true 或 {{"days": n}}，n 为 1 至 {DAYS_MAX} 的整数',
            f'rule notice must be true or {{"days": n}} with a whole number from 1 to {DAYS_MAX}',
            pointer="/notice",
        )
    return days


def month_of(on: date) -> Period:
    """The whole month of a day."""
    following = (on.replace(day=1) + timedelta(days=32)).replace(day=1)
    return Period(on.replace(day=1), following - timedelta(days=1))


def month_before(on: date) -> Period:
    """The month before that of a day: what a manager publishes as a rule."""
    return month_of(on.replace(day=1) - timedelta(days=1))


def check_period(period: Period) -> Period:
    """The same; raises Rejected when it ends before it begins, or is longer than a year."""
    if period.last < period.first:
        raise Rejected(
            "bad_period",
            "截止日早于起始日，请核对",
            "the last day is before the first: check both",
            pointer="/last",
        )
    if (period.last - period.first).days > 366:
        raise Rejected(
            "bad_period",
            "一次公示最多一年，请缩短期间",
            "one notice shows a year at most: shorten the period",
            pointer="/last",
        )
    return period


def ends_at(published_at: datetime, days: int) -> datetime:
    """When the last of the days is over: whole days of 24 hours from the publication."""
    return published_at + timedelta(days=days)


def check_days(asked: int | None, least: int) -> int:
    """For how many days to show; raises Rejected for fewer than the rules of a line ask for."""
    days = least if asked is None else asked
    if not least <= days <= DAYS_MAX:
        raise Rejected(
            "bad_days",
            f"公示天数须在 {least} 至 {DAYS_MAX} 之间（规则要求至少 {least} 天）",
            f"must be from {least} to {DAYS_MAX} days: the rules ask for at least {least}",
            pointer="/days",
        )
    return days


def check_text(text: str, pointer: str) -> str:
    """What somebody wrote, without space around it; raises Rejected when too short or too long."""
    written = text.strip()
    if not TEXT_MIN <= len(written) <= TEXT_MAX:
        raise Rejected(
            "bad_text",
            f"请写 {TEXT_MIN} 至 {TEXT_MAX} 个字，说明情况",
            f"write {TEXT_MIN} to {TEXT_MAX} characters that say what is the matter",
            pointer=pointer,
        )
    if "\x00" in written:
        raise Rejected("bad_text", "含有空字符，请删去", "holds a NUL: remove it", pointer=pointer)
    return written


def check_may_object(state: State, ends: datetime, now: datetime) -> None:
    """Raises Conflict when the notice is over or the line is decided."""
    if now >= ends or state not in {State.SHOWN, State.DISPUTED}:
        raise Conflict(
            "notice_over",
            "公示期已结束或此行已处理，不再受理异议",
            "the notice is over or the line is decided: no objection can be taken",
        )


def check_may_decide(by: str, made_by: str, raised_by: frozenset[str]) -> None:
    """Raises Conflict for somebody who made the notice or raised an objection to the line."""
    if by == made_by:
        raise Conflict(
            "four_eyes",
            "本批公示由您发布，请由另一位管理员裁决",
            "you made this notice: another manager must decide",
        )
    if by in raised_by:
        raise Conflict(
            "four_eyes",
            "异议由您提出，请由另一位管理员裁决",
            "you raised the objection: another manager must decide",
        )


def notice_no(community_code: str, period: Period, serial: int) -> str:
    """What a notice is called: its community, the month its period begins in, and a number."""
    return f"{community_code}-{period.first:%Y%m}-{serial}"

"""奖品: what a reward may be, and who may redeem it on which day."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from services.points.rules.explaining import Words
from shared.errors import Conflict, LinliError, Rejected

KINDS = {
    "goods": Words("实物", "goods"),
    "honour": Words("荣誉", "honours"),
    "venue": Words("场地", "venues"),
    "service": Words("服务", "services"),
}
SPANS = {
    "month": Words("每月", "a month"),
    "quarter": Words("每季度", "a quarter"),
    "year": Words("每年", "a year"),
}
ASSETS = {"points": Words("积分", "points"), "time_coins": Words("时间币", "time coins")}
WEEKDAYS = (
    Words("周一", "Mon"),
    Words("周二", "Tue"),
    Words("周三", "Wed"),
    Words("周四", "Thu"),
    Words("周五", "Fri"),
    Words("周六", "Sat"),
    Words("周日", "Sun"),
)

TITLE_CHARS_MAX = 80
ABOUT_CHARS_MAX = 1000
PRICE_MAX = 1_000_000
STOCK_MAX = 1_000_000
PICKUP_HOURS_MAX = 24 * 90
LOOK_AHEAD_DAYS = 400

_slug = re.compile(r"[a-z0-9-]{2,40}").fullmatch
_code = re.compile(r"[A-Za-z0-9-]{1,32}").fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a reward is and for whom. Prices in whole points (or coins), value in fen (0.01 yuan).

    `month_days` and `weekdays` (1 is Monday): the exchange days, empty for any day.
    """

    kind: str
    title: str
    price: int
    place: str
    active_from: date
    about: str = ""
    asset: str = "points"
    community_code: str | None = None
    partner: str | None = None
    value_fen: int | None = None
    minutes: int | None = None
    venue_code: str | None = None
    min_service_minutes: int = 0
    limit_count: int | None = None
    limit_span: str | None = None
    month_days: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()
    exchange_from: date | None = None
    exchange_to: date | None = None
    active_to: date | None = None
    pickup_hours: int = 24 * 7

    def columns(self) -> dict[str, Any]:
        """The values by the names of their columns."""
        return asdict(self) | {
            "month_days": list(self.month_days),
            "weekdays": list(self.weekdays),
        }


@dataclass(frozen=True, slots=True)
class Asker:
    """Who redeems, as far as the terms care."""

    community_code: str | None
    service_minutes: int
    redeemed_in_span: int = 0


def check_terms(terms: Terms) -> Terms:
    """The terms; raises Rejected naming the first field that breaks a rule."""
    for field, is_wrong, zh, en in _problems(terms):
        if is_wrong:
            raise Rejected("bad_reward", zh, en, pointer=f"/{field}")
    return terms


def _problems(t: Terms) -> list[tuple[str, bool, str, str]]:
    """(field, whether it is wrong, what to do in Chinese, in English), in the order of the form."""
    window = t.exchange_from and t.exchange_to and t.exchange_to < t.exchange_from
    return [
        ("kind", t.kind not in KINDS, "请选择类别", "choose a kind"),
        (
            "title",
            not 1 <= len(t.title) <= TITLE_CHARS_MAX,
            f"名称须为 1 至 {TITLE_CHARS_MAX} 字",
            f"the title needs 1 to {TITLE_CHARS_MAX} characters",
        ),
        (
            "about",
            len(t.about) > ABOUT_CHARS_MAX,
            f"说明最多 {ABOUT_CHARS_MAX} 字",
            f"at most {ABOUT_CHARS_MAX} characters",
        ),
        (
            "place",
            not 1 <= len(t.place) <= TITLE_CHARS_MAX,
            f"领取地点须为 1 至 {TITLE_CHARS_MAX} 字",
            f"say where to collect it, in 1 to {TITLE_CHARS_MAX} characters",
        ),
        *_problems_of_price(t),
        *_problems_of_kind(t),
        (
            "limit_count",
            (t.limit_count is None) != (t.limit_span is None)
            or (t.limit_count is not None and not 1 <= t.limit_count <= STOCK_MAX)
            or (t.limit_span is not None and t.limit_span not in SPANS),
            "限兑份数与周期须同时填写，份数至少为 1",
            "give both the number (at least 1) and the span of a limit",
        ),
        (
            "month_days",
            any(not 1 <= day <= 31 for day in t.month_days),
            "每月兑换日须为 1 至 31",
            "exchange days of the month are from 1 to 31",
        ),
        (
            "weekdays",
            any(not 1 <= day <= 7 for day in t.weekdays),
            "每周兑换日须为周一至周日",
            "exchange days of the week are Monday to Sunday",
        ),
        ("exchange_to", bool(window), "兑换截止日早于起始日", "the window ends before it begins"),
        (
            "active_to",
            t.active_to is not None and t.active_to < t.active_from,
            "下架日早于上架日",
            "the last day is before the first",
        ),
        (
            "pickup_hours",
            not 1 <= t.pickup_hours <= PICKUP_HOURS_MAX,
            f"领取期限须为 1 至 {PICKUP_HOURS_MAX} 小时",
            f"the time to collect is from 1 to {PICKUP_HOURS_MAX} hours",
        ),
        (
            "min_service_minutes",
            not 0 <= t.min_service_minutes <= STOCK_MAX,
            "最低服务时长不能为负",
            "the least service time cannot be negative",
        ),
    ]


def _problems_of_price(t: Terms) -> list[tuple[str, bool, str, str]]:
    return [
        (
            "price",
            not 1 <= t.price <= PRICE_MAX,
            f"单价须为 1 至 {PRICE_MAX}",
            f"the price is from 1 to {PRICE_MAX}",
        ),
        (
            "asset",
            t.asset not in ASSETS or (t.asset == "time_coins" and t.kind != "service"),
            "只有服务可以用时间币支付",
            "only services can be paid in time coins",
        ),
        (
            "value_fen",
            t.value_fen is not None and not 0 <= t.value_fen <= 10**9,
            "参考价值须为不小于 0 的金额",
            "the value is an amount of 0 or more",
        ),
    ]


def _problems_of_kind(t: Terms) -> list[tuple[str, bool, str, str]]:
    return [
        (
            "partner",
            t.partner is not None and not _slug(t.partner),
            "合伙人代号只用小写字母、数字和连字符，2 至 40 个",
            "a partner's slug has 2 to 40 of a-z, 0-9 and hyphen",
        ),
        (
            "partner",
            t.kind == "service" and t.partner is None,
            "服务须写明由哪个合伙人提供",
            "say which partner provides the service",
        ),
        (
            "minutes",
            (t.kind == "service") != (t.minutes is not None)
            or (t.minutes is not None and not 1 <= t.minutes <= 1440),
            "服务须写明时长（1 至 1440 分钟），其他类别不填",
            "a service, and nothing else, says how many minutes it takes (1 to 1440)",
        ),
        (
            "venue_code",
            (t.kind == "venue") != (t.venue_code is not None)
            or (t.venue_code is not None and not _code(t.venue_code)),
            "场地须有编号（字母、数字、连字符），其他类别不填",
            "a venue, and nothing else, has a code of letters, digits and hyphens",
        ),
        (
            "community_code",
            t.community_code is not None and not _code(t.community_code),
            "社区编码只用字母、数字和连字符",
            "a community code has letters, digits and hyphens",
        ),
    ]


def period_start(span: str, on: date) -> date:
    """The first day of the month, quarter or year of a day."""
    if span == "month":
        return on.replace(day=1)
    if span == "quarter":
        return on.replace(month=(on.month - 1) // 3 * 3 + 1, day=1)
    if span == "year":
        return on.replace(month=1, day=1)
    raise ValueError(f"{span!r} is no span of a limit")


def is_exchange_day(terms: Terms, on: date) -> bool:
    """Whether the reward may be redeemed on this day; both kinds of days must agree."""
    return (
        terms.active_from <= on
        and (terms.active_to is None or on <= terms.active_to)
        and (terms.exchange_from is None or terms.exchange_from <= on)
        and (terms.exchange_to is None or on <= terms.exchange_to)
        and (not terms.month_days or on.day in terms.month_days)
        and (not terms.weekdays or on.isoweekday() in terms.weekdays)
    )


def next_exchange_day(terms: Terms, on: date) -> date | None:
    """The first such day from this one on, within LOOK_AHEAD_DAYS; None when there is none."""
    days = (on + timedelta(days=n) for n in range(LOOK_AHEAD_DAYS))
    return next((day for day in days if is_exchange_day(terms, day)), None)


def refusal(terms: Terms, asker: Asker, quantity: int, on: date) -> LinliError | None:
    """Why this asker may not redeem so many today; None when nothing is against it.

    Balance and stock are not asked here.
    """
    if terms.community_code is not None and terms.community_code != asker.community_code:
        return Conflict(
            "other_community",
            "这件奖品只供指定社区的居民兑换",
            "this reward is for residents of another community",
        )
    if not is_exchange_day(terms, on):
        following = next_exchange_day(terms, on)
        return Conflict(
            "not_exchange_day",
            f"今天不是兑换日，下一个兑换日是 {following}" if following else "兑换期已经结束",
            f"today is no exchange day; the next is {following}"
            if following
            else "the time to redeem it is over",
        )
    if asker.service_minutes < terms.min_service_minutes:
        return Conflict(
            "too_little_service",
            f"服务满 {_hours(terms.min_service_minutes)} 小时才能兑换，"
            f"您现有 {_hours(asker.service_minutes)} 小时",
            f"it takes {_hours(terms.min_service_minutes)} hours of service,"
            f" you have {_hours(asker.service_minutes)}",
        )
    if terms.limit_count is not None and terms.limit_span is not None:
        left = terms.limit_count - asker.redeemed_in_span
        if quantity > left:
            span = SPANS[terms.limit_span]
            return Conflict(
                "limit_reached",
                f"每人{span.zh}限兑 {terms.limit_count} 份，您还可兑 {max(left, 0)} 份",
                f"at most {terms.limit_count} {span.en}, {max(left, 0)} left for you",
                pointer="/quantity",
            )
    return None


def check_quantity(kind: str, quantity: int, most: int) -> None:
    """How many at once: one of an honour or a venue; raises Rejected."""
    allowed = 1 if kind in {"honour", "venue"} else most
    if not 1 <= quantity <= allowed:
        raise Rejected(
            "bad_quantity",
            f"份数须为 1 至 {allowed}",
            f"the quantity must be from 1 to {allowed}",
            pointer="/quantity",
        )


def pairs_of(terms: Terms) -> Mapping[str, Any]:
    """The terms as a change is written down: what JSON can hold."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in terms.columns().items()
    }


def _hours(minutes: int) -> str:
    whole, rest = divmod(minutes, 60)
    return f"{whole}" if not rest else f"{whole}.{rest * 10 // 60}"

"""What rewards and redemptions are called on pages."""

from __future__ import annotations

from services.points.queries.rewards import Found
from services.points.rules.redemptions import RELEASED_WORDS, How, State
from services.points.rules.rewards import ASSETS, KINDS, SPANS, WEEKDAYS, Terms
from shared.web.i18n import t

STATES = {
    State.HELD: ("wait", "待领取", "To be collected"),
    State.COLLECTED: ("ok", "已领取", "Collected"),
    State.RELEASED: ("off", "已退回", "Given back"),
}
STOCK_KINDS = {
    "initial": ("初始", "Initial"),
    "restock": ("补货", "Restocked"),
    "withdraw": ("取出", "Taken out"),
}
CHANGES = {
    "add": ("上架", "Added"),
    "change": ("更改", "Changed"),
    "open": ("重新开放", "Opened again"),
    "closed": ("下架", "Closed"),
    "add_slot": ("增加时段", "Slot added"),
    "remove_slot": ("撤回时段", "Slot removed"),
}


def reward_words() -> dict[str, object]:
    """Functions for templates, all in the reader's language."""
    return {
        "kind_word": lambda kind: t(KINDS[kind].zh, KINDS[kind].en.capitalize()),
        "asset_word": lambda asset: t(ASSETS[asset].zh, ASSETS[asset].en),
        "reward_rules": rules_of,
        "redemption_state": state_of,
        "why_released": why_released,
        "stock_word": lambda kind: t(*STOCK_KINDS[kind]),
        "change_word": lambda verb: t(*CHANGES.get(verb, (verb, verb))),
        "REWARD_KINDS": lambda: [(name, t(w.zh, w.en.capitalize())) for name, w in KINDS.items()],
        "REWARD_ASSETS": lambda: [(name, t(w.zh, w.en)) for name, w in ASSETS.items()],
        "REWARD_SPANS": lambda: [
            ("", t("不限", "No limit")),
            *((name, t(w.zh, w.en)) for name, w in SPANS.items()),
        ],
        "WEEKDAY_WORDS": lambda: [(str(n), t(w.zh, w.en)) for n, w in enumerate(WEEKDAYS, start=1)],
    }


def state_of(state: str) -> tuple[str, str]:
    """The tone and the words of a redemption's chip."""
    tone, zh, en = STATES[State(state)]
    return tone, t(zh, en)


def why_released(found: Found) -> str:
    """Why it was given back; empty when it was not."""
    said = RELEASED_WORDS.get(How(found.settled_how)) if found.settled_how else None
    return t(said.zh, said.en) if said else ""


def rules_of(terms: Terms) -> list[tuple[str, str]]:
    """When, by whom and how often a reward may be redeemed: (what, rule)."""
    rules = [(t("领取地点", "Collect at"), terms.place)]
    if terms.minutes is not None:
        rules.append((t("时长", "Takes"), t(f"{terms.minutes} 分钟", f"{terms.minutes} minutes")))
    if days := _days(terms):
        rules.append((t("兑换日", "Exchange days"), days))
    if terms.limit_count is not None and terms.limit_span is not None:
        span = SPANS[terms.limit_span]
        rules.append(
            (
                t("限兑", "Limit"),
                t(f"每人{span.zh} {terms.limit_count} 份", f"{terms.limit_count} {span.en} each"),
            )
        )
    if terms.min_service_minutes:
        hours = terms.min_service_minutes // 60
        rules.append(
            (
                t("服务门槛", "Service needed"),
                t(f"累计服务满 {hours} 小时", f"{hours} hours in all"),
            )
        )
    if terms.kind != "venue":
        rules.append((t("领取期限", "Time to collect"), _pickup(terms.pickup_hours)))
    if terms.value_fen:
        yuan, fen = divmod(terms.value_fen // terms.price, 100)
        each = f"{yuan}.{fen:02d}"
        unit = ASSETS[terms.asset]
        rules.append(
            (
                t("折合", "Worth"),
                t(f"1 {unit.zh}约 ¥{each}", f"about ¥{each} for 1 of your {unit.en}"),
            )
        )
    return rules


def _days(terms: Terms) -> str:
    parts = []
    if terms.month_days:
        days = t("、", ", ").join(map(str, terms.month_days))
        parts.append(t(f"每月 {days} 日", f"day {days} of the month"))
    if 0 < len(terms.weekdays) < len(WEEKDAYS):
        named = [WEEKDAYS[day - 1] for day in terms.weekdays]
        parts.append(t("、".join(w.zh for w in named), ", ".join(w.en for w in named)))
    if terms.exchange_from or terms.exchange_to:
        first, last = terms.exchange_from or "…", terms.exchange_to or "…"
        parts.append(t(f"{first} 至 {last}", f"{first} to {last}"))
    return t("，", "; ").join(parts)


def _pickup(hours: int) -> str:
    days, rest = divmod(hours, 24)
    if rest or not days:
        return t(f"兑换后 {hours} 小时内", f"within {hours} hours")
    return t(f"兑换后 {days} 天内", f"within {days} days")

"""The words of the board: its figures, its rates, its reasons."""

from __future__ import annotations

from typing import Final

from services.intake.rules.board import Rate
from shared.web.i18n import t

PARTS: Final = {
    "received": ("收到", "Received"),
    "open": ("在办", "Open"),
    "ended": ("已了结", "Ended"),
    "overdue": ("超期未办", "Overdue"),
    "soon": ("两小时内到期", "Due within two hours"),
    "excluded": ("剔除", "Excluded"),
    "no_place": ("缺地址", "Without a place"),
    "response_due": ("应响应", "To be answered"),
    "response_met": ("按时响应", "Answered in time"),
    "asked": ("已问到居民", "Residents who said"),
    "solved": ("已解决", "Solved"),
    "partly": ("部分解决", "Partly solved"),
    "unsolved": ("未解决", "Not solved"),
    "rated": ("已评价", "Rated"),
    "satisfied": ("满意", "Satisfied"),
    "basically": ("基本满意", "Basically satisfied"),
    "dissatisfied": ("不满意", "Dissatisfied"),
    "resolve_due": ("应办结", "To be resolved"),
    "resolve_met": ("按时办结", "Resolved in time"),
    "resolved_once": ("办结过", "Resolved at least once"),
    "reworked": ("返工", "Reworked"),
    "dispatched": ("已派单", "Dispatched"),
    "dispatched_right": ("一次派对", "Dispatched right at once"),
}
RATES: Final = {
    "response": ("响应率", "Response"),
    "resolution": ("解决率", "Resolution"),
    "satisfaction": ("满意率", "Satisfaction"),
    "on_time": ("按时办结率", "On time"),
    "rework": ("返工率", "Rework"),
    "accurate": ("准确派单率", "Accurate dispatch"),
}
REASONS: Final = {
    "not_ours": ("不属本区职权", "Not the district's to decide"),
    "not_true": ("经核实不属实", "Verified: not so"),
    "policy": ("政策所限，已向居民说明", "Bound by policy, explained"),
    "force_majeure": ("不可抗力", "Beyond anybody's power"),
    "malicious": ("恶意重复", "Repeated in bad faith"),
    "test": ("测试数据", "A test"),
}
EXCLUSION_STATES: Final = {
    "proposed": ("待审批", "Waits for a second person"),
    "approved": ("已剔除", "Excluded"),
    "refused": ("未准", "Refused"),
}


def part_word(name: str) -> str:
    """What a figure is called."""
    return t(*PARTS[name])


def rate_word(name: str) -> str:
    """What a rate is called."""
    return t(*RATES[name])


def percent(value: int | None) -> str:
    """86.4 % from ten-thousandths, rounded down to what is shown; — where nothing was counted."""
    return "—" if value is None else f"{value // 100}.{value % 100 // 10} %"


def tone(rate: Rate) -> str:
    """How a rate is to be seen; what few is of is not judged by its colour alone."""
    if rate.value is None:
        return "off"
    value = 10_000 - rate.value if rate.name == "rework" else rate.value
    if value >= 9000:
        return "ok"
    return "wait" if value >= 8000 else "warn"

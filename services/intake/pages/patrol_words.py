"""The words that pages of alerts, patrols and rectification show for codes."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared import clock
from shared.web.display import minutes as in_words
from shared.web.i18n import t

LEVELS = {
    "normal": ("日常", "Normal"),
    "blue": ("Ⅳ级（蓝）", "Ⅳ blue"),
    "yellow": ("Ⅲ级（黄）", "Ⅲ yellow"),
    "orange": ("Ⅱ级（橙）", "Ⅱ orange"),
    "red": ("Ⅰ级（红）", "Ⅰ red"),
}
LEVEL_TONES = {"normal": "off", "blue": "wait", "yellow": "warn", "orange": "warn", "red": "bad"}
SPOT_KINDS = {
    "low_lying": ("低洼点", "Low-lying"),
    "station": ("车站", "Station"),
    "school": ("学校", "School"),
    "river": ("河道", "River"),
    "slope": ("边坡", "Slope"),
    "site": ("工地", "Building site"),
    "other": ("其他", "Other"),
}
CAUSES = {
    "missed": ("到时未巡", "Not visited in time"),
    "raised": ("升级后超时", "Overdue by the higher level"),
}
_ALL = {"level": LEVELS, "spot": SPOT_KINDS, "cause": CAUSES}


def patrol_word(kind: str, code: str) -> str:
    """What a code is called; the code itself when it has no word."""
    return t(*_ALL[kind].get(code, (code, code)))


def patrol_options(kind: str) -> list[tuple[str, str]]:
    """(code, word) of each."""
    return [(code, t(*words)) for code, words in _ALL[kind].items()]


def due_in_words(due_at: datetime) -> tuple[str, str]:
    """(tone, words) of how soon a visit is due, to the minute."""
    left = due_at - clock.now()
    if left <= timedelta(0):
        passed = in_words(int(-left / timedelta(minutes=1)))
        return "bad", t(f"已超时 {passed}", f"overdue {passed}")
    in_time = in_words(int(left / timedelta(minutes=1)))
    tone = "warn" if left <= timedelta(minutes=15) else "ok"
    return tone, t(f"还有 {in_time}", f"in {in_time}")

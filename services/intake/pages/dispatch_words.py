"""The words of dispatch: why a request is where it is, why one was returned, what a rule asks."""

from __future__ import annotations

from services.intake.rules.dispatch import BY_KIND, DESK, Reason, When, Why
from shared.web.i18n import t

_WHY = {
    Why.RULE: ("按派单规则", "By a rule of dispatch"),
    Why.NO_RULE: ("没有适用的规则，由社区受理台办理", "No rule fits: the desk of the community"),
    Why.UNCLASSIFIED: (
        "事项目录中没有这一类别，待受理台归类",
        "Not in the catalogue: the desk classifies it",
    ),
    Why.RETURNED: ("单位退单，待受理台改派", "Given back: the desk finds another unit"),
    Why.SECOND_RETURN: ("第二次退单，由受理台兜底", "Given back twice: the desk keeps it"),
    Why.PERSON: ("派单员选定", "Chosen by a dispatcher"),
}
_REASONS = {
    Reason.NOT_OUR_DUTY: ("不属于本单位职责", "Not our duty"),
    Reason.WRONG_PLACE: ("不在本单位辖区", "Not in our area"),
    Reason.NEEDS_ANOTHER_UNIT: ("须由其他单位牵头", "Another unit has to lead"),
    Reason.NOT_ENOUGH_FACTS: ("线索不足，无法办理", "Not enough is known"),
    Reason.ALREADY_WITH_ANOTHER: ("其他单位已在办理", "Another unit is on it already"),
    Reason.NO_SUCH_THING: ("现场未发现所述情况", "Nothing of it was found on the spot"),
}
_LEVELS = {
    "normal": ("无预警", "No alert"),
    "blue": ("Ⅳ级（蓝）", "IV (blue)"),
    "yellow": ("Ⅲ级（黄）", "III (yellow)"),
    "orange": ("Ⅱ级（橙）", "II (orange)"),
    "red": ("Ⅰ级（红）", "I (red)"),
}
_KINDS = {
    "desk": ("受理台", "desk"),
    "department": ("部门", "department"),
    "village": ("村委会", "village"),
    "team": ("小组", "team"),
    "outside": ("外部单位", "outside"),
}
_TRACKS = {"community": ("社区", "community"), "village": ("村", "village")}
_URGENCIES = {
    "normal": ("一般", "normal"),
    "urgent": ("紧急", "urgent"),
    "critical": ("特急", "critical"),
}
_DAYS = ("一二三四五六日", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
STATES = {
    "draft": ("info", "起草中", "Draft"),
    "submitted": ("wait", "待审核", "Waiting"),
    "published": ("ok", "已发布", "Published"),
    "rejected": ("off", "已退回", "Rejected"),
}


def why_words(code: str | None) -> str:
    """Why a request is where it is."""
    return t(*_WHY[Why(code)]) if code in set(Why) else ""


def reason_words(code: str | None) -> str:
    """Why a unit gave it back; the code itself when it has no word."""
    return t(*_REASONS[Reason(code)]) if code in set(Reason) else (code or "")


def reason_options() -> list[tuple[str, str]]:
    """(code, word) of the reasons there are."""
    return [(code, t(*words)) for code, words in _REASONS.items()]


def level_words(code: str | None) -> str:
    """What a level of alert is called."""
    return t(*_LEVELS.get(code or "", (code or "", code or "")))


def unit_words(named: str, names: dict[str, tuple[str, str]]) -> str:
    """A unit as a rule names it."""
    if named == DESK:
        return t("社区受理台", "the desk of the community")
    if named.startswith(BY_KIND):
        kind = t(*_KINDS[named.removeprefix(BY_KIND)])
        return t(f"最近的{kind}", f"the nearest {kind}")
    return t(*names[named]) if named in names else t(f"{named}（不存在）", f"{named} (not there)")


def when_words(when: When) -> str:
    """What a rule asks for, in one line."""
    said = []
    if when.categories:
        said.append(t("类别 ", "category ") + "、".join(when.categories))
    if when.areas:
        said.append(t("区域 ", "area ") + "、".join(when.areas))
    if when.track:
        said.append(t(*_TRACKS[when.track]))
    if when.urgencies:
        said.append("、".join(t(*_URGENCIES[each]) for each in when.urgencies))
    if when.levels:
        said.append(t("预警 ", "alert ") + "、".join(level_words(each) for each in when.levels))
    if when.weekdays:
        said.append(
            t(
                "周" + "".join(_DAYS[0][day - 1] for day in when.weekdays),
                " ".join(_DAYS[1][day - 1] for day in when.weekdays),
            )
        )
    if when.begins and when.ends:
        said.append(f"{when.begins:%H:%M}–{when.ends:%H:%M}")
    return t("；", "; ").join(said) or t("全部", "everything")

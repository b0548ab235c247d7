"""What a list of dispatch rules must look like; reads it and writes it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import time
from typing import Any, Final, NamedTuple

from services.intake.rules.alerts import Level
from services.intake.rules.dispatch import BY_KIND, DESK, DispatchRule, RuleList, When
from services.intake.rules.requests import TRACKS, URGENCIES
from shared.errors import Rejected

RULES_MAX: Final = 500
LISTED_MAX: Final = 100
ASSIST_MAX: Final = 10
PRIORITY_MAX: Final = 9999
REASON_CHARACTERS_MAX: Final = 200
NEAR_M_MAX: Final = 5000
UNIT_KINDS: Final = ("desk", "department", "village", "team", "outside")

_MEMBERS = ("rules", "villages", "near_m")
_RULE_MEMBERS = ("code", "priority", "when", "unit", "assist", "reason_zh", "reason_en")
_WHEN_MEMBERS = (
    "categories", "areas", "track", "urgencies", "levels", "weekdays", "begins", "ends",
)  # fmt: skip
_code = re.compile(r"[a-z0-9-]{1,40}").fullmatch
_word = re.compile(r"[A-Za-z0-9_@.-]{1,64}").fullmatch
_time = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]").fullmatch
_unwanted = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]").search


class Problem(NamedTuple):
    """One thing that is wrong, and where (a JSON pointer)."""

    pointer: str
    zh: str
    en: str


class BadDispatchRules(Rejected):
    """All that keeps a list from being used."""

    def __init__(self, problems: list[Problem]) -> None:
        first = problems[0]
        super().__init__(
            "bad_dispatch_rules",
            f"{first.pointer or '/'}：{first.zh}",
            f"{first.pointer or '/'}: {first.en}",
            pointer=first.pointer,
        )
        self.problems = problems


def read_rules(body: object, version: int | None = None) -> RuleList:
    """The list in the order in which it is asked; raises BadDispatchRules with every problem."""
    reading = _Reading()
    document = reading.document(body, "", _MEMBERS)
    listed = reading.listed(document.get("rules", []), "/rules", RULES_MAX)
    rules = [reading.rule(each, f"/rules/{place}") for place, each in enumerate(listed)]
    codes: set[str] = set()
    for place, rule in enumerate(rules):
        if rule.code in codes:
            reading.wrong(f"/rules/{place}/code", f"{rule.code} 重复", f"{rule.code} is twice")
        codes.add(rule.code)
    villages = reading.words(document.get("villages", []), "/villages")
    near_m = reading.radii(document.get("near_m", {}), "/near_m")
    if reading.problems:
        raise BadDispatchRules(reading.problems)
    ordered = tuple(sorted(rules, key=lambda rule: rule.priority))
    return RuleList(version=version, rules=ordered, villages=frozenset(villages), near_m=near_m)


def written(rule: DispatchRule) -> dict[str, Any]:
    """The rule as its list has it; `read_rules` reads it back."""
    when = rule.when
    asked: dict[str, Any] = {
        "categories": list(when.categories),
        "areas": list(when.areas),
        "track": when.track,
        "urgencies": list(when.urgencies),
        "levels": list(when.levels),
        "weekdays": list(when.weekdays),
        "begins": f"{when.begins:%H:%M}" if when.begins else None,
        "ends": f"{when.ends:%H:%M}" if when.ends else None,
    }
    return {
        "code": rule.code,
        "priority": rule.priority,
        "when": {name: value for name, value in asked.items() if value},
        "unit": rule.unit,
        "assist": list(rule.assist),
        "reason_zh": rule.reason_zh,
        "reason_en": rule.reason_en,
    }


class _Reading:
    """Reads on after a problem, so that a person sees all of them at once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def wrong(self, pointer: str, zh: str, en: str) -> None:
        self.problems.append(Problem(pointer, zh, en))

    def document(self, value: object, pointer: str, members: Iterable[str]) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            self.wrong(pointer, "须为 JSON 对象 {…}", "must be a JSON object {…}")
            return {}
        known = set(members)
        for name in value:
            if name not in known:
                listed = "、".join(members)
                self.wrong(
                    f"{pointer}/{name}",
                    f"没有这一项，可用：{listed}",
                    f"is not a member; there are {', '.join(members)}",
                )
        return value

    def listed(self, value: object, pointer: str, most: int) -> list[Any]:
        if not isinstance(value, list) or len(value) > most:
            self.wrong(
                pointer, f"须为列表，最多 {most} 项", f"must be a list of at most {most} items"
            )
            return []
        return value

    def rule(self, value: object, pointer: str) -> DispatchRule:
        given = self.document(value, pointer, _RULE_MEMBERS)
        assist = self.listed(given.get("assist", []), f"{pointer}/assist", ASSIST_MAX)
        return DispatchRule(
            code=self._code(given.get("code"), f"{pointer}/code"),
            priority=self.whole(given.get("priority"), f"{pointer}/priority", 1, PRIORITY_MAX),
            when=self._when(given.get("when", {}), f"{pointer}/when"),
            unit=self._unit(given.get("unit"), f"{pointer}/unit"),
            assist=tuple(
                self._unit(each, f"{pointer}/assist/{place}") for place, each in enumerate(assist)
            ),
            reason_zh=self._reason(given.get("reason_zh"), f"{pointer}/reason_zh"),
            reason_en=self._reason(given.get("reason_en"), f"{pointer}/reason_en"),
        )

    def _when(self, value: object, pointer: str) -> When:
        given = self.document(value, pointer, _WHEN_MEMBERS)
        track = given.get("track")
        if track is not None:
            self._one_of(track, f"{pointer}/track", TRACKS)
        begins = self._time(given.get("begins"), f"{pointer}/begins")
        ends = self._time(given.get("ends"), f"{pointer}/ends")
        if (begins is None) != (ends is None) or (begins is not None and begins == ends):
            self.wrong(
                f"{pointer}/ends",
                "起止时间须同时给出且不相同",
                "give begins and ends together, and not the same",
            )
        days = self.listed(given.get("weekdays", []), f"{pointer}/weekdays", 7)
        return When(
            categories=self.words(given.get("categories", []), f"{pointer}/categories"),
            areas=self.words(given.get("areas", []), f"{pointer}/areas"),
            track=track if isinstance(track, str) else None,
            urgencies=self._among(given.get("urgencies", []), f"{pointer}/urgencies", URGENCIES),
            levels=self._among(given.get("levels", []), f"{pointer}/levels", tuple(Level)),
            weekdays=tuple(
                self.whole(day, f"{pointer}/weekdays/{place}", 1, 7)
                for place, day in enumerate(days)
            ),
            begins=begins,
            ends=ends,
        )

    def words(self, value: object, pointer: str) -> tuple[str, ...]:
        listed = self.listed(value, pointer, LISTED_MAX)
        for place, each in enumerate(listed):
            if not isinstance(each, str) or not _word(each):
                self.wrong(
                    f"{pointer}/{place}",
                    "须为编码，1 至 64 个字母、数字或 - _ .",
                    "must be a code of 1 to 64 letters, digits or - _ .",
                )
        return tuple(each for each in listed if isinstance(each, str))

    def radii(self, value: object, pointer: str) -> dict[str, int]:
        if not isinstance(value, Mapping) or len(value) > LISTED_MAX:
            self.wrong(pointer, "须为 {类别: 米}", "must be {category: metres}")
            return {}
        return {
            str(name): self.whole(metres, f"{pointer}/{name}", 1, NEAR_M_MAX)
            for name, metres in value.items()
        }

    def whole(self, value: object, pointer: str, least: int, most: int) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.wrong(
            pointer,
            f"须为 {least} 至 {most} 的整数",
            f"must be a whole number from {least} to {most}",
        )
        return least

    def _among(self, value: object, pointer: str, known: tuple[str, ...]) -> tuple[str, ...]:
        listed = self.listed(value, pointer, len(known))
        for place, each in enumerate(listed):
            self._one_of(each, f"{pointer}/{place}", known)
        return tuple(each for each in listed if isinstance(each, str))

    def _one_of(self, value: object, pointer: str, known: tuple[str, ...]) -> None:
        if value not in known:
            listed = "、".join(known)
            self.wrong(pointer, f"须为其中之一：{listed}", f"must be one of {', '.join(known)}")

    def _code(self, value: object, pointer: str) -> str:
        if isinstance(value, str) and _code(value):
            return value
        self.wrong(
            pointer,
            "须为 1 至 40 个小写字母、数字或 -",
            "must be 1 to 40 small letters, digits or -",
        )
        return ""

    def _unit(self, value: object, pointer: str) -> str:
        text = value if isinstance(value, str) else ""
        is_kind = text.startswith(BY_KIND)
        if _word(text) and (not is_kind or text.removeprefix(BY_KIND) in UNIT_KINDS):
            return text
        kinds = "、".join(f"{BY_KIND}{kind}" for kind in UNIT_KINDS)
        self.wrong(
            pointer,
            f"须为单位编码、{DESK}（社区受理台）或 {kinds}",
            f"must be a unit's code, {DESK} (of the community) or one of {kinds}",
        )
        return DESK

    def _time(self, value: object, pointer: str) -> time | None:
        if value is None:
            return None
        if isinstance(value, str) and _time(value):
            return time.fromisoformat(value)
        self.wrong(pointer, "须为 HH:MM，如 08:30", "must be HH:MM, such as 08:30")
        return None

    def _reason(self, value: object, pointer: str) -> str:
        if (
            isinstance(value, str)
            and 1 <= len(value.strip()) <= REASON_CHARACTERS_MAX
            and not _unwanted(value)
        ):
            return value.strip()
        self.wrong(
            pointer,
            f"请写明为何派给该单位，1 至 {REASON_CHARACTERS_MAX} 个字",
            f"say why this unit, in 1 to {REASON_CHARACTERS_MAX} characters",
        )
        return ""

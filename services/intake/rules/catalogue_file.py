"""The catalogue as a file that people edit: JSON; each fault is named by its place. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from services.intake.rules.catalogue import (
    AMOUNT_MAX,
    ESCALATING,
    TIERS,
    WHOM,
    Catalogue,
    Clock,
    Closing,
    Condition,
    Escalation,
    Event,
    Group,
    Limit,
    Nature,
    Tier,
    Unit,
)
from services.intake.rules.catalogue_node import Node, refuse
from services.intake.rules.requests import NATURES

TEXT_CHARACTERS_MAX: Final = 500
CONDITIONS_MAX: Final = 2000
SYNONYMS_MAX: Final = 20
NEAR_M_MAX: Final = 5000
PERCENT_MAX: Final = 1000
FORM: Final = 1  # of this file; another number is another form

_group = re.compile(r"[0-9]{2}").fullmatch
_event = re.compile(r"[0-9]{4}").fullmatch
_condition = re.compile(r"[0-9]{4}-[1-9][0-9]?").fullmatch
_limit = re.compile(r"([1-9][0-9]{0,4}) ([a-z_]+)").fullmatch


def read_catalogue(document: object, version: int) -> Catalogue:
    """The file's catalogue under a version's number; raises Rejected with a pointer."""
    return _Reader(version).read(Node(document, ""))


def read_limit(written: str, pointer: str = "") -> Limit:
    """`4 work_hours` as a limit; raises Rejected naming the units that there are."""
    found = _limit(written)
    units = [str(unit) for unit in Unit]
    if found is None or found[2] not in units:
        listed = ", ".join(units)
        refuse(
            pointer,
            f"时限须写成「数量 单位」，单位为 {listed}",
            f"a limit is written `amount unit`, with a unit of {listed}",
        )
    limit = Limit(int(found[1]), Unit(found[2]))
    if limit.amount > (most := AMOUNT_MAX[limit.unit]):
        refuse(
            pointer, f"时限不得超过 {most} {limit.unit}", f"a limit is at most {most} {limit.unit}"
        )
    return limit


def write_catalogue(catalogue: Catalogue) -> dict[str, Any]:
    """The file that reads back as this catalogue."""
    return {
        "form": FORM,
        "note_zh": catalogue.note_zh,
        "note_en": catalogue.note_en,
        "valid_from": catalogue.valid_from.isoformat(),
        "tiers": [
            {"code": tier.code, **_names(tier), "limits": _limits(tier.limits)}
            for tier in catalogue.tiers.values()
        ],
        "natures": [
            {"code": nature.code, **_names(nature), "tier": nature.tier}
            for nature in catalogue.natures
        ],
        "extension_percent_max": catalogue.extension_percent_max,
        "escalations": [
            {"percent": each.percent, "whom": each.whom, "clocks": list(map(str, each.clocks))}
            for each in catalogue.escalations
        ],
        "groups": [
            {
                "code": group.code,
                **_names(group),
                "events": [
                    {
                        "code": event.code,
                        **_names(event),
                        "conditions": [_written(one) for one in event.conditions],
                    }
                    for event in group.events
                ],
            }
            for group in catalogue.groups
        ],
    }


def _written(one: Condition) -> dict[str, Any]:
    return {
        "code": one.code,
        **_names(one),
        "synonyms": list(one.synonyms),
        "tier": one.tier,
        "limits": _limits(one.own_limits),
        "closing": {
            "text_zh": one.closing.text_zh,
            "text_en": one.closing.text_en,
            "needs_before": one.closing.needs_before,
            "needs_after": one.closing.needs_after,
            "near_m": one.closing.near_m,
            "needs_checker": one.closing.needs_checker,
        },
        "natures": list(one.natures),
        "is_sensitive": one.is_sensitive,
        "is_public": one.is_public,
        "own_handling": one.own_handling,
    }


def _names(named: Tier | Nature | Group | Event | Condition) -> dict[str, str]:
    return {"name_zh": named.name_zh, "name_en": named.name_en}


def _limits(limits: Mapping[Clock, Limit]) -> dict[str, str]:
    return {str(clock): str(limits[clock]) for clock in Clock if clock in limits}


class _Reader:
    def __init__(self, version: int) -> None:
        self._version = version
        self._seen: set[str] = set()
        self._tiers: dict[str, Tier] = {}

    def read(self, node: Node) -> Catalogue:
        if node.take("form") != FORM:
            node.refuse("form", f"须为 {FORM}", f"must be {FORM}")
        self._tiers = {tier.code: tier for tier in map(self._tier, node.nodes("tiers"))}
        if missing := [code for code in TIERS if code not in self._tiers]:
            node.refuse("tiers", f"缺少 {missing[0]}", f"{missing[0]} is missing")
        natures = tuple(map(self._nature, node.nodes("natures")))
        if missing := sorted(set(NATURES) - {nature.code for nature in natures}):
            node.refuse("natures", f"缺少 {missing[0]}", f"{missing[0]} is missing")
        catalogue = Catalogue(
            version=self._version,
            valid_from=self._day(node),
            note_zh=node.text("note_zh", TEXT_CHARACTERS_MAX),
            note_en=node.text("note_en", TEXT_CHARACTERS_MAX),
            tiers=self._tiers,
            natures=natures,
            groups=tuple(map(self._group, node.nodes("groups"))),
            escalations=self._escalations(node),
            extension_percent_max=node.whole("extension_percent_max", 0, PERCENT_MAX),
        )
        node.close()
        if len(catalogue.conditions) > CONDITIONS_MAX:
            node.refuse("groups", f"最多 {CONDITIONS_MAX} 条", f"at most {CONDITIONS_MAX}")
        return catalogue

    def _day(self, node: Node) -> date:
        value = node.take("valid_from")
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            node.refuse("valid_from", "须为 YYYY-MM-DD", "must be YYYY-MM-DD")

    def _once(self, node: Node, code: str) -> str:
        if code in self._seen:
            node.refuse("code", f"{code} 重复", f"{code} is there twice")
        self._seen.add(code)
        return code

    def _limits(self, node: Node, *, all_of_them: bool) -> dict[Clock, Limit]:
        inside = Node(node.take("limits"), node.at("limits"))
        limits: dict[Clock, Limit] = {}
        for clock in Clock:
            if all_of_them or clock in inside.left:
                written = inside.take(clock)
                limits[clock] = read_limit(
                    written if isinstance(written, str) else "", inside.at(clock)
                )
        inside.close()
        return limits

    def _tier(self, node: Node) -> Tier:
        code = self._once(node, node.one_of("code", TIERS))
        tier = Tier(
            code=code,
            name_zh=node.text("name_zh"),
            name_en=node.text("name_en"),
            limits=self._limits(node, all_of_them=True),
        )
        node.close()
        return tier

    def _escalations(self, node: Node) -> tuple[Escalation, ...]:
        known = tuple(map(str, ESCALATING))
        found = []
        for each in node.nodes("escalations", least=0):
            percent = each.whole("percent", 1, PERCENT_MAX)
            whom = each.one_of("whom", WHOM)
            clocks = each.some("clocks", known)
            each.close()
            found.append(Escalation(percent=percent, whom=whom, clocks=tuple(map(Clock, clocks))))
        if found != sorted(found, key=lambda one: one.percent):
            node.refuse("escalations", "须按百分比从小到大", "must go from the least percent up")
        return tuple(found)

    def _nature(self, node: Node) -> Nature:
        nature = Nature(
            code=self._once(node, "nature " + node.one_of("code", NATURES)).split()[1],
            name_zh=node.text("name_zh"),
            name_en=node.text("name_en"),
            tier=node.one_of("tier", TIERS),
        )
        node.close()
        return nature

    def _group(self, node: Node) -> Group:
        code = self._once(
            node, node.code("code", _group, "", "大类编码须为 2 位数字", "must be 2 digits")
        )
        group = Group(
            code=code,
            name_zh=node.text("name_zh"),
            name_en=node.text("name_en"),
            events=tuple(self._event(each, code) for each in node.nodes("events")),
        )
        node.close()
        return group

    def _event(self, node: Node, group: str) -> Event:
        code = self._once(
            node,
            node.code(
                "code",
                _event,
                group,
                f"小类编码须为 {group} 开头的 4 位数字",
                f"must be 4 digits beginning with {group}",
            ),
        )
        event = Event(
            code=code,
            name_zh=node.text("name_zh"),
            name_en=node.text("name_en"),
            group=group,
            conditions=tuple(
                self._condition(each, group, code) for each in node.nodes("conditions")
            ),
        )
        node.close()
        return event

    def _condition(self, node: Node, group: str, event: str) -> Condition:
        code = self._once(
            node,
            node.code(
                "code",
                _condition,
                f"{event}-",
                f"立案条件编码须为 {event}-数字",
                f"must be {event}- and a number",
            ),
        )
        tier = node.one_of("tier", TIERS)
        own = self._limits(node, all_of_them=False)
        condition = Condition(
            code=code,
            version=self._version,
            name_zh=node.text("name_zh"),
            name_en=node.text("name_en"),
            group=group,
            event=event,
            synonyms=node.words("synonyms", SYNONYMS_MAX),
            tier=tier,
            own_limits=own,
            limits={**self._tiers[tier].limits, **own},
            closing=self._closing(Node(node.take("closing"), node.at("closing"))),
            natures=node.some("natures", NATURES),
            is_sensitive=node.flag("is_sensitive"),
            is_public=node.flag("is_public"),
            own_handling=node.flag("own_handling"),
        )
        if condition.is_sensitive and condition.is_public:
            node.refuse(
                "is_public", "涉及隐私的条件不得公开", "a sensitive condition is never public"
            )
        node.close()
        return condition

    def _closing(self, node: Node) -> Closing:
        near_m = node.take("near_m")
        if near_m is not None:
            near_m = node.whole("near_m", 1, NEAR_M_MAX)
        closing = Closing(
            text_zh=node.text("text_zh", TEXT_CHARACTERS_MAX),
            text_en=node.text("text_en", TEXT_CHARACTERS_MAX),
            needs_before=node.flag("needs_before"),
            needs_after=node.flag("needs_after"),
            near_m=near_m,
            needs_checker=node.flag("needs_checker"),
        )
        node.close()
        return closing

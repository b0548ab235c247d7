"""What differs between two versions of the catalogue, for whoever publishes. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from services.intake.rules.catalogue import Catalogue, Clock, Condition
from services.intake.rules.catalogue_file import read_catalogue, read_limit, write_catalogue
from services.intake.rules.clock_words import CLOCKS, Words, limit_words
from shared.errors import Rejected

_YES_NO = {True: Words("是", "yes"), False: Words("否", "no")}
_NOTHING = Words("无", "none")


class Change(NamedTuple):
    """One difference: where, what of it, and how it was and will be."""

    code: str
    name: Words
    what: Words
    before: Words
    after: Words


def changes_between(before: Catalogue, after: Catalogue) -> list[Change]:
    """In the order of the codes; conditions by all that steps are judged by."""
    found = []
    for code in sorted(before.conditions.keys() | after.conditions.keys()):
        old, new = before.conditions.get(code), after.conditions.get(code)
        if old is None or new is None:
            one = new or old
            assert one is not None  # one of the two has it
            told = Words("立案条件", "the condition")
            was, is_now = (told, _NOTHING) if new is None else (_NOTHING, told)
            found.append(Change(code, _name(one), told, was, is_now))
            continue
        was_told, is_told = _told(old), _told(new)
        found += [
            Change(code, _name(new), what, was_told[what], told)
            for what, told in is_told.items()
            if was_told[what] != told
        ]
    for what, was, is_now in _of_all(before, after):
        if was != is_now:
            found.append(Change("", Words("整个目录", "all of it"), what, was, is_now))
    return found


def with_limit(
    catalogue: Catalogue, code: str, clock: str, limit: str, valid_from: date
) -> Catalogue:
    """The same with one limit of one condition changed, from a day on; raises Rejected."""
    if code not in catalogue.conditions:
        raise Rejected("catalogue", f"code：没有 {code}", f"code: no {code}", pointer="/code")
    if clock not in list(Clock):
        raise Rejected("catalogue", f"clock：没有 {clock}", f"clock: no {clock}", pointer="/clock")
    document = write_catalogue(catalogue)
    document["valid_from"] = valid_from.isoformat()
    for group in document["groups"]:
        for event in group["events"]:
            for condition in event["conditions"]:
                if condition["code"] == code:
                    condition["limits"][clock] = str(read_limit(limit, "/limit"))
    return read_catalogue(document, 0)


def _name(condition: Condition) -> Words:
    return Words(condition.name_zh, condition.name_en)


def _told(one: Condition) -> dict[Words, Words]:
    closing = one.closing
    near = (
        _NOTHING if closing.near_m is None else Words(f"{closing.near_m} 米", f"{closing.near_m} m")
    )
    return {
        Words("名称", "name"): _name(one),
        Words("别名", "synonyms"): Words("、".join(one.synonyms), ", ".join(one.synonyms)),
        Words("等级", "tier"): Words(one.tier, one.tier),
        **{CLOCKS[clock]: limit_words(one.limits[clock]) for clock in Clock},
        Words("结案条件", "closing condition"): Words(closing.text_zh, closing.text_en),
        Words("须有处置前照片", "photo before"): _YES_NO[closing.needs_before],
        Words("须有处置后照片", "photo after"): _YES_NO[closing.needs_after],
        Words("照片距离", "distance of the photo"): near,
        Words("须有核查人", "checker"): _YES_NO[closing.needs_checker],
        Words("性质", "natures"): Words(" ".join(one.natures), " ".join(one.natures)),
        Words("涉及隐私", "sensitive"): _YES_NO[one.is_sensitive],
        Words("可公开", "may be public"): _YES_NO[one.is_public],
        Words("可自行处置", "own handling"): _YES_NO[one.own_handling],
    }


def _of_all(before: Catalogue, after: Catalogue) -> list[tuple[Words, Words, Words]]:
    def escalations(of: Catalogue) -> Words:
        told = "; ".join(f"{e.percent}% {e.whom} ({' '.join(e.clocks)})" for e in of.escalations)
        return Words(told, told)

    def natures(of: Catalogue) -> Words:
        told = "; ".join(f"{one.code} {one.tier}" for one in of.natures)
        return Words(told, told)

    def percent(of: Catalogue) -> Words:
        told = f"{of.extension_percent_max}%"
        return Words(told, told)

    return [
        (Words("督办", "escalation"), escalations(before), escalations(after)),
        (Words("性质的等级", "tiers of natures"), natures(before), natures(after)),
        (Words("最多延期", "most of an extension"), percent(before), percent(after)),
    ]


def summary_of(catalogue: Catalogue) -> dict[str, Any]:
    """How many groups, events and conditions it has."""
    return {
        "groups": len(catalogue.groups),
        "events": len(catalogue.events),
        "conditions": len(catalogue.conditions),
    }

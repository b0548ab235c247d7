"""一站式大厅: the life of an application, what forms ask, and what is known already. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

from shared.errors import Conflict, Rejected


class HallState(StrEnum):
    """Where an application stands."""

    RECEIVED = "received"  # 已收件
    MISSING = "missing"  # 待补材料
    ACCEPTED = "accepted"  # 已受理: the promised days run
    IN_REVIEW = "in_review"  # 审核中
    DONE = "done"  # 已办结
    REFUSED = "refused"  # 不予办理, with a reason
    WITHDRAWN = "withdrawn"  # 已撤回


class HallAction(StrEnum):
    """What may be done to an application."""

    APPLY = "apply"
    ASK = "ask"
    COMPLETE = "complete"
    ACCEPT = "accept"
    REVIEW = "review"
    FINISH = "finish"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"


class AppointmentState(StrEnum):
    """What became of an appointment."""

    BOOKED = "booked"
    CANCELLED = "cancelled"
    ATTENDED = "attended"
    MISSED = "missed"


CONSENTS: Final = ("in_person", "paper", "phone")  # how a resident let somebody act for them

_S, _A = HallState, HallAction
_OPEN = (_S.RECEIVED, _S.MISSING, _S.ACCEPTED, _S.IN_REVIEW)
TRANSITIONS: Final[Mapping[HallAction, Mapping[HallState, HallState]]] = {
    _A.ASK: {_S.RECEIVED: _S.MISSING, _S.ACCEPTED: _S.MISSING, _S.IN_REVIEW: _S.MISSING},
    _A.COMPLETE: {_S.MISSING: _S.RECEIVED},
    _A.ACCEPT: {_S.RECEIVED: _S.ACCEPTED},
    _A.REVIEW: {_S.ACCEPTED: _S.IN_REVIEW},
    _A.FINISH: {_S.ACCEPTED: _S.DONE, _S.IN_REVIEW: _S.DONE},
    _A.REFUSE: dict.fromkeys(_OPEN, _S.REFUSED),
    _A.WITHDRAW: dict.fromkeys((_S.RECEIVED, _S.MISSING, _S.ACCEPTED), _S.WITHDRAWN),
}
ENDED: Final = frozenset({_S.DONE, _S.REFUSED, _S.WITHDRAWN})
NEEDS_NOTE: Final = frozenset({_A.ASK, _A.REFUSE})  # nobody is sent away without being told why
BY_RESIDENT: Final = frozenset({_A.WITHDRAW})
NOTE_CHARACTERS_MAX: Final = 1000
COPIES_MAX: Final = 99


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a form asks. `is_personal` values are shown masked."""

    zh: str
    en: str
    pattern: str = r".{1,120}"
    input_mode: str = ""
    is_personal: bool = False


# One code, one meaning, in every form: what one form was told, no other asks again.
FACTS: Final[Mapping[str, Fact]] = {
    "name": Fact("姓名", "Name", is_personal=True),
    "phone": Fact("电话", "Phone", r"\+?[0-9][0-9 -]{4,19}", "tel", is_personal=True),
    "birth_year": Fact("出生年份", "Year of birth", r"(19|20)[0-9]{2}", "numeric"),
    "grid": Fact("网格", "Grid"),
    "household_no": Fact("户编号", "Household number"),
    "home_address": Fact("家庭住址", "Home address", is_personal=True),
    "household_size": Fact("家庭人口", "People in the household", r"[1-9][0-9]?", "numeric"),
    "monthly_income": Fact("家庭月收入（元）", "Household income a month (yuan)", r"[0-9]{1,7}",
                           "numeric", is_personal=True),
    "bank_account": Fact("收款账号", "Bank account", r"[0-9 ]{8,30}", "numeric", is_personal=True),
    "bank_name": Fact("开户银行", "Bank"),
    "employer": Fact("工作单位", "Employer"),
    "hardship": Fact("困难情况", "What makes it hard", r"[\s\S]{1,500}"),
    "disability_kind": Fact("残疾类别", "Kind of disability", is_personal=True),
    "service_from": Fact("入伍年份", "Year of joining the forces", r"(19|20)[0-9]{2}", "numeric"),
    "insured_since": Fact("参保年份", "Insured since", r"(19|20)[0-9]{2}", "numeric"),
    "children": Fact("子女人数", "Children", r"[0-9]{1,2}", "numeric"),
    "purpose": Fact("办理用途", "What it is for"),
    "emergency_name": Fact("紧急联系人", "Emergency contact", is_personal=True),
    "emergency_phone": Fact("紧急联系人电话", "Phone of the emergency contact",
                            r"\+?[0-9][0-9 -]{4,19}", "tel", is_personal=True),
}  # fmt: skip
FROM_REGISTER: Final = frozenset(
    {"name", "phone", "birth_year", "grid", "household_no", "home_address"}
)
PASSING: Final = frozenset({"purpose", "hardship"})  # differ each time: not taken over

GROUPS: Final = (
    "relief",
    "elder",
    "disability",
    "proof",
    "insurance",
    "veterans",
    "family",
    "work",
)


def after(action: HallAction, state: HallState) -> HallState:
    """The state that `action` leads to; raises Conflict when it is not legal in `state`."""
    to = TRANSITIONS.get(action, {}).get(state)
    if to is None:
        raise Conflict(
            "illegal_step",
            f"状态为「{state}」的申请不能「{action}」，请刷新后再看",
            f"an application that is {state} cannot {action}: reload and look again",
            pointer="/action",
        )
    return to


def legal(state: HallState, *, by_resident: bool = False) -> list[HallAction]:
    """What may be done in a state, in the order of `HallAction`."""
    return [
        action
        for action in HallAction
        if state in TRANSITIONS.get(action, {}) and (not by_resident or action in BY_RESIDENT)
    ]


def to_ask(asked: Iterable[str], known: Mapping[str, str]) -> list[str]:
    """The facts of a form that nobody has told us yet: only these are typed."""
    return [code for code in asked if not known.get(code)]


def merged_facts(
    register: Mapping[str, str], earlier: Iterable[Mapping[str, str]]
) -> dict[str, str]:
    """What is known: by earlier applications, oldest first, and over them by the register."""
    known: dict[str, str] = {}
    for facts in earlier:
        known |= {code: value for code, value in facts.items() if value and code not in PASSING}
    return known | {code: value for code, value in register.items() if value}


def check_facts(asked: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """The facts as they are kept; raises Rejected naming the first that does not fit."""
    kept = {}
    for code in asked:
        fact, value = FACTS[code], given.get(code, "").strip()
        if not re.fullmatch(fact.pattern, value):
            raise Rejected(
                "fact",
                f"{fact.zh}：请按要求填写",
                f"{fact.en}: fill it in as the form says",
                pointer=f"/{code}",
            )
        kept[code] = value
    return kept


def missing_documents(documents: Iterable[Mapping[str, Any]], seen: Collection[str]) -> list[str]:
    """Codes of documents that are needed and were not seen."""
    return [each["code"] for each in documents if each["needed"] and each["code"] not in seen]


def check_matter(row: Mapping[str, Any]) -> None:
    """Raises Rejected naming what a row of the matter catalogue gets wrong."""
    for name in ("code", "group", "name_zh", "name_en", "who_zh", "who_en", "place_zh", "place_en"):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise _odd(row, name, "须填写", "must be filled in")
    if row["group"] not in GROUPS:
        raise _odd(
            row, "group", f"须为其中之一：{'、'.join(GROUPS)}", f"one of {', '.join(GROUPS)}"
        )
    for name, most in (("promised_days", 250), ("fee_fen", 10_000_000)):
        if not isinstance(row.get(name), int) or not 0 <= row[name] <= most:
            raise _odd(row, name, f"须为 0 至 {most} 的整数", f"a whole number, 0 to {most}")
    if odd := [code for code in row.get("facts", []) if code not in FACTS]:
        raise _odd(row, "facts", f"没有这些项：{'、'.join(odd)}", f"unknown: {', '.join(odd)}")
    codes = [each.get("code") for each in row.get("documents", [])]
    if len(set(codes)) < len(codes) or not all(codes):
        raise _odd(row, "documents", "每份材料须有不同的代码", "each document needs its own code")


def _odd(row: Mapping[str, Any], name: str, zh: str, en: str) -> Rejected:
    code = row.get("code") or "?"
    return Rejected(
        "hall_matter", f"事项 {code} 的 {name}：{zh}", f"matter {code}, {name}: {en}",
        pointer=f"/{name}",
    )  # fmt: skip


def application_no(on: date, number: int) -> str:
    """D + the day + a number that never repeats, such as D20261003-000042."""
    return f"D{on:%Y%m%d}-{number:06d}"

"""The words of the one-stop hall, Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.intake.rules.hall import FACTS
from shared.web.i18n import t

_WORDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "group": {
        "relief": ("社会救助", "Relief"),
        "elder": ("养老服务", "The elderly"),
        "disability": ("残疾人服务", "Disability"),
        "proof": ("证明证件", "Proofs and cards"),
        "insurance": ("社会保险", "Insurance"),
        "veterans": ("退役军人", "Veterans"),
        "family": ("生育家庭", "Family"),
        "work": ("就业创业", "Work"),
    },
    "state": {
        "received": ("已收件", "Received"),
        "missing": ("待补材料", "Documents missing"),
        "accepted": ("已受理", "Accepted"),
        "in_review": ("审核中", "In review"),
        "done": ("已办结", "Done"),
        "refused": ("不予办理", "Refused"),
        "withdrawn": ("已撤回", "Withdrawn"),
    },
    "action": {
        "apply": ("提出申请", "Applied"),
        "ask": ("请补材料", "Ask for documents"),
        "complete": ("材料已补", "Documents are here"),
        "accept": ("受理", "Accept"),
        "review": ("转审核", "Review"),
        "finish": ("办结", "Finish"),
        "refuse": ("不予办理", "Refuse"),
        "withdraw": ("撤回", "Withdraw"),
    },
    "consent": {
        "in_person": ("本人在场", "In person"),
        "paper": ("书面委托", "On paper"),
        "phone": ("电话同意", "By phone"),
    },
    "appointment": {
        "booked": ("已预约", "Booked"),
        "cancelled": ("已取消", "Cancelled"),
        "attended": ("已到场", "Came"),
        "missed": ("未到场", "Did not come"),
    },
}
TONES = {
    "done": "ok", "accepted": "info", "in_review": "info", "missing": "warn", "refused": "bad",
    "withdrawn": "off", "cancelled": "off", "attended": "ok", "missed": "warn",
}  # fmt: skip


def hall_word(kind: str, code: str) -> str:
    """What a code is called."""
    return t(*_WORDS[kind].get(code, (code, code)))


def hall_options(kind: str) -> list[tuple[str, str]]:
    """(code, word) of each."""
    return [(code, t(*words)) for code, words in _WORDS[kind].items()]


def fact_word(code: str) -> str:
    """What a fact is called on a form."""
    return t(FACTS[code].zh, FACTS[code].en)


def words() -> dict[str, Any]:
    """What the hall's templates need of this."""
    return {
        "hall_word": hall_word,
        "hall_options": hall_options,
        "fact_word": fact_word,
        "tones": TONES,
    }

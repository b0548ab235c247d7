"""What states, reasons and outcomes of public notices are called."""

from __future__ import annotations

from collections.abc import Mapping

from shared.web.i18n import t

Pair = tuple[str, str]

STATES: Mapping[str, Pair] = {
    "waiting": ("待公示", "Not shown yet"),
    "shown": ("公示中", "On notice"),
    "disputed": ("有异议，核实中", "Disputed"),
    "posted": ("已入账", "Posted"),
    "reversed": ("已撤销", "Reversed"),
}
TONES: Mapping[str, str] = {
    "waiting": "wait",
    "shown": "info",
    "disputed": "warn",
    "posted": "ok",
    "reversed": "off",
}
REASONS: Mapping[str, Pair] = {
    "not_done": ("没有参加，或情况不实", "It was not done"),
    "wrong_amount": ("时长或分值不对", "The time or the points are wrong"),
    "wrong_person": ("记错了人", "It is about another person"),
    "twice": ("重复计分", "It was counted twice"),
    "other": ("其他", "Something else"),
}
OUTCOMES: Mapping[str, Pair] = {
    "dismissed": ("异议不成立，照常入账", "Dismissed: the points count"),
    "upheld": ("异议成立，撤销积分", "Upheld: the points are taken back"),
}


def said(pair: Pair) -> str:
    """In the reader's language."""
    return t(*pair)


def options(table: Mapping[str, Pair]) -> list[Pair]:
    """Codes and their words, for a choice that nobody has made yet."""
    return [("", t("请选择", "Choose")), *((code, t(*pair)) for code, pair in table.items())]

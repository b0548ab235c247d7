"""The published rules in plain words, for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, render_template

from services.points import queries
from services.points.rules.explaining import Words
from services.points.rules.rule_set import RuleSet, is_in_force
from services.points.rules.telling import Pair, told
from shared import clock
from shared.db.session import Sessions
from shared.web.access import public
from shared.web.i18n import t


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A version of the rules as a page shows it, in the language of its reader."""

    rules: RuleSet
    name: str
    where: str
    sentences: list[str]
    tables: list[tuple[str, list[tuple[str, str]]]]
    vetoes: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A published version, and what only a published one has."""

    shown: Shown
    published_at: datetime
    is_in_force: bool


def add_rules(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/rules."""

    @blueprint.get("/points/rules")
    @public
    def show_rules() -> str:
        today = clock.today()
        with sessions() as session:
            known = queries.rule_sets(session)
            newest = queries.published_rules(session)
        published = [
            Published(
                shown=shown_rules(rules),
                published_at=published_at,
                is_in_force=is_in_force(rules, known, today),
            )
            for rules, published_at in newest
        ]
        published.sort(key=lambda one: not one.is_in_force)
        return render_template("rules.html", published=published)


def shown_rules(rules: RuleSet) -> Shown:
    """The rules in the words of whoever reads."""
    said = told(rules)
    tables = [
        (t("分值", "Points"), _pairs(said.rates)),
        (t("凭据", "Evidence"), _pairs(said.evidence)),
        (t("上限", "Limits"), _pairs(said.caps)),
        (t("限时活动", "Campaigns"), _pairs(said.campaigns)),
        (t("合伙人实现心愿", "Wishes fulfilled by partners"), _pairs(said.wishes)),
    ]
    return Shown(
        rules=rules,
        name=say(said.name),
        where=capital(said.where),
        sentences=[say(one) for one in said.sentences],
        tables=[(heading, pairs) for heading, pairs in tables if pairs],
        vetoes=[capital(one) for one in said.vetoes],
    )


def say(said: Words) -> str:
    """In the reader's language."""
    return t(said.zh, said.en)


def capital(said: Words) -> str:
    """The same, as the beginning of a line."""
    return t(said.zh, said.en[:1].upper() + said.en[1:])


def _pairs(pairs: list[Pair]) -> list[tuple[str, str]]:
    return [(capital(name), say(value)) for name, value in pairs]

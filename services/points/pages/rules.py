"""The published rules in plain words, for everybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from flask import Blueprint, render_template

from services.points import queries
from services.points.rules.earning import RuleSet, in_force, read_rule_set
from services.points.rules.explaining import COLOURS, EVIDENCE, KINDS, Words, words
from shared import clock
from shared.db.session import Sessions
from shared.web.access import public
from shared.web.i18n import t


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A version of the rules as the page tells it."""

    rules: RuleSet
    published_at: datetime
    is_in_force: bool
    rates: list[tuple[str, str]]
    evidence: list[tuple[str, str]]
    wishes: list[tuple[str, int]]


def add_rules(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/rules."""

    @blueprint.get("/points/rules")
    @public
    def show_rules() -> str:
        with sessions() as session:
            published = queries.published_bodies(session)
            valid = in_force(queries.rule_sets(session), clock.today())
        told = [_told(body, published_at, valid) for body, published_at in published]
        told.sort(key=lambda one: not one.is_in_force)
        return render_template("rules.html", told=told)


def _told(body: Mapping[str, Any], published_at: datetime, valid: RuleSet | None) -> Told:
    rules = read_rule_set(body)
    return Told(
        rules=rules,
        published_at=published_at,
        is_in_force=rules == valid,
        rates=[
            (_say(words(KINDS, kind)), _rate(rate))
            for kind, rate in sorted(rules.rates.items(), key=lambda item: -item[1])
        ],
        evidence=[
            (_say(words(EVIDENCE, kind)), _worth(points=worth.points, hours=worth.hours))
            for kind, worth in rules.evidence.items()
        ],
        wishes=[
            (_say(words(COLOURS, colour)), points) for colour, points in rules.wish_points.items()
        ],
    )


def _say(said: Words) -> str:
    return t(said.zh, said.en[:1].upper() + said.en[1:])


def _rate(rate: Fraction) -> str:
    if rate.denominator == 1:
        return str(rate.numerator)
    whole = f"{float(rate):.2f}".rstrip("0")
    return whole if Fraction(whole) == rate else str(rate)


def _worth(*, points: bool, hours: bool) -> str:
    if points and hours:
        return t("计积分，也计服务时长", "points and service time")
    if hours:
        return t("只计服务时长", "service time only")
    return t("只计积分", "points only") if points else t("都不计", "neither")

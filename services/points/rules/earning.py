"""What a contribution earns, by a programme's published rules, before caps.

points = floor((min(minutes, most counted) x rate / 60 + points each) x coefficient of the kind
x weight of the evidence x multiplier of the campaign); rounded once, at the end. Of campaigns
that meet, the one with the greatest multiplier applies, alone. Whoever or whatever is under a
veto earns no points. Minutes count as service minutes all the same, by the evidence's own weight.
Every answer carries its explanation, and is worked out again from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from services.points.rules.rule_form import read_rule_set
from services.points.rules.rule_set import Campaign, Evidence, Formula, RuleSet, Veto, in_force

__all__ = [
    "Earned",
    "Evidence",
    "RuleSet",
    "earned",
    "earned_again",
    "in_force",
    "read_rule_set",
    "wish_points",
]

_ONE = Fraction(1)
_NONE = Fraction(0)


@dataclass(frozen=True, slots=True)
class Earned:
    """What an activity earns before caps, and why."""

    points: int
    minutes: int
    explanation: dict[str, Any]


def earned(
    rules: RuleSet | None, *, kind: str, minutes: int, evidence: str, on: date, resident_no: str
) -> Earned:
    """What an activity earns before caps. Without rules for its day, only minutes count."""
    if rules is None:
        told = {"minutes": minutes, "evidence": evidence, "kind": kind, "rule": "none"}
        return Earned(0, minutes, told)
    worth = rules.evidence.get(evidence)
    rate = rules.rates.get(kind, _NONE)
    veto = _veto(rules, kind, on, resident_no) if rules.vetoes else None
    campaign = _campaign(rules, kind, on) if rules.campaigns else None
    points = counted = 0
    factors: Mapping[str, Any] = {}
    if worth is not None and worth.points and veto is None and minutes > 0:
        counted = min(minutes, rules.minutes_counted_max)
        formula = _formula(rules, kind, evidence, campaign)
        points = (counted * formula.slope + formula.base) // formula.per
        factors = formula.told
    explanation: dict[str, Any] = {
        "minutes": minutes,
        "evidence": evidence,
        "kind": kind,
        "points_per_hour": _told(rate),
        "minutes_counted": counted,
        "points_before_caps": points,
    }
    if veto is not None:
        explanation["veto"] = {
            "of": "kind" if veto.resident_no is None else "resident",
            "reason": veto.reason,
        }
    elif counted or points:
        explanation.update(factors)
    hours = _ONE if worth is None else worth.hours
    return Earned(points, minutes * hours.numerator // hours.denominator, explanation)


def _factors_told(
    rules: RuleSet, kind: str, evidence: str, campaign: Campaign | None
) -> dict[str, Any]:
    """What is other than 1 (or 0 for points each); the usual case stores nothing more."""
    told: dict[str, Any] = {}
    if each := rules.points_each.get(kind):
        told["points_each"] = _told(each)
    if (coefficient := rules.coefficients.get(kind, _ONE)) != _ONE:
        told["coefficient"] = _told(coefficient)
    if (weight := rules.evidence[evidence].points) != _ONE:
        told["weight"] = _told(weight)
    if campaign is not None:
        told["campaign"] = {"name": campaign.name, "multiplier": _told(campaign.multiplier)}
    return told


def _told(value: Fraction) -> int | str:
    return value.numerator if value.denominator == 1 else str(value)


def _veto(rules: RuleSet, kind: str, on: date, resident_no: str) -> Veto | None:
    for veto in rules.vetoes:
        is_meant = (
            veto.kind == kind if veto.resident_no is None else veto.resident_no == resident_no
        )
        if is_meant and veto.holds(on):
            return veto
    return None


def _campaign(rules: RuleSet, kind: str, on: date) -> Campaign | None:
    met = [campaign for campaign in rules.campaigns if campaign.covers(kind, on)]
    return max(met, key=lambda campaign: campaign.multiplier, default=None)


def _formula(rules: RuleSet, kind: str, evidence: str, campaign: Campaign | None) -> Formula:
    place = (kind, evidence, campaign.name if campaign else "")
    known = rules.formulas.get(place)
    if known is None:
        factor = rules.coefficients.get(kind, _ONE) * rules.evidence[evidence].points
        if campaign is not None:
            factor *= campaign.multiplier
        known = rules.formulas[place] = _worked_out(
            rules.rates.get(kind, _NONE) * factor,
            rules.points_each.get(kind, _NONE) * factor,
            _factors_told(rules, kind, evidence, campaign),
        )
    return known


def _worked_out(an_hour: Fraction, each: Fraction, told: dict[str, Any]) -> Formula:
    return Formula(
        slope=an_hour.numerator * each.denominator,
        base=each.numerator * 60 * an_hour.denominator,
        per=60 * an_hour.denominator * each.denominator,
        told=told,
    )


def earned_again(facts: Mapping[str, Any]) -> int:
    """The points before caps, from what was stored with an award alone."""
    factor = Fraction(facts.get("coefficient", 1)) * Fraction(facts.get("weight", 1))
    campaign = facts.get("campaign")
    if campaign is not None:
        factor *= Fraction(campaign["multiplier"])
    if "veto" in facts or facts.get("rule") == "none":
        return 0
    an_hour = Fraction(facts["points_per_hour"]) * facts["minutes_counted"] / 60
    return int((an_hour + Fraction(facts.get("points_each", 0))) * factor)


def wish_points(rules: RuleSet | None, colour: str) -> int:
    """What a fulfilled wish brings the partner's contribution account."""
    return 0 if rules is None else rules.wish_points.get(colour, 0)

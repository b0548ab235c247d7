"""Rules as people write them: a JSON object, checked member by member.

What is written is data for this reader and nothing else: no member is code, and one that is not
known is refused, so that a misspelt cap can never be a cap that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from services.points.rules import caps as capping
from services.points.rules.caps import Cap
from services.points.rules.corrections import Policy
from services.points.rules.form import Form, Problem, below
from services.points.rules.lots import expires_on
from services.points.rules.public_notices import notice_days
from services.points.rules.rule_set import Campaign, Evidence, RuleSet, Veto
from shared.errors import Rejected

MINUTES_MAX = 720  # the longest attendance there is
RATE_MAX = 1_000_000
FACTOR_MAX = 1_000
POINTS_MAX = 1_000_000_000  # of one award, and of a cap
VERSION_MAX = 2**31 - 1
COMMUNITIES_MAX = 500
CAMPAIGNS_MAX = 50
VETOES_MAX = 1_000
CAPS_MAX = 16

_REQUIRED = ("programme", "version", "valid_from", "activity", "caps", "wish")
_OPTIONAL = (
    "title",
    "communities",
    "timezone",
    "campaigns",
    "vetoes",
    "expiry",
    "notice",
    "fen_per_point",
    "reversal",
    "time_counted_once",
)
# How people begin; what is not here follows.
MEMBERS = (
    "programme",
    "version",
    "title",
    "valid_from",
    "communities",
    "activity",
    "caps",
    "campaigns",
    "vetoes",
)
_ACTIVITY = ("points_per_hour", "credited_minutes_max_per_activity", "evidence")
_ACTIVITY_MORE = ("points_each", "coefficients", "rounding", "minutes_min", "minutes_max")


class BadRules(Rejected):
    """Rules that cannot be applied; told by the first of its problems."""

    def __init__(self, problems: list[Problem]) -> None:
        first = problems[0]
        super().__init__(
            "bad_rules",
            f"规则 {first.pointer or '/'} {first.zh}",
            f"rule {first.pointer or '/'} {first.en}",
            pointer=first.pointer,
        )
        self.problems = problems


def read_rule_set(body: object) -> RuleSet:
    """Rules from their published form; raises BadRules with all that is wrong with it."""
    form = Form()
    rules = _rules(form, form.shape(body, "", _REQUIRED, _OPTIONAL))
    if form.problems:
        raise BadRules(form.problems)
    return rules


def _rules(form: Form, body: Mapping[str, Any]) -> RuleSet:
    # What is missing was told already: an empty part in its place would be told again.
    def given(name: str, default: object) -> Any:
        return body.get(name, default)

    activity = given("activity", None)
    shown = form.shape(activity, "/activity", _ACTIVITY, _ACTIVITY_MORE) if activity else {}
    if "activity" in body and not activity:
        form.shape(activity, "/activity", _ACTIVITY)
    valid_from = form.day(given("valid_from", "2026-01-01"), "/valid_from")
    caps, first_come = _caps(form, given("caps", {}), valid_from)
    rules = RuleSet(
        programme=form.text(given("programme", "x"), "/programme"),
        version=form.whole(given("version", 1), "/version", 1, VERSION_MAX),
        valid_from=valid_from,
        communities=_codes(form, body, "/communities", COMMUNITIES_MAX),
        title=_title(form, given("title", {})),
        rates=form.fractions(
            shown.get("points_per_hour", {}), "/activity/points_per_hour", RATE_MAX
        ),
        points_each=form.fractions(shown.get("points_each", {}), "/activity/points_each", RATE_MAX),
        coefficients=form.fractions(
            shown.get("coefficients", {}), "/activity/coefficients", FACTOR_MAX
        ),
        minutes_counted_max=form.whole(
            shown.get("credited_minutes_max_per_activity", 0),
            "/activity/credited_minutes_max_per_activity",
            0,
            100_000,
        ),
        evidence=_evidence(form, shown.get("evidence", {})),
        campaigns=_campaigns(form, given("campaigns", [])),
        vetoes=_vetoes(form, given("vetoes", [])),
        caps=caps,
        first_come=first_come,
        wish_points=_wish(form, given("wish", {"partner_contribution_points": {}})),
        fen_per_point=_fen(form, body),
        expiry=given("expiry", "never"),
        notice_days=_notice(form, given("notice", None)),
        reversal=form.choice(body["reversal"], "/reversal", *Policy)
        if "reversal" in body
        else None,
        time_counted_once=form.flag(given("time_counted_once", False), "/time_counted_once"),
    )
    _others(form, body, shown, rules)
    return rules


def _others(form: Form, body: Mapping[str, Any], shown: Mapping[str, Any], rules: RuleSet) -> None:
    """What is fixed today, and what only the whole can tell."""
    form.choice(body.get("timezone", "Asia/Shanghai"), "/timezone", "Asia/Shanghai")
    form.choice(shown.get("rounding", "floor"), "/activity/rounding", "floor")
    for name in ("minutes_min", "minutes_max"):
        form.whole(shown.get(name, 0), f"/activity/{name}", 0, 100_000)
    try:
        expires_on(rules.expiry, rules.valid_from)
    except ValueError:
        form.wrong(
            "/expiry",
            '须为 "never"、"year_end" 或 {"months": n}',
            'must be "never", "year_end" or {"months": n}',
        )
    if _most(rules) > POINTS_MAX:
        form.wrong(
            "/activity",
            f"一次活动可能超过 {POINTS_MAX} 分，请降低分值、系数或倍数",
            f"one activity could earn more than {POINTS_MAX} points: lower rates or factors",
        )


def _most(rules: RuleSet) -> Fraction:
    """The most that one activity can earn."""
    one = Fraction(1)
    weight = max((worth.points for worth in rules.evidence.values()), default=one)
    times = max((campaign.multiplier for campaign in rules.campaigns), default=one)
    minutes = min(rules.minutes_counted_max, MINUTES_MAX)
    none = Fraction(0)
    return max(
        (
            (rules.rates.get(kind, none) * minutes / 60 + rules.points_each.get(kind, none))
            * rules.coefficients.get(kind, one)
            * weight
            * max(times, one)
            for kind in {*rules.rates, *rules.points_each}
        ),
        default=none,
    )


def _codes(form: Form, holder: Mapping[str, Any], pointer: str, most: int) -> frozenset[str] | None:
    name = pointer.rsplit("/", 1)[1]
    if name not in holder:
        return None
    codes = [form.text(one, place, 32) for place, one in form.items(holder[name], pointer, 1, most)]
    if len(set(codes)) < len(codes):
        form.wrong(pointer, "有重复，请删去", "has the same twice: remove one")
    return frozenset(codes)


def _title(form: Form, value: object) -> Mapping[str, str]:
    return {
        name: form.text(one, below("/title", name), 100)
        for name, one in form.shape(value, "/title", (), ("zh", "en")).items()
    }


def _evidence(form: Form, value: object) -> dict[str, Evidence]:
    pointer = "/activity/evidence"
    found = {}
    for name, one in form.members(value, pointer).items():
        at = below(pointer, name)
        worth = form.shape(one, at, ("points", "hours"))
        found[name] = Evidence(
            points=_weight(form, worth.get("points", False), below(at, "points")),
            hours=_weight(form, worth.get("hours", False), below(at, "hours"), most=1),
        )
    return found


def _weight(form: Form, value: object, pointer: str, most: int = FACTOR_MAX) -> Fraction:
    if isinstance(value, bool):
        return Fraction(int(value))
    return form.fraction(value, pointer, most)


def _caps(form: Form, value: object, valid_from: date) -> tuple[tuple[Cap, ...], bool]:
    shown = form.shape(value, "/caps", (), (*capping.CODES, "over_cap", "first_come"))
    form.choice(
        shown.get("over_cap", "credit what is left"), "/caps/over_cap", "credit what is left"
    )
    first_come = form.flag(shown.get("first_come", False), "/caps/first_come")
    # In one order whatever the order they are written in, so that they are told in it.
    caps = tuple(
        _cap(form, code, shown[code], valid_from) for code in capping.CODES if code in shown
    )
    if len(caps) > CAPS_MAX:
        form.wrong("/caps", f"最多 {CAPS_MAX} 种上限", f"at most {CAPS_MAX} caps")
    crossed = capping.crossing(caps)
    # What stands there in its place was told already.
    if crossed is not None and shown.get("first_come", False) is False:
        one, other = crossed[0].code, crossed[1].code
        form.wrong(
            below("/caps", other),
            f'与 {one} 相互交叉，结果取决于入账先后：请去掉其一，或写明先到先得 "first_come": true',
            f"crosses {one}, so that totals depend on who comes first:"
            ' remove one, or say "first_come": true',
        )
    return caps, first_come


def _cap(form: Form, code: str, value: object, valid_from: date) -> Cap:
    pointer = below("/caps", code)
    level, window = capping.split(code)
    if not isinstance(value, Mapping):
        return Cap(level, window, form.whole(value, pointer, 0, POINTS_MAX))
    shown = form.shape(value, pointer, ("points",), ("counts_from",))
    counts_from = None
    if "counts_from" in shown:
        counts_from = form.day(shown["counts_from"], below(pointer, "counts_from"))
        if counts_from > valid_from > date.min:  # date.min: it could not be read
            form.wrong(
                below(pointer, "counts_from"),
                "不得晚于生效日 valid_from",
                "must not be after valid_from",
            )
    points = form.whole(shown.get("points", 0), below(pointer, "points"), 0, POINTS_MAX)
    return Cap(level, window, points, counts_from)


def _campaigns(form: Form, value: object) -> tuple[Campaign, ...]:
    found: list[Campaign] = []
    for at, one in form.items(value, "/campaigns", 0, CAMPAIGNS_MAX):
        shown = form.shape(one, at, ("name", "from", "to", "multiplier"), ("kinds",))
        if {"name", "from", "to", "multiplier"} - set(shown):
            continue
        campaign = Campaign(
            name=form.text(shown["name"], below(at, "name")),
            first=form.day(shown["from"], below(at, "from")),
            last=form.day(shown["to"], below(at, "to")),
            kinds=_codes(form, shown, below(at, "kinds"), 100),
            multiplier=form.fraction(shown["multiplier"], below(at, "multiplier"), FACTOR_MAX),
        )
        if campaign.last < campaign.first:
            form.wrong(below(at, "to"), "不得早于 from", "must not be before from")
        if any(other.name == campaign.name for other in found):
            form.wrong(below(at, "name"), "与另一项同名", "is the name of another one, too")
        found.append(campaign)
    return tuple(found)


def _vetoes(form: Form, value: object) -> tuple[Veto, ...]:
    found = []
    for at, one in form.items(value, "/vetoes", 0, VETOES_MAX):
        shown = form.shape(one, at, ("reason",), ("resident_no", "kind", "from", "to"))
        if ("resident_no" in shown) == ("kind" in shown):
            form.wrong(
                at,
                "resident_no 与 kind 须写其一，且只写其一",
                "must name a resident_no or a kind, and only one of them",
            )
            continue
        first = form.day(shown["from"], below(at, "from")) if "from" in shown else None
        last = form.day(shown["to"], below(at, "to")) if "to" in shown else None
        if first is not None and last is not None and last < first:
            form.wrong(below(at, "to"), "不得早于 from", "must not be before from")
        found.append(
            Veto(
                resident_no=_named(form, shown, at, "resident_no", 32),
                kind=_named(form, shown, at, "kind", 64),
                first=first,
                last=last,
                reason=form.text(shown.get("reason", "x"), below(at, "reason")),
            )
        )
    return tuple(found)


def _named(form: Form, shown: Mapping[str, Any], at: str, name: str, high: int) -> str | None:
    return form.text(shown[name], below(at, name), high) if name in shown else None


def _wish(form: Form, value: object) -> dict[str, int]:
    shown = form.shape(value, "/wish", ("partner_contribution_points",))
    pointer = "/wish/partner_contribution_points"
    return {
        colour: form.whole(points, below(pointer, colour), 0, POINTS_MAX)
        for colour, points in form.members(
            shown.get("partner_contribution_points", {}), pointer
        ).items()
    }


def _fen(form: Form, body: Mapping[str, Any]) -> int | None:
    if "fen_per_point" not in body:
        return None
    return form.whole(body["fen_per_point"], "/fen_per_point", 0, 1_000_000)


def _notice(form: Form, value: object) -> int | None:
    try:
        return notice_days(value)
    except Rejected as problem:
        form.wrong(problem.pointer or "/notice", problem.zh, problem.en)
        return None

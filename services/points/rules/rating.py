"""信用评价: a score of 0 to 1,000 in declared parts, which can open doors and never close one.

It is computed when it is looked at, as of any day, from what somebody did for others. What it may
look at is a closed list; who somebody is, believes, owes or suffers is not on it, and no rule can
put it there. Deductions are off unless declared, end by themselves, and never go below zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from services.points.rules.declaring import choice, flag, listed, table, whole, word, wrong
from services.points.rules.explaining import Words

RATING = "default"
SCORE_MAX = 1000
PARTS_MAX = 12
YEARS_MAX = 10

# All that may be rated, and in what it is counted.
ATTRIBUTES: Mapping[str, Words] = {
    "service_minutes": Words("分钟服务", "minutes of service"),
    "service_days": Words("个服务日", "days of service"),
    "active_months": Words("个有服务的月份", "months with service"),
    "self_checked_days": Words("个本人签到签退的服务日", "days signed in and out in person"),
    "honour_points": Words("荣誉分", "honour points"),
    "donated_points": Words("分捐入社区积分池", "points donated to the community's pool"),
}
# Named so that whoever tries is told why; whatever is not in ATTRIBUTES is refused anyway.
SENSITIVE = frozenset(
    {
        "religion", "belief", "ethnicity", "race", "nationality", "health", "disability",
        "illness", "pregnancy", "politics", "party", "petitions", "complaints", "requests",
        "debts", "loans", "income", "property", "fees", "age", "sex", "gender", "marriage",
        "children", "education", "occupation", "hukou", "criminal_record", "biometrics", "genes",
        "location", "friends", "consumption", "payments", "family",
    }
)  # fmt: skip
# What a score may be good for. Nothing that anybody has a right to anyway is here.
REWARDS: Mapping[str, Words] = {
    "commendation": Words("推荐评优评先", "put forward for commendation"),
    "venue_priority": Words("优先预约活动场地", "first choice of venues"),
    "exchange_discount": Words("兑换优惠", "rewards for fewer points"),
    "training_priority": Words("优先参加培训", "first choice of training"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """`points` for each whole `per` of the attribute, at most `most`; each full year ago counts
    less by `decay_percent` of what was left.
    """

    code: str
    name: Words
    improve: Words
    attribute: str
    most: int
    points: int
    per: int
    decay_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deduction:
    """What a declared misdeed takes off, and for how many years at most."""

    code: str
    name: Words
    points: int
    years: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """One version of the parts. The base is what everybody has from the beginning."""

    version: int
    valid_from: date
    base: int
    parts: tuple[Part, ...]
    rewards: tuple[tuple[str, int], ...]
    deducts: bool
    deductions: tuple[Deduction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A decided repair, deduction, or the voiding of one, by its id."""

    note_id: str
    kind: str
    part: str
    points: int
    voids: str | None
    on_date: date


# By attribute, then by whole years ago: how much of it there is.
Facts = Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What a part comes to, and why: `reason` is a stable code."""

    code: str
    name: Words
    points: int
    most: int
    reason: str
    why: Words
    improve: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The score and its parts: their sum, held between 0 and 1,000, is the score."""

    score: int
    base: int
    parts: tuple[Scored, ...]
    deductions: tuple[Scored, ...]


def read_rating(version: int, valid_from: date, body: Mapping[str, Any]) -> Rating:
    """The parts from their declared form; raises Rejected, also for what may not be rated."""
    told = table(body, "", required=("base", "parts"), optional=("rewards", "deductions"))
    base = whole(told["base"], "/base", 0, SCORE_MAX)
    parts = tuple(
        _part(one, f"/parts/{number}")
        for number, one in enumerate(listed(told["parts"], "/parts", most=PARTS_MAX))
    )
    if len({part.code for part in parts}) < len(parts):
        raise wrong("/parts", "代码不得重复", "codes must differ from each other")
    if base + sum(part.most for part in parts) > SCORE_MAX:
        raise wrong(
            "/parts",
            f"基础分与各部分上限之和不得超过 {SCORE_MAX}",
            f"the base and the parts' limits must not exceed {SCORE_MAX} together",
        )
    deducts, deductions = _deductions(told.get("deductions", {"enabled": False, "items": []}))
    return Rating(
        version=version,
        valid_from=valid_from,
        base=base,
        parts=parts,
        rewards=_rewards(told.get("rewards", [])),
        deducts=deducts,
        deductions=deductions,
    )


def _part(value: object, at: str) -> Part:
    required = ("code", "zh", "en", "improve_zh", "improve_en", "attribute", "max", "points", "per")
    told = table(value, at, required=required, optional=("decay_percent",))
    return Part(
        code=word(told["code"], f"{at}/code"),
        name=_words(told, at, "zh", "en"),
        improve=_words(told, at, "improve_zh", "improve_en"),
        attribute=_attribute(told["attribute"], f"{at}/attribute"),
        most=whole(told["max"], f"{at}/max", 1, SCORE_MAX),
        points=whole(told["points"], f"{at}/points", 1, SCORE_MAX),
        per=whole(told["per"], f"{at}/per", 1, 10**9),
        decay_percent=whole(told.get("decay_percent", 0), f"{at}/decay_percent", 0, 100),
    )


def _words(told: Mapping[str, Any], at: str, zh: str, en: str) -> Words:
    return Words(word(told[zh], f"{at}/{zh}", 200), word(told[en], f"{at}/{en}", 200))


def _attribute(value: object, pointer: str) -> str:
    if isinstance(value, str) and value.lower() in SENSITIVE:
        raise wrong(
            pointer,
            f"“{value}”属敏感信息，任何规则都不得用于评价",
            f"{value} is nobody's business here: no rule may rate it",
        )
    return choice(value, pointer, tuple(ATTRIBUTES))


def _rewards(value: object) -> tuple[tuple[str, int], ...]:
    rewards = []
    for number, one in enumerate(listed(value, "/rewards", most=20, least=0)):
        at = f"/rewards/{number}"
        told = table(one, at, required=("reward", "from"))
        rewards.append(
            (
                choice(told["reward"], f"{at}/reward", tuple(REWARDS)),
                whole(told["from"], f"{at}/from", 0, SCORE_MAX),
            )
        )
    return tuple(rewards)


def _deductions(value: object) -> tuple[bool, tuple[Deduction, ...]]:
    told = table(value, "/deductions", required=("enabled", "items"))
    items = []
    for number, one in enumerate(listed(told["items"], "/deductions/items", most=20, least=0)):
        at = f"/deductions/items/{number}"
        item = table(one, at, required=("code", "zh", "en", "points", "years"))
        items.append(
            Deduction(
                code=word(item["code"], f"{at}/code"),
                name=_words(item, at, "zh", "en"),
                points=whole(item["points"], f"{at}/points", 1, 100),
                years=whole(item["years"], f"{at}/years", 1, 3),
            )
        )
    return flag(told["enabled"], "/deductions/enabled"), tuple(items)


def years_ago(then: date, on: date) -> int:
    """Whole years from one day to another, counted in 365 days; never below 0."""
    return max((on - then).days, 0) // 365


def score(rating: Rating, facts: Facts, notes: Sequence[Note], on: date) -> Score:
    """The score as of a day; `facts` and `notes` are those known by that day."""
    voided = {note.voids for note in notes if note.kind == "void" and note.on_date <= on}
    standing = [note for note in notes if note.on_date <= on and note.note_id not in voided]
    parts = tuple(_scored(part, facts, standing) for part in rating.parts)
    taken = _taken(rating, standing, on) if rating.deducts else ()
    total = rating.base + sum(part.points for part in parts) + sum(one.points for one in taken)
    return Score(
        score=max(0, min(total, SCORE_MAX)), base=rating.base, parts=parts, deductions=taken
    )


def _scored(part: Part, facts: Facts, notes: Sequence[Note]) -> Scored:
    kept = Fraction(100 - part.decay_percent, 100)
    by_year = facts.get(part.attribute, {})
    counted = sum(
        (amount * kept ** min(years, YEARS_MAX) for years, amount in by_year.items()), Fraction(0)
    )
    earned = max(int(counted * part.points // part.per), 0)
    repaired = sum(n.points for n in notes if n.kind == "repair" and n.part == part.code)
    points = min(earned + repaired, part.most)
    return Scored(
        code=part.code,
        name=part.name,
        points=points,
        most=part.most,
        reason=_reason(part, points=points, repaired=repaired),
        why=_why(part, int(counted), repaired),
        improve=part.improve,
    )


def _reason(part: Part, *, points: int, repaired: int) -> str:
    if points >= part.most:
        return "full"
    if repaired:
        return "repaired"
    return "counted" if points else "nothing_yet"


def _why(part: Part, counted: int, repaired: int) -> Words:
    unit = ATTRIBUTES[part.attribute]
    decay_zh = f"，每满一年按 {100 - part.decay_percent}% 计" if part.decay_percent else ""
    decay_en = f", each full year ago at {100 - part.decay_percent}%" if part.decay_percent else ""
    zh = f"计 {counted} {unit.zh}{decay_zh}，每 {part.per} 得 {part.points} 分"
    en = f"{counted} {unit.en}{decay_en}; {part.points} for each {part.per}"
    if repaired:
        zh, en = f"{zh}；申诉后补 {repaired} 分", f"{en}; {repaired} given back on appeal"
    return Words(f"{zh}，最多 {part.most} 分。", f"{en}; at most {part.most}.")


def _taken(rating: Rating, notes: Sequence[Note], on: date) -> tuple[Scored, ...]:
    declared = {one.code: one for one in rating.deductions}
    taken = []
    for note in notes:
        one = declared.get(note.part)
        if note.kind != "deduction" or one is None or years_ago(note.on_date, on) >= one.years:
            continue
        taken.append(
            Scored(
                code=note.note_id,
                name=one.name,
                points=-min(note.points, one.points),
                most=0,
                reason="deducted",
                why=Words(
                    f"{note.on_date.isoformat()} 起 {one.years} 年内有效，可申诉。",
                    f"For {one.years} years from {note.on_date.isoformat()}; you may appeal.",
                ),
                improve=Words("如有异议，请申诉。", "Appeal if it is not right."),
            )
        )
    return tuple(taken)

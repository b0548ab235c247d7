"""Declared rules are read strictly, and nothing sensitive can be rated or gated by a rating."""

from __future__ import annotations

import ast
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.points.models.proposals import RATED_ATTRIBUTES
from services.points.rules.conversions import read_conversion
from services.points.rules.declared_examples import EXAMPLES, HONOURS, RATING, STARS, TIME_COINS
from services.points.rules.honours import read_scale
from services.points.rules.households import read_limits
from services.points.rules.rating import ATTRIBUTES, REWARDS, SENSITIVE, read_rating
from services.points.rules.stars import DEFAULT, Totals, progress, read_ladder, star_of
from shared.errors import Rejected

ON = date(2026, 10, 1)
ROOT = Path(__file__).resolve().parents[3]
READERS: dict[str, Callable[[Any], object]] = {
    "star": lambda body: read_ladder("default", 1, ON, body),
    "rating": lambda body: read_rating(1, ON, body),
    "honour": read_scale,
    "conversion": lambda body: read_conversion("x", 1, ON, body),
    "household": read_limits,
}


@pytest.mark.parametrize(
    ("kind", "name", "body"),
    [(kind, name, body) for kind, examples in EXAMPLES.items() for name, body in examples],
)
def test_every_example_can_be_read(kind: str, name: str, body: dict[str, Any]) -> None:
    assert name
    assert READERS[kind](body) is not None


def changed(body: Any, path: str, value: object) -> Any:
    """A copy with one value changed, `...` taken out."""
    copied = deepcopy(dict(body))
    place: Any = copied
    *way, last = [int(step) if step.isdigit() else step for step in path.strip("/").split("/")]
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copied


@pytest.mark.parametrize(
    ("kind", "body", "path", "value"),
    [
        ("star", STARS, "/levels", []),
        ("star", STARS, "/levels", [{"hours": 1}] * 21),
        ("star", STARS, "/levels/1/hours", 100),
        ("star", STARS, "/levels/1/hours", 99),
        ("star", STARS, "/levels/0/hours", True),
        ("star", STARS, "/levels/0/hours", 1.5),
        ("star", STARS, "/levels/0/hours", "100"),
        ("star", STARS, "/surprise", 1),
        ("star", STARS, "/programme", ""),
        ("honour", HONOURS, "/levels/street", 16),
        ("honour", HONOURS, "/levels/nation", ...),
        ("honour", HONOURS, "/levels/galaxy", 60),
        ("conversion", TIME_COINS, "/consumes", True),
        ("conversion", TIME_COINS, "/to_asset", "service_minutes"),
        ("conversion", TIME_COINS, "/to_asset", "honour_points"),
        ("conversion", TIME_COINS, "/from_asset", "partner_contribution"),
        ("conversion", TIME_COINS, "/from_amount", 0),
        ("conversion", TIME_COINS, "/to_amount", 0.5),
        ("conversion", TIME_COINS, "/expiry", "some day"),
        ("household", EXAMPLES["household"][0][1], "/gift_day_max", -1),
        ("household", EXAMPLES["household"][0][1], "/gift_day_max", ...),
        ("rating", RATING, "/base", 1001),
        ("rating", RATING, "/base", -1),
        ("rating", RATING, "/parts/0/max", 0),
        ("rating", RATING, "/parts/0/decay_percent", 101),
        ("rating", RATING, "/parts/0/zh", ""),
        ("rating", RATING, "/parts/1/code", "volunteer"),
        ("rating", RATING, "/rewards/0/reward", "school_place"),
        ("rating", RATING, "/gates", ["clinic"]),
        ("rating", RATING, "/deductions/enabled", "yes"),
    ],
)
def test_what_is_wrong_is_refused_and_named_in_both_languages(
    kind: str, body: Any, path: str, value: object
) -> None:
    with pytest.raises(Rejected) as caught:
        READERS[kind](changed(body, path, value))
    pointer = caught.value.pointer or ""
    assert path.startswith(pointer) or pointer.startswith(path)
    assert caught.value.zh
    assert caught.value.en


@pytest.mark.parametrize(
    "attribute", sorted({*SENSITIVE, "Religion", "anything_else", 7, None}, key=str)
)
def test_no_rule_can_rate_a_denied_attribute(attribute: object) -> None:
    with pytest.raises(Rejected) as caught:
        read_rating(1, ON, changed(RATING, "/parts/0/attribute", attribute))
    assert caught.value.pointer == "/parts/0/attribute"


def test_what_may_be_rated_is_one_list_and_nothing_sensitive_is_on_it() -> None:
    assert set(ATTRIBUTES) == set(RATED_ATTRIBUTES)
    assert not set(ATTRIBUTES) & SENSITIVE


def test_nothing_else_looks_at_a_score() -> None:
    """A score opens no door and closes none: only these rooms may even read the law of it."""
    allowed = {
        "services/points/rules/facts.py",
        "services/points/queries/declared.py",
        "services/points/queries/ratings.py",
        "services/points/actions/declaring.py",
        "services/points/actions/proposals.py",
        "services/points/pages/proposals.py",
        "services/points/pages/ratings.py",
        "services/points/api/ratings.py",
    }
    found = set()
    for path in (ROOT / "services").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "services.points.rules.rating":
                found.add(str(path.relative_to(ROOT)))
    assert found <= allowed
    assert set(REWARDS) == {
        "commendation",
        "venue_priority",
        "exchange_discount",
        "training_priority",
    }


def test_the_default_ladder() -> None:
    hours = [0, 99, 100, 299, 300, 600, 999, 1000, 1500, 9999]
    assert [star_of(DEFAULT, Totals(h * 60, 0)) for h in hours] == [0, 0, 1, 1, 2, 3, 3, 4, 5, 5]


def test_progress_names_both_keys() -> None:
    ladder = read_ladder("x", 1, ON, {"levels": [{"hours": 50, "points": 500}]})
    stands = progress(ladder, Totals(2940, 100))
    assert (stands.star, stands.minutes_left, stands.points_left) == (0, 60, 400)
    assert star_of(ladder, Totals(3000, 499)) == 0
    assert star_of(ladder, Totals(2999, 500)) == 0
    top = progress(ladder, Totals(3000, 500))
    assert (top.star, top.next_level, top.minutes_left) == (1, None, 0)

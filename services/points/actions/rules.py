"""Publishes versions of a programme's rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import combinations, pairwise
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.queries.rules import rule_sets
from services.points.rules.form import Problem
from services.points.rules.rule_form import BadRules, read_rule_set
from services.points.rules.rule_set import RuleSet, timeline
from shared import clock
from shared.errors import Conflict
from shared.messaging.transaction import Transaction

# Who publishes what a district is installed with; people appear by their account numbers.
INSTALLATION = "installation"

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('points rules'))")
_PUBLISH = text(
    "INSERT INTO rule_sets"
    " (programme, version, valid_from, body, published_at, made_by, checked_by)"
    " VALUES (:programme, :version, :valid_from, CAST(:body AS jsonb), :now, :made_by,"
    " :checked_by) ON CONFLICT DO NOTHING RETURNING version"
)
_SAME = text(
    "SELECT body = CAST(:body AS jsonb) FROM rule_sets"
    " WHERE programme = :programme AND version = :version"
)
_CREDITED = text("SELECT EXISTS (SELECT FROM awards WHERE on_date >= :valid_from)")


def publish(
    tx: Transaction,
    body: dict[str, Any],
    *,
    made_by: str = INSTALLATION,
    checked_by: str | None = None,
) -> RuleSet:
    """Publish a version; the same again is no change. The installation needs no second person.

    Raises BadRules, or Conflict for a version that was published with other content.
    """
    rules = read_rule_set(body)
    tx.session.execute(_ONE_AT_A_TIME)
    values = {
        "programme": rules.programme,
        "version": rules.version,
        "body": orjson.dumps(body).decode(),
    }
    same = tx.session.execute(_SAME, values).scalar_one_or_none()
    if same is None:
        check_start(tx.session, rules)
        tx.session.execute(
            _PUBLISH,
            {
                **values,
                "valid_from": rules.valid_from,
                "now": clock.now(),
                "made_by": made_by,
                "checked_by": checked_by,
            },
        )
    elif not same:
        raise already_published(rules)
    return rules


def already_published(rules: RuleSet) -> Conflict:
    """What is raised for a version that is there with other content."""
    return Conflict(
        "rules_published",
        f"规则 {rules.programme} 第 {rules.version} 版已发布，修改请用新版本号",
        f"version {rules.version} of {rules.programme} is published: use a new version",
        pointer="/version",
    )


def check_start(session: Session, rules: RuleSet) -> None:
    """Rules that follow others start with a month and after all that was credited, and change
    no cap in the middle of its window: otherwise the order in which contributions arrive would
    change totals. Raises BadRules.
    """
    known = rule_sets(session)
    followed = [other for other in known if _may_meet(rules, other)]
    if not followed:
        return
    if rules.valid_from.day != 1:
        raise _wrong(
            "新版本须从某月 1 日起生效", "a new version must start on the first of a month"
        )
    if session.execute(_CREDITED, {"valid_from": rules.valid_from}).scalar_one():
        raise _wrong(
            "生效日之后已有入账，请改用更晚的生效日",
            "contributions on or after this day were credited already: start later",
        )
    for community in sorted(rules.communities) if rules.communities else [None]:
        _check_windows(rules, timeline([*known, rules], community))


def _may_meet(rules: RuleSet, other: RuleSet) -> bool:
    """Whether both may be in force in one community, one after the other."""
    if rules.communities is None or other.communities is None:
        return True
    return not rules.communities.isdisjoint(other.communities)


def _check_windows(rules: RuleSet, told: Sequence[RuleSet]) -> None:
    """A cap of two versions may share a counter only if it allows the same in both."""
    ends = {id(one): following.valid_from - timedelta(days=1) for one, following in pairwise(told)}
    for earlier, later in combinations(told, 2):
        if rules not in (earlier, later):
            continue
        for cap in later.caps:
            before = earlier.cap(cap.code)
            if before is None or before.points == cap.points:
                continue
            if before.begins(ends[id(earlier)]) == cap.begins(later.valid_from):
                raise _changed(rules, earlier if later is rules else later, cap.code)


def _changed(rules: RuleSet, other: RuleSet, code: str) -> BadRules:
    start: date = rules.valid_from
    return _wrong(
        f"与 {other.programme} 第 {other.version} 版的上限不同，且在同一时段内：请保持不变，"
        f'或改为 {{"points": n, "counts_from": "{start}"}} 重新起计',
        f"differs from version {other.version} of {other.programme} within one window:"
        f' keep it, or begin anew with {{"points": n, "counts_from": "{start}"}}',
        f"/caps/{code}",
    )


def _wrong(zh: str, en: str, pointer: str = "/valid_from") -> BadRules:
    return BadRules([Problem(pointer, zh, en)])

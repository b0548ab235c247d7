"""Publishes versions of a programme's rules."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import text

from services.points.rules.earning import RuleSet, read_rule_set
from shared import clock
from shared.errors import Conflict, Rejected
from shared.messaging.transaction import Transaction

_PUBLISH = text(
    "INSERT INTO rule_sets (programme, version, valid_from, body, published_at, made_by)"
    " VALUES (:programme, :version, :valid_from, CAST(:body AS jsonb), :now, 'installation')"
    " ON CONFLICT DO NOTHING RETURNING version"
)
_SAME = text(
    "SELECT body = CAST(:body AS jsonb) FROM rule_sets"
    " WHERE programme = :programme AND version = :version"
)


_OTHERS = text("SELECT EXISTS (SELECT FROM rule_sets WHERE programme = :programme)")
_CREDITED = text("SELECT EXISTS (SELECT FROM awards WHERE on_date >= :valid_from)")


def publish(tx: Transaction, body: dict[str, Any]) -> RuleSet:
    """Publish a version; the same again is no change. Raises Rejected, or Conflict for a version
    that was published with other content.
    """
    rules = read_rule_set(body)
    values = {
        "programme": rules.programme,
        "version": rules.version,
        "body": orjson.dumps(body).decode(),
    }
    _check_start(tx, rules, values)
    published = tx.session.execute(
        _PUBLISH, {**values, "valid_from": rules.valid_from, "now": clock.now()}
    ).scalar_one_or_none()
    if published is None and not tx.session.execute(_SAME, values).scalar_one():
        raise Conflict(
            "rules_published",
            f"规则 {rules.programme} 第 {rules.version} 版已发布，修改请用新版本号",
            f"version {rules.version} of {rules.programme} is published: use a new version",
        )
    return rules


def _check_start(tx: Transaction, rules: RuleSet, values: dict[str, Any]) -> None:
    """A later version starts with a month, because caps are by the month, and after all that was
    credited: otherwise the order in which contributions arrive would change totals.
    """
    known = tx.session.execute(_SAME, values).scalar_one_or_none()
    if known is not None or not tx.session.execute(_OTHERS, values).scalar_one():
        return
    if rules.valid_from.day != 1:
        raise Rejected(
            "bad_rules",
            "新版本须从某月 1 日起生效",
            "a new version must start on the first of a month",
            pointer="/valid_from",
        )
    if tx.session.execute(_CREDITED, {"valid_from": rules.valid_from}).scalar_one():
        raise Rejected(
            "bad_rules",
            "生效日之后已有入账，请改用更晚的生效日",
            "contributions on or after this day were credited already: start later",
            pointer="/valid_from",
        )

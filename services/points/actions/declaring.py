"""Publishes declared rules once they are approved; a version is never changed, only followed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from services.points.rules.conversions import read_conversion
from services.points.rules.declaring import KINDS, choice, table, word, wrong
from services.points.rules.honours import SCALE, read_scale
from services.points.rules.households import LIMITS, read_limits
from services.points.rules.rating import RATING, read_rating
from services.points.rules.stars import read_ladder
from shared import clock
from shared.errors import Rejected
from shared.messaging.transaction import Transaction

_ONE_NAME = {"rating": RATING, "honour": SCALE, "household": LIMITS}

# One at a time: versions have no gaps, and each starts after the one before.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('declared_rules'))")
_NEWEST = text(
    "SELECT max(version) AS version, max(valid_from) AS valid_from FROM declared_rules"
    " WHERE kind = :kind AND name = :name"
)
_PUBLISH = text(
    "INSERT INTO declared_rules (kind, name, version, valid_from, body, proposal_id, published_at)"
    " VALUES (:kind, :name, :version, :valid_from, CAST(:body AS jsonb), :proposal_id, :now)"
)


def check_declaration(body: Mapping[str, Any]) -> tuple[str, str, date]:
    """Kind, name and first day of {"kind", "name", "valid_from", "rules"}; raises Rejected.

    Nothing is declared for days that have passed: what people were told then stays so.
    """
    told = table(body, "", required=("kind", "name", "valid_from", "rules"))
    kind = choice(told["kind"], "/kind", KINDS)
    name = word(told["name"], "/name")
    if _ONE_NAME.get(kind, name) != name:
        raise wrong("/name", f"须为 {_ONE_NAME[kind]}", f"must be {_ONE_NAME[kind]}")
    try:
        valid_from = date.fromisoformat(str(told["valid_from"]))
    except ValueError:
        raise wrong("/valid_from", "须为日期", "must be a day, such as 2026-10-01") from None
    if valid_from < clock.today():
        raise wrong("/valid_from", "不得早于今天", "must not be before today")
    rules = told["rules"]
    try:
        _read(kind, name, valid_from, rules)
    except Rejected as problem:
        raise _below("/rules", problem) from problem
    return kind, name, valid_from


def _read(kind: str, name: str, valid_from: date, rules: Mapping[str, Any]) -> None:
    if kind == "star":
        read_ladder(name, 1, valid_from, rules)
    elif kind == "rating":
        read_rating(1, valid_from, rules)
    elif kind == "honour":
        read_scale(rules)
    elif kind == "conversion":
        read_conversion(name, 1, valid_from, rules)
    else:
        read_limits(rules)


def _below(prefix: str, problem: Rejected) -> Rejected:
    pointer = f"{prefix}{problem.pointer or ''}".rstrip("/")
    old = problem.pointer or "/"
    return Rejected(
        problem.code,
        problem.zh.replace(f"{old}：", f"{pointer}：", 1),
        problem.en.replace(f"{old}: ", f"{pointer}: ", 1),
        pointer=pointer,
    )


def publish(tx: Transaction, proposal_id: UUID, body: Mapping[str, Any]) -> int:
    """Publish an approved declaration as the next version of its kind and name."""
    kind, name, valid_from = check_declaration(body)
    tx.session.execute(_LOCK)
    newest = tx.session.execute(_NEWEST, {"kind": kind, "name": name}).one()
    if newest.valid_from is not None and valid_from < newest.valid_from:
        raise wrong(
            "/valid_from",
            f"不得早于上一版的 {newest.valid_from.isoformat()}",
            f"must not be before {newest.valid_from.isoformat()}, that of the version before",
        )
    version = (newest.version or 0) + 1
    tx.session.execute(
        _PUBLISH,
        {
            "kind": kind,
            "name": name,
            "version": version,
            "valid_from": valid_from,
            "body": orjson.dumps(body["rules"]).decode(),
            "proposal_id": proposal_id,
            "now": clock.now(),
        },
    )
    return int(version)

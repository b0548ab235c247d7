"""疑点: raises what a person should look at, once each, and keeps what that person found.

A flag moves nothing: whoever confirms one proposes a correction, as anybody else does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.queries import flags as queries
from services.points.queries.corrections import known_residents
from services.points.rules.corrections import check_text
from services.points.rules.flags import Limits
from shared import clock
from shared.db.arrays import literal
from shared.errors import Conflict, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

PARTNER_CHARS_MAX = 64
OUTCOMES = ("dismissed", "confirmed")

_RAISE = text(
    "INSERT INTO flags (flag_id, kind, subject, evidence_key, evidence, state, raised_at)"
    " SELECT f.flag_id, f.kind, f.subject, f.evidence_key, f.evidence, 'open', :now"
    " FROM ROWS FROM (unnest(CAST(:ids AS uuid[]), CAST(:kinds AS text[]),"
    " CAST(:subjects AS text[]), CAST(:keys AS text[])),"
    " jsonb_array_elements(CAST(:evidences AS jsonb)))"
    " AS f (flag_id, kind, subject, evidence_key, evidence)"
    " ON CONFLICT (kind, evidence_key) DO NOTHING"
)
_LOCK = text("SELECT state FROM flags WHERE flag_id = :flag_id FOR UPDATE")
_JUDGE = text(
    "UPDATE flags SET state = :state, checked_by = :by, checked_at = :now, decision = :decision"
    " WHERE flag_id = :flag_id"
)
_DECLARE = text(
    "INSERT INTO organisers (partner, resident_no, declared_by, declared_at)"
    " VALUES (:partner, :resident_no, :by, :now) ON CONFLICT DO NOTHING RETURNING id"
)
_END = text(
    "UPDATE organisers SET ended_by = :by, ended_at = :now WHERE partner = :partner"
    " AND resident_no = :resident_no AND ended_at IS NULL RETURNING id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """A flag on its way; the same `evidence_key` of a kind is the same flag."""

    kind: str
    subject: str
    evidence_key: str
    evidence: Mapping[str, Any]


def raise_flags(session: Session, raised: Iterable[Raised], now: datetime) -> None:
    """Add those that were not raised before."""
    flags = list(raised)
    if not flags:
        return
    session.execute(
        _RAISE,
        {
            "now": now,
            "ids": literal(uuid7() for _ in flags),
            "kinds": literal(one.kind for one in flags),
            "subjects": literal(one.subject for one in flags),
            "keys": literal(one.evidence_key for one in flags),
            "evidences": orjson.dumps([dict(one.evidence) for one in flags]).decode(),
        },
    )


def look(tx: Transaction, limits: Limits | None = None) -> None:
    """Look through the last weeks of the ledger, and raise what is odd in them."""
    limits = limits or Limits()
    now = clock.now()
    found = [
        *queries.self_awards(tx.session, limits, now),
        *queries.gift_rings(tx.session, limits, now),
        *queries.same_places(tx.session, limits, now),
        *queries.dense_days(tx.session, limits, now),
    ]
    raise_flags(
        tx.session,
        (
            Raised(
                kind=one.kind,
                subject=one.subject,
                evidence_key=one.evidence_key,
                evidence=one.evidence,
            )
            for one in found
        ),
        now,
    )


def judge(tx: Transaction, flag_id: UUID, *, outcome: str, decision: str, by: str) -> None:
    """Dismiss or confirm a flag, once; raises Rejected, Missing, Conflict."""
    if outcome not in OUTCOMES:
        raise Rejected("bad_outcome", "请选择核查结果", "choose an outcome", pointer="/outcome")
    written = check_text(decision, "/decision")
    state = tx.session.execute(_LOCK, {"flag_id": flag_id}).scalar_one_or_none()
    if state is None:
        raise Missing("no_flag", "没有这条疑点", "there is no such flag")
    if state != "open":
        raise Conflict("judged_before", "这条疑点已有结论，请刷新", "this was judged: reload it")
    judged = {"flag_id": flag_id, "state": outcome, "by": by, "decision": written}
    tx.session.execute(_JUDGE, judged | {"now": clock.now()})


def declare_organiser(tx: Transaction, partner: str, resident_no: str, *, by: str) -> None:
    """Declare that a resident organises for a partner; raises Rejected, Conflict."""
    if not 1 <= len(partner) <= PARTNER_CHARS_MAX or not partner.isascii():
        raise Rejected("bad_partner", "请填写合伙人代号", "name the partner", pointer="/partner")
    if resident_no not in known_residents(tx.session, [resident_no]):
        raise Rejected(
            "unknown_resident",
            "没有这个居民编号，请核对",
            "no resident has this number: check it",
            pointer="/resident_no",
        )
    named = {"partner": partner, "resident_no": resident_no, "by": by, "now": clock.now()}
    if tx.session.execute(_DECLARE, named).scalar_one_or_none() is None:
        raise Conflict("declared_before", "已经登记过", "this was declared before")


def end_organiser(tx: Transaction, partner: str, resident_no: str, *, by: str) -> None:
    """End it; raises Missing."""
    named = {"partner": partner, "resident_no": resident_no, "by": by, "now": clock.now()}
    if tx.session.execute(_END, named).scalar_one_or_none() is None:
        raise Missing("no_organiser", "没有这项登记", "nothing like it is declared")

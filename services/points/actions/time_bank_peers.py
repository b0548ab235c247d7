"""The register of other districts: one manager proposes, another decides."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.points.rules.time_bank import PeerTerms
from shared import clock
from shared.errors import Conflict, Forbidden, Missing
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

_INSERT = text(
    "INSERT INTO time_bank_peer_changes (change_id, code, name, url, public_key, is_active,"
    " transfer_max, month_max, balance_max, made_by, made_at) VALUES (:change_id, :code, :name,"
    " :url, :public_key, :is_active, :transfer_max, :month_max, :balance_max, :by, :now)"
)
_LOCK = text(
    "SELECT made_by, decision FROM time_bank_peer_changes WHERE change_id = :change_id FOR UPDATE"
)
_DECIDE = text(
    "UPDATE time_bank_peer_changes SET decision = :decision, checked_by = :by, checked_at = :now"
    " WHERE change_id = :change_id"
)


def propose_peer(tx: Transaction, terms: PeerTerms, *, by: str) -> UUID:
    """Propose what a district is to be; raises Conflict while another proposal for it is open."""
    change_id = uuid7()
    asked = {**asdict(terms), "change_id": change_id, "by": by, "now": clock.now()}
    try:
        with tx.session.begin_nested():
            tx.session.execute(_INSERT, asked)
    except IntegrityError:
        raise Conflict(
            "peer_change_open",
            "该区已有待审核的变更，请先审核",
            "a change of this district waits for its decision: decide on it first",
            pointer="/code",
        ) from None
    return change_id


def decide_peer(tx: Transaction, change_id: UUID, *, approved: bool, by: str) -> None:
    """Decide on somebody else's proposal, once and for ever.

    Raises Missing, Conflict when it was decided, Forbidden for its maker.
    """
    row = tx.session.execute(_LOCK, {"change_id": change_id}).one_or_none()
    if row is None:
        raise Missing("no_peer_change", "没有这项变更", "there is no such change")
    if row.decision is not None:
        raise Conflict("peer_change_decided", "这项变更已有结果", "this change was decided before")
    if row.made_by == by:
        raise Forbidden(
            "four_eyes", "须由另一位管理员审核", "another manager than its maker must decide"
        )
    decision = "approved" if approved else "refused"
    tx.session.execute(
        _DECIDE, {"change_id": change_id, "decision": decision, "by": by, "now": clock.now()}
    )

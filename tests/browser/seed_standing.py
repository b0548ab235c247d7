"""What the pages of households, stars, ratings and proposals show: declared rules, and a life."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from services.points.actions import gifts, households, ledger
from services.points.actions.documents import write_document
from services.points.actions.proposals import decide, propose
from services.points.actions.residents import register_residents
from services.points.queries.households import home
from services.points.rules.declared_examples import (
    HONOURS,
    HOUSEHOLD,
    RATING,
    STARS_TWO_KEYS,
    TIME_COINS,
)
from services.points.rules.lots import NEVER, Lot
from shared import clock
from shared.messaging.transaction import Transaction
from shared.schemas import load
from shared.schemas.envelope import make

MAKER, CHECKER = "another-manager", "a-third-manager"
RELATIVE = "R900001"
_DEDUCTIONS = {
    "enabled": True,
    "items": [
        {
            "code": "false_record",
            "zh": "虚假补录服务记录",
            "en": "A false record of service",
            "points": 30,
            "years": 1,
        }
    ],
}


def stood(tx: Transaction, resident: str) -> None:
    """Of `resident`: a relative, consents, gifts, an honour, a deduction, appeals; proposals."""
    for kind, name, rules in (
        ("household", "default", HOUSEHOLD),
        ("honour", "default", HONOURS),
        ("star", "two-keys", STARS_TWO_KEYS),
        ("rating", "default", {**RATING, "deductions": _DEDUCTIONS}),
        ("conversion", "hour-to-coin", TIME_COINS),
        ("conversion", "points-to-coin", _bought()),
    ):
        today = clock.today().isoformat()
        body = {"kind": kind, "name": name, "valid_from": today, "rules": rules}
        _approved(tx, "declaration", body)
    _shared(tx, resident)
    honour = {"level": "county", "title": "最美志愿者", "on_date": "2026-05-04"}
    _approved(tx, "honour", honour, resident)
    _approved(tx, "deduction", {"code": "false_record"}, resident)
    appeal = _proposed(tx, "appeal", {"part": "continuity"}, resident, "九月的巡逻没有算进去")
    decide(tx, appeal, approve=True, reason="查实，补 5 分", by=MAKER, points=5)
    _proposed(tx, "appeal", {"part": "honesty"}, resident, "当天忘带手机，由组织者代签，请核对")
    _proposed(tx, "honour", {**honour, "level": "street"}, resident, "街道发〔2026〕17 号")
    _proposed(tx, "pool_grant", {"amount": 1}, RELATIVE, "独居，近期行动不便")


def _bought() -> Mapping[str, Any]:
    return {**TIME_COINS, "from_asset": "points", "consumes": True, "by_right": False}


def _shared(tx: Transaction, resident: str) -> None:
    where = home(tx.session, resident)
    if where is None:
        raise ValueError(f"{resident} belongs nowhere")
    _register(tx, where.household_no, where.community_code)
    _bring_in(tx, resident, 40)
    households.consent(tx, resident, "spend", by=resident, month_max=100)
    households.consent(tx, resident, "gift", by="staff", reason="本人来窗口要求")
    households.consent(tx, RELATIVE, "gift", by=RELATIVE)
    households.consent(tx, RELATIVE, "spend", by=RELATIVE, month_max=50)
    gifts.give(tx, resident, RELATIVE, 1, by=resident)
    gifts.donate(tx, resident, 1, by=resident)
    households.draw(tx, RELATIVE, 2, document_id=uuid4())


def _register(tx: Transaction, household_no: str, community_code: str) -> None:
    kind = "linli.resident.registered.v1"
    event = make(
        kind,
        {
            "resident_no": RELATIVE,
            "household_no": household_no,
            "grid_code": f"{community_code}001",
            "community_code": community_code,
            "language": "zh",
            "contact_sealed": None,
            "revision": 1,
            "registered_at": clock.now(),
        },
        source="/linli/intake",
        correlationid=str(uuid4()),
    )
    register_residents(tx, [(event, load(kind, event.data))])


def _bring_in(tx: Transaction, resident: str, points: int) -> None:
    key = ("points", "resident", resident)
    account = ledger.locked(tx.session, [key])[key]
    source = ("paper-books", "community")
    lot = Lot(NEVER, ledger.sources(tx.session, [source])[source])
    document_id, posting = uuid4(), ledger.posting(tx.session)
    write_document(tx.session, document_id, "import", made_by=MAKER, checked_by=CHECKER, facts={})
    posting.issue(account, points, document_id, "import", lot)
    posting.post(tx.session, clock.now())


def _approved(
    tx: Transaction, kind: str, body: Mapping[str, Any], resident: str | None = None
) -> None:
    made = propose(tx, kind, body, reason="居民议事会决定", by=MAKER, resident_no=resident)
    decide(tx, made, approve=True, reason="同意", by=CHECKER)


def _proposed(
    tx: Transaction, kind: str, body: Mapping[str, Any], resident: str, reason: str
) -> Any:
    return propose(tx, kind, body, reason=reason, by="staff", resident_no=resident)

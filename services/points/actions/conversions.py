"""Converts one asset into another by declared rules: asked for, or by right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.actions import ledger
from services.points.actions.documents import write_document
from services.points.actions.ledger import Account
from services.points.queries.declared import conversions_on
from services.points.rules.conversions import Conversion, Converted, converted
from services.points.rules.lots import HeldLot, Lot, expires_on, take
from shared import clock
from shared.db.arrays import literal
from shared.errors import Conflict, Missing
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

DISTRICT = "district"
BY_RIGHT_MAX = 500  # residents in one step
_PROGRAMME = "conversion"

_COUNTED = text(
    "SELECT resident_no, counted FROM conversion_counts WHERE from_asset = :from_asset"
    " AND to_asset = :to_asset AND resident_no = ANY(CAST(:resident_nos AS text[]))"
)
_COUNT = text(
    "INSERT INTO conversion_counts (resident_no, from_asset, to_asset, counted)"
    " SELECT d.resident_no, :from_asset, :to_asset, d.counted"
    " FROM unnest(CAST(:resident_nos AS text[]), CAST(:counted AS bigint[]))"
    " AS d (resident_no, counted)"
    " ON CONFLICT (resident_no, from_asset, to_asset) DO UPDATE SET counted = excluded.counted"
)
_DUE = text(
    "SELECT a.owner FROM accounts a LEFT JOIN conversion_counts c"
    " ON (c.resident_no, c.from_asset, c.to_asset) = (a.owner, a.asset, :to_asset)"
    " WHERE a.asset = :from_asset AND a.owner_kind = 'resident' AND a.frozen_reason IS NULL"
    " AND a.balance - coalesce(c.counted, 0) >= :from_amount AND NOT EXISTS"
    " (SELECT FROM accounts t WHERE (t.owner, t.owner_kind, t.asset)"
    " = (a.owner, 'resident', :to_asset) AND t.frozen_reason IS NOT NULL)"
    " ORDER BY a.owner LIMIT :most"
)


@dataclass(frozen=True, slots=True)
class Made:
    """What a conversion came to for a resident."""

    resident_no: str
    result: Converted


def convert(tx: Transaction, resident_no: str, name: str, *, by: str) -> Made:
    """Convert all whole units that a resident has. Raises Missing for a rule that is not in
    force, Conflict when there is not enough for one unit.
    """
    rule = conversions_on(tx.session, clock.today()).get(name)
    if rule is None:
        raise Missing(
            "no_conversion", "没有现行的这项折换规则", "there is no such conversion in force"
        )
    (made,) = _convert(tx.session, rule, [resident_no], by=by)
    if made.result.made == 0:
        raise Conflict(
            "not_enough",
            f"不足一个折换单位：每 {rule.from_amount} 才能折换一次",
            f"not enough for one conversion: it takes {rule.from_amount}",
        )
    return made


def convert_by_right(tx: Transaction, most: int = BY_RIGHT_MAX) -> int:
    """Issue what residents have a right to without asking; the number of residents served."""
    served = 0
    for rule in conversions_on(tx.session, clock.today()).values():
        if not rule.by_right:
            continue
        due = tx.session.execute(
            _DUE,
            {
                "from_asset": rule.from_asset,
                "to_asset": rule.to_asset,
                "from_amount": rule.from_amount,
                "most": most,
            },
        ).scalars()
        resident_nos = list(due)
        if resident_nos:
            _convert(tx.session, rule, resident_nos, by=DISTRICT)
            served += len(resident_nos)
    return served


def _convert(session: Session, rule: Conversion, resident_nos: list[str], *, by: str) -> list[Made]:
    """Everybody's in one document; the accounts' locks keep each unit from counting twice."""
    accounts = ledger.locked(
        session,
        [(asset, "resident", no) for asset in (rule.from_asset, rule.to_asset)
         for no in resident_nos],
    )  # fmt: skip
    sources = [accounts[rule.from_asset, "resident", no] for no in resident_nos]
    counted = {} if rule.consumes else _counted(session, rule, resident_nos)
    held = _held(session, rule, sources)
    results = {
        account.owner: converted(
            rule,
            sum(one.remaining for one in held[account.id])
            if rule.consumes
            else account.balance - counted.get(account.owner, 0),
        )
        for account in sources
    }
    makers = [account for account in sources if results[account.owner].made]
    if makers:
        document_id, now = uuid7(), clock.now()
        write_document(session, document_id, "conversion", made_by=by, facts=_facts(rule))
        posting = ledger.posting(session)
        lot = _lot(session, rule)
        for account in makers:
            result = results[account.owner]
            for from_lot, amount in _taken(rule, held[account.id], result.taken):
                posting.retire(account, amount, document_id, "conversion", from_lot)
            to = accounts[rule.to_asset, "resident", account.owner]
            posting.issue(to, result.made, document_id, "conversion", lot)
        posting.post(session, now)
        if not rule.consumes:
            _count(session, rule, {a.owner: counted.get(a.owner, 0) + results[a.owner].taken
                                   for a in makers})  # fmt: skip
    return [Made(no, results[no]) for no in resident_nos]


def _held(session: Session, rule: Conversion, accounts: list[Account]) -> dict[int, list[HeldLot]]:
    """What may still be taken: points that have ended are not saved by becoming something else."""
    if not rule.consumes:
        return defaultdict(list)
    today = clock.today()
    return {
        account_id: [one for one in lots if one.lot.expires_on >= today]
        for account_id, lots in ledger.held_lots(session, accounts).items()
    }


def _taken(rule: Conversion, held: list[HeldLot], amount: int) -> Iterable[tuple[Lot, int]]:
    return take(held, amount) if rule.consumes else ()


def _lot(session: Session, rule: Conversion) -> Lot:
    key = (_PROGRAMME, rule.name)
    source_id = ledger.sources(session, [key])[key]
    return Lot(expires_on(rule.expiry, clock.today()), source_id)


def _facts(rule: Conversion) -> dict[str, object]:
    verb_zh, verb_en = ("扣减", "taken") if rule.consumes else ("只计不减", "counted, not taken")
    return {
        "rule": rule.name,
        "version": rule.version,
        "from_asset": rule.from_asset,
        "to_asset": rule.to_asset,
        "from_amount": rule.from_amount,
        "to_amount": rule.to_amount,
        "zh": f"按折换规则 {rule.name} 第 {rule.version} 版，每 {rule.from_amount} 折换"
        f" {rule.to_amount}（{verb_zh}）",
        "en": f"converted by version {rule.version} of {rule.name}: {rule.from_amount} make"
        f" {rule.to_amount} ({verb_en})",
    }


def _counted(session: Session, rule: Conversion, resident_nos: list[str]) -> dict[str, int]:
    rows = session.execute(
        _COUNTED,
        {
            "from_asset": rule.from_asset,
            "to_asset": rule.to_asset,
            "resident_nos": literal(resident_nos),
        },
    ).all()
    return {row.resident_no: row.counted for row in rows}


def _count(session: Session, rule: Conversion, counted: dict[str, int]) -> None:
    session.execute(
        _COUNT,
        {
            "from_asset": rule.from_asset,
            "to_asset": rule.to_asset,
            "resident_nos": literal(counted),
            "counted": literal(counted.values()),
        },
    )

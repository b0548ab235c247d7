"""Redeems: points and stock are held together, in one transaction, until the reward is collected.

Locks are taken in one order everywhere: the member's accounts, the reward's stock, the rows of
redemptions. A request has a key that its asker made. The same key with the same content gets the
same answer for ever, also when that answer was a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.actions import budgets, households, ledger
from services.points.actions.documents import write_document
from services.points.actions.households import Draw, Drawn, Purse
from services.points.actions.ledger import Account
from services.points.queries.rewards import Offer, offer, redeemed_since
from services.points.rules.lots import HeldLot, Lot, take
from services.points.rules.redemptions import (
    QUANTITY_MAX,
    check_key,
    code_hash,
    make_code,
    redemption_no,
    told_to_others,
)
from services.points.rules.rewards import (
    ASSETS,
    Asker,
    check_quantity,
    period_start,
    refusal,
)
from shared import clock
from shared.clock import DISTRICT_TIMEZONE, local_date
from shared.errors import Conflict, LinliError, Missing
from shared.ids import uuid7
from shared.log import correlation_id
from shared.messaging.transaction import Transaction
from shared.schemas import make
from shared.schemas.envelope import Event
from shared.schemas.redemptions import REDEMPTION_HELD

SOURCE = "/linli/points"
MINUTES = "service_minutes"

_CLAIM_KEY = text(
    "INSERT INTO redeem_requests (resident_no, key, body, at)"
    " VALUES (:resident_no, :key, CAST(:body AS jsonb), :now) ON CONFLICT DO NOTHING RETURNING key"
)
_KNOWN_KEY = text(
    "SELECT q.body, q.refusal, q.redemption_id, r.id, r.held_on FROM redeem_requests q"
    " LEFT JOIN redemptions r ON r.redemption_id = q.redemption_id"
    " WHERE q.resident_no = :resident_no AND q.key = :key"
)
_ANSWER = text(
    "UPDATE redeem_requests SET redemption_id = :redemption_id, refusal = CAST(:refusal AS jsonb)"
    " WHERE resident_no = :resident_no AND key = :key"
)
_FORGET = text("DELETE FROM redeem_requests WHERE at < :before")
_COMMUNITY = text("SELECT community_code FROM residents WHERE resident_no = :resident_no")
_SERVED = text(
    "SELECT balance FROM accounts WHERE owner = :resident_no AND owner_kind = 'resident'"
    " AND asset = 'service_minutes'"
)
_LOCK_STOCK = text("SELECT reward_id FROM reward_stocks WHERE reward_id = :reward_id FOR UPDATE")
_HOLD_STOCK = text(
    "UPDATE reward_stocks SET held = held + :quantity WHERE reward_id = :reward_id"
    " AND (stocked IS NULL OR stocked - held - collected >= :quantity) RETURNING reward_id"
)
_SLOT = text(
    "SELECT s.ends_at, s.starts_at, EXISTS (SELECT FROM redemptions r WHERE r.slot_id = s.id"
    " AND r.state <> 'released') AS is_taken"
    " FROM venue_slots s WHERE s.id = :slot_id AND s.reward_id = :reward_id"
)
_WRITE = text(
    "INSERT INTO redemptions (redemption_id, resident_no, community_code, reward_id,"
    " reward_revision, slot_id, title, kind, place, partner, quantity, asset, price, value_fen,"
    " code_hash, held_on, held_at, held_by, due_at, state)"
    " VALUES (:redemption_id, :resident_no, :community_code, :reward_id, :reward_revision,"
    " :slot_id, :title, :kind, :place, :partner, :quantity, :asset, :price, :value_fen,"
    " :code_hash, :held_on, :now, :by, :due_at, 'held') RETURNING id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request: whose points, for what, by whom; `key` made by the asker's page or program."""

    key: str
    resident_no: str
    reward_id: int
    quantity: int = 1
    slot_id: int | None = None
    use_household: bool = False  # what the household shares pays what one's own do not
    by: str

    def body(self) -> dict[str, Any]:
        """What must be the same when the key is."""
        return {
            "reward_id": self.reward_id,
            "quantity": self.quantity,
            "slot_id": self.slot_id,
            "use_household": self.use_household,
        }


@dataclass(frozen=True, slots=True)
class Redeemed:
    """A redemption by its id and its number; `is_replay` when the key was answered before."""

    redemption_id: UUID
    redemption_no: str
    is_replay: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to commit: either a redemption, or a refusal that the key keeps."""

    redeemed: Redeemed | None
    refusal: LinliError | None = None

    def answer(self) -> Redeemed:
        """The redemption; raises the refusal. Ask only after the transaction was committed."""
        if self.redeemed is None:
            raise self.refusal or RuntimeError("an outcome is a redemption or a refusal")
        return self.redeemed


class _Refused(Conflict):
    """A refusal told again, with the status it had the first time."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(told["code"], told["zh"], told["en"], pointer=told["pointer"])
        self.status = told["status"]


def redeem(tx: Transaction, asked: Asked, key: bytes) -> Outcome:
    """Hold the price and the units. `key` is what pickup codes are made from.

    Raises Rejected for a bad key or quantity, and Conflict when the key was used for another
    request (naming the fields); neither is remembered. Everything else is in the outcome.
    """
    check_key(asked.key)
    now = clock.now()
    mine = {"resident_no": asked.resident_no, "key": asked.key}
    body = orjson.dumps(asked.body()).decode()
    claimed = tx.session.execute(_CLAIM_KEY, {**mine, "body": body, "now": now})
    if claimed.scalar_one_or_none() is None:
        return _again(tx.session.execute(_KNOWN_KEY, mine).one(), asked)
    try:
        # What a refused request opened or touched is undone; only its answer stays.
        with tx.session.begin_nested():
            redeemed, said = _hold(tx, asked, key, now)
    except LinliError as problem:
        told = {
            "code": problem.code,
            "zh": problem.zh,
            "en": problem.en,
            "pointer": problem.pointer,
            "status": problem.status,
        }
        tx.session.execute(
            _ANSWER, {**mine, "redemption_id": None, "refusal": orjson.dumps(told).decode()}
        )
        return Outcome(None, problem)
    tx.session.execute(_ANSWER, {**mine, "redemption_id": redeemed.redemption_id, "refusal": None})
    tx.emit(said)
    return Outcome(redeemed)


def forget_requests(tx: Transaction, kept: timedelta) -> None:
    """Drop answers that nobody asks for again."""
    tx.session.execute(_FORGET, {"before": clock.now() - kept})


def _again(known: Any, asked: Asked) -> Outcome:
    """The answer that the key has; raises Conflict when it was given for something else."""
    was = {"use_household": False} | known.body  # older requests did not name it
    differing = [name for name, value in asked.body().items() if was.get(name) != value]
    if differing:
        listed = ", ".join(differing)
        raise Conflict(
            "key_reused",
            f"同一 Idempotency-Key 的内容不同（{listed}），新的兑换请用新的键",
            f"this Idempotency-Key was used with another {listed}: use a new one",
            pointer=f"/{differing[0]}",
        )
    if known.refusal is not None:
        return Outcome(None, _Refused(known.refusal))
    number = redemption_no(known.held_on, known.id)
    return Outcome(Redeemed(known.redemption_id, number, is_replay=True))


def _hold(tx: Transaction, asked: Asked, key: bytes, now: datetime) -> tuple[Redeemed, list[Event]]:
    session = tx.session
    asset = _known(offer(session, asked.reward_id)).terms.asset  # it never changes
    purse = _purse(tx, asked, asset, now)
    session.execute(_LOCK_STOCK, {"reward_id": asked.reward_id})
    # Read again: under the lock nobody can change the terms any more.
    wanted = _known(offer(session, asked.reward_id))
    community = session.execute(_COMMUNITY, {"resident_no": asked.resident_no}).scalar()
    _check(session, asked, wanted, community, now)
    due_at = _due(session, asked, wanted, now)
    price = wanted.terms.price * asked.quantity
    redemption_id = uuid7()
    paid = _pay(tx, asked, purse, asset, price, redemption_id)
    _hold_stock(session, asked)
    held_on = local_date(now)
    row: dict[str, Any] = {
        "redemption_id": redemption_id,
        "resident_no": asked.resident_no,
        "community_code": community,
        "reward_id": asked.reward_id,
        "reward_revision": wanted.revision,
        "slot_id": asked.slot_id,
        "title": wanted.terms.title,
        "kind": wanted.terms.kind,
        "place": wanted.terms.place,
        "partner": wanted.terms.partner,
        "quantity": asked.quantity,
        "asset": asset,
        "price": price,
        "value_fen": wanted.terms.value_fen,
        "code_hash": code_hash(make_code(key, redemption_id)),
        "held_on": held_on,
        "now": now,
        "by": asked.by,
        "due_at": due_at,
    }
    number = redemption_no(held_on, session.execute(_WRITE, row).scalar_one())
    _document(session, row, number, is_shared=bool(paid.said))
    posting = ledger.posting(session)
    for part in paid.parts:
        # Put aside in its owner's name: given back or not, it never becomes another's.
        aside = paid.accounts[asset, "held", part.account.owner]
        posting.move(part.account, aside, part.amount, redemption_id, "hold", part.lot)
    posting.post(session, now)
    if asset == "points":
        # What was just put aside is in the sum already: nothing more is wanted.
        budgets.check(session, community_code=community or "", points={})
    return Redeemed(redemption_id, number), [_said(row, number), *paid.said]


def _purse(tx: Transaction, asked: Asked, asset: str, now: datetime) -> Purse:
    """The accounts that may pay, and those their parts are put aside in, all locked at once."""
    kinds = ("resident", "held")
    if asked.use_household:
        if asset != households.POINTS:
            raise Conflict(
                "own_only",
                "家人只能共用积分，时间币请用自己的",
                "a household shares points only: pay time coins from your own",
                pointer="/use_household",
            )
        return households.opened(tx, asked.resident_no, kinds=kinds, on=local_date(now))
    accounts = ledger.locked(tx.session, [(asset, kind, asked.resident_no) for kind in kinds])
    return Purse(asked.resident_no, {}, accounts, local_date(now))


def _pay(
    tx: Transaction, asked: Asked, purse: Purse, asset: str, price: int, redemption_id: UUID
) -> Draw:
    if asked.use_household:
        return households.take_from(tx, purse, price, document_id=redemption_id, own_first=True)
    mine = purse.accounts[asset, "resident", asked.resident_no]
    lots = _lots(tx.session, mine, asset, price, purse.on)
    return Draw([Drawn(mine, lot, amount) for lot, amount in lots], purse.accounts, [])


def _known(found: Offer | None) -> Offer:
    if found is None:
        raise Missing("no_reward", "没有这件奖品", "there is no such reward", pointer="/reward_id")
    return found


def _check(
    session: Session, asked: Asked, wanted: Offer, community: str | None, now: datetime
) -> None:
    """Everything that the terms say; raises the refusal."""
    terms = wanted.terms
    if wanted.status != "open":
        raise Conflict("reward_closed", "这件奖品已下架", "this reward is no longer offered")
    check_quantity(terms.kind, asked.quantity, QUANTITY_MAX)
    on, so_far = local_date(now), 0
    if terms.limit_span is not None:
        since = period_start(terms.limit_span, on)
        so_far = redeemed_since(session, asked.resident_no, asked.reward_id, since)
    served = session.execute(_SERVED, {"resident_no": asked.resident_no}).scalar() or 0
    against = refusal(terms, Asker(community, served, so_far), asked.quantity, on)
    if against is not None:
        raise against


def _due(session: Session, asked: Asked, wanted: Offer, now: datetime) -> datetime:
    """Until when it can be collected: a venue to the end of its slot, the rest by the terms."""
    if wanted.terms.kind != "venue":
        if asked.slot_id is not None:
            raise Conflict(
                "no_slots", "只有场地需要选时段", "only venues have slots", pointer="/slot_id"
            )
        return now + timedelta(hours=wanted.terms.pickup_hours)
    values = {"slot_id": asked.slot_id, "reward_id": asked.reward_id}
    slot = session.execute(_SLOT, values).one_or_none()
    if slot is None or slot.starts_at <= now:
        raise Conflict(
            "no_slot",
            "请选择尚未开始的时段",
            "choose a slot that has not begun",
            pointer="/slot_id",
        )
    if slot.is_taken:
        raise Conflict(
            "slot_taken",
            "这个时段已被预订，请另选",
            "this slot is taken: choose another",
            pointer="/slot_id",
        )
    ends_at: datetime = slot.ends_at
    return ends_at


def _lots(
    session: Session, account: Account, asset: str, price: int, on: date
) -> list[tuple[Lot, int]]:
    """Which lots pay, the first to end first; what has ended but was not swept yet pays nothing."""
    held: list[HeldLot] = ledger.held_lots(session, [account])[account.id]
    good = [one for one in held if one.lot.expires_on >= on]
    there = sum(one.remaining for one in good)
    if there < price:
        name = ASSETS[asset]
        raise Conflict(
            "not_enough",
            f"{name.zh}不足：需要 {price}，现有 {there}",
            f"not enough {name.en}: it takes {price}, there are {there}",
        )
    return take(good, price)


def _hold_stock(session: Session, asked: Asked) -> None:
    values = {"reward_id": asked.reward_id, "quantity": asked.quantity}
    if session.execute(_HOLD_STOCK, values).scalar_one_or_none() is None:
        raise Conflict(
            "out_of_stock",
            "库存不足，请减少份数或等待补货",
            "not so many are left: take fewer, or wait until there are more",
            pointer="/quantity",
        )


def _document(session: Session, row: dict[str, Any], number: str, *, is_shared: bool) -> None:
    by_when = row["due_at"].astimezone(DISTRICT_TIMEZONE)
    facts = {
        "zh": f"兑换“{row['title']}”×{row['quantity']}，编号 {number}，"
        f"请于 {by_when:%Y-%m-%d %H:%M} 前到{row['place']}领取",
        "en": f"redeemed {row['title']} x{row['quantity']}, {number}, to be collected at"
        f" {row['place']} by {by_when:%Y-%m-%d %H:%M}",
        "redemption_no": number,
        "reward_id": row["reward_id"],
    }
    if is_shared:
        facts |= told_to_others("hold", row["resident_no"])
    write_document(session, row["redemption_id"], "hold", made_by=row["by"], facts=facts)


def _said(row: dict[str, Any], number: str) -> Event:
    return make(
        REDEMPTION_HELD,
        {
            "redemption_no": number,
            "resident_no": row["resident_no"],
            "partner": row["partner"],
            "reward": row["title"],
            "kind": row["kind"],
            "quantity": row["quantity"],
            "asset": row["asset"],
            "price": row["price"],
            "place": row["place"],
            "held_at": row["now"],
            "due_at": row["due_at"],
        },
        source=SOURCE,
        correlationid=correlation_id.get() or number,
    )

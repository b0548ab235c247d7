"""The catalogue: makes rewards, changes their terms, fills their stock, lays out their slots.

Every step locks the reward's stock row first, as redeeming does: nobody redeems on terms that
are just being changed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.points.rules.rewards import STOCK_MAX, Terms, check_terms, pairs_of
from shared import clock
from shared.errors import Conflict, Missing, Rejected
from shared.messaging.transaction import Transaction

SLOT_HOURS_MAX = 24

_COLUMNS = tuple(Terms.__dataclass_fields__)
_ADD = text(
    f"INSERT INTO rewards ({', '.join(_COLUMNS)}, status, revision, created_at)"
    f" VALUES ({', '.join(f':{name}' for name in _COLUMNS)}, 'open', 1, :now) RETURNING id"
)
_CHANGE = text(
    f"UPDATE rewards SET {', '.join(f'{name} = :{name}' for name in _COLUMNS)},"
    " revision = revision + 1 WHERE id = :reward_id"
)
_STATUS = text(
    "UPDATE rewards SET status = :status, revision = revision + 1"
    " WHERE id = :reward_id AND status <> :status RETURNING id"
)
_NOTE = text(
    "INSERT INTO reward_changes (reward_id, verb, terms, by, at)"
    " VALUES (:reward_id, :verb, CAST(:terms AS jsonb), :by, :now)"
)
_STOCK = text("INSERT INTO reward_stocks (reward_id, stocked) VALUES (:reward_id, :stocked)")
_LOCK = text(
    "SELECT s.stocked, s.held, s.collected, r.kind, r.asset, r.venue_code, r.revision"
    " FROM reward_stocks s JOIN rewards r ON r.id = s.reward_id WHERE s.reward_id = :reward_id"
    " FOR UPDATE OF s"
)
_FILL = text(
    "UPDATE reward_stocks SET stocked = stocked + :amount WHERE reward_id = :reward_id"
    " AND stocked + :amount - held - collected >= 0 RETURNING stocked"
)
_MOVEMENT = text(
    "INSERT INTO stock_movements (reward_id, kind, amount, note, by, at)"
    " VALUES (:reward_id, :kind, :amount, :note, :by, :now)"
)
_ADD_SLOT = text(
    "INSERT INTO venue_slots (reward_id, venue_code, starts_at, ends_at)"
    " VALUES (:reward_id, :venue_code, :starts_at, :ends_at) RETURNING id"
)
_REMOVE_SLOT = text(
    "DELETE FROM venue_slots s WHERE s.id = :slot_id AND s.reward_id = :reward_id"
    " AND NOT EXISTS (SELECT FROM redemptions r WHERE r.slot_id = s.id) RETURNING id"
)


def add(tx: Transaction, terms: Terms, *, stock: int | None, by: str) -> int:
    """Put a reward into the catalogue; its id. `stock` None: nothing runs out (venues by slots).

    Raises Rejected naming the field.
    """
    check_terms(terms)
    _check_stock(terms, stock)
    now = clock.now()
    reward_id = int(tx.session.execute(_ADD, {**terms.columns(), "now": now}).scalar_one())
    tx.session.execute(_STOCK, {"reward_id": reward_id, "stocked": stock})
    if stock:
        _move(tx, reward_id, stock, kind="initial", note="", by=by, now=now)
    _note(tx, reward_id, "add", pairs_of(terms), by, now)
    return reward_id


def change(tx: Transaction, reward_id: int, terms: Terms, *, revision: int, by: str) -> None:
    """New terms, for those who redeem from now on. Kind, asset and venue stay as they are.

    Raises Rejected naming the field, Missing, or Conflict when somebody else changed it since
    `revision` was read.
    """
    check_terms(terms)
    held = _locked(tx, reward_id)
    for field, was, now_is in (
        ("kind", held.kind, terms.kind),
        ("asset", held.asset, terms.asset),
        ("venue_code", held.venue_code, terms.venue_code),
    ):
        if was != now_is:
            raise Rejected(
                "fixed_field",
                "类别、支付方式和场地编号不能更改，请另建一件奖品",
                "kind, payment and venue cannot change: make another reward",
                pointer=f"/{field}",
            )
    if held.revision != revision:
        raise Conflict(
            "changed_meanwhile",
            "别人刚刚改过这件奖品，请刷新后重试",
            "somebody has just changed this reward: reload and try again",
        )
    tx.session.execute(_CHANGE, {**terms.columns(), "reward_id": reward_id})
    _note(tx, reward_id, "change", pairs_of(terms), by, clock.now())


def set_status(tx: Transaction, reward_id: int, status: str, *, by: str) -> bool:
    """Open or close a reward; what is held of it can still be collected. Whether it changed."""
    _locked(tx, reward_id)
    values = {"reward_id": reward_id, "status": status}
    if tx.session.execute(_STATUS, values).scalar_one_or_none() is None:
        return False
    _note(tx, reward_id, status, {}, by, clock.now())
    return True


def restock(tx: Transaction, reward_id: int, amount: int, *, note: str, by: str) -> int:
    """Put units in, or take them out (negative); how many are stocked in all now.

    Raises Rejected, or Conflict when so many are not left to be taken out.
    """
    if not amount or abs(amount) > STOCK_MAX:
        raise Rejected(
            "bad_amount",
            f"数量不能为 0，最多 {STOCK_MAX}",
            f"the amount cannot be 0, and is at most {STOCK_MAX}",
            pointer="/amount",
        )
    held = _locked(tx, reward_id)
    if held.stocked is None:
        raise Rejected(
            "no_stock",
            "这件奖品不计库存，无须补货",
            "this reward has no stock to fill",
            pointer="/amount",
        )
    stocked = tx.session.execute(
        _FILL, {"reward_id": reward_id, "amount": amount}
    ).scalar_one_or_none()
    if stocked is None:
        left = held.stocked - held.held - held.collected
        raise Conflict(
            "stock_too_small",
            f"只剩 {left} 份可以取出",
            f"only {left} are left to be taken out",
            pointer="/amount",
        )
    kind = "restock" if amount > 0 else "withdraw"
    _move(tx, reward_id, amount, kind=kind, note=note, by=by, now=clock.now())
    return int(stocked)


def add_slot(
    tx: Transaction, reward_id: int, starts_at: datetime, ends_at: datetime, *, by: str
) -> int:
    """Offer a venue for a time; its id. Raises Rejected, or Conflict when times overlap."""
    held = _locked(tx, reward_id)
    _check_slot(held.kind, starts_at, ends_at)
    values = {"venue_code": held.venue_code, "starts_at": starts_at, "ends_at": ends_at}
    try:
        with tx.session.begin_nested():
            slot_id = tx.session.execute(_ADD_SLOT, {**values, "reward_id": reward_id}).scalar_one()
    except IntegrityError as problem:
        if "ex_venue_slots_overlap" not in str(problem.orig):
            raise
        raise Conflict(
            "slots_overlap",
            "这个场地在此时间内已有时段，请错开",
            "the venue has a slot within this time already: choose another",
            pointer="/starts_at",
        ) from problem
    _note(
        tx,
        reward_id,
        "add_slot",
        {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat()},
        by,
        clock.now(),
    )
    return int(slot_id)


def remove_slot(tx: Transaction, reward_id: int, slot_id: int, *, by: str) -> None:
    """Take a slot back that nobody ever had; raises Conflict for any other."""
    _locked(tx, reward_id)
    values = {"reward_id": reward_id, "slot_id": slot_id}
    if tx.session.execute(_REMOVE_SLOT, values).scalar_one_or_none() is None:
        raise Conflict(
            "slot_used",
            "时段不存在或已有人预订，不能撤回",
            "there is no such slot, or somebody has booked it",
        )
    _note(tx, reward_id, "remove_slot", {"slot_id": slot_id}, by, clock.now())


def _check_stock(terms: Terms, stock: int | None) -> None:
    if terms.kind in {"goods", "honour"} and stock is None:
        raise Rejected(
            "bad_stock",
            "请填写库存或名额，没有时填 0",
            "say how many there are, 0 for none yet",
            pointer="/stock",
        )
    if terms.kind == "venue" and stock is not None:
        raise Rejected(
            "bad_stock",
            "场地按时段预订，不填库存",
            "venues are had by their slots: leave the stock empty",
            pointer="/stock",
        )
    if stock is not None and not 0 <= stock <= STOCK_MAX:
        raise Rejected(
            "bad_stock",
            f"库存须为 0 至 {STOCK_MAX}",
            f"the stock is from 0 to {STOCK_MAX}",
            pointer="/stock",
        )


def _check_slot(kind: str, starts_at: datetime, ends_at: datetime) -> None:
    if kind != "venue":
        raise Rejected(
            "no_venue", "只有场地才有时段", "only venues have slots", pointer="/starts_at"
        )
    hours = (ends_at - starts_at).total_seconds() / 3600
    if not 0 < hours <= SLOT_HOURS_MAX:
        raise Rejected(
            "bad_slot",
            f"结束须晚于开始，且不超过 {SLOT_HOURS_MAX} 小时",
            f"a slot ends after it starts, within {SLOT_HOURS_MAX} hours",
            pointer="/ends_at",
        )
    if starts_at <= clock.now():
        raise Rejected(
            "bad_slot", "开始时间须晚于现在", "a slot starts in the future", pointer="/starts_at"
        )


def _locked(tx: Transaction, reward_id: int) -> Any:
    found = tx.session.execute(_LOCK, {"reward_id": reward_id}).one_or_none()
    if found is None:
        raise Missing("no_reward", "没有这件奖品", "there is no such reward")
    return found


def _move(
    tx: Transaction, reward_id: int, amount: int, *, kind: str, note: str, by: str, now: datetime
) -> None:
    values = {"reward_id": reward_id, "amount": amount, "kind": kind, "note": note}
    tx.session.execute(_MOVEMENT, {**values, "by": by, "now": now})


def _note(tx: Transaction, reward_id: int, verb: str, terms: Any, by: str, now: datetime) -> None:
    body = orjson.dumps(terms).decode()
    tx.session.execute(
        _NOTE, {"reward_id": reward_id, "verb": verb, "terms": body, "by": by, "now": now}
    )

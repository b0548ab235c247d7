"""Gifts: between consenting members of one household, and to a community's pool and from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.points.actions import ledger
from services.points.actions.documents import write_document
from services.points.actions.households import POINTS, home_of, shared_event
from services.points.actions.ledger import Account, Key, Posting
from services.points.queries import households as queries
from services.points.queries.declared import limits_on
from services.points.rules.households import AMOUNT_MAX
from services.points.rules.lots import take
from shared import clock
from shared.errors import Conflict, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

KIND = "gift"


@dataclass(frozen=True, slots=True)
class Given:
    """A gift that was made, and what the giver has left."""

    document_id: UUID
    balance: int


def give(
    tx: Transaction,
    giver: str,
    receiver: str,
    amount: int,
    *,
    by: str,
    reason: str | None = None,
    document_id: UUID | None = None,
) -> Given:
    """Points from one member to another of the same household, who consented to gifts.

    The points keep their expiry and their source. A `document_id` that was used before gives the
    same answer again. Raises Rejected for an amount or a receiver that cannot be, Conflict beyond
    a limit or when there is not enough.
    """
    _check_amount(amount)
    where = home_of(tx, giver)
    on = clock.today()
    members = {one.resident_no: one for one in queries.members(tx.session, where.household_no, on)}
    if receiver == giver or receiver not in members:
        raise Rejected(
            "not_of_the_household",
            "只能赠与同一户的家人",
            "only another member of the same household can be given points",
            pointer="/receiver",
        )
    if not members[receiver].takes_gifts:
        raise Conflict(
            "no_consent",
            "对方还没有同意接受赠与，请其先在“家庭共用”页同意",
            "the receiver has not consented to gifts yet: ask for it on the household's page",
        )
    to: Key = (POINTS, "resident", receiver)
    gave = _move(
        tx,
        giver,
        to,
        amount,
        by=by,
        facts={"receiver": receiver, "giver": giver, "reason": reason}
        | _words(f"家人赠与 {amount} 分", f"{amount} points given within the household"),
        limited=True,
        document_id=document_id,
    )
    if gave.is_new:
        tx.emit([shared_event(receiver, "gift", amount, gave.to_balance, gave.document_id, on)])
    return Given(gave.document_id, gave.balance)


def donate(
    tx: Transaction, giver: str, amount: int, *, by: str, document_id: UUID | None = None
) -> Given:
    """Points to the pool of one's community, for people in need there. Raises as `give` does."""
    _check_amount(amount)
    where = home_of(tx, giver)
    gave = _move(
        tx,
        giver,
        (POINTS, "pool", where.community_code),
        amount,
        by=by,
        facts={"giver": giver, "pool": where.community_code}
        | _words(f"捐入社区积分池 {amount} 分", f"{amount} points donated to the community's pool"),
        limited=False,
        document_id=document_id,
    )
    return Given(gave.document_id, gave.balance)


def grant(
    tx: Transaction,
    resident_no: str,
    amount: int,
    *,
    document_id: UUID,
    made_by: str,
    checked_by: str,
    reason: str,
) -> None:
    """Points from the pool of a resident's community; both names are in the document."""
    _check_amount(amount)
    where = home_of(tx, resident_no)
    pool: Key = (POINTS, "pool", where.community_code)
    to: Key = (POINTS, "resident", resident_no)
    accounts = ledger.locked(tx.session, [pool, to])
    write_document(
        tx.session,
        document_id,
        "pool_grant",
        made_by=made_by,
        checked_by=checked_by,
        facts={"pool": where.community_code, "reason": reason}
        | _words(f"社区积分池帮扶 {amount} 分", f"{amount} points from the community's pool"),
    )
    posting = ledger.posting(tx.session)
    _post(tx, posting, accounts[pool], accounts[to], amount, document_id)
    balance = accounts[to].balance
    tx.emit([shared_event(resident_no, "grant", amount, balance, document_id, clock.today())])


@dataclass(frozen=True, slots=True)
class _Moved:
    document_id: UUID
    balance: int
    to_balance: int
    is_new: bool = True


def _move(
    tx: Transaction,
    giver: str,
    to: Key,
    amount: int,
    *,
    by: str,
    facts: dict[str, object],
    limited: bool,
    document_id: UUID | None,
) -> _Moved:
    by_key: Key = (POINTS, "resident", giver)
    accounts = ledger.locked(tx.session, [by_key, to])
    debit, credit = accounts[by_key], accounts[to]
    document_id = document_id or uuid7()
    if queries.is_written(tx.session, document_id):
        return _Moved(document_id, debit.balance, credit.balance, is_new=False)
    if limited:
        _check_limits(tx, giver, amount, clock.today())
    write_document(
        tx.session, document_id, KIND if limited else "donation", made_by=by, facts=facts
    )
    _post(tx, ledger.posting(tx.session), debit, credit, amount, document_id)
    return _Moved(document_id, debit.balance, credit.balance)


def _post(
    tx: Transaction,
    posting: Posting,
    debit: Account,
    credit: Account,
    amount: int,
    document_id: UUID,
) -> None:
    today = clock.today()
    held = ledger.held_lots(tx.session, [debit])[debit.id]
    try:
        taken = take((one for one in held if one.lot.expires_on >= today), amount)
    except ValueError as problem:
        raise Conflict(
            "not_enough_points", f"可用积分不足 {amount} 分", f"there are not {amount} points left"
        ) from problem
    for lot, part in taken:
        posting.move(debit, credit, part, document_id, KIND, lot)
    posting.post(tx.session, clock.now())


def _check_limits(tx: Transaction, giver: str, amount: int, on: date) -> None:
    """Under the lock of the giver's account, so that two gifts at once cannot both pass."""
    limits = limits_on(tx.session, on)
    day, month = queries.given(tx.session, giver, on)
    for used, most, zh, en in (
        (day, limits.gift_day_max, "每日", "a day"),
        (month, limits.gift_month_max, "每月", "a month"),
    ):
        if used + amount > most:
            raise Conflict(
                "gift_limit",
                f"赠与{zh}最多 {most} 分，还可赠 {max(most - used, 0)} 分",
                f"at most {most} points may be given {en}; {max(most - used, 0)} are left",
            )


def _check_amount(amount: int) -> None:
    if not 1 <= amount <= AMOUNT_MAX:
        raise Rejected(
            "bad_amount",
            f"积分须为 1 至 {AMOUNT_MAX} 的整数",
            f"points must be a whole number from 1 to {AMOUNT_MAX}",
            pointer="/amount",
        )


def _words(zh: str, en: str) -> dict[str, object]:
    return {"zh": zh, "en": en}

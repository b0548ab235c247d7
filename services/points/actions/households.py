"""Shared spending within a household: consents, and whose points go first.

Points stay in their owners' accounts until they are spent, so who leaves a household leaves with
what is his, and only his consent ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text

from services.points.actions import ledger
from services.points.actions.ledger import Account, Key
from services.points.queries import households as queries
from services.points.queries.declared import limits_on
from services.points.queries.households import Home
from services.points.rules.households import Member, Share, allocate
from services.points.rules.lots import Lot
from shared import clock
from shared.db.arrays import literal
from shared.errors import Conflict, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction
from shared.schemas.envelope import Event, make
from shared.schemas.households import POINTS_SHARED

SOURCE = "/linli/points"
POINTS = "points"
REASON_CHARS_MAX = 200

_GIVE = text(
    "INSERT INTO sharing_consents (consent_id, resident_no, household_no, kind, month_max,"
    " given_at, given_by, given_reason) VALUES (:consent_id, :resident_no, :household_no, :kind,"
    " :month_max, :now, :by, :reason)"
)
_WITHDRAW = text(
    "UPDATE sharing_consents SET withdrawn_at = :now, withdrawn_by = :by,"
    " withdrawn_reason = :reason"
    " WHERE resident_no = :resident_no AND kind = :kind AND withdrawn_at IS NULL"
    " RETURNING consent_id"
)
_SPEND = text(
    "INSERT INTO household_spends (document_id, resident_no, spender, month, amount, made_at)"
    " SELECT :document_id, d.resident_no, :spender, :month, d.amount, :now"
    " FROM unnest(CAST(:resident_nos AS text[]), CAST(:amounts AS bigint[]))"
    " AS d (resident_no, amount)"
)
# What was spent for a document and has not come back yet, in the month it was spent in.
_COME_BACK = text(
    "INSERT INTO household_spends (document_id, resident_no, spender, month, amount, made_at)"
    " SELECT document_id, resident_no, spender, month, -sum(amount), :now FROM household_spends"
    " WHERE document_id = ANY(CAST(:document_ids AS uuid[]))"
    " GROUP BY document_id, resident_no, spender, month"
    " HAVING sum(amount) > 0"
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A part of what is spent: take `amount` of `lot` from `account` (which is locked)."""

    account: Account
    lot: Lot
    amount: int


@dataclass(frozen=True, slots=True)
class Draw:
    """All parts, what goes first first; every account that was locked, by its key; and what
    tells the others of what was taken of theirs.
    """

    parts: list[Drawn]
    accounts: dict[Key, Account]
    said: list[Event]


@dataclass(frozen=True, slots=True)
class Purse:
    """Under the locks of `accounts`: whose points may be spent, and how much of the others'."""

    resident_no: str
    sharing: dict[str, int]
    accounts: dict[Key, Account]
    on: date


def consent(
    tx: Transaction,
    resident_no: str,
    kind: str,
    *,
    by: str,
    month_max: int | None = None,
    reason: str | None = None,
) -> None:
    """Allow the others of one's household to spend (`spend`, up to `month_max` a month) or to
    give (`gift`); an earlier consent of the kind ends. `reason` is a clerk's. Raises Rejected.
    """
    where = home_of(tx, resident_no)
    if kind == "spend":
        most = limits_on(tx.session, clock.today()).spend_month_max
        if month_max is None or not 1 <= month_max <= most:
            raise Rejected(
                "bad_limit",
                f"每月限额须为 1 至 {most} 的整数",
                f"the monthly limit must be a whole number from 1 to {most}",
                pointer="/month_max",
            )
    elif kind != "gift" or month_max is not None:
        raise Rejected("bad_consent", "没有这种同意", "no such consent", pointer="/kind")
    values = {"resident_no": resident_no, "kind": kind, "now": clock.now(), "by": by}
    tx.session.execute(_WITHDRAW, {**values, "reason": None})
    tx.session.execute(
        _GIVE,
        {
            **values,
            "consent_id": uuid7(),
            "household_no": where.household_no,
            "month_max": month_max,
            "reason": reason,
        },
    )


def withdraw(
    tx: Transaction, resident_no: str, kind: str, *, by: str, reason: str | None = None
) -> None:
    """End a consent; what was spent before stays spent. Raises Missing when there is none."""
    values = {"resident_no": resident_no, "kind": kind, "now": clock.now(), "by": by}
    found = tx.session.execute(_WITHDRAW, {**values, "reason": reason}).scalar_one_or_none()
    if found is None:
        raise Missing("no_consent", "没有可撤回的同意", "there is no consent to withdraw")


def draw(
    tx: Transaction,
    resident_no: str,
    amount: int,
    *,
    document_id: UUID,
    also: Iterable[Key] = (),
    on: date | None = None,
) -> Draw:
    """Whose points, and which lots, an amount that a resident spends is taken from.

    Locks the accounts of all who take part, and `also` those that the caller needs for the same
    step, in one call; moves nothing. What it takes of others counts against their monthly limit
    and they are told. Raises Conflict when there is not enough within what they allow.
    """
    drawn = take_from(
        tx, opened(tx, resident_no, also=also, on=on), amount, document_id=document_id
    )
    tx.emit(drawn.said)
    return drawn


def opened(
    tx: Transaction,
    resident_no: str,
    *,
    kinds: Sequence[str] = ("resident",),
    also: Iterable[Key] = (),
    on: date | None = None,
) -> Purse:
    """Lock the accounts of all who take part, of each of the owner `kinds`, and `also` others, in
    one call; what may be spent of whose is certain from here on.
    """
    on = on or clock.today()
    where = queries.home(tx.session, resident_no)
    sharing = _sharing(tx, where, resident_no, on)
    keys = [(POINTS, kind, no) for no in {resident_no, *sharing} for kind in kinds]
    accounts = ledger.locked(tx.session, [*keys, *also])
    if sharing:
        # Only now, under the accounts' locks, is it certain what the others have spent.
        sharing = _sharing(tx, where, resident_no, on, only=set(sharing))
    return Purse(resident_no, sharing, accounts, on)


def take_from(
    tx: Transaction, purse: Purse, amount: int, *, document_id: UUID, own_first: bool = False
) -> Draw:
    """The parts of an amount; moves nothing and says nothing: the caller emits what is `said`.

    What it takes of others counts against their limit. Raises Conflict as `draw` does.
    """
    mine = {
        no: purse.accounts[POINTS, "resident", no] for no in (purse.resident_no, *purse.sharing)
    }
    held = ledger.held_lots(tx.session, mine.values())
    members = [Member(no, held[account.id], purse.sharing.get(no)) for no, account in mine.items()]
    try:
        shares = allocate(members, amount, purse.on, own_first=own_first)
    except ValueError as problem:
        raise Conflict(
            "not_enough_points",
            f"可用积分不足 {amount} 分（含家人同意共用的部分）",
            f"there are not {amount} points, even with what the household shares",
        ) from problem
    parts = [Drawn(mine[one.resident_no], one.lot, one.amount) for one in shares]
    return Draw(parts, purse.accounts, _remember(tx, purse, shares, document_id))


def give_back(tx: Transaction, *document_ids: UUID) -> None:
    """What was drawn for documents has come back: it counts against nobody's limit any more.

    The caller returns the points themselves. Doing it again changes nothing.
    """
    tx.session.execute(_COME_BACK, {"document_ids": literal(document_ids), "now": clock.now()})


def shared_event(
    resident_no: str, way: str, amount: int, balance: int, document_id: UUID, on: date
) -> Event:
    """What tells a resident of points that another spent of his, or that he was given."""
    return make(
        POINTS_SHARED,
        {
            "document_id": document_id,
            "resident_no": resident_no,
            "way": way,
            "points": amount,
            "points_balance": balance,
            "on_date": on,
            "accepted_at": clock.now(),
        },
        source=SOURCE,
        correlationid=str(document_id),
    )


def home_of(tx: Transaction, resident_no: str) -> Home:
    """Where a resident belongs; raises Missing for a number nobody told points of."""
    found = queries.home(tx.session, resident_no)
    if found is None:
        raise Missing(
            "no_resident",
            "积分系统还不知道此编号，请先登记居民",
            "points does not know this number: register the resident first",
        )
    return found


def _sharing(
    tx: Transaction,
    where: Home | None,
    resident_no: str,
    on: date,
    only: set[str] | None = None,
) -> dict[str, int]:
    """The others who let their points be spent, and how much of them still this month.

    Whose account is frozen takes no part; that must not keep the rest from spending.
    """
    if where is None:
        return {}
    return {
        one.resident_no: one.room
        for one in queries.members(tx.session, where.household_no, on)
        if one.resident_no != resident_no
        and one.room > 0
        and not one.is_frozen
        and (only is None or one.resident_no in only)
    }


def _remember(tx: Transaction, purse: Purse, shares: list[Share], document_id: UUID) -> list[Event]:
    of_others: dict[str, int] = {}
    for one in shares:
        if one.resident_no != purse.resident_no:
            of_others[one.resident_no] = of_others.get(one.resident_no, 0) + one.amount
    if not of_others:
        return []
    tx.session.execute(
        _SPEND,
        {
            "document_id": document_id,
            "spender": purse.resident_no,
            "month": purse.on.replace(day=1),
            "now": clock.now(),
            "resident_nos": literal(of_others),
            "amounts": literal(of_others.values()),
        },
    )
    return [
        shared_event(
            no,
            "spent",
            amount,
            purse.accounts[POINTS, "resident", no].balance - amount,
            document_id,
            purse.on,
        )
        for no, amount in of_others.items()
    ]

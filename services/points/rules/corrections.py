"""更正: the law of taking back what was credited wrongly, and of adjusting by hand. No I/O.

A reversal takes first what is left of the award's own lot. What has ended there unspent counts as
taken back: its owner never had the good of it. Then comes what ends first of everything else. The
rest was spent, and the declared policy says what becomes of it:

`only_pending` only what nobody could spend yet is reversed, else nothing at all;
`within_balance` what was spent is written down and not asked for again;
`debt` what was spent is owed and repaid from what comes later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from services.points.rules.explaining import Words
from services.points.rules.lots import HeldLot, Lot
from shared.errors import Conflict, Rejected

OPEN_FOR = timedelta(days=14)  # a proposal that nobody has decided by then lapses
TEXT_MIN, TEXT_MAX = 4, 500
AMOUNT_MAX = 1_000_000  # of one adjustment, and of one line of a paper book


class Policy(StrEnum):
    """What becomes of points that were spent when their award is reversed."""

    ONLY_PENDING = "only_pending"
    WITHIN_BALANCE = "within_balance"
    DEBT = "debt"


POLICIES: Mapping[str, Words] = {
    Policy.ONLY_PENDING: Words("仅限未入账的积分", "only points still on public notice"),
    Policy.WITHIN_BALANCE: Words(
        "以余额为限，已用的不追回", "within the balance; what was spent is not asked for"
    ),
    Policy.DEBT: Words("已用的记欠分，以后抵扣", "what was spent is owed and repaid from later"),
}
REASONS: Mapping[str, Words] = {
    "not_done": Words("未参加", "not done"),
    "wrong_person": Words("记错人", "the wrong person"),
    "wrong_amount": Words("数量有误", "a wrong amount"),
    "twice": Words("重复记录", "recorded twice"),
    "missed": Words("漏记补录", "a record was missed"),
    "limit_lost": Words("误记占用上限，补足", "a wrong record had used up a limit"),
    "paper_book": Words("纸质存折结转", "brought forward from a paper book"),
    "other": Words("其他", "other"),
}
ASSETS: Mapping[str, Words] = {
    "points": Words("积分", "points"),
    "service_minutes": Words("服务分钟", "service minutes"),
    "honour_points": Words("荣誉积分", "honour points"),
}


@dataclass(frozen=True, slots=True)
class Due:
    """What a reversal has to take from an account; `lot` is None where there are no lots."""

    lot: Lot | None
    amount: int


@dataclass(frozen=True, slots=True)
class Part:
    """What became of it; `due` is the sum of the rest."""

    lot: Lot | None
    due: int
    taken: int
    ended: int
    owed: int
    unrecovered: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to take from which lots of an account, and how it answers for what was due."""

    takes: list[tuple[Lot | None, int]]
    parts: list[Part]

    @property
    def taken(self) -> int:
        """All that is taken."""
        return sum(amount for _, amount in self.takes)

    @property
    def owed(self) -> int:
        """All that is to be repaid."""
        return sum(part.owed for part in self.parts)

    @property
    def unrecovered(self) -> int:
        """All that is given up."""
        return sum(part.unrecovered for part in self.parts)


def take_back(
    dues: Iterable[Due], held: Iterable[HeldLot], ended: Mapping[Lot, int], policy: Policy
) -> Plan:
    """How dues of one account are met from its lots; `ended` is what ended there unspent.

    Under `only_pending` whatever is due from an account that can be spent from is refused.
    """
    left = {one.lot: one.remaining for one in held if one.remaining > 0}
    gone = dict(ended)
    takes: dict[Lot | None, int] = {}
    own: list[tuple[Due, int, int]] = []
    for due in dues:
        if due.lot is None:
            raise ValueError("points without a lot")
        taken = _draw(left, due.lot, due.amount, takes)
        lost = min(gone.get(due.lot, 0), due.amount - taken)
        gone[due.lot] = gone.get(due.lot, 0) - lost
        own.append((due, taken, lost))
    parts = []
    for due, taken, lost in own:
        rest = due.amount - taken - lost
        for lot in sorted(left, key=lambda one: (one.expires_on, one.source_id)):
            rest -= _draw(left, lot, rest, takes)
        parts.append(_part(due, due.amount - lost - rest, lost, rest, policy))
    return Plan(list(takes.items()), parts)


def take_back_plain(due: int, balance: int, policy: Policy) -> Plan:
    """The same for an asset without lots. What is only counted is never owed."""
    taken = min(due, balance)
    counted = Policy.WITHIN_BALANCE if policy == Policy.DEBT else policy
    part = _part(Due(None, due), taken, 0, due - taken, counted)
    return Plan([(None, taken)] if taken else [], [part] if due else [])


def _draw(left: dict[Lot, int], lot: Lot, most: int, takes: dict[Lot | None, int]) -> int:
    part = min(left.get(lot, 0), most)
    if part > 0:
        left[lot] -= part
        takes[lot] = takes.get(lot, 0) + part
    return max(part, 0)


def _part(due: Due, taken: int, ended: int, rest: int, policy: Policy) -> Part:
    owed = rest if policy == Policy.DEBT else 0
    return Part(due.lot, due.amount, taken, ended, owed, rest - owed)


def repay(debts: Iterable[tuple[int, int]], available: int) -> list[tuple[int, int]]:
    """Of debts (id, remaining), the oldest first, how much of each is repaid now."""
    paid = []
    for debt_id, remaining in debts:
        part = min(remaining, available)
        if part > 0:
            paid.append((debt_id, part))
            available -= part
    return paid


def policy_of(declared: str | None, proposed: str | None) -> Policy:
    """What the rules of the award declare binds; where they are silent, the proposal says.

    Raises Rejected for a policy that is none, or another one than the rules declare.
    """
    wanted = proposed or declared or Policy.WITHIN_BALANCE
    if wanted not in set(Policy):
        raise Rejected(
            "bad_policy", "请选择处理方式", "choose what becomes of points spent", pointer="/policy"
        )
    if declared is not None and wanted != declared:
        said = POLICIES[declared]
        raise Rejected(
            "policy_declared",
            f"积分规则已规定冲正方式：{said.zh}，请按此提出",
            f"the rules of this award declare how it is reversed: {said.en}",
            pointer="/policy",
        )
    return Policy(wanted)


def refuse_spendable() -> Conflict:
    """What `only_pending` answers when the points could be spent already."""
    return Conflict(
        "posted_already",
        "积分已经入账，按“仅限未入账”不能冲正；请改用其他处理方式重新提出",
        "the points were posted already, so that this policy allows no reversal:"
        " propose it under another",
    )


def check_reason(code: str, reason: str) -> str:
    """The reason, stripped. Raises Rejected for a code that is none or a text too short or long."""
    if code not in REASONS:
        raise Rejected("bad_reason", "请选择更正理由", "choose a reason", pointer="/reason_code")
    return check_text(reason, "/reason")


def check_text(text: str, pointer: str) -> str:
    """What somebody wrote, stripped; raises Rejected outside of TEXT_MIN to TEXT_MAX characters."""
    written = text.strip()
    if not TEXT_MIN <= len(written) <= TEXT_MAX:
        raise Rejected(
            "bad_text",
            f"请写明情况，{TEXT_MIN} 至 {TEXT_MAX} 个字，不要写姓名和电话",
            f"write what is the matter in {TEXT_MIN} to {TEXT_MAX} characters,"
            " without names and telephone numbers",
            pointer=pointer,
        )
    return written


def check_adjustment(asset: str, amount: int, expires_on: date | None, today: date) -> None:
    """Raises Rejected for what cannot be adjusted."""
    if asset not in ASSETS:
        raise Rejected("bad_asset", "请选择要调整的项目", "choose what to adjust", pointer="/asset")
    if amount == 0 or abs(amount) > AMOUNT_MAX:
        raise Rejected(
            "bad_amount",
            f"数量须为 1 至 {AMOUNT_MAX} 的整数，扣减时写负数",
            f"the amount must be a whole number from 1 to {AMOUNT_MAX}, negative to take away",
            pointer="/amount",
        )
    if expires_on is not None and (asset != "points" or amount < 0):
        raise Rejected(
            "no_expiry",
            "只有补记的积分才有有效期，请留空",
            "only points that are added have a last day: leave it empty",
            pointer="/expires_on",
        )
    if expires_on is not None and expires_on < today:
        raise Rejected(
            "ended_already", "有效期已过，请更正", "this day is over", pointer="/expires_on"
        )

"""冲正: takes back an award or a document, by the policy that was approved.

Locks are taken in one order: the public notice, its line, then all accounts at once. What was
counted under a cap stays counted: see docs/decisions, "Corrections".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.points.actions import certificates, ledger
from services.points.actions.documents import write_document
from services.points.actions.ledger import Account, Key
from services.points.actions.public_notices import close, withdraw
from services.points.actions.telling_corrections import Change, corrected
from services.points.queries import corrections as queries
from services.points.queries.corrections import Awarded
from services.points.rules.corrections import (
    REASONS,
    Due,
    Plan,
    Policy,
    refuse_spendable,
    take_back,
    take_back_plain,
)
from services.points.rules.lots import HeldLot
from shared import clock
from shared.db.arrays import literal
from shared.errors import Conflict, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction

POINTS, MINUTES = "points", "service_minutes"
REVERSIBLE = frozenset({"adjustment", "import"})
IN_LOTS = frozenset({POINTS, "time_coins"})

_NOTICE = text(
    "SELECT n.notice_id FROM public_notices n JOIN public_notice_lines l USING (notice_id)"
    " WHERE l.award_id = :award_id FOR UPDATE OF n"
)
_LINE = text(
    "SELECT state, notice_id FROM public_notice_lines WHERE award_id = :award_id FOR UPDATE"
)
_ONCE = text(
    "INSERT INTO reversals (subject_id, kind, policy, document_id, made_at)"
    " VALUES (:subject_id, :kind, :policy, :document_id, :now)"
    " ON CONFLICT (subject_id) DO NOTHING RETURNING document_id"
)
_PARTS = text(
    "INSERT INTO reversal_parts (document_id, account_id, expires_on, source_id, due, taken,"
    " ended, owed, unrecovered) SELECT :document_id, p.* FROM unnest("
    "CAST(:accounts AS bigint[]), CAST(:days AS date[]), CAST(:sources AS int[]),"
    " CAST(:dues AS bigint[]), CAST(:takens AS bigint[]), CAST(:endeds AS bigint[]),"
    " CAST(:oweds AS bigint[]), CAST(:unrecovereds AS bigint[])) AS p"
)
_OWE = text(
    "INSERT INTO debts (document_id, account_id, amount, remaining, made_by, checked_by, made_at)"
    " SELECT :document_id, d.account_id, d.amount, d.amount, :made_by, :checked_by, :now"
    " FROM unnest(CAST(:accounts AS bigint[]), CAST(:amounts AS bigint[]))"
    " AS d (account_id, amount)"
)
_FREE_SPANS = text("UPDATE service_spans SET reversed_by = :document_id WHERE award_id = :award_id")
_REVERT_ROWS = text(
    "UPDATE import_rows SET reverted_by = :reverted_by WHERE document_id = :document_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """By whom, why and how something is reversed."""

    made_by: str
    checked_by: str
    reason_code: str
    policy: Policy


def reverse_award(tx: Transaction, award_id: UUID, approved: Approved) -> UUID:
    """Take back the points and the minutes of an award; the id of the document that does.

    Raises Missing, Rejected for an award that is none of a resident, and Conflict when it was
    reversed before, its account is frozen, or the policy allows nothing to be taken.
    """
    award = reversible_award(tx.session, award_id)
    notice_id = _lock_line(tx.session, award)
    resident, pending = (POINTS, "resident", award.owner), (POINTS, "pending", award.owner)
    minutes = (MINUTES, "resident", award.owner)
    keys: list[Key] = [resident, minutes, *([pending] if award.is_pending else [])]
    accounts = ledger.locked(tx.session, keys)
    lot = queries.award_lot(tx.session, award)
    dues: dict[Key, list[Due]] = {}
    if award.points and lot is not None and award.line_state != "reversed":
        dues[pending if award.is_pending else resident] = [Due(lot, award.points)]
    if award.service_minutes:
        dues[minutes] = [Due(None, award.service_minutes)]
    plans = _plans(tx.session, accounts, dues, approved.policy)
    document_id = uuid7()
    _write(tx.session, document_id, _award_facts(award, approved, plans.get(resident)), approved)
    _once(tx.session, award_id, "award", approved.policy, document_id)
    if award.is_pending:
        withdraw(tx.session, [award_id], document_id)
    _post(tx.session, document_id, accounts, plans, {}, approved)
    if award.is_pending and notice_id is not None:
        close(tx.session, notice_id, clock.now())
    tx.session.execute(_FREE_SPANS, {"award_id": award_id, "document_id": document_id})
    certificates.after_reversal(tx, [award_id])
    _tell(tx, document_id, accounts, plans, {}, "reversal")
    return document_id


def reverse_document(tx: Transaction, document_id: UUID, approved: Approved) -> UUID:
    """Take back what an adjustment or an import gave, and give back what it took.

    An import is reverted as one unit, and its lines may be brought in again. Raises as
    `reverse_award` does.
    """
    reversible_document(tx.session, document_id, approved.policy)
    moved = queries.moved_by(tx.session, document_id)
    accounts = ledger.locked(tx.session, moved)
    dues = {
        key: [due for due in found if due.amount > 0]
        for key, found in moved.items()
        if any(due.amount > 0 for due in found)
    }
    backs = {
        key: [Due(due.lot, -due.amount) for due in found if due.amount < 0]
        for key, found in moved.items()
    }
    plans = _plans(tx.session, accounts, dues, approved.policy)
    new_id = uuid7()
    facts = _document_facts(document_id, approved, plans)
    _write(tx.session, new_id, facts, approved)
    _once(tx.session, document_id, "document", approved.policy, new_id)
    _post(tx.session, new_id, accounts, plans, backs, approved)
    tx.session.execute(_REVERT_ROWS, {"document_id": document_id, "reverted_by": new_id})
    _tell(tx, new_id, accounts, plans, backs, "reversal")
    return new_id


def reversible_award(session: Session, award_id: UUID) -> Awarded:
    """The award, when it may be reversed; raises Missing, Rejected, Conflict."""
    award = queries.award(session, award_id)
    if award is None:
        raise Missing(
            "no_award", "没有这笔记录，请核对编号", "there is no such award: check its number"
        )
    if award.kind != "activity":
        raise Rejected(
            "not_an_activity",
            "合伙人的贡献值不在此冲正，请选择居民的活动记录",
            "a partner's contribution is not reversed here: choose a resident's activity",
            pointer="/award_id",
        )
    if award.reversed_by is not None:
        raise _reversed_before()
    return award


def reversible_document(session: Session, document_id: UUID, policy: Policy) -> str:
    """The kind of a document that may be reversed; raises Missing, Rejected, Conflict."""
    found = queries.document(session, document_id)
    if found is None:
        raise Missing("no_document", "没有这张凭证，请核对编号", "there is no such document")
    if found.kind not in REVERSIBLE:
        raise Rejected(
            "not_reversible",
            "只有人工调整和纸质存折转入可以整笔冲正",
            "only an adjustment or an import can be reversed as a whole",
            pointer="/document_id",
        )
    if policy == Policy.ONLY_PENDING:
        raise Rejected(
            "bad_policy",
            "这类凭证直接入账，请改选其他处理方式",
            "such a document is posted at once: choose another policy",
            pointer="/policy",
        )
    if found.reversed_by is not None:
        raise _reversed_before()
    return str(found.kind)


def _reversed_before() -> Conflict:
    return Conflict(
        "reversed_before", "已经冲正过，不能再次冲正", "it was reversed before and stays so"
    )


def _lock_line(session: Session, award: Awarded) -> UUID | None:
    """Lock the award's notice and its line, in this order; the notice's id where it is in one."""
    asked = {"award_id": award.award_id}
    notice_id = session.execute(_NOTICE, asked).scalar_one_or_none()
    line = session.execute(_LINE, asked).one_or_none()
    if line is not None and (line.state != award.line_state or line.notice_id != notice_id):
        raise Conflict(
            "moved_on",
            "这笔记录的公示状态刚刚改变，请重试",
            "its public notice has just moved on: try again",
        )
    return notice_id


def _plans(
    session: Session,
    accounts: Mapping[Key, Account],
    dues: Mapping[Key, list[Due]],
    policy: Policy,
) -> dict[Key, Plan]:
    in_lots = [key for key in dues if key[0] in IN_LOTS]
    spendable = [accounts[key] for key in in_lots if key[1] != "pending"]
    if policy == Policy.ONLY_PENDING and spendable:
        raise refuse_spendable()
    held = ledger.held_lots(session, (accounts[key] for key in in_lots))
    ended = queries.ended_unspent(session, (one.id for one in spendable))
    today = clock.today()
    plans = {}
    for key, due in dues.items():
        account = accounts[key]
        if key in in_lots:
            lots = _takeable(held[account.id], due, today)
            plans[key] = take_back(due, lots, ended.get(account.id, {}), policy)
        else:
            plans[key] = take_back_plain(sum(one.amount for one in due), account.balance, policy)
    return plans


def _takeable(held: list[HeldLot], dues: list[Due], today: date) -> list[HeldLot]:
    """What has ended is nobody's any more, swept or not, unless it is what is taken back."""
    own = {due.lot for due in dues}
    return [one for one in held if one.lot.expires_on >= today or one.lot in own]


def _once(session: Session, subject_id: UUID, kind: str, policy: Policy, document_id: UUID) -> None:
    made = session.execute(
        _ONCE,
        {
            "subject_id": subject_id,
            "kind": kind,
            "policy": policy.value,
            "document_id": document_id,
            "now": clock.now(),
        },
    ).one_or_none()
    if made is None:
        raise _reversed_before()


def _write(session: Session, document_id: UUID, facts: dict[str, Any], approved: Approved) -> None:
    write_document(
        session,
        document_id,
        "reversal",
        made_by=approved.made_by,
        checked_by=approved.checked_by,
        facts=facts | {"policy": approved.policy.value, "reason_code": approved.reason_code},
    )


def _post(
    session: Session,
    document_id: UUID,
    accounts: Mapping[Key, Account],
    plans: Mapping[Key, Plan],
    backs: Mapping[Key, list[Due]],
    approved: Approved,
) -> None:
    now = clock.now()
    posting = ledger.posting(session)
    for key, plan in plans.items():
        for lot, amount in plan.takes:
            posting.retire(accounts[key], amount, document_id, "reversal", lot)
    for key, given in backs.items():
        for due in given:
            posting.issue(accounts[key], due.amount, document_id, "reversal", due.lot)
    posting.post(session, now)
    _keep_parts(session, document_id, accounts, plans)
    owing = [(accounts[key].id, plan.owed) for key, plan in plans.items() if plan.owed]
    if owing:
        session.execute(
            _OWE,
            {
                "document_id": document_id,
                "made_by": approved.made_by,
                "checked_by": approved.checked_by,
                "now": now,
                "accounts": literal(account_id for account_id, _ in owing),
                "amounts": literal(amount for _, amount in owing),
            },
        )


def _keep_parts(
    session: Session, document_id: UUID, accounts: Mapping[Key, Account], plans: Mapping[Key, Plan]
) -> None:
    rows = [(accounts[key].id, part) for key, plan in plans.items() for part in plan.parts]
    session.execute(
        _PARTS,
        {
            "document_id": document_id,
            "accounts": literal(account_id for account_id, _ in rows),
            "days": literal(part.lot.expires_on if part.lot else None for _, part in rows),
            "sources": literal(part.lot.source_id if part.lot else None for _, part in rows),
            "dues": literal(part.due for _, part in rows),
            "takens": literal(part.taken for _, part in rows),
            "endeds": literal(part.ended for _, part in rows),
            "oweds": literal(part.owed for _, part in rows),
            "unrecovereds": literal(part.unrecovered for _, part in rows),
        },
    )


def _tell(
    tx: Transaction,
    document_id: UUID,
    accounts: Mapping[Key, Account],
    plans: Mapping[Key, Plan],
    backs: Mapping[Key, list[Due]],
    way: str,
) -> None:
    changes: dict[str, Change] = {}
    for (asset, owner_kind, owner), plan in plans.items():
        change = changes.setdefault(owner, Change())
        if owner_kind == "pending":
            change.pending -= plan.taken
        else:
            change.add(asset, -plan.taken)
    for (asset, _, owner), given in backs.items():
        changes.setdefault(owner, Change()).add(asset, sum(due.amount for due in given))
    tx.emit(corrected(tx.session, document_id, way, changes))


def _award_facts(award: Awarded, approved: Approved, plan: Plan | None) -> dict[str, Any]:
    why = REASONS[approved.reason_code]
    rest_zh, rest_en = _rest(plan)
    return {
        "award_id": str(award.award_id),
        "activity_code": award.activity_code,
        "zh": f"冲正 {award.on_date.isoformat()} 活动 {award.activity_code} 的记录，理由：{why.zh}"
        f"{rest_zh}",
        "en": f"the award of activity {award.activity_code} of {award.on_date.isoformat()} was"
        f" reversed: {why.en}{rest_en}",
    }


def _document_facts(
    document_id: UUID, approved: Approved, plans: Mapping[Key, Plan]
) -> dict[str, Any]:
    why = REASONS[approved.reason_code]
    return {
        "document_id": str(document_id),
        "taken": sum(plan.taken for key, plan in plans.items() if key[0] == POINTS),
        "owed": sum(plan.owed for plan in plans.values()),
        "zh": f"整笔冲正凭证 {document_id}，理由：{why.zh}",
        "en": f"document {document_id} was reversed as a whole: {why.en}",
    }


def _rest(plan: Plan | None) -> tuple[str, str]:
    """What of the points could not be taken back."""
    if plan is None:
        return "", ""
    if plan.owed:
        return f"；已用的 {plan.owed} 分记为欠分", f"; {plan.owed} spent points are owed"
    if plan.unrecovered:
        return (
            f"；已用的 {plan.unrecovered} 分不追回",
            f"; {plan.unrecovered} spent points are not asked for",
        )
    return "", ""

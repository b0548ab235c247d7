"""公示: lists awards that must be shown, publishes notices, takes objections and decides them.

Locks are taken in one order: the notice, then its lines, then accounts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from services.points.actions import ledger
from services.points.rules import public_notices as law
from services.points.rules.lots import Lot
from services.points.rules.public_notices import Outcome, Period, Reason, State
from shared import clock
from shared.db.arrays import literal
from shared.errors import Conflict, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction
from shared.schemas import make
from shared.schemas.points import DISPUTE_DECIDED, POINTS_DISPUTED

SOURCE = "/linli/points"

_LIST = text(
    "INSERT INTO public_notice_lines (award_id, resident_no, community_code, on_date, points,"
    " expires_on, source_id, days, state, listed_at) SELECT r.*, 'waiting', :now FROM unnest("
    "CAST(:award_ids AS uuid[]), CAST(:residents AS text[]), CAST(:communities AS text[]),"
    " CAST(:on_dates AS date[]), CAST(:points AS int[]), CAST(:expiries AS date[]),"
    " CAST(:source_ids AS int[]), CAST(:days AS smallint[])) AS r"
)
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:community_code, 77))")
_TAKE = text(
    "SELECT count(*) AS lines, max(days) AS days, sum(points) AS points,"
    " array_agg(award_id ORDER BY on_date, award_id) AS award_ids FROM ("
    " SELECT award_id, days, points, on_date FROM public_notice_lines WHERE state = 'waiting'"
    " AND community_code = :community_code AND on_date BETWEEN :first AND :last"
    " ORDER BY on_date, award_id LIMIT :most FOR UPDATE) taken"
)
_SERIAL = text(
    "SELECT count(*) + 1 FROM public_notices WHERE community_code = :community_code"
    " AND date_trunc('month', first_day) = date_trunc('month', CAST(:first AS date))"
)
_PUBLISH = text(
    "INSERT INTO public_notices (notice_id, notice_no, community_code, first_day, last_day, days,"
    " published_at, ends_at, made_by, line_count, points) VALUES (:notice_id, :notice_no,"
    " :community_code, :first, :last, :days, :now, :ends_at, :by, :lines, :points)"
)
_SHOW = text(
    "UPDATE public_notice_lines l SET state = 'shown', notice_id = :notice_id, line_no = k.no,"
    " published_at = :now, ends_at = :ends_at"
    " FROM unnest(CAST(:award_ids AS uuid[])) WITH ORDINALITY AS k (award_id, no)"
    " WHERE l.award_id = k.award_id"
)
_LOCK = text("SELECT FROM public_notices WHERE notice_no = :notice_no FOR UPDATE")
_LINE = text(
    "SELECT l.award_id, l.notice_id, l.line_no, l.state, l.ends_at, l.resident_no, l.points,"
    " l.on_date, l.expires_on, l.source_id, n.notice_no, n.made_by"
    " FROM public_notices n JOIN public_notice_lines l USING (notice_id)"
    " WHERE n.notice_no = :notice_no AND l.line_no = :line_no FOR UPDATE OF l"
)
_OBJECT = text(
    "INSERT INTO objections (objection_id, award_id, notice_id, made_by, reason, text, raised_by,"
    " raised_role, raised_at) VALUES (:objection_id, :award_id, :notice_id, :made_by, :reason,"
    " :text, :by, :role, :now) ON CONFLICT DO NOTHING RETURNING objection_id"
)
_STATE = text(
    "UPDATE public_notice_lines SET state = :state, document_id = :document_id"
    " WHERE award_id = :award_id"
)
_OPEN = text(
    "SELECT raised_by FROM objections WHERE award_id = :award_id AND decided_at IS NULL"
    " ORDER BY raised_at, objection_id FOR UPDATE"
)
_DECIDE = text(
    "UPDATE objections SET outcome = :outcome, decision = :decision, decided_by = :by,"
    " decided_at = :now WHERE award_id = :award_id AND decided_at IS NULL"
)
_DOCUMENT = text(
    "INSERT INTO documents (document_id, kind, on_date, made_by, checked_by, facts, made_at)"
    " VALUES (:document_id, 'reversal', :on_date, :made_by, :checked_by,"
    " CAST(:facts AS jsonb), :now)"
)
_CLOSE = text(
    "UPDATE public_notices n SET closed_at = :now WHERE n.notice_id = :notice_id"
    " AND n.closed_at IS NULL AND n.ends_at <= :now AND NOT EXISTS (SELECT FROM"
    " public_notice_lines l WHERE l.notice_id = n.notice_id AND l.state IN ('shown', 'disputed'))"
)
_WITHDRAW = text(
    "UPDATE public_notice_lines SET state = 'reversed', document_id = :document_id"
    " WHERE award_id = ANY(CAST(:award_ids AS uuid[]))"
    " AND state IN ('waiting', 'shown', 'disputed')"
    " RETURNING award_id, resident_no, points, expires_on, source_id"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An award whose points were credited to the resident's pending account."""

    award_id: UUID
    resident_no: str
    community_code: str
    on: date
    points: int
    lot: Lot
    days: int


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A line that is reversed now; its points still wait in the pending account."""

    award_id: UUID
    resident_no: str
    points: int
    lot: Lot


def list_awards(session: Session, listed: list[Listed], now: datetime) -> None:
    """Let awards wait for a notice; whoever calls credits their points to pending accounts."""
    if not listed:
        return
    session.execute(
        _LIST,
        {
            "now": now,
            "award_ids": literal(one.award_id for one in listed),
            "residents": literal(one.resident_no for one in listed),
            "communities": literal(one.community_code for one in listed),
            "on_dates": literal(one.on for one in listed),
            "points": literal(one.points for one in listed),
            "expiries": literal(one.lot.expires_on for one in listed),
            "source_ids": literal(one.lot.source_id for one in listed),
            "days": literal(one.days for one in listed),
        },
    )


def publish_notice(
    tx: Transaction, *, community_code: str, period: Period, days: int | None, by: str
) -> str:
    """Show what waits of a community and a period, at most LINES_MAX lines; the notice's number.

    `days`: None is what the rules of the lines ask for. Raises Rejected for days or a period that
    are wrong, Conflict when nothing waits.
    """
    law.check_period(period)
    tx.session.execute(_ONE_AT_A_TIME, {"community_code": community_code})
    asked = {
        "community_code": community_code,
        "first": period.first,
        "last": period.last,
        "most": law.LINES_MAX,
    }
    taken = tx.session.execute(_TAKE, asked).one()
    if not taken.lines:
        raise Conflict(
            "nothing_waits",
            "这个社区在此期间没有待公示的记录，请换一个期间",
            "nothing of this community waits in this period: choose another",
        )
    shown_for = law.check_days(days, taken.days)
    now = clock.now()
    serial = tx.session.execute(_SERIAL, asked).scalar_one()
    notice = {
        **asked,
        "notice_id": uuid7(),
        "notice_no": law.notice_no(community_code, period, serial),
        "days": shown_for,
        "now": now,
        "ends_at": law.ends_at(now, shown_for),
        "by": by,
        "lines": taken.lines,
        "points": taken.points,
        "award_ids": literal(taken.award_ids),
    }
    tx.session.execute(_PUBLISH, notice)
    tx.session.execute(_SHOW, notice)
    return str(notice["notice_no"])


def raise_objection(
    tx: Transaction, *, notice_no: str, line_no: int, reason: str, why: str, by: str, role: str
) -> UUID:
    """Stop a line until it is decided, and no other; the objection's id.

    Raises Rejected for a reason or a text that is none, Missing, and Conflict when the notice is
    over or this person has objected to the line before (a clerk may, for another person).
    """
    if reason not in set(Reason):
        raise Rejected("bad_reason", "请选择异议理由", "choose a reason", pointer="/reason")
    written = law.check_text(why, "/text")
    now = clock.now()
    line = _locked_line(tx.session, notice_no, line_no)
    law.check_may_object(State(line.state), line.ends_at, now)
    objection_id = tx.session.execute(
        _OBJECT,
        {
            "objection_id": uuid7(),
            "award_id": line.award_id,
            "notice_id": line.notice_id,
            "made_by": line.made_by,
            "reason": reason,
            "text": written,
            "by": by,
            "role": role,
            "now": now,
        },
    ).scalar_one_or_none()
    if objection_id is None:
        raise Conflict(
            "objected_before",
            "您已对这一行提出过异议，请等候处理结果",
            "you have objected to this line before: please wait for the decision",
        )
    if line.state == State.SHOWN:
        _set_state(tx.session, line.award_id, State.DISPUTED)
        tx.emit(
            [
                make(
                    POINTS_DISPUTED,
                    {**_told(line), "disputed_at": now},
                    source=SOURCE,
                    correlationid=notice_no,
                )
            ]
        )
    return UUID(str(objection_id))


def decide(
    tx: Transaction, *, notice_no: str, line_no: int, outcome: str, decision: str, by: str
) -> None:
    """Decide all open objections to a line. Dismissed, it goes on as before: it is posted with
    the others, or soon when those were. Upheld, its points go back to the issuer.

    Raises Rejected, Missing, and Conflict for a line that nobody disputes or a manager who may
    not decide it: the one who made the notice or who objected.
    """
    if outcome not in set(Outcome):
        raise Rejected("bad_outcome", "请选择处理结果", "choose an outcome", pointer="/outcome")
    written = law.check_text(decision, "/decision")
    line = _locked_line(tx.session, notice_no, line_no)
    if line.state != State.DISPUTED:
        raise Conflict(
            "not_disputed",
            "这一行没有待处理的异议，请刷新页面",
            "nothing is to be decided on this line: reload the page",
        )
    raised_by = tx.session.execute(_OPEN, {"award_id": line.award_id}).scalars().all()
    law.check_may_decide(by, line.made_by, frozenset(raised_by))
    now = clock.now()
    decided = {"outcome": outcome, "decision": written, "by": by, "now": now}
    tx.session.execute(_DECIDE, {**decided, "award_id": line.award_id})
    if outcome == Outcome.UPHELD:
        _reverse(tx.session, line, made_by=raised_by[0], checked_by=by, now=now)
        tx.session.execute(_CLOSE, {"notice_id": line.notice_id, "now": now})
    else:
        _set_state(tx.session, line.award_id, State.SHOWN)
    told = {**_told(line), "outcome": outcome, "decided_at": now}
    tx.emit([make(DISPUTE_DECIDED, told, source=SOURCE, correlationid=notice_no)])


def withdraw(session: Session, award_ids: Iterable[UUID], document_id: UUID) -> list[Withdrawn]:
    """Take awards that are wrong off their notice, those of them that are not decided yet.

    Whoever calls has written the document (one for each notice, so that notices tie to the
    ledger), calls this before it locks accounts, and retires the points of each from the pending
    account in the same transaction; the database refuses else.
    """
    rows = session.execute(_WITHDRAW, {"award_ids": literal(award_ids), "document_id": document_id})
    return [
        Withdrawn(row.award_id, row.resident_no, row.points, Lot(row.expires_on, row.source_id))
        for row in rows
    ]


def close(session: Session, notice_id: UUID, now: datetime) -> None:
    """Close a notice that has ended, when every line of it is decided."""
    session.execute(_CLOSE, {"notice_id": notice_id, "now": now})


def _locked_line(session: Session, notice_no: str, line_no: int) -> Row[Any]:
    asked = {"notice_no": notice_no, "line_no": line_no}
    # The notice before its lines, as posting and reversing do.
    session.execute(_LOCK, {"notice_no": notice_no})
    line = session.execute(_LINE, asked).one_or_none() if 0 < line_no < 2**31 else None
    if line is None:
        raise Missing(
            "no_line", "没有这一行，请核对序号", "there is no such line: check its number"
        )
    return line


def _set_state(
    session: Session, award_id: UUID, state: State, document_id: UUID | None = None
) -> None:
    session.execute(
        _STATE, {"award_id": award_id, "state": state.value, "document_id": document_id}
    )


def _reverse(
    session: Session, line: Row[Any], *, made_by: str, checked_by: str, now: datetime
) -> None:
    document_id = uuid7()
    facts = {
        "award_id": str(line.award_id),
        "notice_no": line.notice_no,
        "line_no": line.line_no,
        "zh": f"公示 {line.notice_no} 第 {line.line_no} 行有异议，经核查撤销",
        "en": f"line {line.line_no} of public notice {line.notice_no} was disputed and reversed",
    }
    session.execute(
        _DOCUMENT,
        {
            "document_id": document_id,
            "on_date": clock.local_date(now),
            "made_by": made_by,
            "checked_by": checked_by,
            "facts": orjson.dumps(facts).decode(),
            "now": now,
        },
    )
    key = ("points", "pending", line.resident_no)
    account = ledger.locked(session, [key])[key]
    posting = ledger.posting(session)
    lot = Lot(line.expires_on, line.source_id)
    posting.retire(account, line.points, document_id, "reversal", lot)
    _set_state(session, line.award_id, State.REVERSED, document_id)
    posting.post(session, now)


def _told(line: Row[Any]) -> dict[str, Any]:
    return {
        "award_id": line.award_id,
        "resident_no": line.resident_no,
        "notice_no": line.notice_no,
        "line_no": line.line_no,
        "points": line.points,
        "on_date": line.on_date,
    }

"""更正: what two people put right. Proposals, the forms to make them, and their approval."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.points import queries as books
from services.points.actions import corrections as correcting
from services.points.queries import corrections as queries
from services.points.queries.books import Holding
from services.points.queries.corrections import Proposed
from services.points.rules.corrections import ASSETS, POLICIES, REASONS
from services.points.rules.explaining import Words
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of

PLACE = "/points/corrections"
READERS = ("staff", "manager", "auditor")
STATES = {
    "open": ("wait", "待复核", "Waiting"),
    "approved": ("ok", "已执行", "Carried out"),
    "refused": ("off", "不同意", "Refused"),
    "lapsed": ("off", "已过期", "Lapsed"),
}
KINDS = {
    "award_reversal": Words("冲正一笔记录", "Reverse an award"),
    "document_reversal": Words("整笔冲正", "Reverse a document"),
    "adjustment": Words("人工调整", "Adjust by hand"),
    "import": Words("纸质存折转入", "Bring in a paper book"),
}
_FIELDS = (
    "resident_no",
    "asset",
    "amount",
    "expires_on",
    "reason_code",
    "reason",
    "policy",
    "award_id",
    "document_id",
)


def add_corrections(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/corrections, /points/corrections/new and /points/corrections/<correction_id>."""
    _add_list(blueprint, sessions)
    _add_forms(blueprint, sessions)
    _add_one(blueprint, sessions)


def _add_list(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PLACE)
    @require_role(*READERS)
    def list_corrections() -> str:
        asked = request.args.get("state", "")
        state = asked if asked in STATES else None
        with sessions() as session:
            found = queries.corrections(session, clock.now(), state=state)
        return render_template(
            "corrections.html",
            rows=[_row(one) for one in found],
            states=[("", t("全部", "All")), *((code, _say_state(code)) for code in STATES)],
            state=state or "",
            may_propose=signed_in().role in {"staff", "manager"},
        )


def _add_forms(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(f"{PLACE}/new")
    @require_role("staff", "manager")
    def new_correction() -> str:
        return _form(sessions, {name: request.args.get(name, "") for name in _FIELDS})

    @blueprint.post(f"{PLACE}/adjustments")
    @require_role("staff", "manager")
    def propose_adjustment() -> Response:
        return _proposed(sessions, _adjustment)

    @blueprint.post(f"{PLACE}/reversals")
    @require_role("manager")
    def propose_reversal() -> Response:
        return _proposed(sessions, _reversal)


def _add_one(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(f"{PLACE}/<uuid:correction_id>")
    @require_role(*READERS)
    def show_correction(correction_id: UUID) -> str:
        return _shown(sessions, correction_id)

    @blueprint.post(f"{PLACE}/<uuid:correction_id>/decision")
    @require_role("manager")
    def decide_correction(correction_id: UUID) -> Response:
        by, decision = signed_in().account_no, request.form.get("decision", "")
        is_approved = request.form.get("verdict") == "approve"
        decide = correcting.approve if is_approved else correcting.refuse
        try:
            with transaction(sessions) as tx:
                decide(tx, correction_id, by=by, decision=decision)
        except Missing:
            raise
        except LinliError as wrong:
            page = _shown(sessions, correction_id, problem=wrong)
            return Response(page, wrong.status, mimetype="text/html")
        said = ("已执行，流水已入账。", "Carried out.") if is_approved else ("已记录。", "Noted.")
        flash(t(*said), "ok")
        return redirect(f"{PLACE}/{correction_id}", 303)


def _adjustment(tx: Transaction, form: dict[str, str], by: str) -> UUID:
    return correcting.propose_adjustment(
        tx,
        form["resident_no"],
        by=by,
        asset=form["asset"],
        amount=_whole(form["amount"]),
        reason_code=form["reason_code"],
        reason=form["reason"],
        expires_on=_day(form["expires_on"]),
        once=_id(request.form.get("once", "")),
    )


def _reversal(tx: Transaction, form: dict[str, str], by: str) -> UUID:
    why: dict[str, Any] = {
        "by": by,
        "reason_code": form["reason_code"],
        "reason": form["reason"],
        "policy": form["policy"] or None,
    }
    if form["document_id"]:
        return correcting.propose_document_reversal(tx, _id(form["document_id"]), **why)
    return correcting.propose_award_reversal(tx, _id(form["award_id"]), **why)


def _proposed(sessions: Sessions, propose: Any) -> Response:
    form = {name: request.form.get(name, "").strip() for name in _FIELDS}
    try:
        with transaction(sessions) as tx:
            correction_id = propose(tx, form, signed_in().account_no)
    except LinliError as wrong:
        return Response(_form(sessions, form, problem=wrong), wrong.status, mimetype="text/html")
    flash(t("已提出，请另一位管理人员复核。", "Proposed; another manager must decide."), "ok")
    return redirect(f"{PLACE}/{correction_id}", 303)


def _form(sessions: Sessions, form: dict[str, str], problem: LinliError | None = None) -> str:
    """Whom it is about; then what of his may be reversed, or what to adjust."""
    resident_no = form["resident_no"]
    with sessions() as session:
        award = queries.award(session, _id(form["award_id"])) if form["award_id"] else None
        if award is not None:
            resident_no = award.owner
        held = books.holdings(session, "resident", resident_no) if resident_no else {}
        awards = queries.awards_of(session, resident_no) if resident_no and not award else []
        owed = queries.owed(session, resident_no) if resident_no else 0
    errors: dict[str, Any] = {}
    if problem is not None and problem.pointer:
        errors[problem.pointer.strip("/")] = words_of(problem)
    return render_template(
        "correction_new.html",
        form=form,
        resident_no=resident_no,
        award=award,
        awards=awards,
        document_id=form["document_id"],
        held=held,
        nothing=Holding(),
        owed=owed,
        problem=problem,
        errors=errors,
        assets=_options(ASSETS),
        reasons=_options({code: said for code, said in REASONS.items() if code != "paper_book"}),
        policies=_options(POLICIES),
        policy=(award.declared if award else None) or form["policy"] or "within_balance",
        once=uuid7(),
        may_reverse=signed_in().role == "manager",
    )


def _shown(sessions: Sessions, correction_id: UUID, problem: LinliError | None = None) -> str:
    with sessions() as session:
        one = queries.correction(session, correction_id, clock.now())
        if one is None:
            raise Missing("no_correction", "没有这份更正提议", "there is no such proposal")
        parts = queries.parts(session, one.document_id) if one.document_id else []
        document = queries.document(session, one.document_id) if one.document_id else None
    account = signed_in()
    return render_template(
        "correction.html",
        one=one,
        row=_row(one),
        facts=_facts(one),
        parts=parts,
        reversed_by=document.reversed_by if document is not None else None,
        may_decide=account.role == "manager"
        and one.state == "open"
        and account.account_no != one.made_by,
        is_own=account.account_no == one.made_by,
        may_reverse=account.role == "manager" and one.kind in {"adjustment", "import"},
        problem=problem,
        decision=request.form.get("decision", ""),
        asset_word=_asset,
    )


def _row(one: Proposed) -> dict[str, Any]:
    tone, zh, en = STATES[one.state]
    return {
        "one": one,
        "kind": _say(KINDS[one.kind]),
        "state": (tone, t(zh, en)),
        "reason": _say(REASONS[one.reason_code]),
        "what": _what(one),
    }


def _what(one: Proposed) -> str:
    body = one.body
    if one.kind == "adjustment":
        return f"{_asset(body['asset'])} {int(body['amount']):+,}"
    if one.kind == "import":
        return t(
            f"{body['residents']} 人 {body['rows']} 行，积分 {body['points']:,}",
            f"{body['rows']} lines of {body['residents']} residents, {body['points']:,} points",
        )
    if one.kind == "award_reversal":
        return t(
            f"{body['on_date']} {body['activity_code']}：积分 {body['points']}，服务"
            f" {body['service_minutes']} 分钟",
            f"{body['on_date']} {body['activity_code']}: {body['points']} points,"
            f" {body['service_minutes']} minutes",
        )
    return _say(KINDS[str(body["kind"])])


def _facts(one: Proposed) -> list[tuple[str, Any]]:
    told: list[tuple[str, Any]] = [
        (t("事项", "What"), _what(one)),
        (t("居民编号", "Resident"), one.resident_no),
        (t("理由", "Reason"), f"{_say(REASONS[one.reason_code])}；{one.reason}"),
    ]
    if one.policy:
        told.append((t("已用积分", "Points spent"), _say(POLICIES[one.policy])))
    if one.body.get("expires_on"):
        told.append((t("有效期至", "Good until"), one.body["expires_on"]))
    told.append((t("经办", "Proposed by"), one.made_by))
    if one.checked_by:
        told.append((t("复核", "Checked by"), f"{one.checked_by}：{one.decision}"))
    if one.document_id:
        told.append((t("凭证", "Document"), one.document_id))
    return told


def _asset(code: str) -> str:
    return _say(ASSETS[code]) if code in ASSETS else code


def _say(said: Words) -> str:
    return t(said.zh, said.en)


def _say_state(code: str) -> str:
    _, zh, en = STATES[code]
    return t(zh, en)


def _options(named: Any) -> list[tuple[str, str]]:
    return [(str(code), _say(said)) for code, said in named.items()]


def _whole(said: str) -> int:
    try:
        return int(said.replace("−", "-"))
    except ValueError:
        return 0  # which is no amount, and is told so


def _day(said: str) -> date | None:
    if not said:
        return None
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise Rejected(
            "bad_day", "请填日期，如 2027-12-31", "a day such as 2027-12-31", pointer="/expires_on"
        ) from None


def _id(said: str) -> UUID:
    try:
        return UUID(said)
    except ValueError:
        raise Missing("no_award", "没有这笔记录，请核对编号", "there is no such award") from None

"""公示 for the office: publishing what waits, looking at how it ties, deciding what is disputed."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.points.actions.public_notices import decide, publish_notice
from services.points.pages.notice_words import OUTCOMES, REASONS, STATES, TONES, options, said
from services.points.pages.public_notices import masked, notice_or_missing
from services.points.queries import public_notices as queries
from services.points.rules.public_notices import (
    DAYS_MAX,
    LINES_MAX,
    Period,
    check_period,
    month_before,
    month_of,
)
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Missing, Rejected
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of

HOME = "/points/desk/public-notices"
DISPUTES = "/points/desk/objections"
READERS = ("staff", "manager", "auditor")
DECIDERS = ("manager", "auditor")
NOTICES = 100
_FIELDS = ("community", "first", "last", "days")


def add_notice_desk(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/desk/public-notices and /points/desk/objections."""
    _add_publishing(blueprint, sessions)
    _add_looking(blueprint, sessions)
    _add_deciding(blueprint, sessions)


def _add_looking(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(HOME)
    @require_role(*READERS)
    def list_notice_desk() -> str:
        with sessions() as session:
            groups = queries.waiting(session)
            current = queries.current_notices(session, clock.now(), NOTICES)
            disputes = queries.open_disputes(session)
        return render_template(
            "notice_desk.html",
            groups=groups,
            current=current,
            disputes=len(disputes),
            is_manager=signed_in().role == "manager",
            may_read=signed_in().role in DECIDERS,
            last_day=lambda month: month_of(month).last,
        )

    @blueprint.get(f"{HOME}/<notice_no>")
    @require_role(*READERS)
    def show_notice_ledger(notice_no: str) -> str:
        with sessions() as session:
            notice = notice_or_missing(session, notice_no)
            states = queries.states_of(session, notice.notice_id)
            residents, households = queries.people_of(session, notice.notice_id)
            tie = queries.tie(session, notice.notice_id)
        return render_template(
            "notice_ledger.html",
            notice=notice,
            states=[
                (said(STATES[one]), TONES[one], *states[one]) for one in STATES if one in states
            ],
            residents=residents,
            households=households,
            tie=tie,
        )


def _add_publishing(blueprint: Blueprint, sessions: Sessions) -> None:
    def form(given: dict[str, str], problem: LinliError | None = None) -> str:
        found, preview = problem, None
        try:
            if request.args or request.form:
                period = _period(given)
                with sessions() as session:
                    preview = queries.preview(session, given["community"], period)
        except Rejected as wrong:
            found = found or wrong
        field = (found.pointer or "").rsplit("/", 1)[-1] if found else ""
        return render_template(
            "notice_new.html",
            given=given,
            preview=preview,
            lines_max=LINES_MAX,
            days_max=DAYS_MAX,
            problem=found,
            errors={field: words_of(found)} if found and field else {},
        )

    @blueprint.get(f"{HOME}/new")
    @require_role("manager")
    def preview_notice() -> str:
        usual = month_before(clock.today())
        given = {
            "community": "",
            "first": usual.first.isoformat(),
            "last": usual.last.isoformat(),
            "days": "",
        }
        return form(given | _given(request.args))

    @blueprint.post(f"{HOME}/new")
    @require_role("manager")
    def make_notice() -> Response:
        given = dict.fromkeys(_FIELDS, "") | _given(request.form)
        try:
            with transaction(sessions) as tx:
                notice_no = publish_notice(
                    tx,
                    community_code=given["community"],
                    period=_period(given),
                    days=_days(given["days"]),
                    by=signed_in().account_no,
                )
        except LinliError as problem:
            return Response(form(given, problem), problem.status, mimetype="text/html")
        flash(t(f"公示 {notice_no} 已发布。", f"Public notice {notice_no} is published."), "ok")
        return redirect(f"{HOME}/{notice_no}", 303)


def _add_deciding(blueprint: Blueprint, sessions: Sessions) -> None:
    def page(notice_no: str, line_no: int, problem: LinliError | None = None) -> str:
        with sessions() as session:
            notice = notice_or_missing(session, notice_no)
            found = queries.lines_of(session, notice.notice_id, after=line_no - 1, most=1)
            if not found or found[0].line_no != line_no:
                raise Missing("no_line", "没有这一行", "There is no such line")
            objections = queries.objections_to(session, notice_no, line_no)
        account = signed_in()
        by = {one.raised_by for one in objections if one.decided_at is None}
        field = (problem.pointer or "").rsplit("/", 1)[-1] if problem else ""
        return render_template(
            "dispute.html",
            notice=notice,
            line=found[0],
            activity=masked(found[0]).activity,
            state=said(STATES[found[0].state]),
            tone=TONES[found[0].state],
            objections=objections,
            reason=lambda code: said(REASONS[code]),
            outcome=lambda code: said(OUTCOMES[code]),
            outcomes=options(OUTCOMES),
            may_decide=account.role == "manager" and found[0].state == "disputed",
            is_involved=account.account_no in by | {notice.made_by},
            given=dict(request.form.items()),
            problem=problem,
            errors={field: words_of(problem)} if problem and field else {},
        )

    @blueprint.get(DISPUTES)
    @require_role(*DECIDERS)
    def list_disputes() -> str:
        with sessions() as session:
            disputes = queries.open_disputes(session)
        return render_template(
            "disputes.html", disputes=disputes, reason=lambda code: said(REASONS[code])
        )

    @blueprint.get(f"{DISPUTES}/<notice_no>/<int:line_no>")
    @require_role(*DECIDERS)
    def show_dispute(notice_no: str, line_no: int) -> str:
        return page(notice_no, line_no)

    @blueprint.post(f"{DISPUTES}/<notice_no>/<int:line_no>")
    @require_role("manager")
    def decide_dispute(notice_no: str, line_no: int) -> Response:
        try:
            with transaction(sessions) as tx:
                decide(
                    tx,
                    notice_no=notice_no,
                    line_no=line_no,
                    outcome=request.form.get("outcome", ""),
                    decision=request.form.get("decision", ""),
                    by=signed_in().account_no,
                )
        except Missing:
            raise
        except LinliError as problem:
            shown = page(notice_no, line_no, problem)
            return Response(shown, problem.status, mimetype="text/html")
        flash(t("裁决已记录，并已告知居民。", "Decided; the resident is told."), "ok")
        return redirect(DISPUTES, 303)


def _given(said_by: Any) -> dict[str, str]:
    return {name: said_by[name].strip() for name in _FIELDS if name in said_by}


def _period(given: dict[str, str]) -> Period:
    if not given["community"] or "\x00" in given["community"]:
        raise Rejected(
            "no_community", "请填写社区编码", "give a community's code", pointer="/community"
        )
    return check_period(Period(_day(given, "first"), _day(given, "last")))


def _day(given: dict[str, str], name: str) -> date:
    try:
        return date.fromisoformat(given[name])
    except ValueError:
        raise Rejected(
            "bad_day",
            "请填写日期，例如 2026-10-01",
            "give a day, such as 2026-10-01",
            pointer=f"/{name}",
        ) from None


def _days(asked: str) -> int | None:
    if not asked:
        return None
    if not (asked.isascii() and asked.isdigit() and len(asked) < 6):
        raise Rejected(
            "bad_days", "请填写天数（整数）", "give a whole number of days", pointer="/days"
        )
    return int(asked)

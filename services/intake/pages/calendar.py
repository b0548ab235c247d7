"""工作日历: which days are worked and when offices are open; managers load what is new."""

from __future__ import annotations

from calendar import Calendar
from collections.abc import Callable
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.intake.actions import calendar as loading
from services.intake.actions import deadlines
from services.intake.pages.due import CALENDAR_WARNED
from services.intake.queries.worktime import calendar_loads, work_time
from services.intake.rules.worktime import (
    WorkTime,
    read_days,
    read_hours,
    write_days,
    write_hours,
)
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.messaging.transaction import transaction
from shared.web.access import public, require_role
from shared.web.auth import current_account, signed_in
from shared.web.i18n import t, words_of

PATH = "/calendar"
BATCHES_MAX = 10  # of 500 requests in one press of the button


def make_calendar(sessions: Sessions) -> Blueprint:
    """`/calendar`, its files, loading, and reckoning deadlines anew."""
    blueprint = Blueprint("calendar", __name__)
    _add_reading(blueprint, sessions)
    _add_loading(blueprint, sessions)
    return blueprint


def _add_reading(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PATH)
    @public
    def show_calendar() -> str:
        account = current_account()
        with sessions() as session:
            work = work_time(session)
            loads = calendar_loads(session) if account is not None else []
        year = _year(work)
        return render_template(
            "calendar.html",
            work=work,
            year=year,
            months=_months(work, year) if work is not None else [],
            named=_named(work, year) if work is not None else [],
            hours=_hours(work) if work is not None else [],
            ends_soon=work is not None and work.last_day - clock.today() < CALENDAR_WARNED,
            loads=loads,
            is_manager=account is not None and account.role == "manager",
            has_loads=account is not None and account.role in {"manager", "auditor", "operator"},
        )

    def send(name: str, write: Callable[[WorkTime], str]) -> None:
        @public
        def view() -> Response:
            with sessions() as session:
                work = work_time(session)
            if work is None:
                raise Missing("no_calendar", "还没有工作日历", "There is no calendar yet")
            return Response(
                write(work),
                mimetype="text/csv",
                headers={"Content-Disposition": f"attachment; filename={name}.csv"},
            )

        blueprint.add_url_rule(f"{PATH}/{name}.csv", f"send_{name}", view)

    send("days", lambda work: write_days(work.days()))
    send("hours", lambda work: write_hours(work.periods()))


def _add_loading(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post(PATH)
    @require_role("manager")
    def load_calendar() -> Response:
        file = request.files.get("file")
        body = file.read(loading.BYTES_MAX + 1) if file is not None else b""
        by = signed_in().account_no
        try:
            written = loading.read_text(body)
            with transaction(sessions) as tx:
                if request.form.get("kind") == "hours":
                    loading.load(tx, hours=read_hours(written), by=by)
                else:
                    loading.load(tx, days=read_days(written), by=by)
        except LinliError as problem:
            flash(words_of(problem), "bad")
        else:
            flash(
                t(
                    "已导入。已定的时限不变；需要时请在下方重新计算。",
                    "Loaded. Deadlines that are set stay; reckon them anew below if need be.",
                ),
                "ok",
            )
        return redirect(PATH, 303)

    @blueprint.post(f"{PATH}/recalculate")
    @require_role("manager")
    def recalculate() -> Response:
        reason, by = request.form.get("reason", ""), signed_in().account_no
        request_no = request.form.get("request_no", "").strip()
        moved, after = 0, 0
        try:
            for _ in range(BATCHES_MAX):
                with transaction(sessions) as tx:
                    one = deadlines.recalculate_next(
                        tx, after=after, request_no=request_no, reason=reason, by=by
                    )
                moved, after = moved + one.moved, one.last
                if not after:
                    break
        except LinliError as problem:
            flash(words_of(problem), "bad")
            return redirect(f"{PATH}#recalculate", 303)
        flash(t(f"已重新计算，{moved} 项时限改变。", f"Reckoned anew: {moved} moved."), "ok")
        if after:
            flash(
                t("诉求较多，还没有算完，请再按一次。", "There are more: press the button again."),
                "warn",
            )
        return redirect(PATH, 303)


def _year(work: WorkTime | None) -> int:
    written = request.args.get("year", "")
    year = int(written) if written.isascii() and written.isdigit() else clock.today().year
    if work is None:
        return clock.today().year
    return min(max(year, work.first_day.year), work.last_day.year)


def _months(work: WorkTime, year: int) -> list[dict[str, Any]]:
    """Each month's weeks; days of other months are None."""
    return [
        {
            "name": t(f"{month}月", f"{date(year, month, 1):%b}"),
            "weeks": [
                [_cell(work, day) if day.month == month else None for day in week]
                for week in Calendar(0).monthdatescalendar(year, month)
            ],
        }
        for month in range(1, 13)
    ]


def _cell(work: WorkTime, day: date) -> dict[str, Any]:
    known = work.day(day)
    marks = {"rest": t("休", "off"), "holiday": t("假", "hol"), "workday": ""}
    is_lieu = known.kind == "workday" and bool(known.name_zh)
    return {
        "day": day.day,
        "kind": "lieu" if is_lieu else known.kind,
        "mark": t("班", "on") if is_lieu else marks[known.kind],
    }


def _named(work: WorkTime, year: int) -> list[tuple[date, str, str]]:
    kinds = {"holiday": t("放假", "Off"), "workday": t("上班", "Worked"), "rest": t("休息", "Rest")}
    return [
        (each.day, t(each.name_zh, each.name_en or each.name_zh), kinds[each.kind])
        for each in work.days()
        if each.name_zh and each.day.year == year
    ]


def _hours(work: WorkTime) -> list[tuple[date, str]]:
    return [
        (
            each.valid_from,
            t("、", ", ").join(f"{opens:%H:%M}–{closes:%H:%M}" for opens, closes in each.spans),
        )
        for each in work.periods()
    ]

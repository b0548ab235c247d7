"""开放接口: keys of Open311 clients, what services ask, how to connect, and the table in bulk."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from services.intake.actions.open311.keys import PER_MINUTE_USUAL, add_key, revoke_key
from services.intake.queries.open311.bulk import bulk_lines, compared
from services.intake.queries.open311.keys import listed_keys
from services.intake.queries.open311.services import ServiceList
from services.intake.rules.open311.bulk import DIFFERENCES_MAX, write_table
from shared import clock
from shared.clock import DISTRICT_TIMEZONE
from shared.db.session import Sessions
from shared.errors import LinliError, Rejected
from shared.messaging.transaction import transaction
from shared.web import auth
from shared.web.access import require_role
from shared.web.bodies import takes_up_to

PATH = "/intake/open311"
READERS = ("operator", "manager", "auditor")
FILE_BYTES_MAX = 32 * 1024 * 1024
_USUAL_DAYS = 30
_FIRST_YEAR, _LAST_YEAR = 2000, 2199
_DIGITS_MAX = 9


def make_open311_pages(sessions: Sessions) -> Blueprint:
    """`/intake/open311` with its keys, and the table to take out and to compare."""
    blueprint = Blueprint("open311_pages", __name__)
    page = _Page(sessions)

    @blueprint.get(PATH)
    @require_role(*READERS)
    def show_open311() -> Response:
        return page.shown()

    _add_keys(blueprint, sessions, page)
    _add_table(blueprint, sessions, page)
    return blueprint


class _Page:
    """The one page, with what just happened on it."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.services = ServiceList()

    def shown(self, status: int = 200, **happened: Any) -> Response:
        with self._sessions() as session:
            offered = self.services.at(session, clock.now())
            keys = listed_keys(session)
        today = clock.today()
        body = render_template(
            "open311.html",
            keys=keys,
            services=list(offered.services.values()),
            root=request.url_root,
            may_act=auth.signed_in().role == "operator",
            usual=PER_MINUTE_USUAL,
            start=today - timedelta(days=_USUAL_DAYS),
            end=today,
            differences_max=DIFFERENCES_MAX,
            **{"made": None, "problem": None, "compared": None, **happened},
        )
        return Response(body, status, mimetype="text/html")


def _add_keys(blueprint: Blueprint, sessions: Sessions, page: _Page) -> None:
    @blueprint.post(f"{PATH}/keys")
    @require_role("operator")
    def make_key() -> Response:
        try:
            with transaction(sessions) as tx:
                name = request.form.get("name", "")
                _, key = add_key(
                    tx, name, by=auth.signed_in().account_no, per_minute=_number("per_minute")
                )
        except LinliError as problem:
            return page.shown(problem.status, problem=problem)
        return page.shown(made=(name, key))

    @blueprint.post(f"{PATH}/keys/<int:key_no>/revoke")
    @require_role("operator")
    def end_key(key_no: int) -> BaseResponse:
        with transaction(sessions) as tx:
            revoke_key(tx, key_no)
        return redirect(PATH, 303)


def _add_table(blueprint: Blueprint, sessions: Sessions, page: _Page) -> None:
    @blueprint.get(f"{PATH}/requests.csv")
    @require_role(*READERS)
    def export() -> Response:
        try:
            start, end = _day("start"), _day("end") + timedelta(days=1)
            with sessions() as session:
                lines = bulk_lines(session, page.services.at(session, clock.now()), start, end)
        except LinliError as problem:
            return page.shown(problem.status, problem=problem)
        answer = Response(write_table(lines), content_type="text/csv; charset=utf-8")
        answer.headers["Content-Disposition"] = 'attachment; filename="georeport-bulk.csv"'
        return answer

    @blueprint.post(f"{PATH}/compare")
    @takes_up_to(FILE_BYTES_MAX)
    @require_role(*READERS)
    def compare() -> Response:
        sent = request.files.get("file")
        try:
            with sessions() as session:
                offered = page.services.at(session, clock.now())
                found = compared(session, offered, sent.read() if sent else b"")
        except LinliError as problem:
            return page.shown(problem.status, problem=problem)
        return page.shown(compared=found)


def _number(name: str) -> int:
    text = request.form.get(name, "").strip()
    if not text:
        return PER_MINUTE_USUAL
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS_MAX:
        raise Rejected(name, f"{name}：须为整数", f"{name}: must be a whole number")
    return int(text)


def _day(name: str) -> datetime:
    try:
        on = date.fromisoformat(request.args.get(name, ""))
    except ValueError:
        on = date.min
    if not _FIRST_YEAR <= on.year <= _LAST_YEAR:
        raise Rejected(
            "bulk",
            f"{name}：须为日期，如 2026-11-22",
            f"{name}: must be a day such as 2026-11-22",
            pointer=f"/{name}",
        )
    return datetime.combine(on, time(), DISTRICT_TIMEZONE)

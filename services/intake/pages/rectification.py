"""集中整治: the overview with rates, items with pairs of pictures, the report to print."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions import rectification as actions
from services.intake.pages.paging import rows_per_page
from services.intake.queries import alerts
from services.intake.queries import rectification as queries
from services.intake.rules.pictures import UPLOAD_BYTES_MAX
from services.intake.rules.rectification import RECHECK_DAYS, read_days
from shared import clock
from shared.db.session import Sessions
from shared.errors import Missing, Rejected
from shared.messaging.transaction import Transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import signed_in
from shared.web.bodies import takes_up_to
from shared.web.i18n import t

PATH = "/rectification"
READERS = ("staff", "manager", "auditor", "operator")
WORKERS = ("staff", "manager")
LARGE = ("district", "street", "community")
_FORM_BYTES = 64 * 1024
STATES = {
    "found": ("待整改", "To be fixed"),
    "fixed": ("待核查", "To be checked"),
    "good": ("已整改", "Good"),
}
STATE_TONES = {"found": "warn", "fixed": "wait", "good": "ok"}
ACTIONS = {
    "find": ("发现", "Found"),
    "fix": ("整改", "Fixed"),
    "send_back": ("退回", "Sent back"),
    "approve": ("核查通过", "Found good"),
    "recheck": ("复查良好", "Still good"),
    "recur": ("反弹", "Came back"),
}
OUTCOMES = {
    "good": ("良好", "Good"),
    "recurred": ("反弹", "Came back"),
    "dropped": ("重新整改，不再复查", "Fixed anew instead"),
}
_ALL = {"state": STATES, "action": ACTIONS, "outcome": OUTCOMES}


def make_rectification(sessions: Sessions) -> Blueprint:
    """`/rectification` and what is below it."""
    blueprint = Blueprint("rectification", __name__)
    _add_drives(blueprint, sessions)
    _add_one(blueprint, sessions)
    _add_items(blueprint, sessions)
    _add_steps(blueprint, sessions)
    return blueprint


def _word(kind: str, code: str) -> str:
    return t(*_ALL[kind].get(code, (code, code)))


def _rate(part: int, whole: int) -> str:
    """Such as 75%; — when there is nothing to take a part of."""
    return f"{round(100 * part / whole)}%" if whole else "—"


def _add_drives(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PATH)
    @require_role(*READERS)
    def list_drives() -> str:
        with sessions() as session:
            page = queries.drives(session, before=_number("before"), limit=rows_per_page())
            due = queries.rechecks_due(session)
            areas = alerts.areas(session, LARGE)
            units = queries.units(session)
        return render_template(
            "rectifications.html",
            page=page,
            due=due,
            areas=areas,
            units=units,
            today=clock.today(),
            days=", ".join(map(str, RECHECK_DAYS)),
            may_open=signed_in().role in WORKERS,
            **_words(),
        )

    @blueprint.post(PATH)
    @require_role(*WORKERS)
    def open_drive() -> Response:
        form = request.form

        def act(tx: Transaction) -> None:
            drive = actions.Drive(
                title=form.get("title", ""),
                area_code=form.get("area_code", ""),
                unit_code=form.get("unit_code", ""),
                starts_on=_day("starts_on", form),
                ends_on=_day("ends_on", form),
                recheck_days=read_days(form.get("recheck_days", "")),
            )
            actions.open_drive(tx, drive, signed_in().account_no)

        return _done(sessions, act, PATH)


def _add_one(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(f"{PATH}/<int:number>")
    @require_role(*READERS)
    def show_drive(number: int) -> str:
        with sessions() as session:
            one = _drive(session, number)
            page = queries.items(
                session, number, after=_number("after") or 0, limit=rows_per_page()
            )
            grids = alerts.grids_in(session, one["area_code"])
        return render_template(
            "rectification.html",
            one=one,
            page=page,
            grids=grids,
            may_work=signed_in().role in WORKERS,
            **_words(),
        )

    @blueprint.get(f"{PATH}/<int:number>/report")
    @require_role(*READERS)
    def print_drive(number: int) -> str:
        with sessions() as session:
            one = _drive(session, number)
            page = queries.items(session, number, limit=queries.REPORT_MAX)
        return render_template(
            "rectification_report.html", one=one, page=page, now=clock.now(), **_words()
        )

    @blueprint.post(f"{PATH}/<int:number>/items")
    @require_role(*WORKERS)
    @takes_up_to(UPLOAD_BYTES_MAX + _FORM_BYTES)
    def add_item(number: int) -> Response:
        form, photo = request.form, _photo()

        def act(tx: Transaction) -> None:
            actions.find(
                tx,
                number,
                what=form.get("what", ""),
                place=form.get("place", ""),
                grid_code=form.get("grid_code", ""),
                photo=photo,
                by=signed_in().account_no,
            )

        return _done(sessions, act, f"{PATH}/{number}")


def _add_items(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(f"{PATH}/items/<int:number>")
    @require_role(*READERS)
    def show_item(number: int) -> str:
        with sessions() as session:
            one = queries.item(session, number)
            if one is None:
                raise Missing("no_item", "没有这个问题点", "There is no such item")
            steps = queries.steps_of(session, number)
            rechecks = queries.rechecks_of(session, number)
        account = signed_in()
        return render_template(
            "rectification_item.html",
            one=one,
            steps=steps,
            rechecks=rechecks,
            is_due=any(each["done_at"] is None and each["due_on"] <= clock.today()
                       for each in rechecks),
            may_work=account.role in WORKERS,
            may_check=one["fixed_by"] != account.account_no,
            **_words(),
        )  # fmt: skip

    @blueprint.get(f"{PATH}/items/<int:number>/<int:step_no>.jpg")
    @require_role(*READERS)
    def show_picture(number: int, step_no: int) -> Response:
        with sessions() as session:
            picture = queries.picture_of(session, number, step_no)
        if picture is None:
            raise Missing("no_picture", "没有照片", "There is no picture")
        return Response(
            picture, mimetype="image/jpeg", headers={"Cache-Control": "private, max-age=3600"}
        )


def _add_steps(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post(f"{PATH}/items/<int:number>/<action>")
    @require_role(*WORKERS)
    @takes_up_to(UPLOAD_BYTES_MAX + _FORM_BYTES)
    def take_step(number: int, action: str) -> Response:
        note, photo, by = request.form.get("note", ""), _photo(), signed_in().account_no
        known: Mapping[str, Callable[[Transaction], None]] = {
            "fix": lambda tx: actions.fix(tx, number, photo=photo, note=note, by=by),
            "approve": lambda tx: actions.approve(tx, number, note=note, by=by),
            "send_back": lambda tx: actions.send_back(tx, number, note=note, by=by),
            "recheck": lambda tx: actions.recheck(
                tx, number, is_good=True, photo=photo, note=note, by=by
            ),
            "recur": lambda tx: actions.recheck(
                tx, number, is_good=False, photo=photo, note=note, by=by
            ),
        }
        if action not in known:
            raise Missing("no_action", "没有这一步", "There is no such step")
        return _done(sessions, known[action], f"{PATH}/items/{number}")


def _done(sessions: Sessions, step: Callable[[Transaction], None], back: str) -> Response:
    return act(sessions, step, back=back, done=t("已办。", "Done."))


def _drive(session: Session, number: int) -> dict[str, Any]:
    found = queries.drive(session, number)
    if found is None:
        raise Missing("no_rectification", "没有这次整治", "There is no such rectification")
    return found


def _photo() -> bytes:
    sent = request.files.get("photo")
    return sent.stream.read(UPLOAD_BYTES_MAX + 1) if sent else b""


def _number(name: str) -> int | None:
    typed = request.args.get(name, "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 19 else None


def _day(name: str, form: Mapping[str, str]) -> date:
    try:
        return date.fromisoformat(form.get(name, ""))
    except ValueError as problem:
        raise Rejected(
            "rectification",
            f"{name}：须为日期，例如 2026-07-20",
            f"{name}: must be a day, such as 2026-07-20",
            pointer=f"/{name}",
        ) from problem


def _words() -> dict[str, Any]:
    return {"rect_word": _word, "state_tones": STATE_TONES, "rate": _rate}

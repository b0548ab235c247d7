"""预约: free times at the hall's windows, one's own appointments, and the office's day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.intake.actions import appointments
from services.intake.pages.hall import PATH, known_matter, whose
from services.intake.pages.hall_words import words
from services.intake.queries import appointments as queries
from services.intake.rules.hall import AppointmentState
from shared import clock
from shared.clock import DISTRICT_TIMEZONE
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import LinliError, Rejected
from shared.ids import uuid7_text
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import signed_in
from shared.web.i18n import t

_DAYS_SHOWN = 7


def make_appointments(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/hall/appointments`, `/hall/slots`, `/hall/matters/<code>/appointment`."""
    blueprint = Blueprint("appointments", __name__)
    _add_booking(blueprint, sessions)
    _add_own(blueprint, sessions, cipher)
    _add_slots(blueprint, sessions)
    return blueprint


def _add_booking(blueprint: Blueprint, sessions: Sessions) -> None:
    def page(code: str, asked: Mapping[str, str], problem: LinliError | None = None) -> str:
        with sessions() as session:
            matter = known_matter(session, code)
            free = queries.slots(session, only_free=True)
        return render_template(
            "hall_booking.html",
            matter=matter,
            slots=free,
            resident_no=whose(signed_in(), asked),
            is_clerk=signed_in().role == "staff",
            token=uuid7_text(),
            problem=problem,
        )

    @blueprint.get(f"{PATH}/matters/<code>/appointment")
    @require_role("resident", "staff")
    def show_times(code: str) -> str:
        return page(code, request.args)

    @blueprint.post(f"{PATH}/matters/<code>/appointment")
    @require_role("resident", "staff")
    def book(code: str) -> Response:
        form, account = request.form, signed_in()
        slot = form.get("slot_id", "")
        try:
            with transaction(sessions) as tx:
                number = appointments.book(
                    tx,
                    token=form.get("form_token", "")[:64] or uuid7_text(),
                    slot_id=int(slot)
                    if slot.isascii() and slot.isdigit() and len(slot) < 19
                    else 0,
                    matter_code=code,
                    resident_no=whose(account, form),
                    by=account.account_no,
                )
        except LinliError as problem:
            return Response(page(code, form, problem), problem.status, mimetype="text/html")
        flash(t(f"已预约 {number}。", f"Booked: {number}."), "ok")
        return redirect(f"{PATH}/appointments", 303)


def _add_own(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.get(f"{PATH}/appointments")
    @require_role("resident", "staff", "operator", "auditor")
    def list_appointments() -> str:
        account = signed_in()
        is_office = account.role != "resident"
        today = datetime.combine(clock.today(), time(0), DISTRICT_TIMEZONE)
        with sessions() as session:
            if is_office:
                end = today + timedelta(days=_DAYS_SHOWN)
                rows = queries.appointments_between(session, cipher, today, end)
            else:
                rows = queries.own_appointments(session, cipher, account.subject or "-")
        return render_template(
            "hall_appointments.html",
            rows=rows,
            is_office=is_office,
            is_clerk=account.role == "staff",
            now=clock.now(),
            **words(),
        )

    @blueprint.post(f"{PATH}/appointments/<number>")
    @require_role("resident", "staff")
    def end_appointment(number: str) -> Response:
        account, wanted = signed_in(), request.form.get("state", "")
        own = account.subject or "-" if account.role == "resident" else None

        def end(tx: Transaction) -> None:
            if wanted not in list(AppointmentState) or (own and wanted != "cancelled"):
                raise Rejected("state", "没有这个操作", "There is no such action")
            appointments.end(tx, number, AppointmentState(wanted), resident_no=own)

        return act(sessions, end, back=f"{PATH}/appointments", done=t("已保存。", "Saved."))


def _add_slots(blueprint: Blueprint, sessions: Sessions) -> None:
    def page(problem: LinliError | None = None) -> str:
        with sessions() as session:
            rows = queries.slots(session, only_free=False)
        tomorrow = clock.today() + timedelta(days=1)
        return render_template(
            "hall_slots.html", rows=rows, form=request.form, problem=problem, tomorrow=tomorrow
        )

    @blueprint.get(f"{PATH}/slots")
    @require_role("staff")
    def show_slots() -> str:
        return page()

    @blueprint.post(f"{PATH}/slots")
    @require_role("staff")
    def offer_slots() -> Response:
        form = request.form
        try:
            opens, closes = (_moment(form, name) for name in ("opens", "closes"))
            with transaction(sessions) as tx:
                made = appointments.offer_slots(
                    tx,
                    place=form.get("place", ""),
                    on=opens.date(),
                    opens=opens.time(),
                    closes=closes.time(),
                    minutes=_whole(form.get("minutes", "")),
                    capacity=_whole(form.get("capacity", "")),
                )
        except LinliError as problem:
            return Response(page(problem), problem.status, mimetype="text/html")
        flash(t(f"已开放 {made} 个时段。", f"{made} slots are open."), "ok")
        return redirect(f"{PATH}/slots", 303)


def _moment(form: Mapping[str, str], name: str) -> datetime:
    try:
        at = datetime.fromisoformat(f"{form.get('on', '')}T{form.get(name, '')}")
    except ValueError as problem:
        raise Rejected(
            "slot", f"{name}：请填写日期和时间", f"{name}: give the day and the time",
            pointer=f"/{name}",
        ) from problem  # fmt: skip
    return at.replace(tzinfo=DISTRICT_TIMEZONE)


def _whole(typed: str) -> int:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 4 else 0

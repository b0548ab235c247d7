"""预警级别、告警与值班: proclaim a level, see what was missed, hand over from shift to shift."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions import alerts, patrol_dues, shifts
from services.intake.pages.paging import rows_per_page
from services.intake.pages.patrol_words import LEVEL_TONES, patrol_options, patrol_word
from services.intake.queries import alerts as queries
from services.intake.queries import patrols
from services.intake.rules.patrols import read_whole
from shared import clock
from shared.clock import DISTRICT_TIMEZONE
from shared.db.session import Sessions
from shared.errors import Forbidden, Rejected
from shared.messaging.transaction import Transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import Account, signed_in
from shared.web.i18n import t

PATH = "/patrol"
READERS = ("staff", "manager", "operator", "auditor")
WALKERS = ("staff", "manager")
LARGE = ("district", "street", "community")
HISTORY_MAX = 30


def make_alerts(sessions: Sessions) -> Blueprint:
    """`/patrol/level`, `/patrol/alarms` and `/patrol/shifts`."""
    blueprint = Blueprint("alerts", __name__)
    _add_level(blueprint, sessions)
    _add_intervals(blueprint, sessions)
    _add_alarms(blueprint, sessions)
    _add_shifts(blueprint, sessions)
    _add_relay(blueprint, sessions)
    return blueprint


def may_proclaim(session: Session, account: Account) -> bool:
    """Managers, and staff who head a unit or are its secretary."""
    if account.role == "manager":
        return True
    return account.role == "staff" and queries.leads_somewhere(session, account.account_no)


def _add_level(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(f"{PATH}/level")
    @require_role(*READERS)
    def show_level() -> str:
        with sessions() as session:
            return render_template(
                "patrol_level.html",
                raised=queries.raised(session),
                history=queries.proclamations(session, HISTORY_MAX),
                areas=queries.areas(session, LARGE),
                intervals=patrols.intervals(session),
                may_proclaim=may_proclaim(session, signed_in()),
                may_set=signed_in().role == "manager",
                now=clock.now(),
                patrol_word=patrol_word,
                patrol_options=patrol_options,
                level_tones=LEVEL_TONES,
            )

    @blueprint.post(f"{PATH}/level")
    @require_role(*WALKERS)
    def proclaim_level() -> Response:
        form = request.form

        def change(tx: Transaction) -> str:
            if not may_proclaim(tx.session, signed_in()):
                raise Forbidden(
                    "not_head",
                    "只有管理员和单位负责人可以发布级别",
                    "Only managers and heads of units may proclaim a level",
                )
            moved = alerts.proclaim(
                tx,
                form.get("area_code", ""),
                form.get("level", ""),
                form.get("basis", ""),
                signed_in().account_no,
            )
            return t(
                f"已发布，{moved} 个点位的巡查时间已调整。",
                f"Proclaimed; {moved} spots are due at other times now.",
            )

        return act(sessions, change, back=f"{PATH}/level")


def _add_intervals(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post(f"{PATH}/intervals")
    @require_role("manager")
    def set_interval() -> Response:
        form = request.form

        def change(tx: Transaction) -> str:
            patrol_dues.set_interval(
                tx,
                form.get("kind", ""),
                form.get("level", ""),
                read_whole("minutes", form.get("minutes", "")),
                since=_local("since", form.get("since", "")),
                by=signed_in().account_no,
            )
            return t("间隔已保存。", "The interval is kept.")

        return act(sessions, change, back=f"{PATH}/level#intervals")


def _add_alarms(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(f"{PATH}/alarms")
    @require_role(*READERS)
    def list_alarms() -> str:
        with sessions() as session:
            waiting = patrols.open_alarms(session)
            page = patrols.alarms(session, before=request.args.get("before"), limit=rows_per_page())
        return render_template(
            "patrol_alarms.html",
            waiting=waiting,
            page=page,
            may_act=signed_in().role in WALKERS,
            patrol_word=patrol_word,
            level_tones=LEVEL_TONES,
        )

    @blueprint.post(f"{PATH}/alarms/<int:alarm_id>/acknowledge")
    @require_role(*WALKERS)
    def acknowledge_alarm(alarm_id: int) -> Response:
        def change(tx: Transaction) -> str:
            shifts.acknowledge_alarm(tx, alarm_id, signed_in().account_no)
            return t("已确认，补巡后告警自动解除。", "Seen; it ends with the next visit.")

        return act(sessions, change, back=f"{PATH}/alarms")


def _add_shifts(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(f"{PATH}/shifts")
    @require_role(*READERS)
    def list_shifts() -> str:
        me = signed_in().account_no
        with sessions() as session:
            rows = patrols.shifts(session, me)
            handovers = patrols.handovers(session, me)
            areas = queries.areas(session, LARGE)
        return render_template(
            "patrol_shifts.html",
            rows=rows,
            handovers=handovers,
            areas=areas,
            now=clock.now(),
            may_plan=signed_in().role == "manager",
            may_act=signed_in().role in WALKERS,
        )

    @blueprint.post(f"{PATH}/shifts")
    @require_role("manager")
    def plan_shift() -> Response:
        form = request.form

        def change(tx: Transaction) -> str:
            starts, ends = (_local(name, form.get(name, "")) for name in ("starts_at", "ends_at"))
            if starts is None or ends is None:
                raise _no_time("starts_at" if starts is None else "ends_at")
            members = form.get("members", "").replace("，", ",").replace("、", ",").split(",")
            shifts.plan(
                tx,
                form.get("area_code", ""),
                starts,
                ends,
                form.get("head", "").strip(),
                [each.strip() for each in members if each.strip()],
            )
            return t("班次已排好。", "The shift is on the roster.")

        return act(sessions, change, back=f"{PATH}/shifts")


def _add_relay(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post(f"{PATH}/shifts/<int:shift_id>/begin")
    @require_role(*WALKERS)
    def begin_shift(shift_id: int) -> Response:
        def change(tx: Transaction) -> str:
            shifts.begin(tx, shift_id, signed_in().account_no)
            return t("已上岗。", "On duty.")

        return act(sessions, change, back=f"{PATH}/shifts")

    @blueprint.post(f"{PATH}/shifts/<int:shift_id>/hand-over")
    @require_role(*WALKERS)
    def hand_over(shift_id: int) -> Response:
        form = request.form

        def change(tx: Transaction) -> str:
            to = read_whole("to_shift", form.get("to_shift", "")) or 0
            shifts.hand_over(tx, shift_id, to, form.get("notes", ""), signed_in().account_no)
            return t(
                "已交班；接班人确认前本班仍在岗。",
                "Handed over; you are on duty until the next shift has acknowledged.",
            )

        return act(sessions, change, back=f"{PATH}/shifts")

    @blueprint.post(f"{PATH}/handovers/<int:handover_id>/acknowledge")
    @require_role(*WALKERS)
    def take_over(handover_id: int) -> Response:
        def change(tx: Transaction) -> str:
            shifts.acknowledge(tx, handover_id, signed_in().account_no)
            return t("已接班，本班在岗。", "Taken over: your shift is on duty.")

        return act(sessions, change, back=f"{PATH}/shifts")


def _local(name: str, typed: str) -> datetime | None:
    """The district's time as a browser's field writes it; None for nothing. Raises Rejected."""
    if not typed:
        return None
    try:
        return datetime.fromisoformat(typed).replace(tzinfo=DISTRICT_TIMEZONE)
    except ValueError as problem:
        raise _no_time(name) from problem


def _no_time(name: str) -> Rejected:
    return Rejected(
        "patrol",
        f"{name}：须填写时间，例如 2026-07-20T14:00",
        f"{name}: give a time, such as 2026-07-20T14:00",
        pointer=f"/{name}",
    )

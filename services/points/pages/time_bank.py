"""时间币通兑: a resident (or a clerk for him) sends coins to another district, in two steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.points.actions.time_bank import Wish, ask_cancel, depart
from services.points.pages.time_bank_desk import add_desk, add_peers
from services.points.queries import time_bank as queries
from services.points.queries.time_bank import DepartureLine
from services.points.rules.time_bank import PROPOSED, REASONS, month_start, read_amount
from services.points.rules.time_bank_messages import check_resident
from services.points.rules.time_bank_seals import District
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Missing, Rejected
from shared.ids import uuid7
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import require_subject
from shared.web.i18n import t, words_of

PLACE = "/points/time-bank"
OF = f"{PLACE}/of"
OFFICE = frozenset({"staff", "manager", "auditor"})
CLERK = frozenset({"staff"})
NUMBER_CHARS_MAX = 32

# By the state, and whether a cancel was asked for.
STATES: dict[str, tuple[str, str, str]] = {
    "proposed": ("wait", "待对方答复", "Waiting"),
    "cancelling": ("wait", "撤销待确认", "Cancel asked"),
    "done": ("ok", "对方已收到", "Arrived"),
    "refused": ("off", "已退回", "Returned"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A transfer as pages tell it."""

    line: DepartureLine
    tone: str
    state: str
    why: str
    is_open: bool
    may_cancel: bool


def make_time_bank_pages(sessions: Sessions, district: District | None) -> Blueprint:
    """The pages of residents, clerks and managers."""
    blueprint = Blueprint("time_bank_pages", __name__)
    _add_own(blueprint, sessions, district)
    _add_sending(blueprint, sessions, district)
    add_desk(blueprint, sessions, district, tell)
    add_peers(blueprint, sessions, district)
    return blueprint


def tell(line: DepartureLine) -> Shown:
    """What a line says to people."""
    is_open = line.state == PROPOSED
    is_cancelling = is_open and line.cancel_asked_at is not None
    tone, zh, en = STATES["cancelling" if is_cancelling else line.state]
    why = t(*REASONS[line.reason]) if line.reason else ""
    return Shown(
        line=line,
        tone=tone,
        state=t(zh, en),
        why=why,
        is_open=is_open,
        may_cancel=is_open and not is_cancelling,
    )


def _add_own(blueprint: Blueprint, sessions: Sessions, district: District | None) -> None:
    @blueprint.get(f"{OF}/<resident_no>")
    @require_role("resident", *OFFICE)
    def show_time_bank(resident_no: str) -> str:
        account = require_subject(resident_no, unless=OFFICE)
        with sessions() as session:
            return _page(session, district, resident_no, role=account.role)

    @blueprint.post(f"{OF}/<resident_no>/<uuid:transfer_id>/cancel")
    @require_role("resident", *CLERK)
    def cancel_departure(resident_no: str, transfer_id: UUID) -> Response:
        account = require_subject(resident_no, unless=CLERK)
        with sessions() as session:
            found = queries.departure(session, transfer_id)
        if found is None or found.resident_no != resident_no:
            raise Missing("no_transfer", "没有这笔转出", "there is no such transfer")
        try:
            with transaction(sessions) as tx:
                ask_cancel(tx, transfer_id, by=account.account_no)
        except LinliError as problem:
            flash(words_of(problem), "bad")
        else:
            flash(
                t(
                    "已申请撤销。对方确认从未入账后，时间币退回；若对方已入账，则以入账为准。",
                    "Asked to cancel. The coins come back once the other district confirms it never"
                    " credited them; if it has, that stands.",
                ),
                "ok",
            )
        return redirect(address(resident_no), 303)


def _add_sending(blueprint: Blueprint, sessions: Sessions, district: District | None) -> None:
    @blueprint.post(f"{OF}/<resident_no>/confirm")
    @require_role("resident", *CLERK)
    def confirm_departure(resident_no: str) -> str | Response:
        """Nothing happens yet: what is going to happen is read once more."""
        account = require_subject(resident_no, unless=CLERK)
        with sessions() as session:
            try:
                peer, to_resident, amount = _asked(session)
            except LinliError as problem:
                page = _page(
                    session, district, resident_no, role=account.role, form=request.form,
                    error=problem,
                )  # fmt: skip
                return Response(page, problem.status, mimetype="text/html")
            left = queries.spendable(session, resident_no, clock.today()) - amount
        return render_template(
            "time_bank_confirm.html",
            resident_no=resident_no,
            peer=peer,
            to_resident=to_resident,
            amount=amount,
            left=left,
            transfer_id=uuid7(),
            place=address(resident_no),
        )

    @blueprint.post(f"{OF}/<resident_no>")
    @require_role("resident", *CLERK)
    def make_departure(resident_no: str) -> Response:
        account = require_subject(resident_no, unless=CLERK)
        try:
            wish = Wish(
                transfer_id=_id(request.form.get("transfer_id", "")),
                resident_no=resident_no,
                to_district=request.form.get("to_district", ""),
                to_resident=request.form.get("to_resident", ""),
                amount=read_amount(request.form.get("amount", ""), "/amount"),
                by=account.account_no,
            )
            with transaction(sessions) as tx:
                depart(tx, district, wish)
        except LinliError as problem:
            with sessions() as session:
                page = _page(
                    session, district, resident_no, role=account.role, form=request.form,
                    error=problem,
                )  # fmt: skip
            return Response(page, problem.status, mimetype="text/html")
        flash(
            t(
                "已提交，时间币已冻结。对方答复后会通知您。",
                "Sent; the coins are put aside. You will be told what the other district answers.",
            ),
            "ok",
        )
        return redirect(address(resident_no), 303)


def _asked(session: Session) -> tuple[Any, str, int]:
    peer = queries.peer(session, request.form.get("to_district", ""))
    if peer is None or not peer.is_active:
        raise Rejected(
            "no_peer", "请从列表中选择转入的区", "choose a district from the list",
            pointer="/to_district",
        )  # fmt: skip
    to_resident = check_resident(request.form.get("to_resident", "").strip(), "/to_resident")
    return peer, to_resident, read_amount(request.form.get("amount", ""), "/amount")


def _page(
    session: Session,
    district: District | None,
    resident_no: str,
    *,
    role: str,
    form: Any = None,
    error: LinliError | None = None,
) -> str:
    peers = [peer for peer in queries.peers(session) if peer.is_active]
    since = month_start(clock.now())
    return render_template(
        "time_bank.html",
        resident_no=resident_no,
        is_on=district is not None,
        spendable=queries.spendable(session, resident_no, clock.today()),
        peers=[
            (
                peer,
                max(peer.month_max - queries.sent_since(session, resident_no, peer.code, since), 0),
            )
            for peer in peers
        ],
        departures=[tell(line) for line in queries.departures_of(session, resident_no)],
        arrivals=queries.arrivals_of(session, resident_no),
        is_own=role == "resident",
        may_act=role in {"resident", *CLERK},
        form=form or {},
        error=None if error is None else words_of(error),
        pointer=None if error is None else error.pointer,
        place=address(resident_no),
    )


def address(resident_no: str) -> str:
    """A resident's page."""
    return f"{OF}/{quote(resident_no, safe='')}"


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Rejected(
            "stale_form", "页面已过期，请重新填写", "the page is out of date: fill it in again"
        ) from None

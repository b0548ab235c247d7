"""领单: what residents with a duty may claim, and what staff open, confirm and note of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions import claims
from services.intake.queries import claims as queries
from services.intake.queries.reading import OFFICE, readable, standing
from services.intake.rules.claims import NewOpening, may_lead, wrong
from services.intake.rules.states import OPEN, State
from shared import clock
from shared.clock import DISTRICT_TIMEZONE
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.messaging.transaction import Transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import Account, signed_in
from shared.web.i18n import t

PATH = "/claims"
DESK_PATH = "/desk/claims"
_split = re.compile(r"[\s,，、;；]+").split
_STATES = {
    "holding": ("ok", "已领到", "You have a place"),
    "waiting": ("wait", "候补", "Waiting"),
    "done": ("good", "已完成", "Done"),
}


def make_claims(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/claims` for residents, `/desk/claims` for staff, `/requests/<no>/claims…`."""
    blueprint = Blueprint("claims", __name__)
    _add_own(blueprint, sessions)
    _add_desk(blueprint, sessions)
    _add_steps(blueprint, sessions, cipher)
    return blueprint


def _add_own(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PATH)
    @require_role("resident")
    def show_claims() -> str:
        resident = signed_in().subject or "-"
        with sessions() as session:
            offered = queries.offered_to(session, resident, clock.now(), clock.today())
            own = queries.own_claims(session, resident)
        return render_template(
            "claims.html", offered=offered, own=own, state=_state, now=clock.now()
        )

    @blueprint.post(f"{PATH}/<int:opening_id>")
    @require_role("resident")
    def claim_one(opening_id: int) -> Response:
        def take(tx: Transaction) -> str:
            got = claims.claim(tx, opening_id, signed_in().subject or "-")
            if got.state == "holding":
                return t("领到了。", "You have a place.")
            return t(
                "名额已满，已排进候补；有人退出会自动递补。", "It is full; you are in the queue."
            )

        return _done(sessions, take, PATH)

    @blueprint.post(f"{PATH}/<int:claim_id>/withdraw")
    @require_role("resident")
    def withdraw_claim(claim_id: int) -> Response:
        def take(tx: Transaction) -> str:
            claims.withdraw(tx, claim_id, signed_in().subject or "-")
            return t("已退出。", "Given up.")

        return _done(sessions, take, PATH)


def _add_desk(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(DESK_PATH)
    @require_role("staff", "operator", "auditor")
    def show_claims_desk() -> str:
        with sessions() as session:
            rows = queries.coming(session, clock.now())
            skills = queries.skills(session)
        is_staff = signed_in().role == "staff"
        return render_template("claims_desk.html", rows=rows, skills=skills, is_staff=is_staff)

    @blueprint.post(f"{DESK_PATH}/skills")
    @require_role("staff")
    def note_skills() -> Response:
        def take(tx: Transaction) -> str:
            resident_no = request.form.get("resident_no", "").strip()
            skills = _split(request.form.get("skills", ""))
            claims.note_skills(tx, resident_no, skills, by=signed_in().account_no)
            return t("已登记技能。", "The skills are noted.")

        return _done(sessions, take, DESK_PATH)


def _add_steps(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    def add(place: str, name: str, take: Callable[[Transaction, dict[str, Any], int], str]) -> None:
        @require_role("staff")
        def view(request_no: str, number: int = 0) -> Response:
            def step(tx: Transaction) -> str:
                return take(tx, readable(tx.session, cipher, request_no, signed_in()), number)

            return _done(sessions, step, f"/requests/{request_no}#claims")

        rule = f"/requests/<request_no>/claims{place}"
        blueprint.add_url_rule(rule, name, view, methods=["POST"])

    def open_one(tx: Transaction, one: dict[str, Any], _number: int) -> str:
        claims.open_claims(tx, one["id"], _new_opening(), account_no=signed_in().account_no)
        return t("已开放领单。", "It may be claimed now.")

    def confirm_one(tx: Transaction, one: dict[str, Any], number: int) -> str:
        minutes = _whole("minutes")
        claims.confirm(tx, number, minutes, account_no=signed_in().account_no)
        return t("已确认。", "Confirmed.")

    def close_one(tx: Transaction, one: dict[str, Any], number: int) -> str:
        claims.close_claims(tx, number, account_no=signed_in().account_no)
        return t("已停止领单。", "Nobody else may claim it.")

    add("", "open_claims", open_one)
    add("/<int:number>/confirm", "confirm_claim", confirm_one)
    add("/<int:number>/close", "close_claims", close_one)


def _done(sessions: Sessions, take: Callable[[Transaction], str], back: str) -> Response:
    return act(sessions, take, back=back, typed=back == DESK_PATH)


def _new_opening() -> NewOpening:
    form = request.form
    try:
        day = date.fromisoformat(form.get("claim_on", ""))
    except ValueError:
        raise wrong("claim_on", "须为 年-月-日", "must be a date") from None
    return NewOpening(
        about=form.get("claim_about", ""),
        place=form.get("claim_place", ""),
        places=_whole("claim_places"),
        skills=_split(form.get("claim_skills", "")),
        starts_at=_instant(day, "claim_from"),
        ends_at=_instant(day, "claim_to"),
    )


def _instant(day: date, name: str) -> datetime:
    try:
        at = time.fromisoformat(request.form.get(name, ""))
    except ValueError:
        raise wrong(name, "须为 时:分", "must be a time of day") from None
    return datetime.combine(day, at.replace(tzinfo=None), DISTRICT_TIMEZONE)


def _whole(name: str) -> int:
    given = request.form.get(name, "").strip()
    if not (given.isascii() and given.isdigit() and len(given) < 6):
        raise wrong(name, "须为整数", "must be a whole number")
    return int(given)


def _state(code: str) -> tuple[str, str]:
    tone, zh, en = _STATES[code]
    return tone, t(zh, en)


def claim_facts(
    session: Session, one: Mapping[str, Any], account: Account
) -> Mapping[str, Any] | None:
    """What the panel of claims tells staff; residents have their page."""
    if account.role not in OFFICE:
        return None
    openings = queries.openings_of(session, one["id"])
    leads = may_lead(standing(session, dict(one), account))
    may_open = leads and State(one["state"]) in OPEN
    if not openings and not may_open:
        return None
    return {
        "openings": openings,
        "may_open": may_open,
        "may_confirm": leads,
        "now": clock.now(),
        "today": clock.today(),
        "state": _state,
    }

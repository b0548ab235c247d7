"""派单 on a request's page: who has it and why, giving it back, sending it on, assisting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions import redispatching
from services.intake.actions.redispatching import Sending
from services.intake.pages.dispatch_words import (
    level_words,
    reason_options,
    reason_words,
    why_words,
)
from services.intake.queries import dispatch_desk as queries
from services.intake.queries.dispatch import is_kept_by_desk
from services.intake.queries.reading import OFFICE, readable, standing
from services.intake.rules.dispatch import DISPATCHERS
from shared import clock
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.messaging.transaction import Transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import Account, signed_in
from shared.web.i18n import t

_UNDER_WAY = ("pending", "dispatched", "in_progress", "waiting", "checking")


def make_dispatch(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/requests/<no>/return`, `/send`, `/assist` and `/assist-note`."""
    blueprint = Blueprint("dispatch", __name__)

    def add(name: str, take: Callable[[Transaction, int], object], zh: str, en: str) -> None:
        @require_role("staff")
        def view(request_no: str) -> Response:
            def change(tx: Transaction) -> None:
                take(tx, readable(tx.session, cipher, request_no, signed_in())["id"])

            from_desk = request.form.get("back") == "desk"
            back = "/desk/dispatch" if from_desk else f"/requests/{request_no}"
            return act(sessions, change, back=back, done=t(zh, en))

        rule = f"/requests/<request_no>/{name}"
        blueprint.add_url_rule(rule, name.replace("-", "_"), view, methods=["POST"])

    add("return", _give_back, "已退单。", "Given back.")
    add("send", _send_on, "已派单。", "Dispatched.")
    add("assist", _ask_to_assist, "已请求协办。", "Asked to assist.")
    add("assist-note", _note, "已记录。", "Noted.")
    return blueprint


def _give_back(tx: Transaction, request_id: int) -> None:
    redispatching.give_back(
        tx,
        request_id,
        reason=request.form.get("return_reason", ""),
        note=request.form.get("return_note", ""),
        account_no=signed_in().account_no,
    )


def _send_on(tx: Transaction, request_id: int) -> None:
    form = request.form
    sending = Sending(
        unit_code=form.get("send_unit") or None,
        assist=[each for each in form.getlist("send_assist") if each],
        category=form.get("send_category", "").strip() or None,
        note=form.get("send_note"),
    )
    redispatching.send_on(tx, request_id, sending, account_no=signed_in().account_no)


def _ask_to_assist(tx: Transaction, request_id: int) -> None:
    named = [each for each in request.form.getlist("assist_unit") if each]
    redispatching.ask_to_assist(tx, request_id, named, account_no=signed_in().account_no)


def _note(tx: Transaction, request_id: int) -> None:
    written = request.form.get("assist_note", "")
    redispatching.note_as_assistant(tx, request_id, written, account_no=signed_in().account_no)


def dispatch_facts(
    session: Session, one: Mapping[str, Any], account: Account
) -> Mapping[str, Any] | None:
    """What the panel of dispatch tells this reader; residents see the unit, not its workings."""
    owner = queries.owner_of(session, one["id"])
    if account.role not in OFFICE:
        if owner["name"] is None:
            return None
        return {"is_office": False, "unit": t(owner["name"], owner["name_en"])}
    facts: dict[str, Any] = owner["facts"] or {}
    assists = [
        each
        for each in queries.assists_of(session, one["id"], account.account_no)
        if each["unit_code"] != one["unit_code"]
    ]
    told = {
        "is_office": True,
        "unit": t(owner["name"] or "", owner["name_en"] or "") or None,
        "at": owner["at"],
        "why": _why(session, facts, owner["rule_version"]),
        "rule": facts.get("rule"),
        "version": owner["rule_version"],
        "level": level_words(facts["level"]) if facts.get("level", "normal") != "normal" else None,
        "also": facts.get("also", []),
        "skipped": facts.get("skipped", []),
        "assists": [t(each["name"], each["name_en"]) for each in assists],
        "may_note": any(each["is_own"] for each in assists),
        **_forms(session, one, account, is_desk=bool(owner["is_fallback"])),
    }
    if told["may_send"] or told["may_ask"]:
        units = queries.units_to_choose(session)
        told["units"] = [(each["unit_code"], t(each["name"], each["name_en"])) for each in units]
    return told


def _why(session: Session, facts: Mapping[str, Any], version: str | None) -> str:
    if "reason" in facts:
        return t("退单：", "Given back: ") + reason_words(facts["reason"])
    number = (version or "").removeprefix("dispatch ")
    if "rule" in facts and number.isdigit():
        rules = queries.rules_of_version(session, int(number))
        for rule in rules.rules if rules else ():
            if rule.code == facts["rule"]:
                return t(rule.reason_zh, rule.reason_en)
    return why_words(facts.get("why"))


def _forms(
    session: Session, one: Mapping[str, Any], account: Account, *, is_desk: bool
) -> dict[str, Any]:
    """Which forms this reader gets; the actions ask all of it again."""
    stands = standing(session, dict(one), account)
    leads = bool(DISPATCHERS & (stands.own | stands.area))
    state = one["state"]
    due_at = queries.accept_by(session, one["id"]) if stands.own else None
    at_desk = state == "dispatched" and is_desk and not is_kept_by_desk(session, one["id"])
    return {
        "may_return": bool(stands.own)
        and not is_desk
        and state in ("dispatched", "in_progress")
        and (due_at is None or clock.now() <= due_at),
        "return_by": due_at,
        "reasons": reason_options(),
        "may_send": leads and (state == "pending" or at_desk),
        "may_ask": state in _UNDER_WAY
        and bool(stands.own or DISPATCHERS & stands.area)
        and one["unit_code"] is not None,
    }

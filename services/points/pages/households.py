"""家庭共用: what members of a household allow each other, gifts, and the community's pool."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote
from uuid import UUID, uuid4

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from services.points import queries
from services.points.actions import gifts, households
from services.points.queries import Holding
from services.points.queries import households as homes
from services.points.queries.declared import limits_on
from shared import clock
from shared.db.session import Sessions
from shared.errors import Rejected
from shared.messaging.transaction import Transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import Account, require_subject, signed_in
from shared.web.i18n import t

OFFICE = frozenset({"staff", "manager", "auditor"})
ACTORS = ("resident", "staff")
REASON_CHARS_MAX = 200
_DIGITS_MAX = 12


def add_households(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/households/<resident_no>, and what may be done there."""

    @blueprint.get("/points/households")
    @require_role("resident", *OFFICE)
    def find_household() -> str | Response:
        account = signed_in()
        asked = account.subject if account.role == "resident" else request.args.get("no", "")
        if asked.strip():
            return redirect(address(asked.strip()[:32]), 303)
        return render_template("household_find.html")

    @blueprint.get("/points/households/<resident_no>")
    @require_role("resident", *OFFICE)
    def show_household(resident_no: str) -> str:
        account = require_subject(resident_no, unless=OFFICE)
        today = clock.today()
        with sessions() as session:
            home = homes.home(session, resident_no)
            members = homes.members(session, home.household_no, today) if home else []
            return render_template(
                "household.html",
                resident_no=resident_no,
                home=home,
                own=next((one for one in members if one.resident_no == resident_no), None),
                others=[one for one in members if one.resident_no != resident_no],
                points=queries.holdings(session, "resident", resident_no).get("points", Holding()),
                consents=homes.consents(session, resident_no),
                spends=homes.spends(session, resident_no),
                given=homes.given(session, resident_no, today),
                limits=limits_on(session, today),
                is_own=account.role == "resident",
                may_act=account.role in ACTORS,
                once=uuid4(),
            )

    _add_consents(blueprint, sessions)
    _add_giving(blueprint, sessions)


def _add_consents(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post("/points/households/<resident_no>/consents")
    @require_role(*ACTORS)
    def give_consent(resident_no: str) -> Response:
        kind = request.form.get("kind", "")

        def verb(tx: Transaction, by: str, reason: str | None) -> None:
            most = _whole("month_max") if kind == "spend" else None
            households.consent(tx, resident_no, kind, by=by, month_max=most, reason=reason)

        return _act(sessions, resident_no, verb, t("已记下您的同意。", "Your consent is recorded."))

    @blueprint.post("/points/households/<resident_no>/withdrawals")
    @require_role(*ACTORS)
    def withdraw_consent(resident_no: str) -> Response:
        kind = request.form.get("kind", "")

        def verb(tx: Transaction, by: str, reason: str | None) -> None:
            households.withdraw(tx, resident_no, kind, by=by, reason=reason)

        return _act(sessions, resident_no, verb, t("已撤回，即刻生效。", "Withdrawn, from now on."))


def _add_giving(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post("/points/households/<resident_no>/gifts")
    @require_role(*ACTORS)
    def give(resident_no: str) -> Response:
        def verb(tx: Transaction, by: str, reason: str | None) -> None:
            gifts.give(
                tx,
                resident_no,
                request.form.get("receiver", ""),
                _whole("amount"),
                by=by,
                reason=reason,
                document_id=_once(),
            )

        return _act(sessions, resident_no, verb, t("已赠与。", "The points were given."))

    @blueprint.post("/points/households/<resident_no>/donations")
    @require_role(*ACTORS)
    def donate(resident_no: str) -> Response:
        def verb(tx: Transaction, by: str, _reason: str | None) -> None:
            gifts.donate(tx, resident_no, _whole("amount"), by=by, document_id=_once())

        return _act(
            sessions,
            resident_no,
            verb,
            t("已捐入社区积分池，谢谢！", "Given to the community's pool. Thank you!"),
        )


def address(resident_no: str) -> str:
    """The page of a resident's household."""
    return f"/points/households/{quote(resident_no, safe='')}"


def _act(
    sessions: Sessions,
    resident_no: str,
    verb: Callable[[Transaction, str, str | None], None],
    done: str,
) -> Response:
    """As the resident himself, or as a clerk with a reason."""
    account = require_subject(resident_no, unless=frozenset({"staff"}))

    def change(tx: Transaction) -> None:
        verb(tx, account.account_no, _reason(account))

    return act(sessions, change, back=address(resident_no), done=done, typed=True)


def _reason(account: Account) -> str | None:
    if account.role == "resident":
        return None
    reason = request.form.get("reason", "").strip()[:REASON_CHARS_MAX]
    if not reason:
        raise Rejected(
            "no_reason",
            "代办须填写原因，例如“本人来窗口要求”",
            "acting for somebody needs a reason, such as “asked at the window”",
            pointer="/reason",
        )
    return reason


def _whole(name: str) -> int:
    asked = request.form.get(name, "").strip()
    if not (asked.isascii() and asked.isdigit() and len(asked) <= _DIGITS_MAX):
        raise Rejected(
            "not_whole", "请填写整数积分", "give a whole number of points", pointer=f"/{name}"
        )
    return int(asked)


def _once() -> UUID | None:
    """The id that the form was given, so that pressing twice is doing once."""
    try:
        return UUID(request.form.get("once", ""))
    except ValueError:
        return None

"""我的兑换 with the code to show, and the counter where partners and clerks confirm codes."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.points.actions.redemptions_claimed import cancel, collect, look, redemption_of
from services.points.queries import rewards as queries
from services.points.queries.honour_certificates import honour_of
from services.points.queries.rewards import Found
from services.points.rules.redemptions import State, code_hash, make_code, shown_code
from shared.db.session import Sessions
from shared.errors import Conflict, LinliError, Missing
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import require_subject, signed_in
from shared.web.codes import qr_svg
from shared.web.i18n import t, words_of

OFFICE = frozenset({"staff", "manager", "operator", "auditor"})
ID_MAX = 2**63 - 1
CODE_CHARS_MAX = 40


def add_redemptions(blueprint: Blueprint, sessions: Sessions, key: bytes) -> None:
    """/points/redemptions and /points/counter."""
    _add_own(blueprint, sessions, key)
    _add_counter(blueprint, sessions)


def _add_own(blueprint: Blueprint, sessions: Sessions, key: bytes) -> None:
    @blueprint.get("/points/redemptions")
    @require_role("resident")
    def list_redemptions() -> str:
        before = _before(request.args.get("before", ""))
        with sessions() as session:
            found = queries.redemptions_of(
                session,
                "resident",
                signed_in().subject,
                before=before,
                most=queries.PAGE + 1,
            )
        shown = found[: queries.PAGE]
        return render_template(
            "redemptions.html",
            waiting=[one for one in shown if one.state == State.HELD],
            done=[one for one in shown if one.state != State.HELD],
            next_before=shown[-1].id if len(found) > queries.PAGE else None,
            is_first=before == ID_MAX,
        )

    @blueprint.get("/points/redemptions/<no>")
    @require_role("resident", *OFFICE)
    def show_redemption(no: str) -> str:
        with sessions() as session:
            one = _one(redemption_of(session, no))
            honour = honour_of(session, one.redemption_id)
        account = require_subject(one.resident_no, unless=OFFICE)
        is_own = account.role == "resident"
        code = make_code(key, one.redemption_id)
        # A code that was made from another key is no longer known: the counter helps by number.
        is_known = one.state == State.HELD and code_hash(code) == bytes(one.code_hash)
        is_shown = is_own and is_known
        return render_template(
            "redemption.html",
            one=one,
            code=shown_code(code) if is_shown else None,
            picture=qr_svg(code, border=2) if is_shown else None,
            honour=honour,
            is_own=is_own,
            is_clerk=account.role == "staff",
        )

    @blueprint.post("/points/redemptions/<no>/cancel")
    @require_role("resident", "staff")
    def cancel_redemption(no: str) -> Response:
        account = signed_in()
        owner = account.subject if account.role == "resident" else None
        with sessions() as session:
            one = _one(redemption_of(session, no))
        try:
            with transaction(sessions) as tx:
                cancel(tx, one.id, resident_no=owner, by=account.account_no)
        except Conflict as problem:
            flash(words_of(problem), "bad")
        else:
            flash(
                t("已取消，积分按原到期日退回。", "Cancelled; it is back with its own expiry."),
                "ok",
            )
        return redirect(f"/points/redemptions/{one.redemption_no}", 303)


def _add_counter(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get("/points/counter")
    @require_role("staff", "partner")
    def show_counter() -> str:
        return _counter(sessions)

    @blueprint.post("/points/counter")
    @require_role("staff", "partner")
    def look_at_code() -> str | Response:
        given = request.form.get("code", "").strip()[:CODE_CHARS_MAX]
        try:
            with sessions() as session:
                one = look(session, given, partner=_partner())
        except LinliError as problem:
            return Response(
                _counter(sessions, given=given, error=words_of(problem)),
                problem.status,
                mimetype="text/html",
            )
        return render_template(
            "redemption_counter_confirm.html",
            one=one,
            given=given,
            is_clerk=signed_in().role == "staff",
        )

    @blueprint.post("/points/counter/confirm")
    @require_role("staff", "partner")
    def confirm_code() -> Response:
        given = request.form.get("code", "").strip()[:CODE_CHARS_MAX]
        with transaction(sessions) as tx:
            done = collect(tx, given, partner=_partner(), by=signed_in().account_no)
        if isinstance(done, LinliError):
            return Response(
                _counter(sessions, given=given, error=words_of(done)),
                done.status,
                mimetype="text/html",
            )
        flash(
            t(
                f"已核销：{done.title} × {done.quantity}，请发放。",
                f"Confirmed: hand out {done.quantity} x {done.title}.",
            ),
            "ok",
        )
        return redirect("/points/counter", 303)


def _counter(sessions: Sessions, *, given: str = "", error: str | None = None) -> str:
    partner = _partner()
    before = _before(request.args.get("before", ""))
    with sessions() as session:
        found = (
            queries.redemptions_of(
                session, "partner", partner, before=before, most=queries.PAGE + 1
            )
            if partner is not None
            else queries.newest_redemptions(session, before=before, most=queries.PAGE + 1)
        )
    shown = found[: queries.PAGE]
    return render_template(
        "redemption_counter.html",
        rows=shown,
        given=given,
        error=error,
        is_clerk=partner is None,
        next_before=shown[-1].id if len(found) > queries.PAGE else None,
    )


def _partner() -> str | None:
    account = signed_in()
    return account.subject if account.role == "partner" else None


def _one(found: Found | None) -> Found:
    if found is None:
        raise Missing("no_redemption", "没有这笔兑换", "there is no such redemption")
    return found


def _before(asked: str) -> int:
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 19 else ID_MAX

"""The desk of the time bank: what waits and how much moved, and the register of other districts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.points.actions.time_bank import ask_cancel, ask_soon, need
from services.points.actions.time_bank_peers import decide_peer, propose_peer
from services.points.queries import time_bank as queries
from services.points.queries.time_bank import DepartureLine
from services.points.rules.time_bank import BALANCE_MAX, MONTH_MAX, TRANSFER_MAX, read_peer
from services.points.rules.time_bank_seals import District, key_id_of
from shared.db.session import Sessions
from shared.errors import LinliError
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of

PLACE = "/points/time-bank"
PEERS = f"{PLACE}/peers"
DEFAULTS = {
    "transfer_max": str(TRANSFER_MAX),
    "month_max": str(MONTH_MAX),
    "balance_max": str(BALANCE_MAX),
}


def add_desk(
    blueprint: Blueprint,
    sessions: Sessions,
    district: District | None,
    tell: Callable[[DepartureLine], object],
) -> None:
    """/points/time-bank: for a resident his own page, for the office the desk."""

    @blueprint.get(PLACE)
    @require_role("resident", "staff", "manager", "auditor")
    def show_time_bank_desk() -> str | Response:
        account = signed_in()
        asked = account.subject if account.role == "resident" else request.args.get("no", "")
        if asked := asked.strip()[:32]:
            return redirect(f"{PLACE}/of/{quote(asked, safe='')}", 303)
        with sessions() as session:
            names = {peer.code: peer.name for peer in queries.peers(session)}
            return render_template(
                "time_bank_desk.html",
                is_on=district is not None,
                escrow=queries.escrow(session),
                waiting=[tell(line) for line in queries.open_departures(session)],
                statistics=[_statistic(row, names) for row in queries.statistics(session)],
                names=names,
                may_act=account.role in {"staff", "manager"},
                sees_peers=account.role in {"manager", "auditor"},
            )

    def add(name: str, verb: Callable[[Transaction, UUID], None], zh: str, en: str) -> None:
        @require_role("staff", "manager")
        def view(transfer_id: UUID) -> Response:
            said = (t(zh, en), "ok")
            try:
                with transaction(sessions) as tx:
                    verb(tx, transfer_id)
            except LinliError as problem:
                said = (words_of(problem), "bad")
            flash(*said)
            return redirect(PLACE, 303)

        rule = f"{PLACE}/transfers/<uuid:transfer_id>/{name}"
        blueprint.add_url_rule(rule, f"{name}_transfer", view, methods=["POST"])

    add("retry", ask_soon, "已安排立即再试。", "It is tried again now.")
    add(
        "cancel",
        lambda tx, transfer_id: ask_cancel(tx, transfer_id, by=signed_in().account_no),
        "已申请撤销，等待对方确认。",
        "Asked to cancel; the other district must confirm.",
    )


def _statistic(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    words = {
        "proposed": t("在途", "on the way"),
        "done": t("已到账", "arrived"),
        "accepted": t("已入账", "credited"),
        "refused": t("退回", "returned") if row["direction"] == "out" else t("拒收", "refused"),
    }
    return {
        **row,
        "name": names.get(row["district"], row["district"]),
        "way": t("转出", "Out") if row["direction"] == "out" else t("转入", "In"),
        "outcome": words[row["outcome"]],
    }


def add_peers(blueprint: Blueprint, sessions: Sessions, district: District | None) -> None:
    """/points/time-bank/peers: one manager proposes a change, another decides."""

    def page(form: Any = None, error: LinliError | None = None) -> str:
        account = signed_in()
        with sessions() as session:
            return render_template(
                "time_bank_peers.html",
                district=district,
                key_id=key_id_of(district.public_key) if district else None,
                peers=queries.peers(session),
                changes=queries.changes(session),
                is_manager=account.role == "manager",
                me=account.account_no,
                form=form or DEFAULTS,
                error=None if error is None else words_of(error),
                pointer=None if error is None else error.pointer,
            )

    @blueprint.get(PEERS)
    @require_role("manager", "auditor")
    def list_peers() -> str:
        with sessions() as session:
            chosen = queries.peer(session, request.args.get("code", ""))
        if chosen is None:
            return page()
        form = {name: str(getattr(chosen, name)) for name in chosen.__dataclass_fields__}
        return page(form | {"is_active": "yes" if chosen.is_active else "no"})

    @blueprint.post(PEERS)
    @require_role("manager")
    def propose_peer_change() -> Response:
        try:
            terms = read_peer(request.form, need(district).code)
            with transaction(sessions) as tx:
                propose_peer(tx, terms, by=signed_in().account_no)
        except LinliError as problem:
            return Response(page(request.form, problem), problem.status, mimetype="text/html")
        flash(t("已提交，请另一位管理员审核。", "Proposed; another manager must decide."), "ok")
        return redirect(PEERS, 303)

    @blueprint.post(f"{PEERS}/<uuid:change_id>/<any(approve, refuse):verdict>")
    @require_role("manager")
    def decide_peer_change(change_id: UUID, verdict: str) -> Response:
        said = (t("已审核。", "Decided."), "ok")
        try:
            with transaction(sessions) as tx:
                decide_peer(tx, change_id, approved=verdict == "approve", by=signed_in().account_no)
        except LinliError as problem:
            said = (words_of(problem), "bad")
        flash(*said)
        return redirect(PEERS, 303)

"""疑点: what a person should look at, and who organises for which partner."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from services.points.actions import flags as flagging
from services.points.queries import flags as queries
from services.points.queries.flags import Flagged
from services.points.rules.flags import KINDS, STATES, told
from shared.db.session import Sessions
from shared.messaging.transaction import Transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import signed_in
from shared.web.i18n import t

PLACE = "/points/flags"
READERS = ("staff", "manager", "auditor")
_TONES = {"open": "warn", "dismissed": "off", "confirmed": "bad"}


def add_flags(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/flags and /points/flags/organisers."""

    @blueprint.get(PLACE)
    @require_role(*READERS)
    def list_flags() -> str:
        asked = request.args.get("state", "open")
        state = asked if asked in STATES else None
        kind = request.args.get("kind", "")
        with sessions() as session:
            found = queries.flags(session, state=state, kind=kind if kind in KINDS else None)
            organisers = queries.organisers(session)
        return render_template(
            "flags.html",
            rows=[_row(one) for one in found],
            organisers=organisers,
            states=[("", t("全部", "All")), *((c, t(w.zh, w.en)) for c, w in STATES.items())],
            kinds=[("", t("全部", "All")), *((c, t(w.zh, w.en)) for c, w in KINDS.items())],
            state=state or "",
            kind=kind,
            may_judge=signed_in().role == "manager",
        )

    @blueprint.post(f"{PLACE}/<uuid:flag_id>")
    @require_role("manager")
    def judge_flag(flag_id: UUID) -> Response:
        form = request.form
        outcome, decision = form.get("outcome", ""), form.get("decision", "")
        by = signed_in().account_no

        def judge(tx: Transaction) -> None:
            flagging.judge(tx, flag_id, outcome=outcome, decision=decision, by=by)

        return act(sessions, judge, back=PLACE, done=t("已记录结论。", "Noted."), typed=True)

    @blueprint.post(f"{PLACE}/organisers")
    @require_role("manager")
    def change_organisers() -> Response:
        form = request.form
        change = flagging.end_organiser if form.get("end") == "1" else flagging.declare_organiser
        partner, resident_no = (form.get(name, "").strip() for name in ("partner", "resident_no"))
        by = signed_in().account_no
        return act(
            sessions,
            lambda tx: change(tx, partner, resident_no, by=by),
            back=f"{PLACE}#organisers",
            done=t("已保存。", "Saved."),
            typed=True,
        )


def _row(one: Flagged) -> dict[str, Any]:
    kind, state, said = KINDS[one.kind], STATES[one.state], told(one.kind, one.evidence)
    awards = one.evidence.get("awards", [])
    return {
        "one": one,
        "kind": t(kind.zh, kind.en),
        "state": (_TONES[one.state], t(state.zh, state.en)),
        "told": t(said.zh, said.en),
        "awards": awards,
        "is_resident": one.kind != "same_place",
    }

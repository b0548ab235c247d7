"""剔除: what does not count in the rates, why, and who the two were; proposing and deciding."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from services.intake.actions import exclusions as acts
from services.intake.pages.board_words import EXCLUSION_STATES, REASONS
from services.intake.pages.paging import rows_per_page
from services.intake.queries.exclusions import exclusions
from shared.db.session import Sessions
from shared.errors import LinliError
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.i18n import t

PLACE = "/board/exclusions"
READERS = ("staff", "manager", "operator", "auditor")
_TONES = {"proposed": "wait", "approved": "warn", "refused": "off"}


def make_exclusions(sessions: Sessions) -> Blueprint:
    """The list, the form, and the two answers."""
    blueprint = Blueprint("exclusions", __name__)

    def shown(problem: LinliError | None = None) -> str:
        before = request.args.get("before", "")
        state = request.args.get("state")
        with sessions() as session:
            page = exclusions(
                session,
                state=state if state in EXCLUSION_STATES else None,
                before=int(before) if before.isdecimal() and len(before) < 19 else None,
                limit=rows_per_page(),
            )
        account = signed_in()
        return render_template(
            "exclusions.html",
            page=page,
            problem=problem,
            own=account.account_no,
            may_propose=account.role in ("staff", "manager"),
            may_decide=account.role == "manager",
            asked=request.args.get("request_no") or request.form.get("request_no", ""),
            form=request.form,
            tones=_TONES,
            **_words(),
        )

    @blueprint.get(PLACE)
    @require_role(*READERS)
    def show_exclusions() -> str:
        return shown()

    @blueprint.post(PLACE)
    @require_role("staff", "manager")
    def propose_exclusion() -> Response | tuple[str, int]:
        form = request.form
        try:
            with transaction(sessions) as tx:
                acts.propose(
                    tx,
                    form.get("request_no", "").strip().upper(),
                    form.get("reason", ""),
                    form.get("words", ""),
                    signed_in().account_no,
                )
        except LinliError as problem:
            return shown(problem), problem.status
        return redirect(PLACE, 303)

    @blueprint.post(PLACE + "/<int:exclusion_id>")
    @require_role("manager")
    def decide_exclusion(exclusion_id: int) -> Response | tuple[str, int]:
        try:
            with transaction(sessions) as tx:
                acts.decide(
                    tx,
                    exclusion_id,
                    signed_in().account_no,
                    is_approved=request.form.get("answer") == "approve",
                )
        except LinliError as problem:
            return shown(problem), problem.status
        return redirect(PLACE, 303)

    return blueprint


def _words() -> dict[str, Any]:
    return {
        "reasons": [("", t("请选择", "Choose"))]
        + [(code, t(*words)) for code, words in REASONS.items()],
        "states": [("", t("全部", "All"))]
        + [(code, t(*words)) for code, words in EXCLUSION_STATES.items()],
        "reason_word": lambda code: t(*REASONS[code]),
        "state_word": lambda code: t(*EXCLUSION_STATES[code]),
    }

"""Rejected events: why, from whom, and judging them again once the cause is mended."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.intake import queries
from services.intake.actions.redrive import redrive
from services.intake.pages.paging import rows_per_page
from services.intake.pages.words import options, told, word
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import LinliError, Rejected
from shared.messaging.transaction import transaction
from shared.web import auth
from shared.web.access import require_role
from shared.web.i18n import t, words_of

PATH = "/intake/rejected"
_SEQ_DIGITS_MAX = 18


def make_rejected(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/intake/rejected` and its re-drive button."""
    blueprint = Blueprint("rejected", __name__)

    @blueprint.get(PATH)
    @require_role("operator", "auditor")
    def list_rejected() -> str:
        asked = request.args
        with sessions() as session:
            page = queries.rejected_page(
                session,
                partner=asked.get("partner"),
                reason=asked.get("reason"),
                before=asked.get("before"),
                limit=rows_per_page(),
            )
        return render_template(
            "rejected.html",
            page=page,
            may_redrive=auth.signed_in().role == "operator",
            word=word,
            told=told,
            options=options,
        )

    @blueprint.post(f"{PATH}/redrive")
    @require_role("operator")
    def redrive_one() -> Response:
        partner, seq = request.form.get("partner", ""), request.form.get("seq", "")
        try:
            if not seq.isascii() or not seq.isdigit() or len(seq) > _SEQ_DIGITS_MAX:
                raise Rejected("seq", "序号无效", "that is not a number of the log")
            with transaction(sessions) as tx:
                verdicts = redrive(tx, partner, int(seq), cipher=cipher)
        except LinliError as error:
            flash(words_of(error), "bad")
        else:
            for verdict in verdicts:
                _tell(verdict)
        return redirect(auth.safe_next(request.form.get("next"), PATH), 303)

    return blueprint


def _tell(verdict: dict[str, str | None]) -> None:
    outcome = word("verdict", verdict["verdict"])
    if verdict["verdict"] != "rejected":
        flash(t(f"已重审：{outcome}。", f"Judged again: {outcome}."), "ok")
        return
    reason, detail = word("reason", verdict["reason"]), told(verdict["detail"])
    flash(t(f"已重审，仍被拒收：{reason}。{detail}", f"Rejected again: {reason}. {detail}"), "warn")

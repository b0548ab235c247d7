"""A form of a request's page asks for a step; a resident judges on it."""

from __future__ import annotations

from flask import Blueprint, flash, g, redirect, request
from werkzeug.wrappers import Response

from services.intake.actions import verdicts
from services.intake.actions.handling import handle
from services.intake.actions.verdicts import Said
from services.intake.pages.handling import asked_by_form
from services.intake.pages.requests import render_request
from services.intake.queries.reading import actor_of, is_asker, readable
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import Forbidden, LinliError, Missing
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of


def make_steps(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/requests/<no>/steps` and `/requests/<no>/verdict`."""
    blueprint = Blueprint("steps", __name__)

    @blueprint.post("/requests/<request_no>/steps")
    @require_role("staff", "resident")
    def take_step(request_no: str) -> Response | tuple[str, int]:
        account, asked = signed_in(), asked_by_form()
        try:
            with transaction(sessions) as tx:
                one = readable(tx.session, cipher, request_no, account)
                handle(tx, one["id"], asked, account)
        except Missing:
            raise
        except LinliError as problem:
            # What was typed is shown again, with what is wrong: nobody types it twice.
            g.typed_step = {**request.form.to_dict(), "error": words_of(problem)}
            flash(words_of(problem), "bad")
            return render_request(sessions, cipher, request_no), problem.status
        flash(t("已办理", "Done"), "ok")
        return redirect(f"/requests/{request_no}", 303)

    @blueprint.post("/requests/<request_no>/verdict")
    @require_role("resident")
    def judge(request_no: str) -> Response:
        account = signed_in()
        with transaction(sessions) as tx:
            one = readable(tx.session, cipher, request_no, account)
            if not is_asker(one, account):
                raise Forbidden("not_yours", "只有提出人可以评单", "only who asked may judge")
            verdicts.record(tx, one["id"], said_by_form(), actor_of(account), way="page")
        flash(t("谢谢，已收到您的评价", "Thank you, your verdict has been taken"), "ok")
        return redirect(f"/requests/{request_no}", 303)

    return blueprint


def said_by_form() -> Said:
    """The verdict that was sent; only whether it is solved must be in it."""
    form = request.form
    return Said(
        solved=form.get("solved", ""),
        satisfied=form.get("satisfied") or None,
        words=form.get("words", ""),
    )

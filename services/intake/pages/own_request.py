"""居民自己提: a resident's own door, with a photo and a place; the same form again is one request."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, redirect, render_template, request
from werkzeug.wrappers import Response

from services.intake.actions import photos
from services.intake.actions.counter import Typed, open_typed
from services.intake.actions.opening import Seals
from services.intake.pages.words import options
from services.intake.queries.counter import home_of
from services.intake.queries.kinds import kind_groups
from services.intake.queries.tea_stalls import grids
from services.intake.rules.states import Actor
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.ids import uuid7_text
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.bodies import takes_up_to
from shared.web.i18n import words_of

PATH = "/requests/new"
DOOR = "page"
BODY_BYTES_MAX = 11 * 1024 * 1024
_TOKEN_CHARACTERS_MAX = 64


def make_own_request(sessions: Sessions, seals: Seals) -> Blueprint:
    """`/requests/new`."""
    blueprint = Blueprint("own_request", __name__)

    def page(form: Mapping[str, str], problem: LinliError | None = None) -> str:
        with sessions() as session:
            home = home_of(session, seals.cipher, signed_in().subject)
            offered, groups = grids(session), kind_groups(session)
        errors = {}
        if problem is not None and problem.pointer:
            errors[problem.pointer.strip("/")] = words_of(problem)
        return render_template(
            "request_new.html",
            home=home,
            grids=offered,
            groups=groups,
            natures=options("nature")[1:],
            form=form,
            token=form.get("form_token") or uuid7_text(),
            problem=problem,
            errors=errors,
        )

    @blueprint.get(PATH)
    @require_role("resident")
    def show_form() -> str:
        return page({})

    @blueprint.post(PATH)
    @require_role("resident")
    @takes_up_to(BODY_BYTES_MAX)
    def take_form() -> Response:
        form, resident_no = request.form, signed_in().subject
        file = request.files.get("photo")
        data = file.read() if file else b""
        try:
            with transaction(sessions) as tx:
                if home_of(tx.session, seals.cipher, resident_no) is None:
                    raise Missing("no_resident", "查无此居民", "There is no such resident")
                actor = Actor("resident", resident_no)
                one = open_typed(tx, _typed(form, resident_no), actor, seals)
                if data:
                    photos.keep(tx, one.id, "before", data, by=actor)
        except LinliError as problem:
            return Response(page(form, problem), problem.status, mimetype="text/html")
        return redirect(f"/requests/{one.request_no}/receipt", 303)

    return blueprint


def _typed(form: Mapping[str, str], resident_no: str) -> Typed:
    token = form.get("form_token", "")[:_TOKEN_CHARACTERS_MAX] or uuid7_text()
    return Typed(
        door=DOOR,
        # Bound to who sends it: nobody meets another's request by a token.
        client_id=f"{resident_no}:{token}",
        text=form.get("text", ""),
        category=form.get("category", ""),
        resident_no=resident_no,
        grid_code=form.get("grid_code", ""),
        address=form.get("address", ""),
        nature=form.get("nature", "") or "help",
    )

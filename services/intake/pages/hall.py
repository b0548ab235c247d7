"""一站式大厅: find a matter, see what to bring, apply with what is known already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions.hall import NewApplication, apply
from services.intake.pages.hall_words import hall_options, words
from services.intake.queries import hall as queries
from services.intake.rules.hall import FACTS, GROUPS, to_ask
from services.intake.rules.states import Actor
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.ids import uuid7_text
from shared.messaging.transaction import transaction
from shared.web.access import public, require_role
from shared.web.auth import Account, current_account, signed_in
from shared.web.i18n import words_of

PATH = "/hall"
_TOKEN_CHARACTERS_MAX = 64


def make_hall(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/hall`, `/hall/matters/<code>` and its form."""
    blueprint = Blueprint("hall", __name__)
    _add_matters(blueprint, sessions)
    _add_form(blueprint, sessions, cipher)
    return blueprint


def _add_matters(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PATH)
    @public
    def list_matters() -> str:
        group, q = request.args.get("group", ""), request.args.get("q", "")
        with sessions() as session:
            rows = queries.matters(session, group=group if group in GROUPS else "", q=q)
        return render_template("hall.html", rows=rows, group=group, q=q, **words())

    @blueprint.get(f"{PATH}/matters/<code>")
    @public
    def show_matter(code: str) -> str:
        with sessions() as session:
            matter = known_matter(session, code)
        account = current_account()
        may_apply = account is not None and account.role in ("resident", "staff")
        return render_template("hall_matter.html", matter=matter, may_apply=may_apply, **words())


def known_matter(session: Session, code: str) -> dict[str, Any]:
    """A matter that is offered; raises Missing."""
    matter = queries.matter_of(session, code)
    if matter is None or not matter["is_offered"]:
        raise Missing("no_matter", "没有这个事项", "There is no such matter")
    return matter


def whose(account: Account, asked: Mapping[str, str]) -> str:
    """The resident it is about: oneself, or whom a clerk names."""
    if account.role == "resident":
        return account.subject
    return asked.get("resident_no", "").strip().upper()


def actor_of(account: Account) -> Actor:
    """Who takes a step at the hall."""
    if account.role == "resident":
        return Actor("resident", account.subject)
    return Actor("account", account.account_no)


def _add_form(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    def page(code: str, asked: Mapping[str, str], problem: LinliError | None = None) -> str:
        resident_no = whose(signed_in(), asked)
        with sessions() as session:
            matter = known_matter(session, code)
            known = queries.known_facts(session, cipher, resident_no) if resident_no else None
        correct = {each for each in request.args.getlist("correct") if each in matter["facts"]}
        # What was typed already stays typed; a fact to be corrected is asked though it is known.
        held = {name: value for name, value in (known or {}).items() if name not in correct}
        errors = {}
        if problem is not None and problem.pointer:
            errors[problem.pointer.strip("/")] = words_of(problem)
        return render_template(
            "hall_form.html",
            matter=matter,
            resident_no=resident_no,
            unknown=known is None and bool(resident_no),
            facts=FACTS,
            asked=to_ask(matter["facts"], held) if known is not None else [],
            known={
                name: queries.shown_fact(name, held[name])
                for name in matter["facts"]
                if held.get(name)
            },
            form=asked,
            token=asked.get("form_token") or uuid7_text(),
            consents=hall_options("consent"),
            is_agent=signed_in().role == "staff",
            problem=problem,
            errors=errors,
            **words(),
        )

    @blueprint.get(f"{PATH}/matters/<code>/apply")
    @require_role("resident", "staff")
    def show_form(code: str) -> str:
        return page(code, request.args)

    @blueprint.post(f"{PATH}/matters/<code>/apply")
    @require_role("resident", "staff")
    def take_form(code: str) -> Response:
        form, account = request.form, signed_in()
        new = NewApplication(
            token=form.get("form_token", "")[:_TOKEN_CHARACTERS_MAX] or uuid7_text(),
            matter_code=code,
            resident_no=whose(account, form),
            facts={name: form.get(name, "") for name in FACTS if name in form},
            consent_how=form.get("consent_how"),
        )
        try:
            with transaction(sessions) as tx:
                number = apply(tx, new, actor_of(account), cipher)
        except LinliError as problem:
            return Response(page(code, form, problem), problem.status, mimetype="text/html")
        return redirect(f"{PATH}/applications/{number}", 303)

"""Applications of the hall: the list, one with its steps and documents, its receipt and status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions.hall import move, see_documents
from services.intake.pages.hall import PATH, actor_of
from services.intake.pages.hall_words import words
from services.intake.pages.paging import rows_per_page
from services.intake.queries import hall as queries
from services.intake.rules.hall import HallAction, HallState, legal
from services.intake.rules.requests import read_public_code
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import LinliError, Missing, Rejected
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import public, require_role
from shared.web.acting import act
from shared.web.auth import signed_in
from shared.web.codes import address_of, qr_svg
from shared.web.i18n import t

_OFFICE = ("staff", "operator", "auditor")
_READERS = ("resident", *_OFFICE)


def make_hall_applications(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/hall/applications` and what is below it; `/h/<public_code>` for the receipt's code."""
    blueprint = Blueprint("hall_applications", __name__)
    _add_reading(blueprint, sessions, cipher)
    _add_status(blueprint, sessions, cipher)
    _add_steps(blueprint, sessions, cipher)
    return blueprint


def _own(session: Session, cipher: FieldCipher, number: str) -> dict[str, Any]:
    """An application that this reader may see; another's does not exist."""
    one = queries.application_of(session, cipher, number=number)
    account = signed_in()
    is_own = one is not None and account.subject and one["resident_no"] == account.subject
    if one is None or not (account.role in _OFFICE or is_own):
        raise Missing("no_application", "没有这件申请", "There is no such application")
    return one


def _add_reading(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.get(f"{PATH}/applications")
    @require_role(*_READERS)
    def list_applications() -> str:
        account = signed_in()
        is_office = account.role in _OFFICE
        filters = {name: request.args.get(name, "") for name in ("state", "matter", "resident_no")}
        if not is_office:
            filters = {"resident_no": account.subject or "-"}
        before = request.args.get("before", "")
        place = {"before": int(before)} if before.isascii() and before.isdigit() else {}
        with sessions() as session:
            page = queries.applications(
                session, cipher, filters=filters, limit=rows_per_page(), **place
            )
        return render_template(
            "hall_applications.html", page=page, filters=filters, is_office=is_office, **words()
        )

    @blueprint.get(f"{PATH}/applications/<number>")
    @require_role(*_READERS)
    def show_application(number: str) -> str:
        return _page(sessions, cipher, number)

    @blueprint.get(f"{PATH}/applications/<number>/receipt")
    @require_role(*_READERS)
    def show_receipt(number: str) -> str:
        with sessions() as session:
            one = _own(session, cipher, number)
            seen = queries.documents_of(session, one["id"])
        address = address_of(f"/h/{one['public_code']}")
        return render_template(
            "hall_receipt.html", one=one, seen=seen, address=address, qr=qr_svg(address), **words()
        )


def _page(
    sessions: Sessions, cipher: FieldCipher, number: str, problem: LinliError | None = None
) -> str:
    account = signed_in()
    with sessions() as session:
        one = _own(session, cipher, number)
        steps = queries.steps_of(session, one["id"])
        seen = queries.documents_of(session, one["id"])
    state, may_act = HallState(one["state"]), account.role in ("staff", "resident")
    return render_template(
        "hall_application.html",
        one=one,
        steps=steps,
        seen=seen,
        actions=legal(state, by_resident=account.role == "resident") if may_act else [],
        is_clerk=account.role == "staff",
        problem=problem,
        note=request.form.get("note", "") if problem else "",
        **words(),
    )


def _add_status(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.get("/h/<public_code>")
    @public
    def show_status(public_code: str) -> str:
        """Whoever holds the receipt sees where it stands, and nobody's name."""
        code = read_public_code(public_code)
        with sessions() as session:
            one = queries.application_of(session, cipher, public_code=code) if code else None
            steps = queries.steps_of(session, one["id"]) if one else []
        if one is None:
            raise Missing("no_application", "没有这件申请", "There is no such application")
        return render_template("hall_status.html", one=one, steps=steps, **words())


def _add_steps(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.post(f"{PATH}/applications/<number>/steps")
    @require_role("staff", "resident")
    def take_step(number: str) -> Response:
        try:
            with transaction(sessions) as tx:
                _own(tx.session, cipher, number)
                action = _action(request.form)
                move(tx, number, action, actor_of(signed_in()), request.form.get("note", ""))
        except Missing:
            raise
        except LinliError as problem:
            page = _page(sessions, cipher, number, problem)
            return Response(page, problem.status, mimetype="text/html")
        flash(t("已记录。", "Recorded."), "ok")
        return redirect(f"{PATH}/applications/{number}", 303)

    @blueprint.post(f"{PATH}/applications/<number>/documents")
    @require_role("staff")
    def tick_documents(number: str) -> Response:
        form = request.form

        def see(tx: Transaction) -> None:
            copies = {code: _count(form.get(f"copies_{code}")) for code in form.getlist("seen")}
            see_documents(tx, number, copies, signed_in().account_no)

        back = f"{PATH}/applications/{number}"
        return act(sessions, see, back=back, done=t("已保存。", "Saved."))


def _action(form: Mapping[str, str]) -> HallAction:
    try:
        return HallAction(form.get("action", ""))
    except ValueError as problem:
        raise Rejected(
            "action", "action：没有这个操作", "action: there is no such action", pointer="/action"
        ) from problem


def _count(typed: str | None) -> int:
    typed = (typed or "").strip() or "0"
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= 3 else -1

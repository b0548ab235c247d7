"""居民: the register for staff, masked; found by what a clerk types, and one resident's page."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.intake import queries
from services.intake.actions import people as changes
from services.intake.actions.unmasking import unmask
from services.intake.pages.paging import rows_per_page
from services.intake.pages.register_words import options, word
from services.intake.queries import people
from services.intake.queries.finding import LIMIT, find_residents
from shared.crypto import BlindIndex, FieldCipher
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of

READERS = ("staff", "manager", "operator")
WRITERS = ("staff", "manager")
_FILTERS = ("resident_no", "household_no", "grid", "community")


def make_residents(sessions: Sessions, cipher: FieldCipher, index: BlindIndex) -> Blueprint:
    """`/residents`; what is typed to find somebody is sent by POST, so that no log holds it."""
    blueprint = Blueprint("residents", __name__)

    def listed(filters: dict[str, object], after: str) -> str:
        with sessions() as session:
            page = queries.residents(
                session, cipher, filters=filters, after=after, limit=rows_per_page()
            )
            communities = queries.communities(session)
        return render_template(
            "residents.html", page=page, filters=filters, communities=communities
        )

    @blueprint.get("/residents")
    @require_role(*READERS)
    def list_residents() -> str:
        filters: dict[str, object] = {name: request.args.get(name) for name in _FILTERS}
        return listed(filters, request.args.get("after", ""))

    @blueprint.post("/residents")
    @require_role(*READERS)
    def find_somebody() -> str:
        if "typed" not in request.form:
            phone = re.sub(r"[ ()-]", "", request.form.get("phone", ""))
            return listed({"phone": index.of(phone)}, "")
        typed = request.form["typed"]
        with sessions() as session:
            found = find_residents(session, cipher, index, typed)
            communities = queries.communities(session)
        return render_template(
            "residents.html",
            page=queries.Page(found, None),
            filters={},
            communities=communities,
            typed=typed,
            is_full=len(found) == LIMIT,
        )

    _add_page(blueprint, sessions, cipher)
    _add_changes(blueprint, sessions, cipher)
    return blueprint


def _add_page(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.get("/residents/<resident_no>")
    @require_role(*READERS)
    def show_resident(resident_no: str) -> str:
        return _shown(sessions, cipher, resident_no)

    @blueprint.post("/residents/<resident_no>/unmask")
    @require_role(*WRITERS)
    def unmask_field(resident_no: str) -> Response:
        field, reason = request.form.get("field", ""), request.form.get("reason", "")
        try:
            with transaction(sessions) as tx:
                plain = unmask(
                    tx,
                    cipher,
                    resident_no=resident_no,
                    field=field,
                    reason=reason,
                    by=signed_in().account_no,
                )
        except LinliError as problem:
            page = _shown(sessions, cipher, resident_no, problem=problem)
            return Response(page, problem.status, mimetype="text/html")
        page = _shown(sessions, cipher, resident_no, plain={field: plain})
        return Response(page, mimetype="text/html")


def _add_changes(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    def change(resident_no: str, work: Callable[[Transaction], None]) -> Response:
        try:
            with transaction(sessions) as tx:
                work(tx)
        except LinliError as problem:
            page = _shown(sessions, cipher, resident_no, problem=problem)
            return Response(page, problem.status, mimetype="text/html")
        flash(t("已保存。", "Saved."), "ok")
        return redirect(f"/residents/{resident_no}", 303)

    @blueprint.post("/residents/<resident_no>/consents")
    @require_role(*WRITERS)
    def change_consent(resident_no: str) -> Response:
        form, by = request.form, signed_in().account_no
        do = changes.withdraw_consent if form.get("withdraw") else changes.give_consent

        def work(tx: Transaction) -> None:
            do(
                tx,
                resident_no=resident_no,
                purpose=form.get("purpose", ""),
                how=form.get("how", ""),
                by=by,
            )

        return change(resident_no, work)

    @blueprint.post("/residents/<resident_no>/roles")
    @require_role(*WRITERS)
    def change_role(resident_no: str) -> Response:
        role, area_code = request.form.get("role", ""), request.form.get("area_code", "").strip()

        def work(tx: Transaction) -> None:
            if request.form.get("end"):
                changes.end_role(tx, resident_no=resident_no, role=role)
            else:
                changes.take_role(tx, resident_no=resident_no, role=role, area_code=area_code)

        return change(resident_no, work)


def _shown(
    sessions: Sessions,
    cipher: FieldCipher,
    resident_no: str,
    *,
    plain: dict[str, str] | None = None,
    problem: LinliError | None = None,
) -> str:
    with sessions() as session:
        one = people.resident_of(session, cipher, resident_no)
        path = [] if one is None else queries.area_path(session, one["grid_code"])
    if one is None:
        raise Missing("no_resident", "没有这位居民", "There is no such resident")
    return render_template(
        "resident.html",
        one=one,
        path=path,
        plain=plain or {},
        problem=words_of(problem) if problem else None,
        reason=request.form.get("reason", "") if problem else "",
        may_change=signed_in().role in WRITERS,
        word=word,
        options=options,
    )

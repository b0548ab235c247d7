"""窗口: one screen for the clerk at the counter, worked from the keyboard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response

from services.intake.actions.counter import Typed, open_typed
from services.intake.actions.opening import Opened, Seals
from services.intake.actions.paper import attach_scan
from services.intake.pages.words import options, word
from services.intake.queries.counter import receipt_of
from services.intake.queries.finding import find_residents
from services.intake.queries.kinds import kind_groups
from services.intake.queries.paper import form_of, has_scan
from services.intake.queries.tea_stalls import grids
from services.intake.rules.requests import CLIENT_ID_CHARACTERS_MAX
from services.intake.rules.states import Actor
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.ids import uuid7_text
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.codes import address_of, qr_svg
from shared.web.i18n import t, words_of

PATH = "/counter/requests"
FOUND_MAX = 8
DOORS = ("counter", "phone")
_OFFICE = frozenset({"staff", "operator", "auditor"})


def make_counter(sessions: Sessions, seals: Seals) -> Blueprint:
    """`/counter/requests`, its look-ups, and `/requests/<request_no>/receipt`."""
    blueprint = Blueprint("counter", __name__)
    _add_screen(blueprint, sessions, seals)
    _add_finding(blueprint, sessions, seals)
    _add_receipt(blueprint, sessions)
    return blueprint


def _add_screen(blueprint: Blueprint, sessions: Sessions, seals: Seals) -> None:
    @blueprint.get(PATH)
    @require_role("staff")
    def show_counter() -> str:
        return _screen(sessions, _begun(sessions, request.args))

    @blueprint.post(PATH)
    @require_role("staff")
    def save_request() -> Response:
        form = request.form
        found = _candidates(sessions, seals, form)
        if found is not None:
            page = _screen(sessions, form, candidates=found)
            return Response(page, 422, mimetype="text/html")
        try:
            with transaction(sessions) as tx:
                actor = Actor("account", signed_in().account_no)
                one = open_typed(tx, _typed(form), actor, seals)
                if scan_no := form.get("scan_no"):
                    attach_scan(tx, scan_no, one.id)
        except LinliError as problem:
            page = _screen(sessions, form, problem=problem)
            return Response(page, problem.status, mimetype="text/html")
        if form.get("then") == "receipt":
            return redirect(f"/requests/{one.request_no}/receipt", 303)
        # Answered at once, so that no address of anybody is in an address line. Loading the page
        # again sends the same token, which is the same request.
        kept = {name: form.get(name, "") for name in ("grid_code", "address", "door")}
        return Response(_screen(sessions, kept, saved=one), 201, mimetype="text/html")


def _begun(sessions: Sessions, asked: Mapping[str, str]) -> dict[str, str]:
    """A form that a sheet of paper began: its number, its grid, and the scan of it."""
    begun: dict[str, str] = {}
    with sessions() as session:
        if form := form_of(session, asked.get("form", "")):
            begun |= {"form_no": form["form_no"], "grid_code": form["grid_code"] or ""}
        if has_scan(session, asked.get("scan", "")):
            begun["scan_no"] = asked["scan"]
    return begun


def _typed(form: Mapping[str, str]) -> Typed:
    door = form.get("door", "")
    form_no = form.get("form_no", "")
    token = form.get("client_id", "")[:CLIENT_ID_CHARACTERS_MAX] or uuid7_text()
    return Typed(
        door=door if door in DOORS else DOORS[0],
        # A sheet becomes one request, however often it is scanned and typed.
        client_id=f"paper:{form_no}" if form_no else token,
        text=form.get("text", ""),
        category=form.get("category_code", "") or form.get("category", ""),
        resident_no=form.get("resident_no", ""),
        name=form.get("name", ""),
        phone=form.get("phone", ""),
        grid_code=form.get("grid_code", ""),
        address=form.get("address", ""),
        nature=form.get("nature", "") or "help",
        urgency=form.get("urgency", "") or "normal",
        facts={"form_no": form_no} if form_no else {},
    )


def _candidates(
    sessions: Sessions, seals: Seals, form: Mapping[str, str]
) -> list[dict[str, Any]] | None:
    """Without scripts: whom the typed text may mean, to choose from; None when that is settled."""
    typed = form.get("q", "").strip()
    if not typed or form.get("resident_no") or form.get("nobody"):
        return None
    with sessions() as session:
        return find_residents(session, seals.cipher, seals.index, typed, FOUND_MAX)


def _screen(
    sessions: Sessions,
    form: Mapping[str, str],
    *,
    problem: LinliError | None = None,
    candidates: list[dict[str, Any]] | None = None,
    saved: Opened | None = None,
) -> str:
    with sessions() as session:
        offered = grids(session)
        groups = kind_groups(session)
    errors = {}
    if problem is not None and problem.pointer:
        errors[problem.pointer.strip("/")] = words_of(problem)
    return render_template(
        "counter.html",
        form=form,
        token=form.get("client_id") or uuid7_text(),
        grids=offered,
        groups=groups,
        natures=options("nature")[1:],
        urgencies=options("urgency")[1:],
        problem=problem,
        errors=errors,
        candidates=candidates,
        saved=saved,
    )


def _add_finding(blueprint: Blueprint, sessions: Sessions, seals: Seals) -> None:
    @blueprint.post("/counter/find")
    @require_role("staff")
    def find() -> Response:
        # By POST, so that no address and no access log holds digits of a phone.
        asked = request.get_json(silent=True)
        typed = asked.get("typed") if isinstance(asked, dict) else None
        if not isinstance(typed, str):
            return jsonify(residents=[])
        with sessions() as session:
            found = find_residents(session, seals.cipher, seals.index, typed, FOUND_MAX)
        shown = ("resident_no", "name", "phone", "door", "grid_code", "grid_name")
        return jsonify(residents=[{name: row[name] for name in shown} for row in found])

    @blueprint.get("/counter/kinds.json")
    @require_role("staff")
    def list_kinds() -> Response:
        with sessions() as session:
            groups = kind_groups(session)
        listed = [
            {"code": kind.code, "name": t(kind.zh, kind.en), "zh": kind.zh, "letters": kind.letters}
            for group in groups
            for kind in group.kinds
        ]
        return jsonify(kinds=listed)


def _add_receipt(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get("/requests/<request_no>/receipt")
    @require_role("resident", *sorted(_OFFICE))
    def show_receipt(request_no: str) -> str:
        account = signed_in()
        with sessions() as session:
            one = receipt_of(session, request_no)
        is_own = one is not None and account.subject and one["resident_no"] == account.subject
        if one is None or not (account.role in _OFFICE or is_own):
            raise Missing("no_request", "没有这件诉求", "There is no such request")
        address = address_of(f"/t/{one['public_code']}")
        return render_template(
            "receipt.html",
            one=one,
            address=address,
            qr=qr_svg(address),
            word=word,
            is_office=account.role == "staff",
        )

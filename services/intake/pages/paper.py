"""纸表: empty forms to print, and a place where sheets that come back open their record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions.paper import keep_scan, print_forms
from services.intake.pages.paper_pdf import Sheet, draw_sheets
from services.intake.queries import paper as queries
from services.intake.queries.tea_stalls import grids, stall_of
from services.intake.rules.paper import Code
from services.intake.rules.requests import read_public_code
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import Account, signed_in
from shared.web.bodies import takes_up_to
from shared.web.codes import address_of, qr_svg

PATH = "/paper"
BODY_BYTES_MAX = 11 * 1024 * 1024


def make_paper(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/paper`, `/paper/scan`, `/p/<form_no>`."""
    blueprint = Blueprint("paper", __name__)
    _add_forms(blueprint, sessions)
    _add_scans(blueprint, sessions, cipher)
    return blueprint


def _add_forms(blueprint: Blueprint, sessions: Sessions) -> None:
    def page(problem: LinliError | None = None) -> str:
        with sessions() as session:
            offered = grids(session)
        return render_template("paper.html", grids=offered, form=request.form, problem=problem)

    @blueprint.get(PATH)
    @require_role("staff")
    def show_paper() -> str:
        return page()

    @blueprint.post(f"{PATH}/forms")
    @require_role("staff")
    def print_empty() -> Response:
        # Each print has numbers of its own, so it is a POST; the answer is the sheet itself.
        form = request.form
        kind, wanted = form.get("kind", "request"), form.get("count", "1")
        try:
            with transaction(sessions) as tx:
                stall = stall_of(tx.session, form["stall_no"]) if form.get("stall_no") else None
                numbers = print_forms(
                    tx,
                    kind=kind,
                    count=int(wanted) if wanted.isascii() and wanted.isdigit() else 0,
                    by=signed_in().account_no,
                    grid_code=stall["grid_code"] if stall else form.get("grid_code") or None,
                    stall_id=stall["id"] if stall else None,
                )
                forms = [queries.form_of(tx.session, number) for number in numbers]
        except LinliError as problem:
            return Response(page(problem), problem.status, mimetype="text/html")
        return _sheets([each for each in forms if each], as_pdf=form.get("as") == "pdf")

    @blueprint.get("/p/<form_no>")
    @require_role("staff")
    def open_form(form_no: str) -> Response:
        """Where the code on an empty form leads: the record it became, or where it becomes one."""
        code = read_public_code(form_no)
        with sessions() as session:
            found = queries.leads(session, [Code("form", code)]) if code else []
        if not found or found[0]["form_kind"] is None:
            raise Missing("no_form", "没有这张表", "There is no such form")
        return redirect(_path_of(found[0], ""), 303)


def _sheets(forms: list[dict[str, Any]], *, as_pdf: bool) -> Response:
    addresses = [address_of(f"/p/{form['form_no']}") for form in forms]
    if as_pdf:
        sheets = [Sheet(form, address) for form, address in zip(forms, addresses, strict=True)]
        drawn = Response(draw_sheets(sheets), mimetype="application/pdf")
        drawn.headers["Content-Disposition"] = 'inline; filename="forms.pdf"'
        return drawn
    sheets_html = [
        (form, address, qr_svg(address)) for form, address in zip(forms, addresses, strict=True)
    ]
    return Response(render_template("paper_forms.html", sheets=sheets_html), mimetype="text/html")


def _add_scans(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.get(f"{PATH}/scan")
    @require_role("staff")
    def show_scan() -> str:
        return render_template("paper_scan.html", problem=None, scan_no=None, found=[])

    @blueprint.post(f"{PATH}/scan")
    @require_role("staff")
    @takes_up_to(BODY_BYTES_MAX)
    def take_scan() -> Response:
        file = request.files.get("sheet")
        try:
            with transaction(sessions) as tx:
                data = file.read() if file else b""
                scan_no, codes = keep_scan(tx, data, cipher, by=signed_in().account_no)
                rows = queries.leads(tx.session, codes)
        except LinliError as problem:
            page = render_template("paper_scan.html", problem=problem, scan_no=None, found=[])
            return Response(page, problem.status, mimetype="text/html")
        found = [(row, path) for row in rows if (path := _path_of(row, scan_no))]
        if len(found) == 1 and len(rows) == 1:
            return redirect(found[0][1], 303)
        page = render_template("paper_scan.html", problem=None, scan_no=scan_no, found=found)
        return Response(page, mimetype="text/html")

    @blueprint.get(f"{PATH}/scans/<scan_no>.jpg")
    @require_role("staff")
    def show_image(scan_no: str) -> Response:
        with sessions() as session:
            jpeg = queries.scan_image(session, cipher, scan_no)
        if jpeg is None:
            raise Missing("no_scan", "没有这份扫描件", "There is no such scan")
        return Response(jpeg, mimetype="image/jpeg")


def scan_facts(session: Session, one: Mapping[str, Any], account: Account) -> dict[str, Any] | None:
    """For a request's page: the sheets it came on, for those who handle it."""
    if account.role != "staff":
        return None
    scans = queries.scans_of(session, one["id"])
    return {"scans": scans} if scans else None


def _path_of(row: dict[str, Any], scan_no: str) -> str:
    """The page that a code leads to; empty when it leads nowhere."""
    if row["request_no"]:
        return f"/requests/{row['request_no']}"
    if row["stall_no"]:
        return f"/tea-stall/{row['stall_no']}"
    if row["application_no"]:
        return f"/hall/applications/{row['application_no']}"
    if row["form_kind"] == "request":
        scan = f"&scan={scan_no}" if scan_no else ""
        return f"/counter/requests?form={row['code']}{scan}"
    return ""

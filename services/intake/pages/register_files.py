"""名册导入导出: a workbook out, a workbook in; first tried out, then written whole or not at all."""

from __future__ import annotations

import io
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.intake.actions import register_files
from services.intake.actions.census import Keys
from services.intake.actions.unmasking import write_down
from services.intake.queries import units as kept_files
from services.intake.queries.register_files import exported, grids_below
from services.intake.queries.units import areas
from services.intake.rules.people import reason_of
from services.intake.rules.register_sheets import SHEETS, heading_of
from services.intake.rules.workbooks import FILE_BYTES_MAX
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Missing, Rejected
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of
from shared.web.sheets import XLSX, write_workbook

PLACE = "/register/files"
WRITERS = ("operator", "manager")


def make_register_files(sessions: Sessions, keys: Keys) -> Blueprint:
    """`/register/files`, one file's report, and the export."""
    blueprint = Blueprint("register_files", __name__)

    @blueprint.get(PLACE)
    @require_role(*WRITERS)
    def list_files() -> str:
        return _listed(sessions, None)

    @blueprint.post(PLACE)
    @require_role(*WRITERS)
    def upload_file() -> Response:
        sent = request.files.get("file")
        try:
            content = sent.read() if sent is not None else b""
            if not content:
                raise Rejected(
                    "no_file",
                    "file：请选择要上传的文件",
                    "file: choose a file to upload",
                    pointer="/file",
                )
            with transaction(sessions) as tx:
                import_id = register_files.check_file(
                    sessions, tx, keys, content, signed_in().account_no
                )
        except LinliError as problem:
            page = _listed(sessions, problem)
            return Response(page, problem.status, mimetype="text/html")
        return redirect(f"{PLACE}/{import_id}", 303)

    _add_one(blueprint, sessions, keys)
    _add_export(blueprint, sessions, keys)
    return blueprint


def _add_one(blueprint: Blueprint, sessions: Sessions, keys: Keys) -> None:
    @blueprint.get(f"{PLACE}/<uuid:import_id>")
    @require_role(*WRITERS)
    def show_file(import_id: UUID) -> str:
        return _shown(sessions, import_id, None)

    @blueprint.post(f"{PLACE}/<uuid:import_id>/write")
    @require_role(*WRITERS)
    def write_file(import_id: UUID) -> Response:
        try:
            with transaction(sessions) as tx:
                register_files.write_file(tx, keys, import_id, signed_in().account_no)
        except Missing:
            raise
        except LinliError as problem:
            page = _shown(sessions, import_id, problem)
            return Response(page, problem.status, mimetype="text/html")
        flash(t("已全部写入名册。", "All of it is in the register."), "ok")
        return redirect(f"{PLACE}/{import_id}", 303)


def _add_export(blueprint: Blueprint, sessions: Sessions, keys: Keys) -> None:
    # By POST: with names it writes down who took whose away.
    @blueprint.post(f"{PLACE}/export")
    @require_role(*WRITERS)
    def export_file() -> Response:
        code, is_plain = request.form.get("area", ""), request.form.get("plain") == "1"
        try:
            content = _export(sessions, keys, code, is_plain=is_plain)
        except LinliError as problem:
            page = _listed(sessions, problem)
            return Response(page, problem.status, mimetype="text/html")
        name = f"register-{clock.today().isoformat()}.xlsx"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, 200, headers, content_type=XLSX)


def _export(sessions: Sessions, keys: Keys, code: str, *, is_plain: bool) -> bytes:
    reason = reason_of(request.form.get("reason", "")) if is_plain else ""
    with transaction(sessions) as tx:
        grids = grids_below(tx.session, code)
        if not grids:
            raise Rejected(
                "no_area", "area：没有这个区域", "area: there is no such area", pointer="/area"
            )
        sheets = {
            name: list(exported(tx.session, keys.cipher, name, grids, is_masked=not is_plain))
            for name in SHEETS
        }
        if is_plain:
            taken = [
                (str(row[0]), field)
                for row in sheets["residents"]
                for field, value in (("name", row[2]), ("phone", row[3]))
                if value
            ]
            write_down(tx, taken, reason=reason, by=signed_in().account_no)
    file = io.BytesIO()
    write_workbook(
        file,
        ((f"{name} {kind.zh}", heading_of(name), sheets[name]) for name, kind in SHEETS.items()),
    )
    return file.getvalue()


def _listed(sessions: Sessions, problem: LinliError | None) -> str:
    with sessions() as session:
        rows, places = kept_files.register_imports(session), areas(session)
    return render_template(
        "register_files.html",
        rows=rows,
        areas=[(code, name) for code, _, name in places],
        area=request.form.get("area", ""),
        reason=request.form.get("reason", ""),
        problem=problem and words_of(problem),
        most_kb=FILE_BYTES_MAX // 1024,
    )


def _shown(sessions: Sessions, import_id: UUID, problem: LinliError | None) -> str:
    with sessions() as session:
        one = kept_files.register_import(session, import_id)
    if one is None:
        raise Missing("no_import", "没有这份文件，请重新上传", "There is no such file")
    return render_template(
        "register_file.html",
        one=one,
        sheets=[(SHEETS[name].zh, name, count) for name, count in one["counts"].items()],
        faults=[
            {**each, "sheet_zh": SHEETS[each["sheet"]].zh, "told": t(each["zh"], each["en"])}
            for each in one["faults"]
        ],
        problem=problem and words_of(problem),
    )

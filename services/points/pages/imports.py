"""纸质存折转入: the template, the dry run of a file, and its proposal."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.points.actions import corrections, importing
from services.points.pages.corrections import PLACE as CORRECTIONS
from services.points.pages.corrections import READERS, STATES
from services.points.queries import imports as queries
from services.points.rules.paper_books import COLUMNS, ROWS_MAX, from_json, heading
from services.points.rules.paper_files import template_csv, template_xlsx
from shared.db.session import Sessions
from shared.errors import LinliError, Missing, Rejected
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of

PLACE = "/points/imports"
ROWS_SHOWN = 50
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def add_imports(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/imports, its templates and /points/imports/<import_id>."""
    _add_templates(blueprint)
    _add_files(blueprint, sessions)
    _add_submission(blueprint, sessions)


def _add_templates(blueprint: Blueprint) -> None:
    @blueprint.get(f"{PLACE}/template.xlsx")
    @require_role(*READERS)
    def import_template_xlsx() -> Response:
        return _download(template_xlsx(), "paper-book.xlsx", _XLSX)

    @blueprint.get(f"{PLACE}/template.csv")
    @require_role(*READERS)
    def import_template_csv() -> Response:
        return _download(template_csv(), "paper-book.csv", "text/csv; charset=utf-8")


def _add_files(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PLACE)
    @require_role(*READERS)
    def list_imports() -> str:
        return _listed(sessions)

    @blueprint.post(PLACE)
    @require_role("staff", "manager")
    def upload_import() -> Response:
        file = request.files.get("file")
        try:
            content = file.read() if file is not None else b""
            if not content:
                raise Rejected(
                    "no_file", "请选择要上传的文件", "choose a file to upload", pointer="/file"
                )
            with transaction(sessions) as tx:
                report = importing.check_file(tx, content, by=signed_in().account_no)
        except LinliError as wrong:
            page = _listed(sessions, problem=wrong)
            return Response(page, wrong.status, mimetype="text/html")
        return redirect(f"{PLACE}/{report.import_id}", 303)


def _add_submission(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(f"{PLACE}/<uuid:import_id>")
    @require_role(*READERS)
    def show_import(import_id: UUID) -> str:
        return _shown(sessions, import_id)

    @blueprint.post(f"{PLACE}/<uuid:import_id>/submission")
    @require_role("staff", "manager")
    def submit_import(import_id: UUID) -> Response:
        reason = request.form.get("reason", "")
        try:
            with transaction(sessions) as tx:
                made = corrections.propose_import(
                    tx, import_id, by=signed_in().account_no, reason=reason
                )
        except Missing:
            raise
        except LinliError as wrong:
            page = _shown(sessions, import_id, problem=wrong)
            return Response(page, wrong.status, mimetype="text/html")
        flash(t("已提交，请另一位管理人员复核。", "Submitted; another manager must decide."), "ok")
        return redirect(f"{CORRECTIONS}/{made}", 303)


def _listed(sessions: Sessions, problem: LinliError | None = None) -> str:
    with sessions() as session:
        rows = queries.listed(session)
    return render_template(
        "imports.html",
        rows=rows,
        states={code: (tone, t(zh, en)) for code, (tone, zh, en) in STATES.items()},
        columns=[(heading(one), t(one.about_zh, one.about_en), one.required) for one in COLUMNS],
        rows_max=ROWS_MAX,
        problem=words_of(problem) if problem else None,
        may_upload=signed_in().role in {"staff", "manager"},
    )


def _shown(sessions: Sessions, import_id: UUID, problem: LinliError | None = None) -> str:
    with sessions() as session:
        one = queries.checked(session, import_id)
        if one is None:
            raise Missing("no_import", "没有这份文件，请重新上传", "there is no such file")
        rows = [from_json(stored) for stored in one.rows]
        standing = queries.standing(session, rows)
    shown = [(row, row.digest() in standing) for row in rows]
    new = sum(not known for _, known in shown)
    return render_template(
        "import.html",
        one=one,
        rows=shown[:ROWS_SHOWN],
        new=new,
        known=len(rows) - new,
        problem=words_of(problem) if problem else None,
        reason=request.form.get("reason", ""),
        state=STATES.get(one.state or ""),
        may_submit=signed_in().role in {"staff", "manager"}
        and not one.problem_count
        and new > 0
        and one.state != "open",
    )


def _download(content: bytes, name: str, kind: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, 200, headers, content_type=kind)

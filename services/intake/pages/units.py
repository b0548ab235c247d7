"""承办单位和岗位: who may own requests, and whose turn it is in each unit."""

from __future__ import annotations

import re

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.intake.actions import units as changes
from services.intake.pages.register_words import options, word
from services.intake.queries import units as queries
from services.intake.rules.people import listed
from services.intake.rules.register_sheets import DUTIES, UNIT_KINDS
from services.intake.rules.registration import NAME_CHARACTERS_MAX
from shared.db.session import Sessions
from shared.errors import LinliError, Missing, Rejected
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.i18n import t, words_of

WRITERS = ("operator", "manager")
_FIELDS = (
    "unit_code", "kind", "name", "name_en", "area_code", "parent_code", "is_fallback", "is_active",
)  # fmt: skip
_code = re.compile(r"[a-z0-9][a-z0-9-]{0,31}").fullmatch


def make_units(sessions: Sessions) -> Blueprint:
    """`/units` and `/units/<unit_code>`."""
    blueprint = Blueprint("units", __name__)

    @blueprint.get("/units")
    @require_role(*WRITERS)
    def list_units() -> str:
        return _listed(sessions, {"is_active": "1"}, None)

    @blueprint.post("/units")
    @require_role(*WRITERS)
    def add_unit() -> Response:
        form = {name: request.form.get(name, "").strip() for name in _FIELDS}
        try:
            with sessions() as session:
                if queries.unit_of(session, form["unit_code"]) is not None:
                    raise _wrong("unit_code", "此代号已有单位使用", "this code is taken")
            _save(sessions, form)
        except LinliError as problem:
            page = _listed(sessions, form, problem)
            return Response(page, problem.status, mimetype="text/html")
        flash(t("已保存。", "Saved."), "ok")
        return redirect(f"/units/{form['unit_code']}", 303)

    _add_one(blueprint, sessions)
    return blueprint


def _add_one(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get("/units/<unit_code>")
    @require_role(*WRITERS)
    def show_unit(unit_code: str) -> str:
        return _shown(sessions, unit_code, None)

    @blueprint.post("/units/<unit_code>")
    @require_role(*WRITERS)
    def change_unit(unit_code: str) -> Response:
        form = {name: request.form.get(name, "").strip() for name in _FIELDS}
        form["unit_code"] = unit_code
        try:
            _must_be(sessions, unit_code)
            _save(sessions, form)
        except Missing:
            raise
        except LinliError as problem:
            page = _shown(sessions, unit_code, problem, form)
            return Response(page, problem.status, mimetype="text/html")
        flash(t("已保存。", "Saved."), "ok")
        return redirect(f"/units/{unit_code}", 303)

    @blueprint.post("/units/<unit_code>/posts")
    @require_role(*WRITERS)
    def change_post(unit_code: str) -> Response:
        form = request.form
        try:
            duty = listed("duty", form.get("duty", ""), DUTIES)
            with transaction(sessions) as tx:
                if account_no := form.get("end"):
                    changes.end_post(tx, account_no=account_no, unit_code=unit_code, duty=duty)
                else:
                    login = form.get("login", "").strip()
                    changes.put_post(tx, login=login, unit_code=unit_code, duty=duty)
        except Missing:
            raise
        except LinliError as problem:
            page = _shown(sessions, unit_code, problem)
            return Response(page, problem.status, mimetype="text/html")
        flash(t("已保存。", "Saved."), "ok")
        return redirect(f"/units/{unit_code}", 303)


def _save(sessions: Sessions, form: dict[str, str]) -> None:
    if not _code(form["unit_code"]):
        raise _wrong(
            "unit_code",
            "须为 1 至 32 个小写字母、数字或 -",
            "must be 1 to 32 lower-case letters, digits or -",
        )
    listed("kind", form["kind"], UNIT_KINDS)
    for name in ("name", "name_en"):
        if not 1 <= len(form[name]) <= NAME_CHARACTERS_MAX:
            raise _wrong(
                name,
                f"须有 1 至 {NAME_CHARACTERS_MAX} 个字符",
                f"must have 1 to {NAME_CHARACTERS_MAX} characters",
            )
    row = {**form, "parent_code": form["parent_code"] or None}
    with transaction(sessions) as tx:
        changes.put_unit(tx, row)


def _must_be(sessions: Sessions, unit_code: str) -> None:
    with sessions() as session:
        if queries.unit_of(session, unit_code) is None:
            raise Missing("no_unit", "没有这个单位", "There is no such unit")


def _wrong(name: str, zh: str, en: str) -> Rejected:
    return Rejected("unit", f"{name}：{zh}", f"{name}: {en}", pointer=f"/{name}")


def _errors(problem: LinliError | None) -> dict[str, str]:
    if problem is None or not problem.pointer:
        return {}
    return {problem.pointer.strip("/"): words_of(problem)}


def _listed(sessions: Sessions, form: dict[str, str], problem: LinliError | None) -> str:
    with sessions() as session:
        rows, areas = queries.units(session), queries.areas(session)
    return render_template(
        "units.html",
        rows=rows,
        form=form,
        problem=problem and words_of(problem),
        errors=_errors(problem),
        areas=[(code, f"{name} {word('area', kind)}") for code, kind, name in areas],
        parents=[("", "—"), *((row["unit_code"], row["name"]) for row in rows)],
        word=word,
        options=options,
    )


def _shown(
    sessions: Sessions,
    unit_code: str,
    problem: LinliError | None,
    form: dict[str, str] | None = None,
) -> str:
    with sessions() as session:
        one = queries.unit_of(session, unit_code)
        if one is None:
            raise Missing("no_unit", "没有这个单位", "There is no such unit")
        rows, areas = queries.units(session), queries.areas(session)
    kept = {**one, "is_fallback": "1" if one["is_fallback"] else "0"}
    kept["is_active"] = "1" if one["is_active"] else "0"
    others = [(row["unit_code"], row["name"]) for row in rows if row["unit_code"] != unit_code]
    return render_template(
        "unit.html",
        one=one,
        form=form or kept,
        problem=problem and words_of(problem),
        errors=_errors(problem),
        areas=[(code, f"{name} {word('area', kind)}") for code, kind, name in areas],
        parents=[("", "—"), *others],
        word=word,
        options=options,
    )

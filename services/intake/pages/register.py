"""登记: the tree of areas with counts, one building, one household, and who unmasked whom."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.intake.actions import register_files
from services.intake.actions.census import Keys
from services.intake.pages.paging import rows_per_page
from services.intake.pages.register_words import options, word
from services.intake.queries import homes, people
from services.intake.rules.register_sheets import columns_of
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of

READERS = ("staff", "manager", "operator")
WRITERS = ("manager", "operator")
_FILTERS = ("resident_no", "login")


def make_register(sessions: Sessions, keys: Keys) -> Blueprint:
    """`/register`, its buildings and households, and `/unmaskings` for auditors."""
    blueprint = Blueprint("register", __name__)
    _add_areas(blueprint, sessions, keys)
    _add_homes(blueprint, sessions, keys.cipher)

    @blueprint.get("/unmaskings")
    @require_role("auditor")
    def list_unmaskings() -> str:
        filters = {name: request.args.get(name, "").strip() for name in _FILTERS}
        before = request.args.get("before", "")
        with sessions() as session:
            page = people.unmaskings(
                session,
                filters=filters,
                before=int(before) if before.isascii() and before.isdigit() else None,
                limit=rows_per_page(),
            )
        return render_template("unmaskings.html", page=page, filters=filters, word=word)

    return blueprint


def _add_areas(blueprint: Blueprint, sessions: Sessions, keys: Keys) -> None:
    @blueprint.get("/register")
    @require_role(*READERS, "auditor")
    def show_areas() -> str:
        return _area_page(sessions, request.args.get("area") or None)

    @blueprint.post("/register/buildings")
    @require_role(*WRITERS)
    def put_building() -> Response:
        form = {name: request.form.get(name, "") for name in columns_of("buildings")}
        grid = form["grid_code"]
        try:
            with transaction(sessions) as tx:
                register_files.write_sheets(tx, keys, {"buildings": [(1, form)]})
        except LinliError as problem:
            page = _area_page(sessions, grid, form=form, problem=problem)
            return Response(page, problem.status, mimetype="text/html")
        flash(t("已保存。", "Saved."), "ok")
        return redirect(f"/register?{urlencode({'area': grid})}", 303)


def _area_page(
    sessions: Sessions,
    code: str | None,
    *,
    form: dict[str, str] | None = None,
    problem: LinliError | None = None,
) -> str:
    after, limit = request.args.get("after", ""), rows_per_page()
    with sessions() as session:
        path = homes.area_path(session, code) if code else []
        if code and not path:
            raise Missing("no_area", "没有这个区域", "There is no such area")
        areas = homes.tree_below(session, code)
        has_buildings = bool(path) and path[-1]["kind"] in ("grid", "micro_grid")
        buildings = (
            homes.buildings_of(session, path[-1]["code"], after=after, limit=limit)
            if has_buildings
            else []
        )
    return render_template(
        "register.html",
        path=path,
        areas=areas,
        has_buildings=has_buildings,
        buildings=buildings[:limit],
        next=buildings[limit - 1]["building_no"] if len(buildings) > limit else None,
        may_add=signed_in().role in WRITERS and bool(path) and path[-1]["kind"] == "grid",
        micro_grids=[(row["code"], row["name"]) for row in areas],
        form=form or {},
        error_field=(problem.pointer or "").rpartition("/")[2] if problem else "",
        problem=problem and words_of(problem),
        word=word,
        options=options,
    )


def _add_homes(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.get("/register/buildings/<building_no>")
    @require_role(*READERS)
    def show_building(building_no: str) -> str:
        with sessions() as session:
            building = homes.building_of(session, building_no)
            if building is None:
                raise Missing("no_building", "没有这栋楼", "There is no such building")
            rooms = homes.rooms_of(session, building_no)
        return render_template("building.html", building=building, rooms=rooms, word=word)

    @blueprint.get("/register/households/<household_no>")
    @require_role(*READERS)
    def show_household(household_no: str) -> str:
        with sessions() as session:
            household = homes.household_of(session, household_no)
            if household is None:
                raise Missing("no_household", "没有这一户", "There is no such household")
            members = homes.people_of(session, cipher, household_no)
        return render_template(
            "household.html", one=household, members=members, word=word, options=options
        )

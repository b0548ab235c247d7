"""入户摸底: a building's doors and the form of one household, made to be used without network."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.intake import queries
from services.intake.actions import census
from services.intake.pages.paging import rows_per_page
from services.intake.pages.register_words import options, word
from services.intake.queries import homes
from services.intake.rules.census import SPARE_ROWS
from services.intake.rules.doors import read_part
from shared.db.session import Sessions
from shared.errors import Missing
from shared.messaging.transaction import transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.i18n import t

WRITERS = ("staff", "manager")
NO_UNIT = "_"
NEW = "new"
_STATUS = {"conflict": 409, "refused": 422}


def make_census(sessions: Sessions, keys: census.Keys) -> Blueprint:
    """`/census`, `/census/<building_no>` and a page for each household of each room."""
    blueprint = Blueprint("census", __name__)

    @blueprint.get("/census")
    @require_role(*WRITERS)
    def choose_building() -> str:
        code, after, limit = (
            request.args.get("grid", ""),
            request.args.get("after", ""),
            rows_per_page(),
        )
        with sessions() as session:
            grids = queries.grids(session)
            found = homes.buildings_of(session, code, after=after, limit=limit) if code else []
        return render_template(
            "census.html",
            grids=[(grid, f"{place} {name}") for grid, name, place in grids],
            code=code,
            buildings=found[:limit],
            next=found[limit - 1]["building_no"] if len(found) > limit else None,
            word=word,
        )

    @blueprint.get("/census/<building_no>")
    @require_role(*WRITERS)
    def list_doors(building_no: str) -> str:
        with sessions() as session:
            building = _building(homes.building_of(session, building_no))
            rooms = homes.rooms_of(session, building_no)
        return render_template(
            "census_building.html",
            building=building,
            doors=_by_door(rooms),
            visited=sum(1 for row in rows_of_homes(rooms) if row["visited_at"]),
            homes=len(rows_of_homes(rooms)),
            word=word,
            no_unit=NO_UNIT,
        )

    _add_form(blueprint, sessions, keys)
    return blueprint


def _add_form(blueprint: Blueprint, sessions: Sessions, keys: census.Keys) -> None:
    place = "/census/<building_no>/<unit>/<room>/<household_no>"

    @blueprint.get(place)
    @require_role(*WRITERS)
    def show_form(building_no: str, unit: str, room: str, household_no: str) -> str:
        facts = _facts(sessions, keys, (building_no, unit, room, household_no))
        return render_template("census_form.html", **facts, problem=None)

    @blueprint.post(place)
    @require_role(*WRITERS)
    def save_form(building_no: str, unit: str, room: str, household_no: str) -> Response:
        body: dict[str, Any] = {
            name: values if name.startswith("member_") else values[-1]
            for name, values in request.form.lists()
            if name not in ("csrf_token", "client_id")
        }
        entry = (request.form.get("client_id", ""), body)
        with transaction(sessions) as tx:
            (taken,) = census.take(tx, keys, [entry], signed_in().account_no)
        if status := _STATUS.get(taken.verdict):
            facts = _facts(sessions, keys, (building_no, unit, room, household_no), typed=body)
            page = render_template("census_form.html", **facts, problem=t(taken.zh, taken.en))
            return Response(page, status, mimetype="text/html")
        flash(t("已保存。", "Saved."), "ok")
        return redirect(f"/census/{building_no}", 303)


def rows_of_homes(rooms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of a building's rows that have a household."""
    return [row for row in rooms if row["household_no"]]


def _by_door(rooms: list[dict[str, Any]]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    doors: dict[tuple[str, str], tuple[dict[str, Any], list[dict[str, Any]]]] = {}
    for row in rooms:
        _, there = doors.setdefault((row["unit"], row["room"]), (row, []))
        if row["household_no"]:
            there.append(row)
    return list(doors.values())


def _building(found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        raise Missing("no_building", "没有这栋楼", "There is no such building")
    return found


def _facts(
    sessions: Sessions,
    keys: census.Keys,
    place: tuple[str, str, str, str],
    typed: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What the form shows: all that is known, and over it what was typed and not taken."""
    building_no, unit, room, household_no = place
    unit = "" if unit == NO_UNIT else unit
    is_new_room = room == NEW
    if not is_new_room and (read_part(unit) != unit or read_part(room) != room):
        raise Missing("no_room", "没有这一户室", "There is no such room")
    with sessions() as session:
        building = _building(homes.building_of(session, building_no))
        rooms = homes.rooms_of(session, building_no)
        household = None if household_no == NEW else homes.household_of(session, household_no)
        if household_no != NEW and (household is None or household["building_no"] != building_no):
            raise Missing("no_household", "没有这一户", "There is no such household")
        members = homes.people_of(session, keys.cipher, household_no) if household else []
    there = [row for row in rooms if (row["unit"], row["room"]) == (unit, room)]
    return {
        "building": building,
        "unit": unit,
        "room": "" if is_new_room else room,
        "is_new_room": is_new_room,
        "household": household,
        "household_no": household_no,
        "usage": there[0]["usage"] if there else "lived_in",
        "seen": " ".join(sorted(row["household_no"] for row in rows_of_homes(there))),
        "rows": _lines(members, typed),
        "known": {row["resident_no"]: row for row in members},
        "typed": typed or {},
        "client_id": str(uuid.uuid4()),
        "word": word,
        "options": options,
        "no_unit": NO_UNIT,
    }


def _lines(members: list[dict[str, Any]], typed: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The people's lines; those that were typed once are not typed again."""
    names = ("resident_no", "name", "phone", "birth_year", "whereabouts")
    if typed:
        columns = [typed.get(f"member_{name}", []) for name in names]
        length = max(map(len, columns), default=0)
        return [
            {
                name: column[i] if i < len(column) else ""
                for name, column in zip(names, columns, strict=True)
            }
            for i in range(length)
        ]
    lines = [{name: row[name] or "" for name in names} for row in members]
    return lines + [dict.fromkeys(names, "") for _ in range(SPARE_ROWS)]

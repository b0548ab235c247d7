"""巡查: what is due now, routes and spots, the visit that works without network, the sheet."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions import patrol_routes, photos, visits
from services.intake.actions.opening import Seals
from services.intake.pages.paging import rows_per_page
from services.intake.pages.patrol_words import (
    LEVEL_TONES,
    due_in_words,
    patrol_options,
    patrol_word,
)
from services.intake.queries import alerts
from services.intake.queries import patrols as queries
from services.intake.rules import pictures
from services.intake.rules.patrols import NewVisit, read_whole
from services.intake.rules.states import Actor
from services.intake.schemas.tea_stalls import SentEntries
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Missing, Rejected
from shared.ids import uuid7_text
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.bodies import takes_up_to
from shared.web.codes import address_of, qr_svg
from shared.web.i18n import t, words_of

PATH = "/patrol"
READERS = ("staff", "manager", "operator", "auditor")
WALKERS = ("staff", "manager")
BODY_BYTES_MAX = 4 * 1024 * 1024
REFRESH_S = 60
_PHOTO = "data:image/jpeg;base64,"


def make_patrols(sessions: Sessions, seals: Seals) -> Blueprint:
    """`/patrol` and what is below it, but alarms, shifts and levels."""
    blueprint = Blueprint("patrols", __name__)
    _add_due(blueprint, sessions)
    _add_routes(blueprint, sessions)
    _add_spots(blueprint, sessions)
    _add_visits(blueprint, sessions, seals)
    _add_entries(blueprint, sessions, seals)
    return blueprint


def _add_due(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PATH)
    @require_role(*READERS)
    def show_due() -> str:
        route = request.args.get("route") or None
        with sessions() as session:
            spots = queries.due_list(session, route)
            routes = queries.routes(session)
            raised = alerts.raised(session)
        return render_template(
            "patrol_due.html",
            spots=spots,
            routes=routes,
            route=route,
            raised=raised,
            now=clock.now(),
            refresh_s=REFRESH_S,
            may_walk=signed_in().role in WALKERS,
            **_words(),
        )


def _add_routes(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(f"{PATH}/routes/<route_code>")
    @require_role(*READERS)
    def show_route(route_code: str) -> str:
        with sessions() as session:
            route, spots = _route(session, route_code)
            grids = alerts.grids_in(session, route["area_code"])
        return render_template(
            "patrol_route.html",
            route=route,
            spots=spots,
            grids=grids,
            may_change=signed_in().role == "manager",
            **_words(),
        )

    @blueprint.get(f"{PATH}/routes/<route_code>/sheet")
    @require_role(*READERS)
    def print_route(route_code: str) -> str:
        with sessions() as session:
            route, spots = _route(session, route_code)
            raised = alerts.raised(session)
        for one in spots:
            one["qr"] = qr_svg(address_of(f"{PATH}/spots/{one['spot_code']}/visit"))
        return render_template(
            "patrol_sheet.html",
            route=route,
            spots=spots,
            raised=raised,
            now=clock.now(),
            **_words(),
        )

    @blueprint.post(f"{PATH}/routes/<route_code>/spots")
    @require_role("manager")
    def add_spot(route_code: str) -> Response:
        form = request.form
        try:
            with transaction(sessions) as tx:
                new = patrol_routes.NewSpot(
                    spot_code=form.get("spot_code", "").strip(),
                    name=form.get("name", ""),
                    kind=form.get("kind", ""),
                    grid_code=form.get("grid_code", ""),
                    address=form.get("address", ""),
                    position=read_whole("position", form.get("position", "")) or 0,
                )
                patrol_routes.put_spots(tx, route_code, [new])
            flash(t("点位已保存。", "The spot is kept."), "ok")
        except Rejected as problem:
            flash(words_of(problem), "bad")
        return redirect(f"{PATH}/routes/{route_code}", 303)


def _add_spots(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(f"{PATH}/spots/<spot_code>")
    @require_role(*READERS)
    def show_spot(spot_code: str) -> str:
        with sessions() as session:
            spot = _spot(session, spot_code)
            page = queries.visits(
                session, spot_code, before=request.args.get("before"), limit=rows_per_page()
            )
            series = queries.series(session, spot_code)
        return render_template(
            "patrol_spot.html",
            spot=spot,
            page=page,
            series=series,
            qr=qr_svg(address_of(f"{PATH}/spots/{spot_code}/visit")),
            may_walk=signed_in().role in WALKERS,
            may_change=signed_in().role == "manager",
            **_words(),
        )

    @blueprint.post(f"{PATH}/spots/<spot_code>/retire")
    @require_role("manager")
    def retire_spot(spot_code: str) -> Response:
        with transaction(sessions) as tx:
            spot = _spot(tx.session, spot_code)
            patrol_routes.retire(tx, spot_code)
        flash(t("点位已停用。", "The spot is no longer seen."), "ok")
        return redirect(f"{PATH}/routes/{spot['route_code']}", 303)


def _add_visits(blueprint: Blueprint, sessions: Sessions, seals: Seals) -> None:
    def shown(spot_code: str, form: Mapping[str, str], problem: LinliError | None = None) -> str:
        with sessions() as session:
            spot = _spot(session, spot_code)
        return render_template(
            "patrol_visit.html",
            spot=spot,
            form=form,
            problem=problem,
            client_id=form.get("client_id") or uuid7_text(),
            **_words(),
        )

    @blueprint.get(f"{PATH}/spots/<spot_code>/visit")
    @require_role(*WALKERS)
    def show_visit(spot_code: str) -> str:
        return shown(spot_code, {})

    @blueprint.post(f"{PATH}/spots/<spot_code>/visit")
    @require_role(*WALKERS)
    @takes_up_to(BODY_BYTES_MAX)
    def take_visit(spot_code: str) -> Response:
        form = {**request.form.to_dict(), "spot_code": spot_code}
        try:
            with transaction(sessions) as tx:
                done = _record(tx, form.get("client_id", ""), form, seals)
        except Missing:
            raise
        except LinliError as problem:
            page = shown(spot_code, form, problem)
            return Response(page, problem.status, mimetype="text/html")
        flash(_told(done), "warn" if done.request_no else "ok")
        return redirect(PATH, 303)


def _add_entries(blueprint: Blueprint, sessions: Sessions, seals: Seals) -> None:
    @blueprint.post(f"{PATH}/visits")
    @require_role(*WALKERS)
    @takes_up_to(BODY_BYTES_MAX)
    def take_visits() -> Response:
        verdicts = []
        for each in SentEntries().load(request.get_json())["entries"]:
            client_id, body = each["client_id"], each["body"]
            try:
                # Each by itself: one that is refused does not hold the others back.
                with transaction(sessions) as tx:
                    done = _record(tx, client_id, body, seals)
                verdicts.append(
                    {
                        "client_id": client_id,
                        "verdict": "accepted" if done.is_new else "duplicate",
                        "zh": "",
                        "en": "",
                        "path": f"/requests/{done.request_no}" if done.request_no else "",
                    }
                )
            except LinliError as problem:
                verdicts.append(
                    {
                        "client_id": client_id,
                        "verdict": "conflict" if problem.status == 409 else "refused",
                        "zh": problem.zh,
                        "en": problem.en,
                        "path": f"{PATH}/spots/{body.get('spot_code', '')}/visit#entry={client_id}",
                    }
                )
        return jsonify(verdicts=verdicts)


def _record(
    tx: Transaction, client_id: str, body: Mapping[str, Any], seals: Seals
) -> visits.Recorded:
    """One visit as a form or a device's entry says it; raises LinliError naming the field."""
    account = signed_in().account_no
    spot = _spot(tx.session, str(body.get("spot_code", "")))
    new = _visit_of(client_id, spot, {name: str(value) for name, value in body.items()})
    photo = _photo(str(body.get("photo", "")))
    done = visits.record(tx, new, account, seals)
    if photo and done.is_new and done.request_id is not None:
        photos.keep(
            tx,
            done.request_id,
            "before",
            photo,
            by=Actor("account", account),
            taken_at=min(new.visited_at, clock.now()),
        )
    return done


def _visit_of(client_id: str, spot: Mapping[str, Any], body: Mapping[str, str]) -> NewVisit:
    readings = {
        one["code"]: read_whole(f"readings/{one['code']}", body.get(f"reading_{one['code']}", ""))
        for one in spot["readings"]
    }
    return NewVisit(
        client_id=client_id,
        spot_code=spot["spot_code"],
        visited_at=_moment(body.get("visited_at", "")),
        checks={one["code"]: body.get(f"check_{one['code']}") == "1" for one in spot["checks"]},
        readings={code: value for code, value in readings.items() if value is not None},
        note=body.get("note", ""),
        needs_work=body.get("needs_work") == "1",
    )


def _moment(typed: str) -> datetime:
    """The phone's time; now for a form without scripts, which is sent when it is filled in."""
    if not typed:
        return clock.now()
    try:
        at = datetime.fromisoformat(typed)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Rejected(
            "patrol",
            "visited_at：须为带时区的时间，例如 2026-07-20T14:00:00+08:00",
            "visited_at: must be a time with an offset, such as 2026-07-20T14:00:00+08:00",
            pointer="/visited_at",
        )
    return at


def _photo(address: str) -> bytes:
    """The bytes of a data address; none for an empty one. Raises Rejected."""
    if not address:
        return b""
    try:
        if address.startswith(_PHOTO):
            data = base64.b64decode(address[len(_PHOTO) :], validate=True)
            pictures.make(data)  # a visit is refused for its photo before it is kept
            return data
    except binascii.Error:
        pass
    raise Rejected(
        "photo", "photo：照片读不出，请重拍", "photo: cannot be read, take it again",
        pointer="/photo",
    )  # fmt: skip


def _told(done: visits.Recorded) -> str:
    if done.request_no:
        return t(
            f"已登记，诉求 {done.request_no} 已通知处置。",
            f"Kept; request {done.request_no} has it now.",
        )
    return t("已登记。", "Kept.")


def _route(session: Session, code: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    found = next((one for one in queries.routes(session) if one["route_code"] == code), None)
    if found is None:
        raise Missing("no_route", "没有这条路线", "There is no such route")
    return found, queries.spots_of(session, code)


def _spot(session: Session, code: str) -> dict[str, Any]:
    found = queries.spot(session, code)
    if found is None:
        raise Missing("no_spot", "没有这个点位", "There is no such spot")
    return found


def _words() -> dict[str, Any]:
    return {
        "patrol_word": patrol_word,
        "patrol_options": patrol_options,
        "level_tones": LEVEL_TONES,
        "due_in_words": due_in_words,
    }

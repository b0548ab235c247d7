"""茶摊: sittings, the page that works without network, alike requests, and the sheet on paper."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask import Blueprint, flash, jsonify, redirect, render_template, request
from marshmallow import ValidationError
from werkzeug.wrappers import Response

from services.intake.actions import tea_stalls
from services.intake.actions.opening import Seals
from services.intake.actions.tea_stalls import Entry, Judged
from services.intake.pages.paging import rows_per_page
from services.intake.pages.words import STATE_TONES, word
from services.intake.queries import tea_stalls as queries
from services.intake.queries.kinds import kind_groups
from services.intake.rules import pictures
from services.intake.rules.states import Actor
from services.intake.rules.tea_stalls import Line, alike
from services.intake.schemas.tea_stalls import ReadEntry, SentEntries
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Missing, Rejected
from shared.ids import uuid7_text
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.bodies import takes_up_to
from shared.web.i18n import t

PATH = "/tea-stall"
BODY_BYTES_MAX = 4 * 1024 * 1024
_PHOTO = "data:image/jpeg;base64,"


def make_tea_stalls(sessions: Sessions, seals: Seals) -> Blueprint:
    """`/tea-stall` and what is below it."""
    blueprint = Blueprint("tea_stalls", __name__)
    _add_list(blueprint, sessions)
    _add_session(blueprint, sessions, seals)
    _add_entries(blueprint, sessions, seals)
    _add_groups(blueprint, sessions, seals)
    return blueprint


def _add_list(blueprint: Blueprint, sessions: Sessions) -> None:
    def listed(form: Mapping[str, str], problem: LinliError | None = None) -> str:
        before = request.args.get("before", "")
        place = {"before": int(before)} if before.isascii() and before.isdigit() else {}
        with sessions() as session:
            page = queries.stalls(session, limit=rows_per_page(), **place)
            grids = queries.grids(session)
        return render_template(
            "tea_stalls.html",
            page=page,
            grids=grids,
            form=form,
            problem=problem,
            token=form.get("form_token") or uuid7_text(),
            today=clock.today(),
        )

    @blueprint.get(PATH)
    @require_role("staff", "operator", "auditor")
    def list_stalls() -> str:
        return listed({})

    @blueprint.post(PATH)
    @require_role("staff")
    def open_stall() -> Response:
        form = request.form
        try:
            with transaction(sessions) as tx:
                number = tea_stalls.open_stall(
                    tx,
                    token=form.get("form_token", "")[:64] or uuid7_text(),
                    place=form.get("place", ""),
                    held_on=_day(form.get("held_on", "")),
                    grid_code=form.get("grid_code", ""),
                    host=signed_in().account_no,
                )
        except LinliError as problem:
            return Response(listed(form, problem), problem.status, mimetype="text/html")
        return redirect(f"{PATH}/{number}", 303)


def _add_session(blueprint: Blueprint, sessions: Sessions, seals: Seals) -> None:
    @blueprint.get(f"{PATH}/<stall_no>")
    @require_role("staff", "operator", "auditor")
    def show_stall(stall_no: str) -> str:
        return _stall_page(sessions, seals, stall_no)

    @blueprint.get(f"{PATH}/<stall_no>/sheet")
    @require_role("staff", "operator", "auditor")
    def print_stall(stall_no: str) -> str:
        with sessions() as session:
            stall = _known(session, stall_no)
            rows = queries.requests_of_stall(session, seals.cipher, stall["id"])
        return render_template("tea_stall_sheet.html", stall=stall, rows=rows, word=word)


def _stall_page(
    sessions: Sessions,
    seals: Seals,
    stall_no: str,
    form: Mapping[str, str] | None = None,
    problem: LinliError | None = None,
) -> str:
    with sessions() as session:
        stall = _known(session, stall_no)
        rows = queries.requests_of_stall(session, seals.cipher, stall["id"])
        offered = kind_groups(session)
    return render_template(
        "tea_stall.html",
        stall=stall,
        rows=rows,
        groups=offered,
        form=form or {},
        problem=problem,
        client_id=(form or {}).get("client_id") or uuid7_text(),
        word=word,
        state_tones=STATE_TONES,
        may_enter=signed_in().role == "staff",
    )


def _add_entries(blueprint: Blueprint, sessions: Sessions, seals: Seals) -> None:
    @blueprint.post(f"{PATH}/<stall_no>/entries")
    @require_role("staff")
    @takes_up_to(BODY_BYTES_MAX)
    def take_entries(stall_no: str) -> Response:
        sent = SentEntries().load(request.get_json())["entries"]
        with transaction(sessions) as tx:
            judged = _judge(tx, _known(tx.session, stall_no), sent, seals)
        return jsonify(verdicts=[_verdict(one) for one in judged])

    @blueprint.post(f"{PATH}/<stall_no>")
    @require_role("staff")
    def take_one(stall_no: str) -> Response:
        # The same form without scripts.
        form = request.form
        sent = [{"client_id": form.get("client_id", ""), "body": dict(form)}]
        try:
            with transaction(sessions) as tx:
                (one,) = _judge(tx, _known(tx.session, stall_no), sent, seals)
                if one.problem:
                    raise one.problem
        except Missing:
            raise
        except LinliError as problem:
            page = _stall_page(sessions, seals, stall_no, form, problem)
            return Response(page, problem.status, mimetype="text/html")
        number = one.opened.request_no if one.opened else ""
        flash(t(f"已登记 {number}。", f"Registered as {number}."), "ok")
        return redirect(f"{PATH}/{stall_no}", 303)


def _judge(
    tx: Transaction, stall: Mapping[str, Any], sent: Sequence[Mapping[str, Any]], seals: Seals
) -> list[Judged]:
    """Entries of one call; the same id twice in it is one entry, the last."""
    judged: dict[str, Judged] = {}
    sound, photos = {}, {}
    for each in sent:
        client_id = each["client_id"]
        judged.pop(client_id, None)
        try:
            body, photo = ReadEntry().load(each["body"])
            photos[client_id] = _photo(photo)
            sound[client_id] = Entry(client_id=client_id, **body)
        except ValidationError as problem:
            judged[client_id] = Judged(client_id, problem=_odd(problem))
        except Rejected as problem:
            judged[client_id] = Judged(client_id, problem=problem)
    actor = Actor("account", signed_in().account_no)
    kept = tea_stalls.keep_entries(tx, stall, list(sound.values()), actor, seals)
    tea_stalls.keep_photos(tx, [(one, photos[one.client_id]) for one in kept], actor)
    judged |= {one.client_id: one for one in kept}
    return [judged[client_id] for client_id in dict.fromkeys(each["client_id"] for each in sent)]


def _photo(address: str) -> bytes:
    """The bytes of a data address; none for an empty one. Raises Rejected."""
    if not address:
        return b""
    try:
        if address.startswith(_PHOTO):
            data = base64.b64decode(address[len(_PHOTO) :], validate=True)
            pictures.make(data)  # an entry is refused for its photo before it is a request
            return data
    except binascii.Error:
        pass
    raise Rejected(
        "photo", "photo：照片读不出，请重拍", "photo: cannot be read, take it again",
        pointer="/photo",
    )  # fmt: skip


def _odd(problem: ValidationError) -> Rejected:
    name = next(iter(problem.messages_dict), "body")
    return Rejected(
        "entry",
        f"{name}：请检查填写的内容和长度",
        f"{name}: check what was entered and how long it is",
        pointer=f"/{name}",
    )


def _verdict(one: Judged) -> dict[str, str]:
    if one.opened:
        verdict = "accepted" if one.opened.is_new else "duplicate"
        number = one.opened.request_no
        return {
            "client_id": one.client_id,
            "verdict": verdict,
            "request_no": number,
            "path": f"/requests/{number}",
        }
    problem = one.problem
    return {
        "client_id": one.client_id,
        "verdict": "conflict" if problem and problem.status == 409 else "refused",
        "zh": problem.zh if problem else "",
        "en": problem.en if problem else "",
    }


def _add_groups(blueprint: Blueprint, sessions: Sessions, seals: Seals) -> None:
    def page(stall_no: str, problem: LinliError | None = None) -> str:
        with sessions() as session:
            stall = _known(session, stall_no)
            rows = queries.requests_of_stall(session, seals.cipher, stall["id"])
        free = {
            row["request_no"]: row
            for row in rows
            if not row["is_campaign"] and row["merged_into"] is None
        }
        lines = [
            Line(number, row["category"], row["description"] or row["title"])
            for number, row in free.items()
        ]
        groups = [[free[line.request_no] for line in group] for group in alike(lines)]
        return render_template(
            "tea_stall_groups.html",
            stall=stall,
            groups=[(uuid7_text(), group) for group in groups],
            problem=problem,
            word=word,
        )

    @blueprint.get(f"{PATH}/<stall_no>/groups")
    @require_role("staff")
    def show_groups(stall_no: str) -> str:
        return page(stall_no)

    @blueprint.post(f"{PATH}/<stall_no>/campaigns")
    @require_role("staff")
    def make_campaign(stall_no: str) -> Response:
        form = request.form
        try:
            with transaction(sessions) as tx:
                one = tea_stalls.make_campaign(
                    tx,
                    _known(tx.session, stall_no),
                    token=form.get("form_token", "")[:64] or uuid7_text(),
                    title=form.get("title", ""),
                    description=form.get("description", ""),
                    request_nos=form.getlist("request_no"),
                    actor=Actor("account", signed_in().account_no),
                    seals=seals,
                )
        except Missing:
            raise
        except LinliError as problem:
            return Response(page(stall_no, problem), problem.status, mimetype="text/html")
        number = one.request_no
        flash(t(f"已归并为专项诉求 {number}。", f"Grouped as campaign {number}."), "ok")
        return redirect(f"{PATH}/{stall_no}", 303)


def _known(session: Any, stall_no: str) -> dict[str, Any]:
    stall = queries.stall_of(session, stall_no)
    if stall is None:
        raise Missing("no_stall", "没有这场茶摊", "There is no such sitting")
    return stall


def _day(typed: str) -> date:
    try:
        return date.fromisoformat(typed)
    except ValueError as problem:
        raise Rejected(
            "held_on", "held_on：请填写日期，如 2026-10-03", "held_on: a day such as 2026-10-03",
            pointer="/held_on",
        ) from problem  # fmt: skip

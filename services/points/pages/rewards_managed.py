"""奖品管理: the manager makes, changes, fills and closes rewards, and lays out times of venues."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, flash, redirect, render_template, request
from werkzeug.wrappers import Response

from services.points.actions import rewards
from services.points.queries import rewards as queries
from services.points.rules.reward_form import FIELDS, form_of, moment, read_terms, whole
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import signed_in
from shared.web.i18n import t, words_of

NOTE_CHARS_MAX = 200


def add_catalogue(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/catalogue."""
    _add_reading(blueprint, sessions)
    _add_writing(blueprint, sessions)
    _add_stock(blueprint, sessions)


def _add_reading(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get("/points/catalogue")
    @require_role("manager", "auditor")
    def list_catalogue() -> str:
        with sessions() as session:
            rows = queries.all_offers(session)
        return render_template(
            "rewards_managed.html", rows=rows, is_manager=signed_in().role == "manager"
        )

    @blueprint.get("/points/catalogue/new")
    @require_role("manager")
    def new_reward() -> str:
        form = {"active_from": clock.today().isoformat(), "pickup_hours": "168", "kind": "goods"}
        return render_template("reward_form.html", one=None, form=form, errors={}, weekdays=[])

    @blueprint.get("/points/catalogue/<int:reward_id>")
    @require_role("manager", "auditor")
    def show_managed(reward_id: int) -> str:
        return _managed(sessions, reward_id)


def _add_writing(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post("/points/catalogue/new")
    @require_role("manager")
    def add_reward() -> Response:
        form, weekdays = _filled_in()
        try:
            terms = read_terms(form, weekdays, clock.today())
            stock = whole(form["stock"], "stock")
            with transaction(sessions) as tx:
                reward_id = rewards.add(tx, terms, stock=stock, by=_by())
        except LinliError as problem:
            page = render_template(
                "reward_form.html",
                one=None,
                form=form,
                weekdays=weekdays,
                errors=_errors(problem),
            )
            return Response(page, problem.status, mimetype="text/html")
        flash(t("已上架。", "Added to the catalogue."), "ok")
        return redirect(f"/points/catalogue/{reward_id}", 303)

    @blueprint.post("/points/catalogue/<int:reward_id>")
    @require_role("manager")
    def change_reward(reward_id: int) -> Response:
        form, weekdays = _filled_in()
        try:
            terms = read_terms(form, weekdays, clock.today())
            revision = whole(form["revision"], "revision") or 0
            with transaction(sessions) as tx:
                rewards.change(tx, reward_id, terms, revision=revision, by=_by())
        except Missing:
            raise
        except LinliError as problem:
            page = _managed(
                sessions, reward_id, form=form, weekdays=weekdays, errors=_errors(problem)
            )
            return Response(page, problem.status, mimetype="text/html")
        flash(t("已更改，以后的兑换按新条件。", "Changed, for what is redeemed from now on."), "ok")
        return redirect(f"/points/catalogue/{reward_id}", 303)


def _add_stock(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.post("/points/catalogue/<int:reward_id>/stock")
    @require_role("manager")
    def restock_reward(reward_id: int) -> Response:
        note = request.form.get("note", "").strip()[:NOTE_CHARS_MAX]

        def fill(tx: Transaction) -> None:
            amount = whole(request.form.get("amount", "").strip(), "amount") or 0
            rewards.restock(tx, reward_id, amount, note=note, by=_by())

        return _done(sessions, reward_id, fill, t("库存已更新。", "The stock was changed."))

    @blueprint.post("/points/catalogue/<int:reward_id>/status")
    @require_role("manager")
    def set_status(reward_id: int) -> Response:
        status = "closed" if request.form.get("status") == "closed" else "open"
        return _done(
            sessions,
            reward_id,
            lambda tx: rewards.set_status(tx, reward_id, status, by=_by()),
            t("已下架，待领取的仍可领取。", "Closed; what is held can still be collected.")
            if status == "closed"
            else t("已重新开放。", "Open again."),
        )

    @blueprint.post("/points/catalogue/<int:reward_id>/slots")
    @require_role("manager")
    def add_slot(reward_id: int) -> Response:
        def lay_out(tx: Transaction) -> None:
            starts_at = moment(request.form.get("starts_at", ""), "starts_at")
            ends_at = moment(request.form.get("ends_at", ""), "ends_at")
            rewards.add_slot(tx, reward_id, starts_at, ends_at, by=_by())

        return _done(sessions, reward_id, lay_out, t("已增加时段。", "The slot was added."))

    @blueprint.post("/points/catalogue/<int:reward_id>/slots/<int:slot_id>/remove")
    @require_role("manager")
    def remove_slot(reward_id: int, slot_id: int) -> Response:
        return _done(
            sessions,
            reward_id,
            lambda tx: rewards.remove_slot(tx, reward_id, slot_id, by=_by()),
            t("已撤回时段。", "The slot was removed."),
        )


def _done(
    sessions: Sessions, reward_id: int, verb: Callable[[Transaction], object], words: str
) -> Response:
    return act(sessions, verb, back=f"/points/catalogue/{reward_id}", done=words)


def _managed(
    sessions: Sessions,
    reward_id: int,
    *,
    form: dict[str, str] | None = None,
    weekdays: list[str] | None = None,
    errors: dict[str, str] | None = None,
) -> str:
    with sessions() as session:
        one = queries.offer(session, reward_id)
        if one is None:
            raise Missing("no_reward", "没有这件奖品", "there is no such reward")
        times = queries.slots(session, reward_id, clock.now())
        moved = queries.movements(session, reward_id)
        changed = queries.changes(session, reward_id)
    return render_template(
        "reward_managed.html",
        one=one,
        form=form or form_of(one.terms),
        weekdays=weekdays if weekdays is not None else [str(day) for day in one.terms.weekdays],
        errors=errors or {},
        slots=times,
        movements=moved,
        changes=changed,
        is_manager=signed_in().role == "manager",
    )


def _filled_in() -> tuple[dict[str, str], list[str]]:
    names = (*FIELDS, "stock", "revision")
    form = {name: request.form.get(name, "").strip() for name in names}
    return form, request.form.getlist("weekdays")


def _errors(problem: LinliError) -> dict[str, str]:
    field = (problem.pointer or "").rsplit("/", 1)[-1]
    names = {"value_fen": "value", "min_service_minutes": "min_service_hours"}
    return {names.get(field, field): words_of(problem)}


def _by() -> str:
    return signed_in().account_no

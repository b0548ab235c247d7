"""立案目录: the catalogue for everybody; its versions for managers, of whom two make one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions import catalogue as publishing
from services.intake.pages.clocks import say
from services.intake.pages.words import word
from services.intake.queries import catalogue as queries
from services.intake.queries.kinds import kinds
from services.intake.rules.catalogue import Catalogue, Clock, Condition, Event
from services.intake.rules.catalogue_changes import changes_between, with_limit
from services.intake.rules.clock_words import CLOCKS, WHOM, limit_words
from services.intake.rules.kinds import find_kinds
from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.messaging.transaction import Transaction, transaction
from shared.web.access import public, require_role
from shared.web.acting import act
from shared.web.auth import current_account, signed_in
from shared.web.i18n import t, words_of

PATH = "/catalogue"
VERSIONS = f"{PATH}/versions"
_KEEPERS = frozenset({"manager", "auditor"})
TIER_TONES = {"critical": "bad", "urgent": "warn", "normal": "info", "complex": "info"}


def make_catalogue(sessions: Sessions) -> Blueprint:
    """`/catalogue`, its file, and `/catalogue/versions`."""
    blueprint = Blueprint("catalogue", __name__)
    _add_reading(blueprint, sessions)
    _add_versions(blueprint, sessions)
    _add_drafting(blueprint, sessions)
    _add_steps(blueprint, sessions)
    return blueprint


def _add_reading(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PATH)
    @public
    def show_catalogue() -> str:
        account = current_account()
        asked = request.args.get("q", "").strip()
        with sessions() as session:
            found = queries.catalogue_at(session, clock.now())
            fitting = {kind.code for kind in find_kinds(kinds(session), asked)} if asked else None
        return render_template(
            "catalogue.html",
            catalogue=found,
            groups=_groups(found, fitting) if found is not None else [],
            asked=asked,
            is_keeper=account is not None and account.role in _KEEPERS,
            escalations=_escalations(found) if found is not None else [],
            tier_tones=TIER_TONES,
        )

    @blueprint.get(f"{PATH}.json")
    @public
    def send_catalogue() -> Response:
        with sessions() as session:
            found = queries.catalogue_at(session, clock.now())
        if found is None:
            raise _missing()
        return _file(found)


def _add_versions(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(VERSIONS)
    @require_role("manager", "auditor")
    def list_versions() -> str:
        with sessions() as session:
            rows = queries.versions(session)
            now = queries.catalogue_at(session, clock.now())
        return render_template(
            "catalogue_versions.html",
            rows=rows,
            now=now,
            conditions=_options(now) if now is not None else [],
            clocks=[(str(kind), say(CLOCKS[kind])) for kind in Clock],
            today=clock.today().isoformat(),
            is_manager=signed_in().role == "manager",
        )

    @blueprint.get(f"{VERSIONS}/<int:version>")
    @require_role("manager", "auditor")
    def show_version(version: int) -> str:
        with sessions() as session:
            row, this = _version(session, version)
            now = queries.catalogue_at(session, clock.now())
        return render_template(
            "catalogue_version.html",
            row=row,
            this=this,
            now=now,
            changes=[
                (each.code, *map(say, (each.name, each.what, each.before, each.after)))
                for each in (changes_between(now, this) if now is not None else [])
            ],
            is_manager=signed_in().role == "manager",
            is_own=row.drafted_by == signed_in().account_no,
        )

    @blueprint.get(f"{VERSIONS}/<int:version>/file")
    @require_role("manager", "auditor")
    def send_version(version: int) -> Response:
        with sessions() as session:
            return _file(_version(session, version)[1])


def _add_drafting(blueprint: Blueprint, sessions: Sessions) -> None:
    def draft(make: Callable[[Transaction], Catalogue]) -> Response:
        try:
            with transaction(sessions) as tx:
                version = publishing.draft(tx, make(tx), by=signed_in().account_no)
        except LinliError as problem:
            flash(words_of(problem), "bad")
            return redirect(VERSIONS, 303)
        flash(t("已存为草案，请另一位管理员发布。", "Drafted; another manager publishes it."), "ok")
        return redirect(f"{VERSIONS}/{version}", 303)

    @blueprint.post(VERSIONS)
    @require_role("manager")
    def draft_file() -> Response:
        file = request.files.get("file")
        body = file.read(publishing.BYTES_MAX + 1) if file is not None else b""
        return draft(lambda _tx: publishing.read_file(body))

    @blueprint.post(f"{VERSIONS}/limit")
    @require_role("manager")
    def draft_limit() -> Response:
        form = request.form

        def changed(tx: Transaction) -> Catalogue:
            now = queries.catalogue_at(tx.session, clock.now())
            if now is None:
                raise _missing()
            code, kind = form.get("code", ""), form.get("clock", "")
            limit = f"{form.get('amount', '')} {form.get('unit', '')}"
            return with_limit(now, code, kind, limit, _day(form.get("valid_from", "")))

        return draft(changed)


def _add_steps(blueprint: Blueprint, sessions: Sessions) -> None:
    def step(name: str, take: Callable[[Transaction, int], None], zh: str, en: str) -> None:
        @require_role("manager")
        def view(version: int) -> Response:
            back = f"{VERSIONS}/{version}"
            return act(sessions, lambda tx: take(tx, version), back=back, done=t(zh, en))

        blueprint.add_url_rule(
            f"{VERSIONS}/<int:version>/{name}", f"{name}_catalogue", view, methods=["POST"]
        )

    def by() -> str:
        return signed_in().account_no

    step("publish", lambda tx, n: publishing.publish(tx, n, by=by()), "已发布。", "Published.")
    step("withdraw", lambda tx, n: publishing.withdraw(tx, n, by=by()), "已撤回。", "Withdrawn.")


def _groups(catalogue: Catalogue, fitting: set[str] | None) -> list[dict[str, Any]]:
    groups = []
    for group in catalogue.groups:
        events = [
            shown
            for event in group.events
            if (shown := _event(catalogue, event, fitting))["conditions"]
        ]
        if events:
            name = t(group.name_zh, group.name_en)
            groups.append({"code": group.code, "name": name, "events": events})
    return groups


def _event(catalogue: Catalogue, event: Event, fitting: set[str] | None) -> dict[str, Any]:
    usual = fitting is None or event.code in fitting
    return {
        "code": event.code,
        "name": t(event.name_zh, event.name_en),
        "conditions": [
            _condition(catalogue, each)
            for each in event.conditions
            if usual or (fitting is not None and each.code in fitting)
        ],
    }


def _condition(catalogue: Catalogue, one: Condition) -> dict[str, Any]:
    tier = catalogue.tiers[one.tier]
    closing = one.closing
    needs = [
        (closing.needs_before, t("处置前照片", "photo before")),
        (closing.needs_after, t("处置后照片", "photo after")),
        (
            closing.near_m is not None,
            t(f"照片在 {closing.near_m} 米内", f"photo within {closing.near_m} m"),
        ),
        (closing.needs_checker, t("他人核查", "checked by another")),
    ]
    return {
        "code": one.code,
        "name": t(one.name_zh, one.name_en),
        "tier": one.tier,
        "tier_name": t(tier.name_zh, tier.name_en),
        "limits": [(say(CLOCKS[kind]), say(limit_words(one.limits[kind]))) for kind in Clock],
        "closing": t(closing.text_zh, closing.text_en),
        "needs": [told for is_needed, told in needs if is_needed],
        "natures": [word("nature", nature) for nature in one.natures],
        "is_sensitive": one.is_sensitive,
        "own_handling": one.own_handling,
    }


def _escalations(catalogue: Catalogue) -> list[tuple[str, str, str]]:
    return [
        (
            f"{each.percent}%",
            say(WHOM[each.whom]),
            t("、", ", ").join(say(CLOCKS[kind]) for kind in each.clocks),
        )
        for each in catalogue.escalations
    ]


def _options(catalogue: Catalogue) -> list[tuple[str, str]]:
    return [
        (code, f"{code} {t(one.name_zh, one.name_en)}")
        for code, one in catalogue.conditions.items()
    ]


def _version(session: Session, version: int) -> tuple[queries.VersionRow, Catalogue]:
    row = queries.version_row(session, version)
    this = queries.any_version(session, version)
    if row is None or this is None:
        raise _missing()
    return row, this


def _file(catalogue: Catalogue) -> Response:
    name = f"catalogue-{catalogue.valid_from}.json"
    return Response(
        publishing.write_file(replace(catalogue, version=0)),
        mimetype="application/json",
        headers={"Content-Disposition": f"attachment; filename={name}"},
    )


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError:
        return date.min  # refused as every day before today is


def _missing() -> Missing:
    return Missing("no_version", "没有这一版目录", "There is no such version")

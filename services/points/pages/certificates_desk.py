"""Where certificates are made and issued, by two people, and where the issuing office is kept."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from services.points.actions import certificates as actions
from services.points.pages.certificates import period
from services.points.queries import certificates as queries
from services.points.queries.certificates import Office
from shared import clock
from shared.db.session import Sessions
from shared.messaging.transaction import Transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import signed_in
from shared.web.i18n import t

PLACE = "/points/desk/certificates"
NUMBER_CHARS_MAX = 32

Verb = Callable[[Transaction, str], object]


def add_certificates_desk(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/desk/certificates and what can be done there."""

    def do(verb: Verb, zh: str, en: str, place: str = PLACE) -> Response:
        by = signed_in().account_no
        return act(sessions, lambda tx: verb(tx, by), back=place, done=t(zh, en), typed=True)

    _add_list(blueprint, sessions, do)
    _add_steps(blueprint, do)
    _add_office(blueprint, sessions, do)


def _add_list(
    blueprint: Blueprint, sessions: Sessions, do: Callable[[Verb, str, str], Response]
) -> None:
    @blueprint.get(PLACE)
    @require_role("staff", "manager", "auditor")
    def show_certificates_desk() -> str:
        account = signed_in()
        with sessions() as session:
            waiting, register = queries.waiting(session), queries.register(session)
        return render_template(
            "certificates_desk.html",
            waiting=waiting,
            register=register,
            me=account.account_no,
            role=account.role,
            from_on=clock.today().replace(month=1, day=1),
            until_on=clock.today(),
        )

    @blueprint.post(PLACE)
    @require_role("staff", "manager")
    def make_certificate() -> Response:
        def verb(tx: Transaction, by: str) -> None:
            resident_no = request.form.get("resident_no", "").strip()[:NUMBER_CHARS_MAX]
            from_on, until_on = period(request.form)
            notes = request.form.get("notes", "").strip()
            actions.make(tx, actions.ask(tx, resident_no, from_on, until_on, notes, by), by)

        return do(verb, "已制证，请另一人签发。", "Made: somebody else must issue it.")


def _add_steps(blueprint: Blueprint, do: Callable[[Verb, str, str], Response]) -> None:
    @blueprint.post(PLACE + "/<uuid:certificate_id>/make")
    @require_role("staff", "manager")
    def make_asked(certificate_id: UUID) -> Response:
        return do(
            lambda tx, by: actions.make(tx, certificate_id, by),
            "已制证，请另一人签发。",
            "Made: somebody else must issue it.",
        )

    @blueprint.post(PLACE + "/<uuid:certificate_id>/issue")
    @require_role("manager")
    def issue_certificate(certificate_id: UUID) -> Response:
        return do(
            lambda tx, by: actions.issue(tx, certificate_id, by),
            "已签发并开始公示。",
            "Issued: its notice has begun.",
        )

    @blueprint.post(PLACE + "/<uuid:certificate_id>/refuse")
    @require_role("staff", "manager")
    def refuse_certificate(certificate_id: UUID) -> Response:
        reason = request.form.get("reason", "").strip()
        return do(
            lambda tx, by: actions.refuse(tx, certificate_id, by, reason),
            "已退回。",
            "Refused.",
        )

    @blueprint.post(PLACE + "/<uuid:certificate_id>/revoke")
    @require_role("manager")
    def revoke_certificate(certificate_id: UUID) -> Response:
        reason = request.form.get("reason", "").strip()
        return do(
            lambda tx, by: actions.revoke(tx, certificate_id, by, reason),
            "已撤销，编号保留。",
            "Revoked; its number stays in the register.",
        )


def _add_office(
    blueprint: Blueprint, sessions: Sessions, do: Callable[[Verb, str, str, str], Response]
) -> None:
    @blueprint.get(PLACE + "/office")
    @require_role("manager")
    def show_certificate_office() -> str:
        community = request.args.get("community", "").strip()[:NUMBER_CHARS_MAX]
        with sessions() as session:
            found = queries.office(session, community) if community else None
        return render_template("certificate_office.html", community=community, office=found)

    @blueprint.post(PLACE + "/office")
    @require_role("manager")
    def keep_certificate_office() -> Response:
        form = {name: value.strip() for name, value in request.form.items()}
        days = form.get("notice_days", "")
        office = Office(
            community_code=form.get("community_code", ""),
            issuer=form.get("issuer", ""),
            responsible=form.get("responsible", ""),
            handler=form.get("handler", ""),
            contact=form.get("contact", ""),
            notice_days=int(days) if days.isascii() and days.isdigit() and len(days) < 4 else 0,
        )
        return do(
            lambda tx, by: actions.keep_office(tx, office, by),
            "已保存。",
            "Saved.",
            f"{PLACE}/office",
        )

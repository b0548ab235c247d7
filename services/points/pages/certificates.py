"""服务证明: the public register and verification, the holder's own, and the printed sheet."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from services.points.actions.certificates import ask
from services.points.pages.certificate_pdf import pdf
from services.points.queries import certificates as queries
from services.points.queries.certificates import Told
from services.points.rules.certificates import masked, standing
from services.points.rules.explaining import KINDS, words
from shared import clock
from shared.db.session import Sessions
from shared.errors import Missing, Rejected
from shared.messaging.transaction import Transaction
from shared.web.access import public, require_role
from shared.web.acting import act
from shared.web.auth import require_subject
from shared.web.codes import qr_svg
from shared.web.i18n import t

PLACE = "/points/certificates"
OFFICE = frozenset({"staff", "manager", "auditor"})
STATES = {
    "asked": ("已申请", "asked for", "wait"),
    "made": ("待签发", "to be issued", "wait"),
    "in_notice": ("公示中，尚未生效", "in notice", "wait"),
    "valid": ("有效", "valid", "ok"),
    "refused": ("未予出具", "refused", "off"),
    "revoked": ("已撤销", "revoked", "bad"),
}
_CODE = re.compile(r"[0-9a-f]{20}")
_CODE_CHARS_MAX = 200


def add_certificates(blueprint: Blueprint, sessions: Sessions) -> None:
    """What the public and the holders see."""
    blueprint.add_app_template_filter(masked, "masked_no")
    blueprint.add_app_template_global(_state, "certificate_state")
    blueprint.add_app_template_global(_kind, "service_kind")
    _add_public(blueprint, sessions)
    _add_own(blueprint, sessions)
    _add_sheets(blueprint, sessions)


def _add_public(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PLACE)
    @public
    def show_certificates() -> str | BaseResponse:
        asked = request.args.get("code", "").strip().lower()[:_CODE_CHARS_MAX]
        found = _CODE.search(asked)
        if found:
            return redirect(f"{PLACE}/{found[0]}", 303)
        with sessions() as session:
            shown = queries.in_notice(session, clock.today())
        return render_template("certificates.html", shown=shown, asked=asked)

    @blueprint.get(PLACE + "/<code>")
    @public
    def verify_certificate(code: str) -> str:
        with sessions() as session:
            told = _issued(queries.by_code(session, code))
        return render_template("certificate.html", told=told)


def _add_own(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get("/passbooks/<resident_no>/certificates")
    @require_role("resident", *OFFICE)
    def show_own_certificates(resident_no: str) -> str:
        account = require_subject(resident_no, unless=OFFICE)
        with sessions() as session:
            found = queries.of_resident(session, resident_no)
        return render_template(
            "own_certificates.html",
            resident_no=resident_no,
            found=found,
            is_own=account.role == "resident",
            from_on=clock.today().replace(month=1, day=1),
            until_on=clock.today(),
        )

    @blueprint.post("/passbooks/<resident_no>/certificates")
    @require_role("resident")
    def ask_certificate(resident_no: str) -> BaseResponse:
        require_subject(resident_no)

        def ask_for_it(tx: Transaction) -> None:
            from_on, until_on = period(request.form)
            ask(tx, resident_no, from_on, until_on, "", resident_no)

        back = url_for(".show_own_certificates", resident_no=resident_no)
        done = t("已申请，工作人员会办理。", "Asked for: the office will see to it.")
        return act(sessions, ask_for_it, back=back, done=done, typed=True)


def _add_sheets(blueprint: Blueprint, sessions: Sessions) -> None:
    def allowed(code: str) -> Told:
        with sessions() as session:
            told = _issued(queries.by_code(session, code))
        require_subject(told.resident_no, unless=OFFICE)
        return told

    @blueprint.get(PLACE + "/<code>/print")
    @require_role("resident", *OFFICE)
    def print_certificate(code: str) -> str:
        told = allowed(code)
        address = _address(told)
        qr = qr_svg(address, border=2)
        return render_template("certificate_print.html", told=told, qr=qr, address=address)

    @blueprint.get(PLACE + "/<code>/certificate.pdf")
    @require_role("resident", *OFFICE)
    def certificate_pdf(code: str) -> Response:
        told = allowed(code)
        answer = Response(pdf(told, _address(told)), mimetype="application/pdf")
        name = f"certificate-{told.certificate_no}.pdf"
        answer.headers.set("Content-Disposition", "inline", filename=name)
        return answer


def period(form: Mapping[str, str]) -> tuple[date, date]:
    """From and until, as a form gave them; raises Rejected."""
    found = []
    for name in ("from_on", "until_on"):
        try:
            found.append(date.fromisoformat(form.get(name, "")))
        except ValueError:
            raise Rejected(
                "bad_date",
                "日期应写作 2026-01-31",
                "a date is written as 2026-01-31",
                pointer=f"/{name}",
            ) from None
    return found[0], found[1]


def _issued(told: Told | None) -> Told:
    """Only what has a number is shown to anybody; raises Missing."""
    if told is None or told.certificate_no is None:
        raise Missing(
            "no_certificate",
            "没有这份证明，请核对证明上的校验码",
            "there is no such certificate: check the code that is printed on it",
        )
    return told


def _address(told: Told) -> str:
    return url_for("points_pages.verify_certificate", code=told.code, _external=True)


def _state(told: Told) -> tuple[str, str]:
    zh, en, tone = STATES[standing(told.state, told.valid_on, clock.today())]
    return t(zh, en), tone


def _kind(kind: str) -> str:
    if kind == "other":
        return t("志愿服务", "service")
    said = words(KINDS, kind)
    return t(said.zh, said.en)

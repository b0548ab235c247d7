"""荣誉证书: the page that verifies one, and the sheet its holder prints."""

from __future__ import annotations

from flask import Blueprint, render_template, url_for

from services.points.queries.honour_certificates import HonourTold, honour_by_code
from shared.db.session import Sessions
from shared.errors import Missing
from shared.web.access import public, require_role
from shared.web.auth import require_subject
from shared.web.codes import qr_svg

PLACE = "/points/honours"
OFFICE = frozenset({"staff", "manager", "auditor"})


def add_honour_certificates(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/honours/<code> for everybody, and /print for the holder and the office."""

    def told_of(code: str) -> HonourTold:
        with sessions() as session:
            told = honour_by_code(session, code.strip().lower())
        if told is None:
            raise Missing(
                "no_certificate",
                "没有这份证书，请核对证书上的校验码",
                "there is no such certificate: check the code that is printed on it",
            )
        return told

    @blueprint.get(PLACE + "/<code>")
    @public
    def verify_honour(code: str) -> str:
        return render_template("honour_certificate.html", told=told_of(code))

    @blueprint.get(PLACE + "/<code>/print")
    @require_role("resident", *OFFICE)
    def print_honour(code: str) -> str:
        told = told_of(code)
        require_subject(told.resident_no, unless=OFFICE)
        address = url_for("points_pages.verify_honour", code=told.code, _external=True)
        return render_template(
            "honour_certificate_print.html",
            told=told,
            address=address,
            qr=qr_svg(address, border=2),
        )

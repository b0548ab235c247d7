"""The roots of each day, for everybody, and the export of a passbook that leads to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import orjson
from flask import Blueprint, Response, render_template, request

from services.points.queries import proof as queries
from services.points.queries.passbook_proof import passbook_proof
from services.points.queries.proof import DistrictRoot, PrintedRoot
from shared import clock
from shared.db.session import Sessions
from shared.web.access import public, require_role
from shared.web.auth import require_subject

OFFICE = frozenset({"staff", "manager", "operator", "auditor"})
DAYS = 31


@dataclass(frozen=True, slots=True)
class DayShown:
    """A day with the district's root and those of its communities."""

    on_date: date
    district: DistrictRoot | None
    communities: list[PrintedRoot]


def add_proof(blueprint: Blueprint, sessions: Sessions) -> None:
    """/points/proof and /passbooks/<resident_no>/proof.json."""

    @blueprint.app_template_filter("root")
    def root(value: bytes) -> str:
        return queries.in_groups(value)

    @blueprint.get("/points/proof")
    @public
    def show_proof() -> str:
        last = _day(request.args.get("until", "")) or clock.today()
        first = last - timedelta(days=DAYS - 1)
        community = request.args.get("community", "").strip()[:64] or None
        with sessions() as session:
            roots = queries.printed_roots(session, first, last, community)
            district = {each.on_date: each for each in queries.district_roots(session, first, last)}
        days = sorted({each.on_date for each in roots} | (set() if community else set(district)))
        shown = [
            DayShown(on, district.get(on), [each for each in roots if each.on_date == on])
            for on in reversed(days)
        ]
        return render_template(
            "proof.html",
            days=shown,
            community=community or "",
            until=last,
            earlier=first - timedelta(days=1),
        )

    @blueprint.get("/passbooks/<resident_no>/proof.json")
    @require_role("resident", *OFFICE)
    def export_passbook(resident_no: str) -> Response:
        require_subject(resident_no, unless=OFFICE)
        with sessions() as session:
            told = passbook_proof(session, resident_no)
        answer = Response(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        answer.mimetype = "application/json"
        answer.headers.set("Content-Disposition", "attachment", filename="passbook.json")
        return answer


def _day(asked: str) -> date | None:
    try:
        found = date.fromisoformat(asked)
    except ValueError:
        return None
    return found if date(2000, 1, 1) <= found <= date(9000, 1, 1) else None

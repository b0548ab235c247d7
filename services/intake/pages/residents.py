"""居民: the register for staff, masked; a phone is looked up by its digest."""

from __future__ import annotations

import re

from flask import Blueprint, render_template, request

from services.intake import queries
from services.intake.pages.paging import rows_per_page
from shared.crypto import BlindIndex, FieldCipher
from shared.db.session import Sessions
from shared.web.access import require_role

_FILTERS = ("resident_no", "household_no", "grid", "community")


def make_residents(sessions: Sessions, cipher: FieldCipher, index: BlindIndex) -> Blueprint:
    """`/residents`; a phone is sent by POST, so that no address and no access log holds it."""
    blueprint = Blueprint("residents", __name__)

    def listed(filters: dict[str, object], after: str) -> str:
        with sessions() as session:
            page = queries.residents(
                session, cipher, filters=filters, after=after, limit=rows_per_page()
            )
            communities = queries.communities(session)
        return render_template(
            "residents.html", page=page, filters=filters, communities=communities
        )

    @blueprint.get("/residents")
    @require_role("staff", "operator")
    def list_residents() -> str:
        filters: dict[str, object] = {name: request.args.get(name) for name in _FILTERS}
        return listed(filters, request.args.get("after", ""))

    @blueprint.post("/residents")
    @require_role("staff", "operator")
    def find_by_phone() -> str:
        phone = re.sub(r"[ ()-]", "", request.form.get("phone", ""))
        return listed({"phone": index.of(phone)}, "")

    return blueprint

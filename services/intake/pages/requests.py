"""诉求: the list for staff and for residents (their own), and one request."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from services.intake import queries
from services.intake.pages.paging import rows_per_page
from services.intake.pages.panels import shown_panels
from services.intake.queries.reading import OFFICE, readable
from services.intake.queries.reading import OFFICE, readable
from services.intake.pages.words import STATE_TONES, URGENCY_TONES, options, word
from services.intake.queries.reading import OFFICE, readable
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.web import auth
from shared.web.access import require_role

READERS = ("staff", "operator", "auditor", "resident")
_FILTERS = ("state", "urgency", "category", "grid", "community")


def make_requests(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/requests` and `/requests/<request_no>`."""
    blueprint = Blueprint("requests", __name__)

    @blueprint.get("/requests")
    @require_role(*READERS)
    def list_requests() -> str:
        account = auth.signed_in()
        filters: dict[str, str | None] = {name: request.args.get(name) for name in _FILTERS}
        if account.role not in OFFICE:
            filters = {"resident_no": account.subject or "-"}
        with sessions() as session:
            page = queries.requests(
                session,
                cipher,
                filters=filters,
                before=request.args.get("before"),
                limit=rows_per_page(),
            )
            communities = queries.communities(session) if account.role in OFFICE else []
        return render_template(
            "requests.html",
            page=page,
            filters=filters,
            communities=communities,
            is_office=account.role in OFFICE,
            **_words(),
        )

    @blueprint.get("/requests/<request_no>")
    @require_role(*READERS)
    def show_request(request_no: str) -> str:
        with sessions() as session:
            account = auth.signed_in()
            found = readable(session, cipher, request_no, account)
            panels = shown_panels(session, found, account)
        return render_template(
            "request.html",
            one=found,
            panels=panels,
            is_office=account.role in OFFICE,
            **_words(),
        )

    return blueprint


def _words() -> dict[str, Any]:
    return {
        "word": word,
        "options": options,
        "urgency_tones": URGENCY_TONES,
        "state_tones": STATE_TONES,
    }

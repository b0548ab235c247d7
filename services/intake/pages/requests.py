"""诉求: the list for staff and for residents (their own), and one request."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template

from services.intake.pages.panels import shown_panels
from services.intake.pages.request_list import READERS, add_request_list
from services.intake.pages.words import STATE_TONES, URGENCY_TONES, options, word
from services.intake.queries.reading import OFFICE, readable
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.web import auth
from shared.web.access import require_role


def make_requests(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/requests` and `/requests/<request_no>`."""
    blueprint = Blueprint("requests", __name__)

    add_request_list(blueprint, sessions, cipher)

    @blueprint.get("/requests/<request_no>")
    @require_role(*READERS)
    def show_request(request_no: str) -> str:
        return render_request(sessions, cipher, request_no)

    return blueprint


def render_request(sessions: Sessions, cipher: FieldCipher, request_no: str) -> str:
    """The page of one request, as whoever is signed in may read it."""
    account = auth.signed_in()
    with sessions() as session:
        found = readable(session, cipher, request_no, account)
        panels = shown_panels(session, found, account)
    return render_template(
        "request.html",
        one=found,
        panels=panels,
        is_office=account.role in OFFICE,
        **_words(),
    )


def _words() -> dict[str, Any]:
    return {
        "word": word,
        "options": options,
        "urgency_tones": URGENCY_TONES,
        "state_tones": STATE_TONES,
    }

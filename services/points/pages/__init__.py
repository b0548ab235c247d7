"""points' pages: passbooks, partners' contribution books, the rules in plain words."""

from __future__ import annotations

import hashlib
from pathlib import Path

from flask import Blueprint, Response, send_from_directory, url_for

from services.points.pages.books import add_partner_book, add_passbooks
from services.points.pages.budgets import add_budgets
from services.points.pages.certificates import add_certificates
from services.points.pages.certificates_desk import add_certificates_desk
from services.points.pages.corrections import add_corrections
from services.points.pages.desk import add_desk
from services.points.pages.flags import add_flags
from services.points.pages.honour_certificates import add_honour_certificates
from services.points.pages.households import add_households
from services.points.pages.imports import add_imports
from services.points.pages.journal import add_journal
from services.points.pages.liability import add_liability
from services.points.pages.notice_desk import add_notice_desk
from services.points.pages.proof import add_proof
from services.points.pages.proposals import add_proposals
from services.points.pages.public_notices import add_public_notices
from services.points.pages.ratings import add_ratings
from services.points.pages.rule_drafts import add_rule_drafts
from services.points.pages.rules import add_rules
from shared.db.session import Sessions
from shared.web.access import public

STATIC = Path(__file__).parents[1] / "static"
STYLE = "passbook.css"
STYLE_MAX_AGE_S = 3600  # its address changes with its content


def make_pages(sessions: Sessions) -> Blueprint:
    """All pages, and the stylesheet of the passbook."""
    blueprint = Blueprint("points_pages", __name__)
    digest = hashlib.sha256((STATIC / STYLE).read_bytes()).hexdigest()[:12]

    @blueprint.get("/points/static/" + STYLE)
    @public
    def passbook_css() -> Response:
        return send_from_directory(STATIC, STYLE, max_age=STYLE_MAX_AGE_S)

    @blueprint.app_context_processor
    def passbook_style() -> dict[str, object]:
        def style() -> str:
            return url_for("points_pages.passbook_css", v=digest)

        return {"passbook_style": style}

    add_passbooks(blueprint, sessions)
    add_partner_book(blueprint, sessions)
    add_rules(blueprint, sessions)
    add_proof(blueprint, sessions)
    add_certificates(blueprint, sessions)
    add_certificates_desk(blueprint, sessions)
    add_honour_certificates(blueprint, sessions)
    add_rule_drafts(blueprint, sessions)
    add_households(blueprint, sessions)
    add_ratings(blueprint, sessions)
    add_proposals(blueprint, sessions)
    add_liability(blueprint, sessions)
    add_budgets(blueprint, sessions)
    add_journal(blueprint)
    add_corrections(blueprint, sessions)
    add_imports(blueprint, sessions)
    add_flags(blueprint, sessions)
    add_desk(blueprint)
    add_public_notices(blueprint, sessions)
    add_notice_desk(blueprint, sessions)
    return blueprint

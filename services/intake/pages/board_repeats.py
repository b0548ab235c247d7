"""每月一题: what comes again and again at one place, with the month's question that it suggests."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from flask import Blueprint, render_template

from services.intake.pages.board import ROLES, asked_for, choices
from services.intake.queries.board import Asked, count_of
from services.intake.queries.category_names import category_names
from services.intake.queries.repeats import groups
from shared import clock
from shared.clock import DISTRICT_TIMEZONE
from shared.db.session import Sessions
from shared.web.access import require_role
from shared.web.i18n import t

SHARE_HIGH = 25  # percent of a month's requests


def make_board_repeats(sessions: Sessions) -> Blueprint:
    """`/board/repeats`."""
    blueprint = Blueprint("board_repeats", __name__)

    @blueprint.get("/board/repeats")
    @require_role(*ROLES)
    def show_repeats() -> str:
        asked = asked_for()
        now = clock.now()
        with sessions() as session:
            found = groups(session, *_moments(asked), community=asked.community)
            names = category_names(session, now)
            received = count_of(session, asked, "received", now)
            communities = choices(session)["community"]
        repeated = sum(one.requests for one in found)
        return render_template(
            "board_repeats.html",
            groups=found,
            month=f"{asked.first:%Y-%m}",
            asked=asked,
            communities=communities,
            repeated=repeated,
            share=repeated * 100 // received if received else None,
            share_high=SHARE_HIGH,
            category_word=lambda code: t(*names.get(code, (code, code))),
        )

    return blueprint


def _moments(asked: Asked) -> tuple[datetime, datetime]:
    since = datetime.combine(asked.first, time(), DISTRICT_TIMEZONE)
    return since, datetime.combine(asked.last + timedelta(days=1), time(), DISTRICT_TIMEZONE)

"""派单台: what units gave back and what nobody could classify, one after the other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, render_template, request

from services.intake.pages.dispatch_words import reason_words
from services.intake.pages.paging import rows_per_page
from services.intake.pages.words import URGENCY_TONES, word
from services.intake.queries import dispatch_desk as queries
from services.intake.queries.dispatch import accuracy
from services.intake.queries.kinds import kinds
from shared import clock
from shared.db.session import Sessions
from shared.web.access import require_role
from shared.web.auth import signed_in
from shared.web.i18n import t

PATH = "/desk/dispatch"
DAYS = 30


def make_dispatch_desk(sessions: Sessions) -> Blueprint:
    """`/desk/dispatch`."""
    blueprint = Blueprint("dispatch_desk", __name__)

    @blueprint.get(PATH)
    @require_role("staff", "manager", "operator", "auditor")
    def show_dispatch_desk() -> str:
        limit = rows_per_page()
        account = signed_in()
        now = clock.now()
        with sessions() as session:
            mine = queries.areas_dispatched_by(session, account.account_no)
            only = frozenset[str]() if request.args.get("all") else mine
            rows = queries.waiting_at_desks(session, only, after=_after(), limit=limit + 1)
            units = queries.units_to_choose(session)
            told = accuracy(session, now - timedelta(days=DAYS), now)
            known = kinds(session)
        return render_template(
            "dispatch_desk.html",
            rows=[_shown(row, mine) for row in rows[:limit]],
            next_after=rows[limit - 1]["id"] if len(rows) > limit else None,
            units=[(each["unit_code"], t(each["name"], each["name_en"])) for each in units],
            kinds=[(kind.code, t(kind.zh, kind.en)) for kind in known],
            accuracy=told,
            is_limited=bool(only),
            days=DAYS,
            word=word,
            urgency_tones=URGENCY_TONES,
        )

    return blueprint


def _after() -> int:
    given = request.args.get("after", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 19 else 0


def _shown(row: dict[str, Any], mine: frozenset[str]) -> dict[str, Any]:
    areas = {row["grid_code"], row["community"], row["street"], row["district"]}
    facts = row["returned"] or {}
    return {
        **row,
        "is_mine": not mine.isdisjoint(areas),
        "reason": reason_words(facts.get("reason")) if facts else None,
        "returned_by": t(row["returned_by"] or "", row["returned_by_en"] or ""),
    }

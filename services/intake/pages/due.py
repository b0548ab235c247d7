"""待办: what is overdue or about to be, of the reader's units; and who asks for more time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session

from services.intake.pages.clocks import say, shown_extension
from services.intake.pages.paging import rows_per_page
from services.intake.pages.words import URGENCY_TONES, word
from services.intake.queries.catalogue import catalogues_of
from services.intake.queries.clocks import count_due, due_clocks, watched_units
from services.intake.queries.extensions import waiting_extensions
from services.intake.queries.worktime import calendar_loads
from services.intake.rules.catalogue import Catalogue, Clock
from services.intake.rules.clock_words import CLOCKS, WHOM
from shared import clock
from shared.db.session import Sessions
from shared.web.access import require_role
from shared.web.auth import Account, signed_in
from shared.web.i18n import t

PATH = "/desk/due"
SOON = timedelta(hours=2)
COUNTED_MAX = 100
CALENDAR_WARNED = timedelta(days=60)
_ALL_UNITS = frozenset({"manager", "operator", "auditor"})


def make_due(sessions: Sessions) -> Blueprint:
    """`/desk/due`."""
    blueprint = Blueprint("due", __name__)

    @blueprint.get(PATH)
    @require_role("staff", "manager", "operator", "auditor")
    def show_due() -> str:
        account, now = signed_in(), clock.now()
        with sessions() as session:
            units = units_of(session, account)
            page = due_clocks(
                session,
                now + SOON,
                units=units,
                after=request.args.get("after"),
                limit=rows_per_page(),
            )
            versions = {_version(row) for row in page.rows}
            catalogues = catalogues_of(session, versions)
            asked = [
                shown_extension(session, each, account)
                for each in waiting_extensions(session, units)
            ]
        return render_template(
            "due.html",
            rows=[_shown(row, catalogues, now) for row in page.rows],
            next_after=page.next,
            asked=asked,
            may_open=account.role != "manager",
            word=word,
            urgency_tones=URGENCY_TONES,
        )

    return blueprint


def units_of(session: Session, account: Account) -> Sequence[str] | None:
    """Whose clocks a reader sees: None is everybody's."""
    return None if account.role in _ALL_UNITS else watched_units(session, account.account_no)


def due_tidings(session: Session, account: Account) -> Iterable[tuple[str, str, str]]:
    """(page, words, tone) for the desk: what has run out, and a calendar that ends soon."""
    count = count_due(session, clock.now(), units=units_of(session, account), limit=COUNTED_MAX)
    if count:
        shown = f"{COUNTED_MAX}+" if count >= COUNTED_MAX else str(count)
        yield PATH, t(f"{shown} 项时限已超期", f"{shown} deadlines have passed"), "bad"
    last_day = calendar_end(session)
    if last_day is not None and last_day - clock.today() < CALENDAR_WARNED:
        words = t(
            f"工作日历只到 {last_day}，请导入下一年的放假安排",
            f"The working calendar ends on {last_day}: load the next year's",
        )
        yield "/calendar", words, "warn"


def calendar_end(session: Session) -> date | None:
    """The last day that the working calendar knows."""
    newest = calendar_loads(session, 1)
    return newest[0].last_day if newest else None


def _version(row: dict[str, Any]) -> int:
    return int(row["rule_version"].rpartition(" ")[2])


def _shown(row: dict[str, Any], catalogues: dict[int, Catalogue], now: datetime) -> dict[str, Any]:
    late = now - row["due_at"]
    minutes = abs(int(late.total_seconds())) // 60
    taken = row["steps_done"]
    steps = catalogues[_version(row)].escalations_of(Clock(row["kind"]))
    is_late = late > timedelta(0)
    return {
        **row,
        "clock": say(CLOCKS[row["kind"]]),
        "is_late": is_late,
        "minutes": minutes,
        "level": say(WHOM[steps[taken - 1].whom]) if 0 < taken <= len(steps) else None,
        "unit": t(row["unit_name"] or "", row["unit_name_en"] or ""),
    }

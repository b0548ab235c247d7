"""How far a request is, and all that was ever done to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from services.intake.pages.handling_words import facts_in_words
from services.intake.pages.words import word
from services.intake.queries.history import history_of
from services.intake.queries.reading import OFFICE
from services.intake.rules.progress import STEPS, reached
from services.intake.rules.states import ENDED, Action, State
from shared.web.auth import Account
from shared.web.i18n import t

_STEP_WORDS = {
    "received": ("已提出", "Received"),
    "admitted": ("受理派单", "Passed to a unit"),
    "handled": ("办理", "Handled"),
    "checked": ("核查", "Checked"),
    "judged": ("评单", "Your verdict"),
}
# What was written to the resident, or by them; everything else was written inside of the office.
_WRITTEN_TO_THEM = frozenset(
    {Action.ASK, Action.ANSWER, Action.DECLINE, Action.RESOLVE, Action.REFER, Action.SHELVE}
)


def progress_of(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """The five steps with which of them is under way, the unit that has it, and its deadline."""
    state = State(one["state"])
    at = reached(state)
    return {
        "steps": [(t(*_STEP_WORDS[name]), _tone(place, at)) for place, name in enumerate(STEPS)],
        "is_beside": at is None,
        "state": word("state", state),
        "unit": t(one["unit_name"] or "", one["unit_name_en"] or "") or None,
        "due_at": None if state in ENDED or state is State.RATING else one["due_at"],
    }


def _tone(place: int, at: int | None) -> str:
    if at is None:
        return "off"
    return "done" if place < at else "now" if place == at else "ahead"


def progress_facts(
    session: Session, one: Mapping[str, Any], account: Account
) -> Mapping[str, Any] | None:
    """For residents; the office reads states, clocks and dispatch in panels of their own."""
    return None if account.role in OFFICE else progress_of(one)


def history_facts(session: Session, one: Mapping[str, Any], account: Account) -> Mapping[str, Any]:
    """Every step of the log in its order; a resident reads units where the office reads people."""
    is_office = account.role in OFFICE
    return {
        "steps": [
            {
                **row,
                "name": word("action", row["action"]),
                "state": word("state", row["to_state"]),
                "who": _who(row, one, is_office=is_office),
                "facts": facts_in_words(row["facts"], is_office=is_office),
                "note": row["note"] if is_office or row["action"] in _WRITTEN_TO_THEM else None,
            }
            for row in history_of(session, one["id"], one["unit_code"])
        ],
        "is_office": is_office,
    }


def _who(row: Mapping[str, Any], one: Mapping[str, Any], *, is_office: bool) -> str:
    kind = row["actor_kind"]
    if kind == "resident":
        own = row["actor"] == one["resident_no"]
        return t("居民", "Resident") if is_office or not own else t("您", "You")
    if kind == "visitor":
        return t("网上来客", "A visitor")
    if kind == "partner":
        return t("合伙人系统", "A partner's system")
    if kind == "system":
        return t("系统", "By itself") + (f" · {row['actor']}" if is_office else "")
    unit = t(row["unit_name"] or "", row["unit_name_en"] or "") or t("工作人员", "Staff")
    if not is_office:
        return unit
    duty = f" · {word('duty', row['duty'])}" if row["duty"] else ""
    return f"{unit}{duty} · {row['display_name'] or row['actor']}"

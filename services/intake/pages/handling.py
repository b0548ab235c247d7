"""The forms of the steps that may be taken now, for whose turn it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import g, request
from sqlalchemy.orm import Session

from services.intake.actions.handling import Asked
from services.intake.pages import handling_words as said
from services.intake.queries.reading import standing
from services.intake.queries.standing import handlers_of
from services.intake.rules.handling import NOTED, offered
from services.intake.rules.states import Action, State
from shared.ids import uuid7_text
from shared.web.auth import Account

_FIRST = (Action.ACCEPT, Action.ANSWER, Action.ADMIT, Action.RESOLVE, Action.APPROVE)


def handling_facts(
    session: Session, one: Mapping[str, Any], account: Account
) -> Mapping[str, Any] | None:
    """The forms; None where there is nothing for this reader to do."""
    actions = offered(State(one["state"]), standing(session, dict(one), account))
    if not actions:
        return None
    main = [action for action in _FIRST if action in actions]
    others = [action for action in actions if action not in main]
    forms = [_form(session, one, action) for action in (*main, *others)]
    typed = g.get("typed_step")
    return {"forms": forms, "typed": typed or {}, "open": (typed or {}).get("action", "")}


def _form(session: Session, one: Mapping[str, Any], action: Action) -> dict[str, Any]:
    return {
        "action": action,
        "name": said.act_words(action),
        "client_id": uuid7_text(),  # the same form sent twice is one step
        "reasons": said.reason_options(action),
        "outcomes": said.outcome_options() if action is Action.RESOLVE else [],
        "handlers": handlers_of(session, one["unit_code"] or "") if action is Action.ASSIGN else [],
        "needs_note": action in NOTED,
        "is_main": action in _FIRST,
    }


def asked_by_form() -> Asked:
    """What the form that was sent asks for; its fields are named after its step."""
    form = request.form
    action = form.get("action", "")
    return Asked(
        action=action,
        note=form.get(f"{action}_note", ""),
        reason=form.get(f"{action}_reason", ""),
        outcome=form.get("outcome", ""),
        handler=form.get("handler", ""),
        client_id=form.get("client_id", ""),
    )

"""评单 on a request's page: the verdicts there are, and three buttons for who asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from services.intake.pages import handling_words as said
from services.intake.queries.closing import verdicts_of
from services.intake.queries.reading import OFFICE, is_asker
from services.intake.rules.closing import WORDS_CHARACTERS_MAX
from services.intake.rules.states import State
from shared.web.auth import Account


def verdict_facts(
    session: Session, one: Mapping[str, Any], account: Account
) -> Mapping[str, Any] | None:
    """The resident's verdicts, and the three buttons for who asked while it waits for theirs."""
    its = verdicts_of(session, one["id"])
    is_given = any(each["round"] == one["reopened_count"] for each in its)
    waits = one["state"] == State.RATING and not is_given
    if not its and not waits:
        return None
    return {
        "verdicts": [
            {
                **each,
                "solved": said.answer_word("solved", each["solved"]),
                "satisfied": said.answer_word("satisfied", each["satisfied"]),
                "way": said.answer_word("way", each["way"]),
            }
            for each in its
        ],
        "may_judge": waits and is_asker(dict(one), account),
        "solved": said.options(said.SOLVED),
        "satisfied": said.options(said.SATISFIED),
        "words_max": WORDS_CHARACTERS_MAX,
        "outcome": said.answer_word("outcome", one["outcome"]),
        "is_office": account.role in OFFICE,
    }

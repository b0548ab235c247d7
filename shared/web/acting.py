"""One change that a page's button asks for, and the words that tell its person how it went."""

from __future__ import annotations

from collections.abc import Callable

from flask import flash, redirect
from werkzeug.wrappers import Response

from shared.db.session import Sessions
from shared.errors import LinliError, Missing
from shared.messaging.transaction import Transaction, transaction
from shared.web.i18n import words_of


def act(
    sessions: Sessions, change: Callable[[Transaction], object], *, back: str, done: str | None
) -> Response:
    """Commit the change and go `back`, where `done` is said, or why it was refused.

    `done` None: the change returns the words. Missing is not caught: what is not there is a page
    that is not there.
    """
    try:
        with transaction(sessions) as tx:
            outcome = change(tx)
    except Missing:
        raise
    except LinliError as problem:
        flash(words_of(problem), "bad")
    else:
        flash(str(outcome) if done is None else done, "ok")
    return redirect(back, 303)

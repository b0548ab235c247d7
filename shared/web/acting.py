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
    sessions: Sessions,
    change: Callable[[Transaction], object],
    *,
    back: str,
    done: str | None = None,
    typed: bool = False,
) -> Response:
    """Commit the change and go `back`, where `done` is said, or why it was refused.

    Without `done` the change returns the words. Raises Missing, as a page that is not there; not
    where what is missing may be `typed`, as a number in the form: then that is said, too.
    """
    try:
        with transaction(sessions) as tx:
            outcome = change(tx)
    except LinliError as problem:
        if isinstance(problem, Missing) and not typed:
            raise
        flash(words_of(problem), "bad")
    else:
        flash(str(outcome) if done is None else done, "ok")
    return redirect(back, 303)

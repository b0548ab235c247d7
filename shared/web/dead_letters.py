"""The page of a service's dead letters: what could not be handled, to replay or to discard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request
from sqlalchemy import text
from werkzeug.wrappers import Response

from shared import clock
from shared.db.session import Sessions
from shared.errors import LinliError
from shared.messaging import dead_letters
from shared.messaging.transaction import Transaction, transaction
from shared.web import auth
from shared.web.access import require_role
from shared.web.i18n import t, words_of

_OPEN = ("open", "waiting")
_CLOSED = ("replayed", "discarded")
_GROUPS = text(
    "SELECT reason, count(*) AS count FROM dead_letters WHERE state IN ('open', 'waiting')"
    " GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 50"
)
_OF_REASON = text(
    "SELECT id FROM dead_letters WHERE state = 'open' AND reason = :reason"
    f" ORDER BY last_failed_at LIMIT {dead_letters.LIST_MAX}"
)


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of the letters that were asked for."""

    count: int
    refused: list[LinliError]


def make_dead_letters(service: str, sessions: Sessions) -> Blueprint:
    """`/<service>/dead-letters`, for operators (and auditors, to read)."""
    path = f"/{service}/dead-letters"
    blueprint = Blueprint("dead_letters", __name__)

    @blueprint.get(path)
    @require_role("operator", "auditor")
    def list_dead_letters() -> str:
        reason = request.args.get("reason", "")
        is_closed = request.args.get("closed") == "1"
        with sessions() as session:
            rows = dead_letters.listed(session, _CLOSED if is_closed else _OPEN)
            groups = [(row.reason, row.count) for row in session.execute(_GROUPS)]
            counts = dead_letters.counts(session)
        return render_template(
            "dead_letters.html",
            service=service,
            path=path,
            rows=[row for row in rows if not reason or row["reason"] == reason],
            groups=groups,
            counts=counts,
            reason=reason,
            is_closed=is_closed,
            may_act=auth.signed_in().role == "operator",
            now=clock.now(),
            list_max=dead_letters.LIST_MAX,
        )

    @blueprint.post(f"{path}/replay")
    @require_role("operator")
    def replay_all() -> Response:
        with transaction(sessions) as tx:
            asked = {"reason": request.form.get("reason", "")}
            ids = list(tx.session.execute(_OF_REASON, asked).scalars())
            done = _replay(tx, ids)
        return _back(path, done, t("已重放 {} 条。", "{} replayed."))

    @blueprint.post(f"{path}/<uuid:letter_id>/replay")
    @require_role("operator")
    def replay(letter_id: UUID) -> Response:
        with transaction(sessions) as tx:
            done = _replay(tx, [letter_id])
        return _back(path, done, t("已重放 {} 条。", "{} replayed."))

    @blueprint.post(f"{path}/<uuid:letter_id>/discard")
    @require_role("operator")
    def discard(letter_id: UUID) -> Response:
        done = _Done(1, [])
        with transaction(sessions) as tx:
            try:
                dead_letters.discard(tx, letter_id, by=_who())
            except LinliError as error:
                done = _Done(0, [error])
        return _back(path, done, t("已作废 {} 条。", "{} discarded."))

    return blueprint


def _replay(tx: Transaction, ids: Iterable[UUID]) -> _Done:
    count, refused = 0, []
    for letter_id in ids:
        try:  # what is refused is refused before anything of it is written
            dead_letters.replay(tx, letter_id, by=_who())
        except LinliError as error:
            refused.append(error)
        else:
            count += 1
    return _Done(count, refused)


def _who() -> str:
    return auth.signed_in().account_no


def _back(path: str, done: _Done, words: str) -> Response:
    if done.count:
        flash(words.format(done.count), "ok")
    for told in dict.fromkeys(words_of(error) for error in done.refused):
        flash(told, "bad")
    return redirect(auth.safe_next(request.form.get("next"), path), 303)

"""相似诉求: pairs that look alike, side by side; a person merges them or keeps them apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, render_template, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from services.intake.actions import merging
from services.intake.pages.paging import rows_per_page
from services.intake.pages.words import STATE_TONES, word
from services.intake.queries import likeness as queries
from services.intake.queries.reading import OFFICE, readable, standing
from services.intake.rules.dispatch import DISPATCHERS
from services.intake.rules.states import State
from shared.crypto import FieldCipher
from shared.db.session import Sessions
from shared.errors import Missing
from shared.messaging.transaction import Transaction
from shared.web.access import require_role
from shared.web.acting import act
from shared.web.auth import Account, signed_in
from shared.web.i18n import t

PATH = "/desk/likeness"


def make_likeness(sessions: Sessions, cipher: FieldCipher) -> Blueprint:
    """`/desk/likeness`, `/requests/<no>/merge` and `/requests/<no>/unmerge`."""
    blueprint = Blueprint("likeness", __name__)
    _add_list(blueprint, sessions)
    _add_steps(blueprint, sessions, cipher)
    return blueprint


def _add_list(blueprint: Blueprint, sessions: Sessions) -> None:
    @blueprint.get(PATH)
    @require_role("staff", "operator", "auditor")
    def list_likenesses() -> str:
        limit = rows_per_page()
        given = request.args.get("before", "")
        before = int(given) if given.isascii() and given.isdigit() and len(given) < 19 else None
        with sessions() as session:
            rows = queries.proposed(session, before=before, limit=limit + 1)
        return render_template(
            "likenesses.html",
            rows=rows[:limit],
            next_before=rows[limit - 1]["id"] if len(rows) > limit else None,
            is_staff=signed_in().role == "staff",
            word=word,
            tones=STATE_TONES,
        )

    @blueprint.post(f"{PATH}/<int:likeness_id>/merge")
    @require_role("staff")
    def merge_pair(likeness_id: int) -> Response:
        def take(tx: Transaction) -> None:
            pair = merging.pair_of(tx, likeness_id)
            into = queries.id_of(tx.session, request.form.get("into", ""))
            if into not in pair:
                raise _no_request()
            child = pair[0] if into == pair[1] else pair[1]
            merging.merge(tx, child, into, account_no=signed_in().account_no)

        return _done(sessions, take, _back(), "已并案，跟进的居民会收到同一结果。", "Merged.")

    @blueprint.post(f"{PATH}/<int:likeness_id>/apart")
    @require_role("staff")
    def keep_apart(likeness_id: int) -> Response:
        def take(tx: Transaction) -> None:
            merging.keep_apart(tx, likeness_id, account_no=signed_in().account_no)

        return _done(sessions, take, _back(), "已记为两件事。", "Kept apart.")


def _add_steps(blueprint: Blueprint, sessions: Sessions, cipher: FieldCipher) -> None:
    @blueprint.post("/requests/<request_no>/merge")
    @require_role("staff")
    def merge_request(request_no: str) -> Response:
        def take(tx: Transaction) -> None:
            one = readable(tx.session, cipher, request_no, signed_in())
            into = queries.id_of(tx.session, request.form.get("merge_into", "").strip())
            if into is None:
                raise _no_request()
            note = request.form.get("merge_note", "").strip() or None
            merging.merge(tx, one["id"], into, account_no=signed_in().account_no, note=note)

        back = f"/requests/{request_no}"
        return _done(sessions, take, back, "已并案，跟进的居民会收到同一结果。", "Merged.")

    @blueprint.post("/requests/<request_no>/unmerge")
    @require_role("staff")
    def unmerge_request(request_no: str) -> Response:
        def take(tx: Transaction) -> None:
            one = readable(tx.session, cipher, request_no, signed_in())
            note = request.form.get("unmerge_note", "").strip() or None
            merging.unmerge(tx, one["id"], account_no=signed_in().account_no, note=note)

        back = f"/requests/{request_no}"
        return _done(sessions, take, back, "已撤销并案，恢复原状态。", "The merge is undone.")


def _back() -> str:
    """The request's page, when the form was there; else the list."""
    number = request.form.get("back", "")
    return f"/requests/{number}" if number.replace("-", "").isalnum() else PATH


def _done(
    sessions: Sessions, take: Callable[[Transaction], None], back: str, zh: str, en: str
) -> Response:
    return act(sessions, take, back=back, done=t(zh, en), typed=True)


def _no_request() -> Missing:
    return Missing("no_request", "没有这件诉求", "There is no such request")


def likeness_facts(
    session: Session, one: Mapping[str, Any], account: Account
) -> Mapping[str, Any] | None:
    """What the panel of likeness tells staff: what looks alike, what it stands for."""
    if account.role not in OFFICE:
        return None
    stands = standing(session, dict(one), account)
    leads = bool(DISPATCHERS & (stands.own | stands.area))
    pairs = queries.proposed_for(session, one["id"])
    children = queries.merged_into(session, one["id"])
    is_merged = one["state"] == State.MERGED
    may_merge = leads and one["state"] in queries.STANDING
    if not (pairs or children or is_merged or may_merge):
        return None
    return {
        "pairs": pairs,
        "children": children,
        "is_merged": is_merged,
        "into": one["merged_into_no"],
        "leads": leads,
        "may_merge": may_merge,
    }
